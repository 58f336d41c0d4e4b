package legacy_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/internal/exchange"
	"github.com/applemdm/applemdm/internal/faultmatrix"
	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/legacy"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

func done(t *testing.T, r *legacy.ManagementResult, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range slices.Concat(r.Disassociations, r.Associations) {
		if o.Err != nil {
			t.Errorf("%+v", o)
		}
	}
	if !r.Done() {
		t.Error("not done")
	}
}

// targets returns whom outcomes are about.
func targets(outcomes []legacy.Outcome) []string {
	ids := make([]string, len(outcomes))
	for i, o := range outcomes {
		ids[i] = o.ClientUserID + o.SerialNumber
	}
	return ids
}

// Seats go from the ones to the others, in requests of as many as the service allows: those who lose
// first, as there is no seat left.
func TestManageInParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.srv.SetLimit("maxBatchAssociateLicenseCount", 7)
		s.srv.SetLimit("maxBatchDisassociateLicenseCount", 4)
		s.Buy(vpptest.Asset{AdamID: "1", Total: 30})
		from, to := names("A", 30), names("B", 30)
		result, err := s.client.ManageLicenses(t.Context(), legacy.Management{AdamID: "1", AssociateSerialNumbers: from})
		done(t, result, err)
		if n := s.count("manageVPPLicensesByAdamIdSrv"); n != 5 {
			t.Errorf("%d requests", n)
		}
		s.srv.ResetReceived()
		result, err = s.client.ManageLicenses(t.Context(), legacy.Management{
			AdamID: "1", DisassociateSerialNumbers: slices.Concat(from, from), AssociateSerialNumbers: slices.Concat(to, from[:1], to),
		})
		if err != nil || !slices.Equal(targets(result.Disassociations), from) || !slices.Equal(targets(result.Associations), append(slices.Clone(to), from[0])) {
			t.Errorf("%+v, %v", result, err)
		}
		if last := result.Associations[30]; !errors.Is(last.Err, vpp.ErrNotEnoughLicenses) || result.Done() {
			t.Errorf("%+v", last)
		}
		if diff := cmp.Diff(slices.Sorted(slices.Values(to)), s.holders("1")); diff != "" {
			t.Error(diff)
		}
		if n := s.count("manageVPPLicensesByAdamIdSrv"); n != 12 { // 8 for those who lose, the last of them with 7 who get, 4 more
			t.Errorf("%d requests", n)
		}
		s.noViolations(t)
	})
}

// Everything may be asked for again: nothing changes, and all is done.
func TestManageOnceMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.Buy(vpptest.Asset{AdamID: "1", Total: 10})
		s.users(3)
		for range 5 { // 9616 becomes 9630
			result, err := s.client.ManageLicenses(t.Context(), legacy.Management{
				AdamID: "1", AssociateClientUserIDs: []string{"u0", "u1"}, DisassociateClientUserIDs: []string{"u2"},
			})
			done(t, result, err)
		}
		if diff := cmp.Diff([]string{"u0", "u1"}, s.holders("1")); diff != "" {
			t.Error(diff)
		}
		user, err := s.client.User(t.Context(), legacy.UserKey{ClientUserID: "u0"})
		if err != nil || len(user.Licenses) != 1 {
			t.Fatalf("%+v, %v", user, err)
		}
		result, err := s.client.ManageLicenses(t.Context(), legacy.Management{
			AdamID: "1", DisassociateLicenseIDs: []string{user.Licenses[0].ID},
		})
		done(t, result, err)
		if diff := cmp.Diff([]string{"u1"}, s.holders("1")); diff != "" {
			t.Error(diff)
		}
	})
}

func TestLimitsThatBecomeLower(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.Buy(vpptest.Asset{AdamID: "1", Total: 100})
		if err := s.ask(t); err != nil {
			t.Fatal(err)
		}
		s.srv.SetLimit("maxBatchAssociateLicenseCount", 4)
		result, err := s.client.ManageLicenses(t.Context(), legacy.Management{AdamID: "1", AssociateSerialNumbers: names("A", 10)})
		done(t, result, err)
		if n, reads := s.count("manageVPPLicensesByAdamIdSrv"), s.count("VPPServiceConfigSrv"); n != 4 || reads != 2 {
			t.Errorf("%d requests, %d reads of the service configuration", n, reads)
		}
		s.srv.SetLimit("maxBatchDisassociateLicenseCount", 6)
		result, err = s.client.ManageLicenses(t.Context(), legacy.Management{AdamID: "1", DisassociateSerialNumbers: names("A", 10)})
		done(t, result, err)
		if h := s.holders("1"); len(h) != 0 {
			t.Errorf("left: %q", h)
		}
	})
}

