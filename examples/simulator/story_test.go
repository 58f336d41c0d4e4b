package main

import (
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

	"github.com/go-json-experiment/json"

	"github.com/applemdm/applemdm/apns"
	"github.com/applemdm/applemdm/vpp"
)

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
