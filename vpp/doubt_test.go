package vpp_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

// What an attempt may have brought about is not called unsent because a later one was refused.
func TestWhatMayHaveBeenTakenIsNotCalledUnsent(t *testing.T) {
	retire := func(ctx context.Context, c *vpp.Client) (*vpp.Operation, error) {
		return c.RetireUsers(ctx, []string{"u-1", "u-2"})
	}
	associate := func(ctx context.Context, c *vpp.Client) (*vpp.Operation, error) {
		return c.Associate(ctx, keys(1), vpp.Devices("DEMO00000001"))
	}
	for name, tc := range map[string]struct {
		call   func(ctx context.Context, c *vpp.Client) (*vpp.Operation, error)
		path   string
		faults []vpptest.Fault
		begun  string
	}{
		"repeated until it is unavailable": {associate, associatePath, []vpptest.Fault{
			{Kind: vpptest.Lose}, {Kind: vpptest.Busy, Count: 3},
		}, "1000000001 (STDQ) for DEMO00000001: uncertain associate assets: status 503 error 9729: the service is unavailable\n"},
		"refused for a reason that got lost": {retire, "/mdm/v2/users/retire", []vpptest.Fault{
			{Kind: vpptest.Lose}, {Status: 400, Count: 4},
		}, "u-1: uncertain retire users: status 400\nu-2: uncertain retire users: status 400\n"},
		"refused in halves, then not any more": {retire, "/mdm/v2/users/retire", []vpptest.Fault{
			{Kind: vpptest.Lose}, vpptest.ErrorFault(9602), {Status: 400, Count: 4},
		}, "u-1: uncertain retire users: status 400\nu-2: uncertain retire users: status 400\n"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, nil, nil)
				s.stock(1)
				s.CreateUserByOther("u-1", "", "")
				s.CreateUserByOther("u-2", "", "")
				for _, f := range tc.faults {
					f.Path = tc.path
					s.srv.Fail(f)
				}
				op, err := tc.call(t.Context(), s.client)
				if err != nil {
					t.Fatalf("it may have been queued: %v", err)
				}
				if got := told(op.Result()); got != tc.begun {
					t.Errorf("%s, want %s", got, tc.begun)
				}
				s.srv.ResetFaults()
				writes := s.srv.Count("POST", tc.path)
				if r := wait(t, op, nil); !r.Done() || s.srv.Count("POST", tc.path) != writes {
					t.Errorf("%s: %s", told(r), "it was done by the first attempt")
				}
				s.noViolations(t)
			})
		})
	}
}
