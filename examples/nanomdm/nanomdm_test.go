package main

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	depstorage "github.com/micromdm/nanodep/storage"
	depdiskv "github.com/micromdm/nanodep/storage/diskv"
	depinmem "github.com/micromdm/nanodep/storage/inmem"
	"github.com/micromdm/nanomdm/mdm"
	"github.com/micromdm/nanomdm/storage"
	mdmdiskv "github.com/micromdm/nanomdm/storage/diskv"
	mdminmem "github.com/micromdm/nanomdm/storage/inmem"

	"github.com/applemdm/applemdm/apns"
	"github.com/applemdm/applemdm/dep/deptest"
)

// journal is what the server logs.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// inWorld runs a test in a world whose server runs, and sees to it that both simulators had nothing to
// object to, that nothing secret was logged, and that nothing goes on afterwards.
func inWorld(t *testing.T, mdm storage.AllStorage, dep depstorage.AllStorage, test func(w *world)) {
	t.Helper()
	logs := &journal{}
	w, err := newWorld(t.Context(), mdm, dep, logs)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	if err := w.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	ended := false
	defer func() {
		if !ended { // the test gave up
			w.end()
			t.Log(logs)
		}
	}()
	must(t, w.uploadPushCertificate(t.Context()))
	test(w)
	must(t, w.end())
	ended = true
	if v := slices.Concat(w.portal.Violations(), w.apple.Violations()); len(v) > 0 {
		t.Errorf("violations: %q", v)
	}
	token := w.portal.Token()
	for _, secret := range []string{token.ConsumerSecret, token.AccessSecret, token.AccessToken, simAPIKey, "PRIVATE KEY"} {
		if strings.Contains(logs.String(), secret) {
			t.Errorf("%q was logged", secret)
		}
	}
	w.close()
	nothingRuns(t)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// nothingRuns fails the test if goroutines of this module or of the SDK stay.
func nothingRuns(t *testing.T) {
	t.Helper()
	var stacks string
	err := eventually(t.Context(), "all goroutines have ended", func() bool {
		var text bytes.Buffer
		pprof.Lookup("goroutine").WriteTo(&text, 2)
		running := strings.Split(text.String(), "\n\n")
		running = slices.DeleteFunc(running, func(stack string) bool {
			return !strings.Contains(stack, "applemdm/") && !strings.Contains(stack, "net/http.") || strings.Contains(stack, "nothingRuns") || strings.Contains(stack, "testing.(*T).Run(")
		})
		stacks = strings.Join(running, "\n\n")
		return stacks == ""
	})
	if err != nil {
		t.Errorf("%v\n%s", err, stacks)
	}
}

func TestDay(t *testing.T) {
	var out bytes.Buffer
	if err := day(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"3 devices were bought, got the profile from Apple and enrolled",
		"a command was queued, the push woke all of them, and they answered",
		"status 410 Unregistered",
		"push data missing for id",
		"it enrolled again, with a new token, and answers like the others",
	} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("%q is missing in:\n%s", line, out.String())
		}
	}
	nothingRuns(t)
}

// TestRestart ends the server and starts it again with the same storages: nothing is defined or
// assigned anew, the devices are still there, and new ones come.
func TestRestart(t *testing.T) {
	for name, stores := range map[string]struct {
		mdm storage.AllStorage
		dep depstorage.AllStorage
	}{
		"inmem":  {mdminmem.New(), depinmem.New()},
		"filekv": {mdmdiskv.New(t.TempDir()), depdiskv.New(t.TempDir())},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, stores.mdm, stores.dep, func(w *world) {
				devices, err := w.buyAndEnrol(t.Context(), "A", "B")
				must(t, err)
				must(t, w.tellAll(t.Context(), devices, "DeviceInformation"))
				must(t, w.end())
				must(t, w.start(t.Context()))
				must(t, w.tellAll(t.Context(), devices, "SecurityInfo"))
				late, err := w.buyAndEnrol(t.Context(), "C")
				must(t, err)
				must(t, w.tellAll(t.Context(), append(devices, late...), "ProfileList"))
				if n := w.portal.Count(http.MethodPost, "/profile"); n != 1 {
					t.Errorf("%d profiles were defined", n)
				}
			})
		})
	}
}

// TestStartsWithoutApple has the service unreachable when the server starts.
func TestStartsWithoutApple(t *testing.T) {
	w, err := newWorld(t.Context(), mdminmem.New(), depinmem.New(), &journal{})
	must(t, err)
	defer w.close()
	w.portal.Fail(deptest.Fault{Kind: deptest.Refuse, Count: 3})
	must(t, w.start(t.Context()))
	_, err = w.buyAndEnrol(t.Context(), "A")
	must(t, errors.Join(err, w.end()))
	if left := w.portal.PendingFaults(); left != 0 {
		t.Errorf("%d faults did not happen", left)
	}
}

// TestRenewedPushCertificate uploads another certificate while the server runs, and ends the first.
func TestRenewedPushCertificate(t *testing.T) {
	inWorld(t, mdminmem.New(), depinmem.New(), func(w *world) {
		devices, err := w.buyAndEnrol(t.Context(), "A", "B")
		must(t, err)
		must(t, w.tellAll(t.Context(), devices, "DeviceInformation"))
		old, _, err := w.mdm.RetrievePushCert(t.Context(), simTopic)
		must(t, err)
		must(t, w.uploadPushCertificate(t.Context()))
		w.apple.RevokeCertificate(old.Leaf.SerialNumber)
		must(t, w.tellAll(t.Context(), devices, "SecurityInfo"))
	})
}

