package legacy_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/legacy"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

// What comes of a cell of the fault matrix: success, or a typed error.
const (
	works    = "ok"
	refused  = "refused"   // TransportError: ECONNREFUSED, not sent
	lost     = "lost"      // TransportError: broken line, sent
	timedOut = "timeout"   // TransportError: context.DeadlineExceeded, sent
	tooLarge = "too large" // TransportError: ErrBodyTooLarge, sent
	tooMany  = "too many"  // ErrTooManyRequests
	away     = "away"      // ErrMaintenance
	server   = "5xx"       // ErrServer
	odd      = "odd"       // ErrUnexpectedAnswer
	revoked  = "revoked"   // ErrTokenRevoked
)

// ending names what err is, or says that it is none of the above.
func ending(err error) string {
	if err == nil {
		return works
	}
	if line, ok := errors.AsType[*vpp.TransportError](err); ok {
		switch {
		case errors.Is(err, syscall.ECONNREFUSED) && !line.Sent:
			return refused
		case !line.Sent:
			return fmt.Sprintf("not sent, but not refused: %v", err)
		case errors.Is(err, vpp.ErrBodyTooLarge):
			return tooLarge
		case errors.Is(err, context.DeadlineExceeded):
			return timedOut
		}
		return lost
	}
	if _, ok := errors.AsType[*vpp.Error](err); ok {
		for name, sentinel := range map[string]error{
			tooMany: vpp.ErrTooManyRequests, away: vpp.ErrMaintenance, server: vpp.ErrServer,
			odd: vpp.ErrUnexpectedAnswer, revoked: vpp.ErrTokenRevoked,
		} {
			if errors.Is(err, sentinel) {
				return name
			}
		}
	}
	return fmt.Sprintf("untyped: %v", err)
}

// The bounds of the clients in these tests.
const (
	faultTimeout  = 10 * time.Second
	faultMaxBody  = 1 << 20
	faultDeadline = 2 * time.Minute
)

// faultRow is one thing that goes wrong, and what has to come of it when it happens once and when
// it goes on for ever.
type faultRow struct {
	name         string
	fault        vpptest.Fault
	once, always string
	processed    bool          // Apple does what it was asked for before it goes wrong
	retryAfter   time.Duration // asked for by the answer
}

var faultRows = []faultRow{
	{name: "connection refused", fault: vpptest.Fault{Kind: vpptest.Refuse}, once: works, always: refused},
	{name: "reset before headers", fault: vpptest.Fault{Kind: vpptest.Reset}, once: works, always: lost},
	{name: "answer lost", fault: vpptest.Fault{Kind: vpptest.Lose}, processed: true, once: works, always: lost},
	{name: "reset in body", fault: vpptest.Fault{Kind: vpptest.ResetBody}, processed: true, once: works, always: lost},
	{name: "truncated JSON", fault: vpptest.Fault{Kind: vpptest.Truncate}, processed: true, once: odd, always: odd},
	{name: "dripping body", fault: vpptest.Fault{Kind: vpptest.Drip, Delay: time.Second}, processed: true, once: works, always: timedOut},
	{name: "late answer", fault: vpptest.Fault{Kind: vpptest.Late, Delay: 9 * time.Second}, processed: true, once: works, always: works},
	{name: "silence", fault: vpptest.Fault{Kind: vpptest.Silence}, once: works, always: timedOut},
	{name: "HTML 502", fault: vpptest.Fault{Kind: vpptest.HTML}, once: works, always: server},
	{name: "empty 500", fault: vpptest.Fault{Kind: vpptest.Empty}, once: works, always: server},
	{name: "429", fault: vpptest.Fault{Kind: vpptest.Busy, Status: 429}, once: works, always: tooMany},
	{name: "429, seconds", fault: vpptest.Fault{Kind: vpptest.BusySeconds, Status: 429}, once: works, always: tooMany, retryAfter: 7 * time.Second},
	{name: "429, date", fault: vpptest.Fault{Kind: vpptest.BusyDate, Status: 429}, once: works, always: tooMany, retryAfter: 7 * time.Second},
	{name: "503", fault: vpptest.Fault{Kind: vpptest.Busy}, once: works, always: away},
	{name: "503, seconds", fault: vpptest.Fault{Kind: vpptest.BusySeconds}, once: works, always: away, retryAfter: 7 * time.Second},
	{name: "503, date", fault: vpptest.Fault{Kind: vpptest.BusyDate}, once: works, always: away, retryAfter: 7 * time.Second},
	{name: "redirect", fault: vpptest.Fault{Kind: vpptest.Redirect}, once: odd, always: odd},
	{name: "oversized", fault: vpptest.Fault{Kind: vpptest.Oversize, Size: faultMaxBody}, processed: true, once: tooLarge, always: tooLarge},
	{name: "gzip", fault: vpptest.Fault{Kind: vpptest.Gzip}, processed: true, once: works, always: works},
	{name: "wrong type", fault: vpptest.Fault{Kind: vpptest.WrongType}, processed: true, once: works, always: works},
	{name: "duplicate members", fault: vpptest.Fault{Kind: vpptest.Duplicate}, processed: true, once: works, always: works},
	{name: "unknown members", fault: vpptest.Fault{Kind: vpptest.Unknown}, processed: true, once: works, always: works},
	{name: "9603", fault: vpptest.LegacyErrorFault(9603), once: works, always: server},
	{name: "9644", fault: vpptest.LegacyErrorFault(9644), once: works, always: away},
	{name: "9646", fault: vpptest.LegacyErrorFault(9646), once: works, always: tooMany},
	{name: "9625", fault: vpptest.LegacyErrorFault(9625), once: revoked, always: revoked},
}

