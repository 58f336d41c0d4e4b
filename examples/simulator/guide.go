package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// guide prints what is where, and how the other examples use it.
func guide(out io.Writer, m manifest, f *folder) error {
	fmt.Fprintf(out, "%s and its simulators. The page and the control API: %s\n\n", organisation, m.Control)
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "service\tURL\tcredentials")
	fmt.Fprintf(t, "axm\t%s\t%s\n", m.AxM.API, f.path(m.AxM.Key))
	fmt.Fprintf(t, "\t%s (tokens)\tclient id %s\n", m.AxM.TokenURL, m.AxM.ClientID)
	fmt.Fprintf(t, "\t\tkey id %s\n", m.AxM.KeyID)
	fmt.Fprintf(t, "dep\t%s\t%s with the key %s\n", m.DEP.API, f.path(m.DEP.Token), f.path(m.DEP.Key))
	fmt.Fprintf(t, "\t\t%s (the same, opened)\n", f.path(m.DEP.TokenJSON))
	fmt.Fprintf(t, "vpp\t%s\t%s\n", m.VPP.API, f.path(m.VPP.Token))
	fmt.Fprintf(t, "apns\t%s\t%s with the key %s\n", m.APNs.API, f.path(m.APNs.Certificate), f.path(m.APNs.Key))
	fmt.Fprintf(t, "\t\t%s (authority to trust), %s\n", f.path(m.APNs.CA), f.path(m.APNs.Targets))
	fmt.Fprintf(t, "all of it\t\t%s\n", f.path(manifestFile))
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(out, "\nThe other examples against it:")
	for _, line := range commands(m, f) {
		fmt.Fprintln(out, "  "+line)
	}
	_, err := fmt.Fprintln(out, "\nOther clients: examples/simulator/README.md. Ends with Ctrl-C.")
	return err
}

// commands returns command lines that work as they are.
func commands(m manifest, f *folder) []string {
	return []string{
		command("axmmove", "-base", strings.TrimSuffix(m.AxM.API, "/v1"), "-token", m.AxM.TokenURL, "-logs", m.AxM.LogHost,
			"-client", m.AxM.ClientID, "-keyid", m.AxM.KeyID, "-key", f.path(m.AxM.Key), "-devices", f.path(unassignFile), "-server", ourServer),
		command("depsync", "-base", m.DEP.API, "-key", f.path(m.DEP.Key), "-token", f.path(m.DEP.Token), "-interval", "5s"),
		command("vppassign", "-base", m.VPP.API, "-token", f.path(m.VPP.Token),
			"-apps", "1000000001,1000000002", "-devices", f.path(oursFile)),
		command("mdmpush", "-base", m.APNs.API, "-ca", f.path(m.APNs.CA), "-cert", f.path(m.APNs.Certificate),
			"-key", f.path(m.APNs.Key), "-targets", f.path(m.APNs.Targets)),
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