// An argument that is wrong for another reason is told, after one look at the limits.
func TestAnInvalidArgumentIsNotRepeated(t *testing.T) {
	for name, fault := range map[string]vpptest.Fault{
		"config works": {Kind: vpptest.Late, Path: "/mdm/VPPServiceConfigSrv", Skip: 1},
		"config fails": {Kind: vpptest.Busy, Path: "/mdm/VPPServiceConfigSrv", Skip: 1, Count: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, nil, func(o *legacy.Options) { o.Retry.Tries = 1 })
				invalid := vpptest.LegacyErrorFault(9602)
				invalid.Path, invalid.Count = "/mdm/manageVPPLicensesByAdamIdSrv", -1
				s.srv.Fail(invalid)
				s.srv.Fail(fault)
				_, err := s.client.ManageLicenses(t.Context(), legacy.Management{AdamID: "1", AssociateSerialNumbers: names("A", 10)})
				if !errors.Is(err, vpp.ErrInvalidRequest) || s.count("manageVPPLicensesByAdamIdSrv") != 1 {
					t.Errorf("%v after %d requests", err, s.count("manageVPPLicensesByAdamIdSrv"))
				}
			})
		})
	}
}

func TestAManagementThatBreaksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, func(o *legacy.Options) { o.Retry.Tries = 1 })
		s.Buy(vpptest.Asset{AdamID: "1", Total: 100})
		s.AssignByOther("1", "", vpptest.ToDevice("X"))
		m := legacy.Management{AdamID: "1", DisassociateSerialNumbers: []string{"X"}, AssociateSerialNumbers: names("A", 25)}
		s.srv.Fail(vpptest.Fault{Kind: vpptest.Lose, Path: "/mdm/manageVPPLicensesByAdamIdSrv", Skip: 1})
		_, err := s.client.ManageLicenses(t.Context(), m)
		partial, ok := errors.AsType[*legacy.PartialError](err)
		line, lost := errors.AsType[*vpp.TransportError](err)
		if !ok || !lost || !line.Sent || !strings.HasPrefix(err.Error(), "after some of several requests: manage licenses: ") {
			t.Fatal(err)
		}
		r := partial.Result
		if !slices.Equal(targets(r.Associations), m.AssociateSerialNumbers) || r.Disassociations[0].Err != nil || r.Done() {
			t.Errorf("%+v", r)
		}
		for i, o := range r.Associations {
			switch {
			case i < 10 && (o.Status != vpp.StatusDone || o.Err != nil), i >= 10 && o.Err != partial.Err,
				i >= 10 && i < 20 && o.Status != vpp.StatusUncertain, i >= 20 && o.Status != vpp.StatusNotSent:
				t.Errorf("%d: %v, %v", i, o.Status, o.Err)
			}
		}
		result, err := s.client.ManageLicenses(t.Context(), m) // goes on
		done(t, result, err)
		if n := len(s.holders("1")); n != 25 {
			t.Errorf("%d have it", n)
		}
	})
}

func TestATakingBackThatBreaksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, func(o *legacy.Options) { o.Retry.Tries = 1 })
		s.users(25)
		s.Buy(vpptest.Asset{AdamID: "1", Total: 25})
		m := legacy.Management{AdamID: "1", AssociateClientUserIDs: names("u", 25)}
		result, err := s.client.ManageLicenses(t.Context(), m)
		done(t, result, err)
		m = legacy.Management{AdamID: "1", DisassociateClientUserIDs: names("u", 25), AssociateSerialNumbers: names("A", 3)}
		s.srv.Fail(vpptest.Fault{Kind: vpptest.Reset, Path: "/mdm/manageVPPLicensesByAdamIdSrv", Skip: 1})
		_, err = s.client.ManageLicenses(t.Context(), m)
		partial, ok := errors.AsType[*legacy.PartialError](err)
		if !ok {
			t.Fatal(err)
		}
		var statuses []vpp.Status
		for _, o := range slices.Concat(partial.Result.Disassociations, partial.Result.Associations) {
			statuses = append(statuses, o.Status)
		}
		want := slices.Concat(slices.Repeat([]vpp.Status{vpp.StatusDone}, 10), slices.Repeat([]vpp.Status{vpp.StatusUncertain}, 10),
			slices.Repeat([]vpp.Status{vpp.StatusNotSent}, 8))
		if diff := cmp.Diff(want, statuses); diff != "" || !slices.Equal(targets(partial.Result.Disassociations), m.DisassociateClientUserIDs) {
			t.Error(diff)
		}
		result, err = s.client.ManageLicenses(t.Context(), m)
		done(t, result, err)
	})
}

