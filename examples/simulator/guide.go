package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// manifest returns where everything is.
func (w *world) manifest() manifest {
	var m manifest
	account := w.org.Account()
	m.Control = w.controlURL
	m.AxM.API = w.axmURL + "/v1"
	m.AxM.TokenURL = w.axmURL + "/auth/oauth2/token"
	m.AxM.Audience = "https://account.apple.com/auth/oauth2/v2/token"
	m.AxM.ClientID, m.AxM.KeyID, m.AxM.Key = account.ClientID(), account.Key().ID, w.folder.path(axmKeyFile)
	m.AxM.Scope, m.AxM.Servers = w.scope, w.servers
	m.DEP.API, m.DEP.Key = w.depURL, w.folder.path(serverKeyFile)
	m.DEP.Token, m.DEP.TokenJSON = w.folder.path(serverP7M), w.folder.path(serverJSON)
	m.VPP.API, m.VPP.Token = w.vppURL+"/mdm/v2", w.folder.path(contentFile)
	m.APNs.API, m.APNs.Topic = w.apns.URL, pushTopic
	m.APNs.Certificate, m.APNs.Key = w.folder.path(pushCertFile), w.folder.path(pushKeyFile)
	m.APNs.CA, m.APNs.Targets = w.folder.path(pushCAFile), w.folder.path(targetsFile)
	return m
}

// guide prints what is where, and how the other examples use it.
func guide(out io.Writer, m manifest, f *folder) error {
	fmt.Fprintf(out, "%s and its simulators. The page and the control API: %s\n\n", organisation, m.Control)
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "service\tURL\tcredentials")
	fmt.Fprintf(t, "axm\t%s\t%s\n", m.AxM.API, m.AxM.Key)
	fmt.Fprintf(t, "\t%s (tokens)\tclient id %s\n", m.AxM.TokenURL, m.AxM.ClientID)
	fmt.Fprintf(t, "\t\tkey id %s\n", m.AxM.KeyID)
	fmt.Fprintf(t, "dep\t%s\t%s with the key %s\n", m.DEP.API, m.DEP.Token, m.DEP.Key)
	fmt.Fprintf(t, "\t\t%s (the same, opened)\n", m.DEP.TokenJSON)
	fmt.Fprintf(t, "vpp\t%s\t%s\n", m.VPP.API, m.VPP.Token)
	fmt.Fprintf(t, "apns\t%s\t%s with the key %s\n", m.APNs.API, m.APNs.Certificate, m.APNs.Key)
	fmt.Fprintf(t, "\t\t%s (authority to trust), %s\n", m.APNs.CA, m.APNs.Targets)
	fmt.Fprintf(t, "all of it\t\t%s\n", f.path(manifestFile))
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(out, "\nThe other examples against it:")
	for _, line := range commands(m, f) {
		if _, err := fmt.Fprintln(out, "  "+line); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(out, "\nOther clients: examples/simulator/README.md. Ends with Ctrl-C.")
	return err
}

// commands returns command lines that work as they are.
func commands(m manifest, f *folder) []string {
	return []string{
		command("depsync", "-base", m.DEP.API, "-key", m.DEP.Key, "-token", m.DEP.Token, "-interval", "5s"),
		command("vppassign", "-base", m.VPP.API, "-token", m.VPP.Token,
			"-apps", "1000000001,1000000002", "-devices", f.path(oursFile)),
		command("mdmpush", "-base", m.APNs.API, "-ca", m.APNs.CA, "-cert", m.APNs.Certificate, "-key", m.APNs.Key,
			"-targets", m.APNs.Targets),
	}
}

func command(example string, args ...string) string {
	words := []string{"go run ./examples/" + example}
	for _, arg := range args {
		if strings.ContainsAny(arg, " '\"$&;()") {
			arg = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
		words = append(words, arg)
	}
	return strings.Join(words, " ")
}
