package dep_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/dep"
	"github.com/applemdm/applemdm/dep/deptest"
)

// lockRaw locks a device by a request that owes nothing to the client, and returns the status.
func lockRaw(t *testing.T, o *org, serial, escrowKey string) int {
	t.Helper()
	body := strings.NewReader(`{"device":"` + serial + `","escrow_key":"` + escrowKey + `"}`)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, o.URL+"/device/activationlock", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{
		sessionHeader: {o.NewSession()}, "User-Agent": {"test/1"}, "X-Server-Protocol-Version": {"10"},
		"Content-Type": {"application/json;charset=UTF8"},
	}
	resp, err := o.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

func TestLockActivation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, nil, nil)
		o.AddSerials(faultPhone, "C02BARE")
		code, err := dep.ParseBypassCode(faultCode)
		if err != nil {
			t.Fatal(err)
		}
		for _, lock := range []dep.LockRequest{
			{SerialNumber: faultPhone, BypassCode: code, LostMessage: "Return to \"Example\""},
			{SerialNumber: "C02BARE"},
		} {
			status, err := o.client.LockActivation(t.Context(), lock)
			if err != nil || status != dep.LockSuccess {
				t.Errorf("%s: %q, %v", lock.SerialNumber, status, err)
			}
		}
		var bodies []string
		for _, r := range o.received("/device/activationlock") {
			bodies = append(bodies, string(r.Body))
		}
		want := []string{
			`{"device":"C02PHONE","escrow_key":"` + faultEscrowKey + `","lost_message":"Return to \"Example\""}`,
			`{"device":"C02BARE"}`,
		}
		if diff := cmp.Diff(want, bodies); diff != "" {
			t.Error(diff)
		}
		if lock, ok := o.Lock(faultPhone); !ok || lock.EscrowKey != faultEscrowKey || lock.LostMessage != `Return to "Example"` {
			t.Errorf("lock %+v", lock)
		}
		if v := o.Violations(); v != nil {
			t.Error(v)
		}
		o.hides(t, append(o.secrets(), faultCode, faultRawCode, faultEscrowKey))
	})
}

func TestLockStatuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, nil, nil)
		o.AddDevices(deptest.Device{SerialNumber: "C02TV", DeviceFamily: "AppleTV", OS: "tvOS"})
		o.AddSerials("C02LOCKED", "C02FAILED", "C02NEW", "C02LOWER")
		o.LockByUser("C02LOCKED")
		o.SetOutcome("C02FAILED", deptest.Failed)
		o.SetOutcome("C02NEW", "SOMETHING_NEW")
		o.SetOutcome("C02LOWER", "success")
		for serial, want := range map[string]dep.LockStatus{
			"C02OTHER":  dep.LockNotAccessible,
			"C02TV":     dep.LockDeviceNotSupported,
			"C02LOCKED": dep.LockAlreadyLocked,
			"C02FAILED": dep.LockFailed,
			"C02NEW":    "SOMETHING_NEW",
			"C02LOWER":  dep.LockSuccess,
		} {
			status, err := o.client.LockActivation(t.Context(), dep.LockRequest{SerialNumber: serial})
			if err != nil || !status.Is(want) {
				t.Errorf("%s: %q, %v; want %q", serial, status, err, want)
			}
			if _, locked := o.Lock(serial); locked != (serial == "C02LOCKED") {
				t.Errorf("%s is locked: %v", serial, locked)
			}
		}
		o.UpdateAccount(func(a *deptest.Account) { a.OrgVersion = "v1" })
		o.AddSerials("C02V1")
		status, err := o.client.LockActivation(t.Context(), dep.LockRequest{SerialNumber: "C02V1"})
		if err != nil || status != dep.LockOrgNotSupported {
			t.Errorf("of an old account: %q, %v", status, err)
		}
	})
}

func TestLockActivationAnswersThatSayNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, nil, nil)
		o.AddSerials("C02A")
		for _, body := range []string{"{}", `{"serial_number":"C02A","response_status":""}`, "[]", ""} {
			o.Fail(deptest.Fault{Path: "/device/activationlock", Kind: deptest.Answer, Body: body})
			status, err := o.client.LockActivation(t.Context(), dep.LockRequest{SerialNumber: "C02A"})
			if _, ok := errors.AsType[*dep.Error](err); !ok || !errors.Is(err, dep.ErrUnexpectedAnswer) || status != "" {
				t.Errorf("answer %q: %q, %v", body, status, err)
			}
		}
		if n := o.Count("", "/device/activationlock"); n != 4 {
			t.Errorf("%d requests for 4 calls", n)
		}
	})
}

func TestLockActivationChecksItsInput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, nil, nil)
		_, err := o.client.LockActivation(t.Context(), dep.LockRequest{BypassCode: dep.NewBypassCode()})
		if e, ok := errors.AsType[*dep.InputError](err); !ok || e.Field != "LockRequest.SerialNumber" || o.Count("", "") != 0 {
			t.Errorf("err = %v after %d requests", err, o.Count("", ""))
		}
	})
}

// What one side locks, the other unlocks.
func TestLockThenUnlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, nil, nil)
		unlock := o.StartUnlock()
		defer unlock.Close()
		o.AddSerials("C02A")
		code := dep.NewBypassCode()
		if status, err := o.client.LockActivation(t.Context(), dep.LockRequest{SerialNumber: "C02A", BypassCode: code}); err != nil || status != dep.LockSuccess {
			t.Fatalf("%q, %v", status, err)
		}
		err := newUnlocker(t, o, anonymous(unlock), unlock.URL).Unlock(t.Context(), dep.UnlockRequest{
			SerialNumber: "C02A", ProductType: "iPhone18,1", OrgName: "o", GUID: "g", BypassCode: code,
		})
		if _, still := o.Lock("C02A"); err != nil || still {
			t.Errorf("err = %v, locked: %v", err, still)
		}
		o.hides(t, []string{code.RevealHuman(), string(code.RevealBytes())})
	})
}