// A licence that was taken back may be somebody else's by the time a second request comes.
func TestLicensesByNumberAreTakenBackOnce(t *testing.T) {
	for name, tc := range map[string]struct {
		fault    vpptest.Fault
		requests int
		want     string // as in the fault matrix
	}{
		"answer lost": {vpptest.Fault{Kind: vpptest.Lose}, 1, faultmatrix.Lost},
		"9603":        {vpptest.LegacyErrorFault(9603), 1, faultmatrix.Server},
		"busy":        {vpptest.Fault{Kind: vpptest.Busy}, 2, works},
		"refused":     {vpptest.Fault{Kind: vpptest.Refuse}, 1, works}, // the first one did not arrive
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, nil, nil)
				s.Buy(vpptest.Asset{AdamID: "1", Total: 1})
				s.AssignByOther("1", "", vpptest.ToDevice("A"))
				held, err := exchange.Collect(s.client.Licenses(t.Context(), legacy.LicenseFilter{AssignedOnly: true}))
				if err != nil || len(held) != 1 {
					t.Fatalf("%+v, %v", held, err)
				}
				tc.fault.Path = "/mdm/manageVPPLicensesByAdamIdSrv"
				s.srv.Fail(tc.fault)
				result, err := s.client.ManageLicenses(t.Context(), legacy.Management{AdamID: "1", DisassociateLicenseIDs: []string{held[0].ID}})
				if err == nil && (!result.Done() || len(s.holders("1")) != 0) {
					t.Errorf("%+v", result)
				}
				if n := s.count("manageVPPLicensesByAdamIdSrv"); n != tc.requests || ending(err) != tc.want {
					t.Errorf("%v after %d requests", err, n)
				}
			})
		})
	}
}

// Apple's answer to the part that failed decides what became of it.
func TestWhatBecameOfThePartThatFailed(t *testing.T) {
	for _, tc := range []struct {
		want  vpp.Status
		fault vpptest.Fault
	}{
		{vpp.StatusFailed, vpptest.LegacyErrorFault(9645)},
		{vpp.StatusNotSent, vpptest.Fault{Kind: vpptest.Busy}},
		{vpp.StatusNotSent, vpptest.Fault{Kind: vpptest.Refuse}},
		{vpp.StatusUncertain, vpptest.Fault{Kind: vpptest.Empty}},
		{vpp.StatusUncertain, vpptest.Fault{Kind: vpptest.Truncate}},
		{vpp.StatusUncertain, vpptest.Fault{Kind: vpptest.Lose}},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newSite(t, nil, func(o *legacy.Options) { o.Retry.Tries = 1 })
			s.Buy(vpptest.Asset{AdamID: "1", Total: 100})
			tc.fault.Path, tc.fault.Skip = "/mdm/manageVPPLicensesByAdamIdSrv", 1
			s.srv.Fail(tc.fault)
			_, err := s.client.ManageLicenses(t.Context(), legacy.Management{AdamID: "1", AssociateSerialNumbers: names("A", 25)})
			partial, ok := errors.AsType[*legacy.PartialError](err)
			if !ok || partial.Result.Associations[10].Status != tc.want || partial.Result.Associations[20].Status != vpp.StatusNotSent {
				t.Errorf("%s: %v", tc.want, err)
			}
		})
	}
}

// What ends before a request is in none: nothing is uncertain.
func TestAManagementThatIsCancelledBetweenRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, func(o *legacy.Options) { o.Retry.Tries = 1 })
		s.Buy(vpptest.Asset{AdamID: "1", Total: 100})
		s.srv.Fail(vpptest.Fault{Kind: vpptest.Late, Path: "/mdm/manageVPPLicensesByAdamIdSrv", Delay: 6 * time.Minute})
		s.srv.Fail(vpptest.Fault{Kind: vpptest.Silence, Path: "/mdm/VPPServiceConfigSrv", Skip: 1})
		slow := s.newClient(t, func(o *legacy.Options) { o.HTTPClient.Timeout = time.Hour })
		ctx, cancel := context.WithTimeout(t.Context(), 7*time.Minute)
		defer cancel()
		_, err := slow.ManageLicenses(ctx, legacy.Management{AdamID: "1", AssociateSerialNumbers: names("A", 25)})
		partial, ok := errors.AsType[*legacy.PartialError](err)
		if !ok || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		for i, o := range partial.Result.Associations {
			if i < 10 && o.Err != nil || i >= 10 && (o.Err != partial.Err || o.Status != vpp.StatusNotSent) {
				t.Errorf("%d: %v, %v", i, o.Status, o.Err)
			}
		}
	})
}

