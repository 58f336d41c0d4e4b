package dep_test

import (
	"bytes"
	"io"
	"net/http"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/applemdm/applemdm/dep"
	"github.com/applemdm/applemdm/internal/sent"
)

// fullProfile is a profile with everything that one can say.
func fullProfile(t *testing.T, serials []string) *dep.Profile {
	t.Helper()
	p := demoProfile()
	if empty := sent.Empty(p); empty != nil {
		t.Fatalf("the profile has no %q", empty)
	}
	p.Devices, p.Unknown = serials, nil
	return p
}

// unlockShown unlocks a device and returns what has arrived.
func unlockShown(t *testing.T) (messages []sent.Message) {
	t.Helper()
	o, _, request := locked(t)
	request.IMEI, request.IMEI2, request.MEID = "350000000000001", "350000000000002", "35000000000000"
	if empty := sent.Empty(request); !slices.Equal(empty, []string{"DeviceCode"}) { // in whose place is BypassCode
		t.Fatalf("the request has no %q", empty)
	}
	service := o.UnlockHandler()
	unlocker := startUnlocker(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		message := sent.Message{Call: r.Method + " " + r.URL.Path, Sent: sent.Of(r.URL.Query(), r.Header, body)}
		if len(r.TLS.PeerCertificates) > 0 {
			message.Sent = append(message.Sent, sent.Item{In: sent.TLS, Name: "certificate"})
		}
		messages = append(messages, message)
		r.Body = io.NopCloser(bytes.NewReader(body))
		service.ServeHTTP(w, r)
	}))
	if err := unlocker.Unlock(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	return messages
}

// neverSend are the methods that make no requests by themselves.
var neverSend = []string{"ResetSession", "State"}

func TestEveryCallShowsWhatIsSent(t *testing.T) {
	shown := slices.Clone(neverSend)
	for _, call := range recordedCalls {
		shown = append(shown, call.name)
	}
	shown = append(shown, "Unlock") // of an Unlocker
	for _, caller := range []reflect.Type{reflect.TypeFor[*dep.Client](), reflect.TypeFor[*dep.Unlocker]()} {
		for m := range caller.Methods() {
			if !slices.Contains(shown, m.Name) {
				t.Errorf("%s is not shown", m.Name)
			}
		}
	}
}

// What every call sends is in the README's table, and nothing is there that is never sent.
func TestWhatIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, world := newRecordOrg(t)
		world.Definition = fullProfile(t, world.Serials)
		base := o.Client()
		wire := &sent.Wire{Base: base.Transport}
		base.Transport = wire
		client := o.newClient(t, depToken(t, o.Token()), func(opts *dep.Options) { opts.HTTPClient, opts.PageSize = base, 5 })
		if _, err := client.AssignProfile(t.Context(), world.Profile, world.Serials); err != nil { // for the lists to tell
			t.Fatal(err)
		}
		for _, call := range recordedCalls {
			if _, err := call.call(t.Context(), client, world); err != nil {
				t.Fatalf("%s: %v", call.name, err)
			}
		}
		messages := append(wire.Messages(), unlockShown(t)...)
		for _, wrong := range sent.Check("../README.md", "dep", messages) {
			t.Error(wrong)
		}
	})
}
