package legacy_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/applemdm/applemdm/internal/faultmatrix"
	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/legacy"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

// What comes of a cell beside what package faultmatrix has.
const (
	works   = faultmatrix.Works
	tooMany = faultmatrix.Busy429
	away    = faultmatrix.Busy503
	revoked = "revoked" // ErrTokenRevoked
)

var sentinels = faultmatrix.Sentinels{
	tooMany: vpp.ErrTooManyRequests, away: vpp.ErrMaintenance, faultmatrix.Server: vpp.ErrServer,
	faultmatrix.Odd: vpp.ErrUnexpectedAnswer, revoked: vpp.ErrTokenRevoked,
}

// ending names what err is, or says that it is none of what it may be.
func ending(err error) string {
	_, answered := errors.AsType[*vpp.Error](err)
	return sentinels.Ending(err, answered)
}

// faultRows returns the faults of the line, and what version 1 has of its own: errors in answers of
// status 200.
func faultRows() []faultmatrix.Row {
	said := func(name string, number int, once, always string) faultmatrix.Row {
		return faultmatrix.Row{Name: name, Fault: vpptest.LegacyErrorFault(number), Once: once, Always: always}
	}
	return append(faultmatrix.Line(),
		said("9603 in 200", 9603, works, faultmatrix.Server),
		said("9644 in 200", 9644, works, away),
		said("9646 in 200", 9646, works, tooMany),
		said("9625 in 200", 9625, revoked, revoked),
	)
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
		o.HTTPClient.Timeout, o.MaxBody, o.MDM = faultmatrix.Timeout, faultmatrix.MaxBody, own
	})
	s.users(10)
	s.Buy(vpptest.Asset{AdamID: "1", Total: 20})
	for _, serial := range names("D", 10) {
		s.AssignByOther("1", "", vpptest.ToDevice(serial))
	}
	return s
}

// runFault runs one cell and returns what came of it.
func runFault(t *testing.T, row faultmatrix.Row, call *faultCall, forEver bool) string {
	s := newFaultSite(t)
	if call.service != "VPPServiceConfigSrv" {
		if err := s.ask(t); err != nil {
			t.Fatal(err)
		}
	}
	s.srv.ResetReceived()
	path := "/mdm/" + call.service
	s.srv.Fail(row.Script(path, call.skip, forEver))

	took, err := faultmatrix.Try(t, faultmatrix.Deadline, func(ctx context.Context) error { return call.do(ctx, s) })
	end := ending(err)
	faultmatrix.Check(t, end, row.Want(false, forEver), err)
	if least := row.RetryAfter - time.Second; took < least {
		t.Errorf("took %v", took)
	}
	if e, ok := errors.AsType[*vpp.Error](err); ok {
		row.CheckTold(t, e.RetryAfter)
	}
	faultmatrix.CheckRequests(t, s.srv.Received(), path, 7+2*call.skip)
	s.shown.Note(err)
	s.noViolations(t)

	s.srv.ResetFaults()
	if want := err == nil || row.Processed; call.effect != nil && call.effect(t, s) != want {
		t.Errorf("done: %v, want %v", !want, want)
	}
	time.Sleep(time.Minute)
	if err := call.do(t.Context(), s); err != nil {
		t.Errorf("going on: %v", err)
	}
	if call.effect != nil && !call.effect(t, s) {
		t.Error("not done in the end")
	}
	return end
}

// TestFaults is the fault matrix: every fault of the simulator, once and for ever, with every sort
// of call. Run it with -v to see it.
func TestFaults(t *testing.T) {
	rows := faultRows()
	faultmatrix.EveryKind(t, rows, func(row faultmatrix.Row) vpptest.Fault { return row.Fault })
	faultmatrix.Matrix{
		Service: "vpp/legacy",
		Rows:    faultmatrix.Names(rows, func(row faultmatrix.Row) string { return row.Name }),
		Columns: faultmatrix.Names(faultCalls, func(call *faultCall) string { return call.name }),
		Cell: func(t *testing.T, row, column int, forEver bool) string {
			return runFault(t, rows[row], faultCalls[column], forEver)
		},
	}.Run(t)
}
