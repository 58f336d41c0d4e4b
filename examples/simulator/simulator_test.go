package main

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

// client speaks to the control API of a world of its own.
type client struct {
	t       *testing.T
	serving *serving
}

func begin(t *testing.T, s settings) *client {
	t.Helper()
	if s.dir == "" {
		s.dir = t.TempDir()
	}
	serving, err := start(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(serving.close)
	return &client{t, serving}
}

// send sends a request and returns status and body.
func (c *client) send(method, path, body string) (int, string) {
	c.t.Helper()
	request, err := http.NewRequestWithContext(c.t.Context(), method, c.serving.control+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	return c.do(request)
}

func (c *client) do(request *http.Request) (int, string) {
	c.t.Helper()
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		c.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// ask sends a request that has to succeed and decodes the answer.
func ask[T any](c *client, method, path, body string) (value T) {
	c.t.Helper()
	status, text := c.send(method, path, body)
	if status != http.StatusOK {
		c.t.Fatalf("%s %s: %d %s", method, path, status, text)
	}
	if err := json.Unmarshal([]byte(text), &value, json.MatchCaseInsensitiveNames(true)); err != nil {
		c.t.Fatalf("%s %s: %v in %s", method, path, err, text)
	}
	return value
}

// do asks for what has nothing to tell.
func (c *client) must(method, path, body string) { c.t.Helper(); ask[any](c, method, path, body) }

// device returns what all services know of a device.
func (c *client) device(serial string) deviceInfo {
	c.t.Helper()
	list := ask[struct{ Devices []deviceInfo }](c, "GET", "/api/devices?serialNumber="+serial, "").Devices
	if len(list) != 1 {
		c.t.Fatalf("%d devices %s", len(list), serial)
	}
	return list[0]
}

// figure returns a count of a service.
func (c *client) figure(service, what string) int {
	c.t.Helper()
	state := ask[struct{ Services []serviceState }](c, "GET", "/api/state", "")
	for _, s := range state.Services {
		for _, f := range s.Counts {
			if s.Name == service && f.What == what {
				return f.Count
			}
		}
	}
	c.t.Fatalf("no figure %q of %s", what, service)
	return 0
}

// file reads a file of the folder.
func (c *client) file(name string) string {
	c.t.Helper()
	text, err := os.ReadFile(c.serving.world.folder.path(name))
	if err != nil {
		c.t.Fatal(err)
	}
	return string(text)
}

func TestFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "credentials")
	c := begin(t, settings{dir: dir, devices: 10})
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 13 {
		t.Errorf("%d files: %v", len(entries), entries)
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() == 0 || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %d bytes", entry.Name(), info.Mode(), info.Size())
		}
	}
	if lines := strings.Count(c.file(oursFile), "\n"); lines != 1+8 {
		t.Errorf("%d lines of our devices", lines)
	}
	if lines := strings.Count(c.file(unassignFile), "\n"); lines != 1+2 {
		t.Errorf("%d lines of devices without a server", lines)
	}
	again := begin(t, settings{dir: dir})
	if again.file(oursFile) != "serial number\n" {
		t.Error("the second start has not written the folder anew")
	}
}

func TestFolderOfOthers(t *testing.T) {
	dir := t.TempDir()
	mine := filepath.Join(dir, pushKeyFile)
	if err := os.WriteFile(mine, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := start(settings{dir: dir}); err == nil || !strings.Contains(err.Error(), "has other files") {
		t.Errorf("start: %v", err)
	}
	if text, err := os.ReadFile(mine); err != nil || string(text) != "mine" {
		t.Errorf("the file is now %q, %v", text, err)
	}
}

func TestPortTaken(t *testing.T) {
	first := begin(t, settings{})
	_, port, _ := strings.Cut(strings.TrimPrefix(first.serving.control, "http://"), ":")
	var taken int
	for _, digit := range port {
		taken = taken*10 + int(digit-'0')
	}
	for name, p := range map[string]ports{"control": {control: taken}, "axm": {axm: taken}, "apns": {apns: taken}} {
		t.Run(name, func(t *testing.T) {
			if s, err := start(settings{dir: t.TempDir(), ports: p}); err == nil {
				s.close()
				t.Error("it started")
			} else if !strings.HasPrefix(err.Error(), name+": ") || !strings.Contains(err.Error(), port) {
				t.Errorf("start: %v", err)
			}
		})
	}
}

func TestGuide(t *testing.T) {
	c := begin(t, settings{dir: filepath.Join(t.TempDir(), "a folder's name"), devices: 5})
	var out bytes.Buffer
	if err := guide(&out, c.serving.world.manifest(), c.serving.world.folder); err != nil {
		t.Fatal(err)
	}
	w := c.serving.world
	for _, want := range []string{
		c.serving.control, w.axmURL + "/v1", w.depURL, w.vppURL + "/mdm/v2", w.apns.URL, w.org.Account().ClientID(),
		`a folder'\''s name/server.p7m' -interval`, "go run ./examples/mdmpush -base https://",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the guide lacks %s:\n%s", want, out.String())
		}
	}
}

func TestSchool(t *testing.T) {
	c := begin(t, settings{devices: 5, school: true})
	if m := c.serving.world.manifest(); m.AxM.Scope != "school.api" || !strings.HasPrefix(m.AxM.ClientID, "SCHOOLAPI.") {
		t.Errorf("scope %q, client %q", m.AxM.Scope, m.AxM.ClientID)
	}
	account, err := c.depClient().Account(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if account.OrgType != "edu" || account.OrgName != organisation {
		t.Errorf("account %q, %q", account.OrgType, account.OrgName)
	}
	for _, err := range c.depClient().Persons(t.Context()) {
		t.Errorf("persons: %v", err)
	}
}
