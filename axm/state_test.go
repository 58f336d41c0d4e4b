package axm_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/axm"
	"github.com/applemdm/applemdm/axm/axmtest"
)

// Every condition of an account, how it comes about at Apple's side, and how it ends.
func TestStateEdges(t *testing.T) {
	for _, edge := range []struct {
		name  string
		kind  axm.StateKind
		err   error
		fault axmtest.Fault
	}{
		{"key rejected", axm.StateKeyRejected, axm.ErrInvalidClient,
			axmtest.Fault{Path: tokenPath, Kind: axmtest.Answer, Status: 400, Body: `{"error":"invalid_client"}`}},
		{"token refused", axm.StateTokenRefused, axm.ErrTokenRefused,
			axmtest.Fault{Path: tokenPath, Kind: axmtest.Answer, Status: 400, Body: `{"error":"unauthorized_client"}`}},
		{"unauthorized", axm.StateUnauthorized, axm.ErrUnauthorized,
			axmtest.Fault{Path: "/v1/*", Kind: axmtest.Answer, Status: 401, Count: -1}},
	} {
		t.Run(edge.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, nil, nil)
				if err := s.ask(t); err != nil {
					t.Fatal(err)
				}
				s.Account().ExpireTokens()
				s.srv.Fail(edge.fault)
				for range 2 {
					if err := s.ask(t); !errors.Is(err, edge.err) {
						t.Errorf("call: %v", err)
					}
				}
				state := s.client.State()
				if state.Kind != edge.kind || state.Kind.Usable() || !errors.Is(state.Err, edge.err) || state.Since.IsZero() {
					t.Errorf("%+v", state)
				}
				s.srv.ResetFaults()
				s.store(t, s.Account().GenerateKey()) // so that nothing is waited for
				for range 2 {
					if err := s.ask(t); err != nil {
						t.Error(err)
					}
				}
				if diff := cmp.Diff([]axm.StateKind{axm.StateOK, edge.kind, axm.StateOK}, s.kinds()); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// What one call may not do, and what the line does, says nothing of the account.
func TestWhatIsNoState(t *testing.T) {
	for name, fault := range map[string]axmtest.Fault{
		"forbidden": axmtest.ErrorFault(403, "FORBIDDEN_ERROR", "x"), "not found": axmtest.ErrorFault(404, "NOT_FOUND", "x"),
		"busy": {Kind: axmtest.Busy, Status: 429}, "lost": {Kind: axmtest.Reset, Count: -1}, "odd": {Kind: axmtest.Truncate},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, nil, func(o *axm.Options) { o.Retry.Tries = 1 })
				if err := s.ask(t); err != nil {
					t.Fatal(err)
				}
				fault.Path = "/v1/*"
				s.srv.Fail(fault)
				if err := s.ask(t); err == nil {
					t.Error("the call succeeded")
				}
				if diff := cmp.Diff([]axm.StateKind{axm.StateOK}, s.kinds()); diff != "" || !s.client.State().Kind.Usable() {
					t.Error(diff)
				}
			})
		})
	}
}
