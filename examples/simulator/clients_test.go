package main

import (
	"context"
	"crypto/x509"
	"net/http"
	"strings"
	"time"

	"github.com/applemdm/applemdm/apns"
	"github.com/applemdm/applemdm/dep"
	"github.com/applemdm/applemdm/vpp"
)

// depClient is a client with the credentials of the folder.
func (c *client) depClient() *dep.Client {
	c.t.Helper()
	pair, err := dep.ParseKeyPair([]byte(c.file(serverKeyFile)))
	if err != nil {
		c.t.Fatal(err)
	}
	token, err := pair.OpenToken([]byte(c.file(serverP7M)))
	if err != nil {
		c.t.Fatal(err)
	}
	out, err := dep.New(token, &dep.Options{BaseURL: c.serving.world.depURL, UserAgent: "test/1.0"})
	if err != nil {
		c.t.Fatal(err)
	}
	return out
}

// listed returns the serial numbers that dep tells.
func (c *client) listed(from *dep.Client) map[string]bool {
	c.t.Helper()
	out := map[string]bool{}
	for device, err := range from.Devices(c.t.Context()) {
		if err != nil {
			c.t.Fatal(err)
		}
		out[device.SerialNumber] = true
	}
	return out
}

// push wakes the devices of targets.csv and returns what became of each, by serial number.
func (c *client) push() map[string]error {
	c.t.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(c.file(pushCAFile))) {
		c.t.Fatal("no authority")
	}
	certificate, err := apns.ParseCertificate([]byte(c.file(pushCertFile)), []byte(c.file(pushKeyFile)))
	if err != nil {
		c.t.Fatal(err)
	}
	sender, err := apns.New(certificate, &apns.Options{BaseURL: c.serving.world.apns.URL, RootCAs: roots})
	if err != nil {
		c.t.Fatal(err)
	}
	defer sender.Shutdown(c.t.Context())
	out := map[string]error{}
	for line := range strings.Lines(c.file(targetsFile)) {
		cells := strings.Split(strings.TrimSpace(line), ",")
		if strings.HasPrefix(line, "#") {
			continue
		}
		target, err := apns.ParseTarget("", cells[0], cells[1])
		if err != nil {
			c.t.Fatal(err)
		}
		_, out[cells[2]] = sender.Push(c.t.Context(), apns.Push{Target: target})
	}
	return out
}

func (c *client) wantNoViolations() {
	c.t.Helper()
	for name, list := range ask[map[string][]string](c, "GET", "/api/violations", "") {
		if len(list) > 0 {
			c.t.Errorf("%s: violations %q", name, list)
		}
	}
}

// assignByAPI assigns a device to our server as a client of axm does.
func (c *client) assignByAPI(serial string) {
	c.t.Helper()
	w := c.serving.world
	body := `{"data":{"type":"orgDeviceActivities","attributes":{"activityType":"ASSIGN_DEVICES"},"relationships":{` +
		`"mdmServer":{"data":{"type":"mdmServers","id":"` + w.servers[ourServer] + `"}},` +
		`"devices":{"data":[{"type":"orgDevices","id":"` + serial + `"}]}}}}`
	request, err := http.NewRequestWithContext(c.t.Context(), "POST", w.axmURL+"/v1/orgDeviceActivities", strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	request.Header = http.Header{"Authorization": {"Bearer " + w.org.Account().AccessToken()},
		"Content-Type": {"application/json"}, "Accept": {"application/json"}}
	if status, text := c.do(request); status != http.StatusCreated {
		c.t.Fatalf("activity: %d %s", status, text)
	}
	c.eventually(func() bool { return c.device(serial).Server == ourServer })
}

// store is a client of vpp with the token of the folder.
func (c *client) store() *vpp.Client {
	c.t.Helper()
	token, err := vpp.ParseToken([]byte(c.file(contentFile)))
	if err != nil {
		c.t.Fatal(err)
	}
	store, err := vpp.New(token, &vpp.Options{BaseURL: c.serving.world.vppURL + "/mdm/v2", UserAgent: "test/1.0"})
	if err != nil {
		c.t.Fatal(err)
	}
	return store
}

// assignApp gives the first app to a device.
func (c *client) assignApp(serial string) {
	c.t.Helper()
	if _, err := c.store().Associate(c.t.Context(), []vpp.AssetKey{{AdamID: "1000000001"}}, vpp.Devices(serial)); err != nil {
		c.t.Fatal(err)
	}
	c.eventually(func() bool { return len(c.device(serial).Apps) > 0 })
}

// eventually waits until what somebody else does in a moment is done.
func (c *client) eventually(done func() bool) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 10*time.Second)
	defer cancel()
	for !done() {
		select {
		case <-ctx.Done():
			c.t.Fatal("it has not happened")
		case <-time.After(20 * time.Millisecond):
		}
	}
}