// faultCall is a column of the matrix.
type faultCall struct {
	name    string
	service string
	skip    int // requests that pass before the fault

	do func(ctx context.Context, s *site) error

	// effect reports whether Apple did what the call is for, once; nil for calls that only read.
	effect func(t *testing.T, s *site) bool
}

var faultCalls = []*faultCall{
	{name: "service config", service: "VPPServiceConfigSrv", do: func(ctx context.Context, s *site) error {
		config, err := s.client.ServiceConfig(ctx)
		if err == nil && config.GetUserURL == "" {
			return fmt.Errorf("%+v", config)
		}
		return err
	}},
	{name: "client config", service: "VPPClientConfigSrv", do: func(ctx context.Context, s *site) error {
		config, err := s.client.ClientConfig(ctx)
		if err == nil && config.Location.Name != "Location 1" {
			return fmt.Errorf("%+v", config)
		}
		return err
	}},
	{name: "claim", service: "VPPClientConfigSrv", skip: 1, do: func(ctx context.Context, s *site) error {
		_, err := s.client.Claim(ctx)
		return err
	}, effect: func(t *testing.T, s *site) bool {
		config, err := s.newClient(t, nil).ClientConfig(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		by, _ := config.ClientContext.MDM()
		return by == own
	}},
	{name: "assets", service: "getVPPAssetsSrv", do: func(ctx context.Context, s *site) error {
		assets, err := s.client.Assets(ctx, legacy.AssetFilter{IncludeLicenseCounts: true})
		return complete(assets, 1, err)
	}},
	{name: "assignments", service: "getAssignments", skip: 1, do: func(ctx context.Context, s *site) error {
		return readAll(s.client.Assignments(ctx, legacy.AssignmentFilter{AdamID: "1"}), 10)
	}},
	{name: "licenses", service: "getVPPLicensesSrv", skip: 1, do: func(ctx context.Context, s *site) error {
		return readAll(s.client.Licenses(ctx, legacy.LicenseFilter{DeviceAssignedOnly: true, AdamID: "1"}), 10)
	}},
	{name: "users", service: "getVPPUsersSrv", skip: 1, do: func(ctx context.Context, s *site) error {
		return readAll(s.client.Users(ctx, legacy.UserFilter{}), 10)
	}},
	{name: "register", service: "registerVPPUserSrv", do: func(ctx context.Context, s *site) error {
		user, err := s.client.RegisterUser(ctx, vpp.UserRequest{ClientUserID: "new"})
		if err == nil && user.ClientUserID != "new" {
			return fmt.Errorf("%+v", user)
		}
		return err
	}, effect: func(t *testing.T, s *site) bool {
		n := 0
		for _, u := range s.Users() {
			if u.ClientUserID == "new" {
				n++
			}
		}
		if n > 1 {
			t.Errorf("%d records", n)
		}
		return n == 1
	}},
	{name: "retire", service: "retireVPPUserSrv", do: func(ctx context.Context, s *site) error {
		_, err := s.client.RetireUser(ctx, legacy.UserKey{ClientUserID: "u0"})
		if errors.Is(err, vpp.ErrUserNotFound) { // as documented
			return nil
		}
		return err
	}, effect: func(t *testing.T, s *site) bool { _, there := s.User("u0"); return !there }},
	{name: "manage", service: "manageVPPLicensesByAdamIdSrv", skip: 1, do: func(ctx context.Context, s *site) error {
		result, err := s.client.ManageLicenses(ctx, legacy.Management{
			AdamID: "1", DisassociateSerialNumbers: names("D", 10), AssociateSerialNumbers: names("N", 20),
		})
		partial, ok := errors.AsType[*legacy.PartialError](err)
		switch {
		case err == nil && !result.Done():
			return fmt.Errorf("%+v", result)
		case err != nil && !ok:
			return fmt.Errorf("not told as partial: %w", err)
		case ok && (partial.Result.Associations[9].Err != nil || partial.Result.Associations[10].Err == nil):
			return fmt.Errorf("outcomes: %+v", partial.Result)
		}
		return err
	}, effect: func(t *testing.T, s *site) bool {
		got := s.holders("1")
		if !slices.Contains(got, "N9") || slices.Contains(got, "D0") || len(got) != 10 && len(got) != 20 {
			t.Errorf("holders: %q", got)
		}
		return len(got) == 20
	}},
}

func complete[T any](got []T, want int, err error) error {
	if err == nil && len(got) != want {
		return fmt.Errorf("%d, want %d", len(got), want)
	}
	return err
}

// readAll reads an iterator to its end and checks how many items it has.
func readAll[T any](seq iter.Seq2[T, error], want int) error {
	n := 0
	for _, err := range seq {
		if err != nil {
			return err
		}
		n++
	}
	return complete(make([]struct{}, n), want, nil)
}

// newFaultSite makes a location with ten users and an asset on ten devices, in lists of four pages.
func newFaultSite(t *testing.T) *site {
	s := newSite(t, &vpptest.Options{PageSize: 3}, func(o *legacy.Options) {
		o.HTTPClient.Timeout, o.MaxBody, o.MDM = faultTimeout, faultMaxBody, own
	})
	s.users(10)
	s.Buy(vpptest.Asset{AdamID: "1", Total: 20})
	for _, serial := range names("D", 10) {
		s.AssignByOther("1", "", vpptest.ToDevice(serial))
	}
	return s
}

// runFault runs one cell.
func runFault(t *testing.T, row faultRow, call *faultCall, forEver bool) {
	s := newFaultSite(t)
	if call.service != "VPPServiceConfigSrv" {
		if err := s.ask(t); err != nil {
			t.Fatal(err)
		}
	}
	s.srv.ResetReceived()
	fault := row.fault
	fault.Path, fault.Skip, fault.RetryAfter = "/mdm/"+call.service, call.skip, row.retryAfter
	want, waits := row.once, time.Duration(1)
	if forEver {
		fault.Count, want, waits = -1, row.always, 3
	}
	s.srv.Fail(fault)

	ctx, cancel := context.WithTimeout(t.Context(), faultDeadline)
	defer cancel()
	start := time.Now()
	err := call.do(ctx, s)
	if end := ending(err); end != want {
		t.Errorf("ended with %q, want %q: %v", end, want, err)
	}
	took := time.Since(start)
	if took >= faultDeadline {
		t.Errorf("took %v", took)
	}
	if took < waits*(row.retryAfter-time.Second) { // a date has whole seconds
		t.Errorf("took %v", took)
	}
	for _, r := range s.srv.Received() {
		if r.Host == "elsewhere.test" {
			t.Error("a redirect to another host was followed")
		}
	}
	if n := s.count(call.service); n > 4+2*call.skip+3 {
		t.Errorf("%d requests", n)
	}
	if strings.Contains(fmt.Sprintf("%+v", err)+s.log.String(), string(s.source)) {
		t.Error("the token shows")
	}
	s.noViolations(t)

	s.srv.ResetFaults()
	if want := err == nil || row.processed; call.effect != nil && call.effect(t, s) != want {
		t.Errorf("done: %v, want %v", !want, want)
	}
	time.Sleep(time.Minute)
	if err := call.do(t.Context(), s); err != nil {
		t.Errorf("going on: %v", err)
	}
	if call.effect != nil && !call.effect(t, s) {
		t.Error("not done in the end")
	}
}

// TestFaults is the fault matrix: every fault of the simulator, once and for ever, with every sort
// of call.
func TestFaults(t *testing.T) {
	kinds := make(map[vpptest.Kind]bool)
	for _, row := range faultRows {
		kinds[row.fault.Kind] = true
		for _, call := range faultCalls {
			for _, often := range []string{"once", "always"} {
				t.Run(row.name+"/"+call.name+"/"+often, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { runFault(t, row, call, often == "always") })
				})
			}
		}
	}
	for kind := vpptest.Answer; kind <= vpptest.Unknown; kind++ {
		if !kinds[kind] {
			t.Errorf("kind %d is not in the matrix", kind)
		}
	}
}
