package main

import (
	"encoding/base64"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// TestOthersKeepOut proves that pages of other origins reach nothing.
func TestOthersKeepOut(t *testing.T) {
	c := begin(t, settings{devices: 5})
	w := c.serving.world
	for _, tc := range []struct {
		name, method, url string
		header            http.Header
		status            int
	}{
		{"page", "GET", c.serving.control + "/", nil, 200},
		{"localhost", "GET", c.serving.control + "/api/state", http.Header{"Host": {"localhost:1"}}, 200},
		{"IPv6", "GET", c.serving.control + "/api/state", http.Header{"Host": {"[::1]"}}, 200},
		{"own origin", "DELETE", c.serving.control + "/api/faults", http.Header{"Origin": {c.serving.control}}, 200},
		{"rebound name", "GET", c.serving.control + "/api/state", http.Header{"Host": {"evil.example"}}, 421},
		{"name that looks like it", "GET", c.serving.control + "/", http.Header{"Host": {"127.0.0.1.evil.example:8800"}}, 421},
		{"other address", "GET", w.depURL + "/session", http.Header{"Host": {"192.0.2.1"}}, 421},
		{"rebound name for axm", "GET", w.axmURL + "/v1/orgDevices", http.Header{"Host": {"evil.example"}}, 421},
		{"rebound name for vpp", "GET", w.vppURL + "/mdm/v2/assets", http.Header{"Host": {"evil.example"}}, 421},
		{"other origin", "DELETE", c.serving.control + "/api/faults", http.Header{"Origin": {"http://evil.example"}}, 403},
		{"other site", "POST", c.serving.control + "/api/devices", http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403},
	} {
		t.Run(tc.name, func(t *testing.T) {
			request, err := http.NewRequestWithContext(t.Context(), tc.method, tc.url, nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Host = tc.header.Get("Host")
			request.Header = tc.header.Clone()
			request.Header.Del("Host")
			if status, text := c.do(request); status != tc.status {
				t.Errorf("%d %s, want %d", status, text, tc.status)
			}
		})
	}
}

// TestNoSecrets looks for what is in the credentials in everything that the control API tells.
func TestNoSecrets(t *testing.T) {
	t.Parallel()
	c := begin(t, settings{devices: 5})
	c.listed(c.depClient())
	c.push()
	serial := c.serving.world.dep.Devices()[0].SerialNumber
	c.assignApp(serial)
	c.assignByAPI(serial)
	c.misbehave()
	var told strings.Builder
	for _, path := range []string{"/", "/api/state", "/api/choices", "/api/devices", "/api/requests", "/api/violations"} {
		_, text := c.send("GET", path, "")
		told.WriteString(text)
	}
	if !strings.Contains(told.String(), "/mdm/v2/assets/associate") || !strings.Contains(told.String(), "/server/devices") {
		t.Fatalf("the requests are not told: %s", told.String())
	}
	for _, want := range []string{`GET /account: `, `GET /v1/orgDevices: `, `GET /mdm/v2/assets: `} {
		if !strings.Contains(told.String(), want) {
			t.Errorf("no violation %q is told: %s", want, told.String())
		}
	}
	token := c.serving.world.dep.Token()
	content, err := base64.StdEncoding.DecodeString(c.file(contentFile))
	if err != nil {
		t.Fatal(err)
	}
	secrets := []string{token.ConsumerSecret, token.AccessSecret, token.AccessToken, c.file(contentFile)[:40],
		string(regexp.MustCompile(`"token":"([^"]+)"`).FindSubmatch(content)[1])}
	for line := range strings.Lines(c.file(targetsFile)) {
		if cells := strings.Split(line, ","); !strings.HasPrefix(line, "#") {
			secrets = append(secrets, cells[0], cells[1])
		}
	}
	for _, file := range []string{axmKeyFile, pushKeyFile, serverKeyFile} {
		secrets = append(secrets, strings.Split(c.file(file), "\n")[1])
	}
	for _, secret := range secrets {
		if len(secret) < 10 || strings.Contains(told.String(), secret) {
			t.Errorf("told: %q", secret)
		}
	}
}

// misbehave sends secrets of the credentials in ways that the simulators note.
func (c *client) misbehave() {
	c.t.Helper()
	w := c.serving.world
	for url, header := range map[string]http.Header{
		w.depURL + "/account?x=" + w.dep.Token().AccessToken: {"X-Adm-Auth-Session": {w.dep.Token().AccessSecret}},
		w.axmURL + "/v1/orgDevices?x=y":                      {"Authorization": {"Bearer " + c.file(contentFile)}},
		w.vppURL + "/mdm/v2/assets?token=" + w.dep.Token().AccessToken: {"Authorization": {"Bearer " + c.file(contentFile)},
			"Content-Type": {"text/plain"}},
	} {
		request, err := http.NewRequestWithContext(c.t.Context(), "GET", url, nil)
		if err != nil {
			c.t.Fatal(err)
		}
		request.Header = header
		c.do(request)
	}
}
