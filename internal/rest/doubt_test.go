package rest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/internal/rest"
	"github.com/applemdm/applemdm/internal/sim"
)

// A call that is repeated tells when an attempt before may have been processed.
func TestDoubtIsToldBeforeRepeating(t *testing.T) {
	for name, tc := range map[string]struct {
		faults []sim.Fault
		want   int
	}{
		"at once":             {nil, 0},
		"refused connections": {[]sim.Fault{{Kind: sim.Refuse, Count: 2}}, 0},
		"too many requests":   {[]sim.Fault{{Status: 429}}, 0},
		"unavailable":         {[]sim.Fault{{Kind: sim.Busy}}, 0},
		"failure":             {[]sim.Fault{{Status: 500, Count: 2}}, 2},
		"a gateway's page":    {[]sim.Fault{{Kind: sim.HTML}}, 1},
		"lost":                {[]sim.Fault{{Kind: sim.Lose, Count: 2}, {Kind: sim.Busy}}, 2},
		"lost in the body":    {[]sim.Fault{{Kind: sim.ResetBody}}, 1},
		"the last one":        {[]sim.Fault{{Kind: sim.Busy, Count: 3}, {Kind: sim.Drip, Delay: time.Hour}}, 0}, // its error tells
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				for _, f := range tc.faults {
					b.faults.Add(f)
				}
				told := 0
				req := rest.Request{Op: "assign", Method: "POST", Path: rest.Path{"assign"}, Body: []byte("{}"), Repeatable: true}
				req.Doubt = func() { told++ }
				_, _ = b.engine(t, nil).Do(t.Context(), req)
				if told != tc.want {
					t.Errorf("told %d times, want %d", told, tc.want)
				}
			})
		})
	}
}