// TestEnrolmentRefused has the enrolment profile asked for by all who may not have it.
func TestEnrolmentRefused(t *testing.T) {
	inWorld(t, mdminmem.New(), depinmem.New(), func(w *world) {
		devices, err := w.buyAndEnrol(t.Context(), "A")
		must(t, err)
		ask := func(d *simDevice) string {
			_, err := d.requestProfile(t.Context(), w.url+pathEnrol)
			if err == nil {
				return "given"
			}
			return err.Error()
		}
		expect := func(what, got, want string) {
			t.Helper()
			if !strings.Contains(got, want) {
				t.Errorf("%s: %s, want %s", what, got, want)
			}
		}
		expect("a device of ours", ask(devices[0]), "given")

		stranger, err := w.makeDevice("STRANGER")
		must(t, err)
		expect("a device of somebody else", ask(stranger), "403")

		elsewhere, err := newWorld(t.Context(), mdminmem.New(), depinmem.New(), &journal{})
		must(t, err)
		defer elsewhere.close()
		forged, err := elsewhere.makeDevice("A")
		must(t, err)
		forged.world = w
		expect("a forged device", ask(forged), "403")

		_, err = w.call(t.Context(), http.MethodPost, pathEnrol, []byte("no signature"))
		expect("no signature", fmt.Sprint(err), "403")
		unnamed, err := w.makeDevice("")
		must(t, err)
		expect("no serial number", ask(unnamed), "403")
		_, err = w.call(t.Context(), http.MethodPost, pathEnrol, make([]byte, maxRequest+1))
		expect("too much", fmt.Sprint(err), "403")

		w.portal.RemoveDevices("A")
		expect("a device that has left", ask(devices[0]), "403")
		w.portal.SetTermsSigned(false)
		expect("Apple refuses to tell", ask(devices[0]), "503")
		w.portal.SetTermsSigned(true)
	})
}

// TestIdentities has devices speak to nanomdm with identities that are not theirs.
func TestIdentities(t *testing.T) {
	inWorld(t, mdminmem.New(), depinmem.New(), func(w *world) {
		devices, err := w.buyAndEnrol(t.Context(), "A", "B")
		must(t, err)
		a, b := devices[0], devices[1]

		thief := *a
		thief.identity = b.identity
		if _, err := thief.connect(t.Context()); err == nil {
			t.Error("the identity of another device was accepted")
		}
		foreign, err := newAuthority()
		must(t, err)
		thief.identity = issueSigner(t, foreign)
		if _, err := thief.connect(t.Context()); err == nil || !strings.Contains(err.Error(), "400") {
			t.Errorf("an identity of another authority: %v", err)
		}
		must(t, w.tellAll(t.Context(), devices, "DeviceInformation"))
	})
}

func issueSigner(t *testing.T, a *authority) signer {
	t.Helper()
	issued, err := a.issue("A")
	must(t, err)
	return openIdentity(t, issued)
}

func TestAPIPassword(t *testing.T) {
	inWorld(t, mdminmem.New(), depinmem.New(), func(w *world) {
		for _, path := range []string{"/v1/push/x", "/v1/enqueue/x", "/v1/pushcert", "/v1/escrowkeyunlock"} {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, w.url+path, nil)
			must(t, err)
			request.SetBasicAuth(apiAccount, "wrong")
			if _, err := w.send(request); err == nil || !strings.Contains(err.Error(), "401") {
				t.Errorf("%s: %v", path, err)
			}
		}
	})
}

// TestListenerFails ends the server when it can serve no more.
func TestListenerFails(t *testing.T) {
	w, err := newWorld(t.Context(), mdminmem.New(), depinmem.New(), &journal{})
	must(t, err)
	defer w.close()
	must(t, w.start(t.Context()))
	must(t, w.end())
	broken := errors.New("broken")
	if err := w.server.serve(t.Context(), brokenListener{broken}); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

func TestLiveTokens(t *testing.T) {
	ctx := t.Context()
	tokens := &liveTokens{AllStorage: mdminmem.New()}
	update := func() {
		t.Helper()
		request := mdm.NewRequestWithContext(ctx, &x509.Certificate{})
		request.EnrollID = &mdm.EnrollID{Type: mdm.Device, ID: "id"}
		message := &mdm.TokenUpdate{Push: mdm.Push{Topic: simTopic, PushMagic: "magic", Token: []byte{0xab}}}
		must(t, tokens.StoreTokenUpdate(request, message))
	}
	known := func() bool {
		t.Helper()
		pushes, err := tokens.RetrievePushInfo(ctx, []string{"id"})
		must(t, err)
		return pushes["id"] != nil
	}
	result := func(disposition apns.Disposition, since time.Time) apns.Result {
		refusal := &apns.Error{StatusCode: 410, Disposition: disposition, Since: since}
		return apns.Result{Push: apns.Push{Target: apns.Target{Token: "ab"}}, Err: refusal}
	}
	update()
	for name, step := range map[string]struct {
		result  apns.Result
		retires bool
	}{
		"accepted":                  {apns.Result{Push: apns.Push{Target: apns.Target{Token: "ab"}}}, false},
		"refused for now":           {result(apns.RetryLater, time.Time{}), false},
		"ended":                     {result(apns.DropToken, time.Now().Add(time.Minute)), true},
		"ended, nobody knows when":  {result(apns.DropToken, time.Time{}), true},
		"ended before it came back": {result(apns.DropToken, time.Now().Add(-time.Minute)), false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tokens.retire(step.result); got != step.retires {
				t.Errorf("retired: %t", got)
			}
			if known() == step.retires {
				t.Errorf("known to nanomdm: %t", known())
			}
			update()
			if !known() {
				t.Error("the TokenUpdate did not bring it back")
			}
		})
	}
}
