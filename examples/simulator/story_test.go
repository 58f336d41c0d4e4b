package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

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

// TestStory follows one device through all four services.
func TestStory(t *testing.T) {
	t.Parallel()
	c := begin(t, settings{devices: 5})
	client := c.depClient()
	const serial = "X0STORY0001"
	if c.must("POST", "/api/devices", `{"serialNumbers":["`+serial+`"],"server":""}`); c.listed(client)[serial] {
		t.Fatal("dep lists a device that nobody has assigned")
	}
	if !strings.Contains(c.file(unassignFile), serial) {
		t.Error("it is not in the table of devices without a server")
	}

	c.assignByAPI(serial)
	if !c.listed(client)[serial] || !strings.Contains(c.file(oursFile), serial) {
		t.Fatal("dep does not list the device that was assigned")
	}
	if status, text := c.send("PATCH", "/api/devices/"+serial, `{"online":true}`); status != http.StatusConflict {
		t.Errorf("online before it has enrolled: %d %s", status, text)
	}
	c.must("PATCH", "/api/devices/"+serial, `{"enrolled":true}`)
	if err := c.push()[serial]; err != nil {
		t.Errorf("push: %v", err)
	}
	c.assignApp(serial)
	want := deviceInfo{SerialNumber: serial, Model: c.device(serial).Model, Server: ourServer, ProfileStatus: "empty",
		Enrolled: true, Online: true, Woken: 1, Apps: []string{"1000000001"}}
	if got := c.device(serial); got.Woken != want.Woken || got.Server != want.Server || got.ProfileStatus != want.ProfileStatus ||
		!got.Enrolled || !got.Online || len(got.Apps) != 1 || got.Apps[0] != want.Apps[0] {
		t.Errorf("device: %+v, want %+v", got, want)
	}

	c.must("PATCH", "/api/devices/"+serial, `{"server":"`+otherServer+`"}`)
	if c.listed(client)[serial] {
		t.Error("dep lists a device that was moved away")
	}
	c.must("PATCH", "/api/devices/"+serial, `{"server":"`+ourServer+`","online":false}`)
	if !c.listed(client)[serial] {
		t.Error("dep does not list a device that came back")
	}
	if c.push(); c.device(serial).Woken != 1 {
		t.Error("it was woken while it was offline")
	}
	c.wantNoViolations()
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

// TestDisown releases a device by dep; axm and the page are to know.
func TestDisown(t *testing.T) {
	c := begin(t, settings{devices: 5})
	client := c.depClient()
	serial := c.serving.world.dep.Devices()[0].SerialNumber
	if _, err := client.Disown(t.Context(), []string{serial}); err != nil {
		t.Fatal(err)
	}
	c.eventually(func() bool { return c.figure("axm", "devices") == 4 })
	if status, _ := c.send("PATCH", "/api/devices/"+serial, `{}`); status != http.StatusNotFound {
		t.Errorf("the released device: %d", status)
	}
}

// TestErase ends an enrolment and a membership: APNs says so, by the serial number on the page.
func TestErase(t *testing.T) {
	c := begin(t, settings{devices: 5})
	before := c.file(targetsFile)
	serials := []string{c.serving.world.dep.Devices()[0].SerialNumber, c.serving.world.dep.Devices()[1].SerialNumber}
	c.must("PATCH", "/api/devices/"+serials[0], `{"enrolled":false}`)
	c.must("DELETE", "/api/devices/"+serials[1], "")
	if lines := strings.Count(c.file(targetsFile), "\n"); lines != 1+2 {
		t.Errorf("%d lines of targets", lines)
	}
	if err := c.serving.world.folder.put(targetsFile, []byte(before)); err != nil {
		t.Fatal(err)
	}
	for serial, err := range c.push() {
		gone := serial == serials[0] || serial == serials[1]
		if gone != (apns.DispositionOf(err) == apns.DropToken) {
			t.Errorf("%s: %v", serial, err)
		}
	}
	c.must("PATCH", "/api/devices/"+serials[0], `{"enrolled":true}`)
	if err := c.push()[serials[0]]; err != nil {
		t.Errorf("enrolled again: %v", err)
	}
	var seen struct{ Requests []request }
	if seen = ask[struct{ Requests []request }](c, "GET", "/api/requests?service=apns&limit=100", ""); len(seen.Requests) != 4+3 {
		t.Errorf("%d pushes", len(seen.Requests))
	}
	text, err := json.Marshal(seen)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), serials[1]) || !strings.Contains(string(text), "Unregistered") {
		t.Errorf("the requests do not tell: %s", text)
	}
}

// TestWebhook has vpp notify a server whose certificate is trusted by -webhook-ca only.
func TestWebhook(t *testing.T) {
	arrived := make(chan string, 10)
	hook := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		arrived <- r.URL.Path + " " + r.Header.Get("Authorization")
	}))
	hook.Config.ErrorLog = log.New(io.Discard, "", 0) // of the handshake that fails
	hook.StartTLS()
	defer hook.Close()

	authority := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: hook.Certificate().Raw})
	if err := os.WriteFile(authority, text, 0o600); err != nil {
		t.Fatal(err)
	}
	c := begin(t, settings{webhookCA: authority})
	if _, err := c.store().Subscribe(t.Context(), hook.URL+"/apps", vpp.NewSecret("open-sesame")); err != nil {
		t.Fatal(err)
	}
	if got := <-arrived; got != "/apps Bearer open-sesame" {
		t.Errorf("the test came to %q", got)
	}
	if n := c.figure("vpp", "notifications"); n != 1 {
		t.Errorf("%d notifications", n)
	}

	stranger := begin(t, settings{})
	if _, err := stranger.store().Subscribe(t.Context(), hook.URL+"/apps", vpp.NewSecret("x")); !errors.Is(err, vpp.ErrNotification) {
		t.Errorf("without -webhook-ca: %v", err)
	}
	for _, file := range []string{filepath.Join(t.TempDir(), "none.pem"), stranger.serving.world.folder.path(oursFile)} {
		if _, err := start(settings{dir: t.TempDir(), webhookCA: file}); err == nil {
			t.Errorf("%s was taken for authorities", file)
		}
	}
}
