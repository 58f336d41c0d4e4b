package main

import (
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// manifest is the guide for programs: where the services are, and what belongs to them. Names of
// files are those in the folder.
type manifest struct {
	Control string `json:"control"`
	AxM     struct {
		API      string            `json:"api"`
		TokenURL string            `json:"tokenURL"`
		LogHost  string            `json:"logHost"`  // of the logs of activities
		Audience string            `json:"audience"` // what an assertion has to name
		Scope    string            `json:"scope"`
		ClientID string            `json:"clientID"`
		KeyID    string            `json:"keyID"`
		Key      string            `json:"key"`
		Servers  map[string]string `json:"servers"` // ids by name
	} `json:"axm"`
	DEP struct {
		API       string `json:"api"`
		Key       string `json:"key"`
		Token     string `json:"token"`
		TokenJSON string `json:"tokenJSON"`
	} `json:"dep"`
	VPP struct {
		API   string `json:"api"`
		Token string `json:"token"`
	} `json:"vpp"`
	APNs struct {
		API         string `json:"api"`
		Topic       string `json:"topic"`
		Certificate string `json:"certificate"`
		Key         string `json:"key"`
		CA          string `json:"ca"`
		Targets     string `json:"targets"`
	} `json:"apns"`
}

// manifest returns where everything is.
func (w *world) manifest() manifest {
	account := w.org.Account()
	m := manifest{Control: w.controlURL}
	m.AxM.API = w.axmURL + "/v1"
	m.AxM.TokenURL = w.axmURL + "/auth/oauth2/token"
	m.AxM.LogHost = strings.Replace(strings.TrimPrefix(w.axmURL, "http://"), "127.0.0.1", "localhost", 1)
	m.AxM.Audience = "https://account.apple.com/auth/oauth2/v2/token"
	m.AxM.Scope, m.AxM.Servers = w.scope, w.servers
	m.AxM.ClientID, m.AxM.KeyID, m.AxM.Key = account.ClientID(), account.Key().ID, axmKeyFile
	m.DEP.API, m.DEP.Key, m.DEP.Token, m.DEP.TokenJSON = w.depURL, serverKeyFile, serverP7M, serverJSON
	m.VPP.API, m.VPP.Token = w.vppURL+"/mdm/v2", contentFile
	m.APNs.API, m.APNs.Topic = w.apns.URL, pushTopic
	m.APNs.Certificate, m.APNs.Key = pushCertFile, pushKeyFile
	m.APNs.CA, m.APNs.Targets = pushCAFile, targetsFile
	return m
}

func (w *world) writeManifest() error {
	text, err := json.Marshal(w.manifest(), jsontext.WithIndent("  "), json.Deterministic(true))
	if err != nil {
		return err
	}
	return w.folder.put(manifestFile, append(text, '\n'))
}