func TestBadInputCostsNoRequest(t *testing.T) {
	s := newSite(t, nil, nil)
	ctx := t.Context()
	manage := func(m legacy.Management) error { _, err := s.client.ManageLicenses(ctx, m); return err }
	one := []string{"A"}
	for name, err := range map[string]error{
		"Management.AdamID: must not be empty":                          manage(legacy.Management{AssociateSerialNumbers: one}),
		`Management.AdamID: is "x"`:                                     manage(legacy.Management{AdamID: "x", AssociateSerialNumbers: one}),
		"Management: must name somebody":                                manage(legacy.Management{AdamID: "1"}),
		"Management.AssociateSerialNumbers: must not have entries":      manage(legacy.Management{AdamID: "1", AssociateSerialNumbers: one, AssociateClientUserIDs: one}),
		"Management.DisassociateLicenseIDs: must not have entries":      manage(legacy.Management{AdamID: "1", DisassociateSerialNumbers: one, DisassociateLicenseIDs: one}),
		"Management.AssociateSerialNumbers[1]: must not be empty":       manage(legacy.Management{AdamID: "1", AssociateSerialNumbers: []string{"A", ""}}),
		"Management.DisassociateClientUserIDs[1]: must not be empty":    manage(legacy.Management{AdamID: "1", DisassociateClientUserIDs: []string{"A", ""}}),
		"UserRequest.ClientUserID: must not be empty":                   errOf(s.client.RegisterUser(ctx, vpp.UserRequest{})),
		"UserKey: must have one of ClientUserID and UserID":             errOf(s.client.User(ctx, legacy.UserKey{})),
		"UserKey: must have one of ClientUserID and UserID (both)":      errOf(s.client.EditUser(ctx, legacy.UserKey{UserID: 1, ClientUserID: "u"}, legacy.UserChange{Email: "x"})),
		"UserKey.UserID: must not be negative":                          errOf(s.client.RetireUser(ctx, legacy.UserKey{UserID: -1})),
		"UserKey.IDHash: goes with ClientUserID only":                   errOf(s.client.User(ctx, legacy.UserKey{UserID: 1, IDHash: "h"})),
		"UserKey.IDHash: is not for retiring":                           errOf(s.client.RetireUser(ctx, legacy.UserKey{ClientUserID: "u", IDHash: "h"})),
		"UserChange: must change something":                             errOf(s.client.EditUser(ctx, legacy.UserKey{UserID: 1}, legacy.UserChange{})),
		"UserFilter: must not have both IncludeRetired and RetiredOnly": errOfAll(s.client.Users(ctx, legacy.UserFilter{IncludeRetired: true, RetiredOnly: true})),
		"LicenseFilter: must have at most one":                          errOfAll(s.client.Licenses(ctx, legacy.LicenseFilter{AssignedOnly: true, UserAssignedOnly: true})),
		"LicenseFilter.PricingParam: goes with AdamID only":             errOfAll(s.client.Licenses(ctx, legacy.LicenseFilter{PricingParam: "STDQ"})),
		"LicenseFilter.SerialNumber: is":                                errOfAll(s.client.Licenses(ctx, legacy.LicenseFilter{SerialNumber: "A B"})),
		"LicenseFilter.AdamID: is":                                      errOfAll(s.client.Licenses(ctx, legacy.LicenseFilter{AdamID: "-1"})),
		"AssignmentFilter.AdamID: is":                                   errOfAll(s.client.Assignments(ctx, legacy.AssignmentFilter{AdamID: "x"})),
		"AssignmentFilter.SerialNumber: is":                             errOfAll(s.client.Assignments(ctx, legacy.AssignmentFilter{SerialNumber: "Ä"})),
		"token: must not be empty":                                      errOf(s.client.SetNotificationToken(ctx, vpp.Secret{})),
	} {
		want, _, _ := strings.Cut(name, " (")
		if e, ok := errors.AsType[*vpp.InputError](err); !ok || !strings.HasPrefix(e.Error(), want) {
			t.Errorf("%q, want %q", err, want)
		}
	}
	if n := len(s.srv.Received()); n != 0 {
		t.Errorf("%d requests", n)
	}
}

func errOf[T any](_ T, err error) error { return err }

func errOfAll[T any](seq func(func(T, error) bool)) (last error) {
	for _, err := range seq {
		last = err
	}
	return last
}
