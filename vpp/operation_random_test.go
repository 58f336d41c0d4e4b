package vpp_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

// Whatever the line, the events and the notifications do, outcomes are what is true.
func TestOutcomesAreTrueWhateverHappens(t *testing.T) {
	for seed := range uint64(120) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { newWeather(t, seed).associate(t) })
		})
	}
}

// weather is a site where much goes wrong.
type weather struct {
	*site
	rand           *rand.Rand
	assets, people int
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func newWeather(t *testing.T, seed uint64) *weather {
	r := rand.New(rand.NewPCG(seed, 7))
	w := &weather{rand: r, assets: 1 + r.IntN(4), people: r.IntN(6)}
	w.site = newSite(t, &vpptest.Options{
		PageSize: 3, EventDelay: pick(r, 0, time.Second, 20*time.Second, 8*time.Minute), PendingPolls: pick(r, 0, 0, 1),
		FailureDetail:    pick(r, vpptest.DetailByAsset, vpptest.DetailMerged, vpptest.DetailNone),
		LateUserNotFound: pick(r, true, false), Latency: pick(r, 0, 300*time.Millisecond),
	}, func(o *vpp.Options) {
		o.PollAfter = pick(r, 0, 0, time.Minute)
		o.Retry.Tries = pick(r, 0, 1)
	})
	w.srv.SetLimit("maxAssets", 1+r.IntN(3))
	w.srv.SetLimit("maxSerialNumbers", 1+r.IntN(5))
	w.srv.SetLimit("maxClientUserIds", 1+r.IntN(5))
	w.srv.SetLimit("maxRequestPerSecond", pick(r, 3, 15))
	for i := range w.assets {
		w.Buy(vpptest.Asset{AdamID: fmt.Sprint(1000000001 + i), Total: r.IntN(14), ProductType: pick(r, "App", "App", "App", "Book")})
	}
	if r.IntN(2) == 0 {
		w.receive(t)
		w.SetDelivery(vpptest.Delivery{
			Delay:  func(vpptest.Notification) time.Duration { return time.Duration(r.IntN(40)) * time.Second },
			Lose:   func(vpptest.Notification) bool { return r.IntN(4) == 0 },
			Copies: func(vpptest.Notification) int { return r.IntN(2) },
		})
	}
	for range r.IntN(5) {
		w.NextEvents(pick(r, vpptest.Run, vpptest.Run, vpptest.Forget, vpptest.ForgetRun, vpptest.Stall, vpptest.StallRun))
	}
	for range r.IntN(4) {
		f := vpptest.Fault{Path: associatePath, Skip: r.IntN(4)}
		f.Kind = pick(r, vpptest.Lose, vpptest.HTML, vpptest.Busy, vpptest.Truncate, vpptest.Empty, vpptest.Gzip)
		if r.IntN(2) == 0 { // net/http by itself repeats what it may, when a connection is lost
			f.Path, f.Kind = pick(r, statusPath, "/mdm/v2/assignments"), pick(r, vpptest.HTML, vpptest.Busy, vpptest.Empty)
		}
		w.srv.Fail(f)
	}
	return w
}

func (w *weather) associate(t *testing.T) {
	var ids []string
	for i := range w.people {
		ids = append(ids, fmt.Sprintf("u-%d", i))
		if w.rand.IntN(4) > 0 {
			w.CreateUserByOther(ids[i], "", "")
		}
	}
	op, err := w.client.Associate(t.Context(), keys(w.assets), vpp.Targets{ClientUserIDs: ids, SerialNumbers: serials(1 + w.rand.IntN(9))})
	if err != nil {
		if len(w.Assignments()) > 0 {
			t.Errorf("%v, and something was queued", err)
		}
		return
	}
	r := w.waitThrough(t, op)
	there := map[vpp.AssignmentKey]bool{}
	for _, a := range w.Assignments() {
		there[vpp.AssignmentKey{Asset: vpp.AssetKey{AdamID: vpp.AdamID(a.AdamID), PricingParam: vpp.PricingParam(a.PricingParam)},
			ClientUserID: a.ClientUserID, SerialNumber: a.SerialNumber}] = true
	}
	for _, o := range r.Outcomes {
		is := there[vpp.AssignmentKey{Asset: o.Asset, ClientUserID: o.ClientUserID, SerialNumber: o.SerialNumber}]
		switch o.Status {
		case vpp.StatusDone:
			if !is {
				t.Errorf("%v, and it is not there", o)
			}
		case vpp.StatusFailed, vpp.StatusNotSent:
			if is || o.Err == nil {
				t.Errorf("%v %v, and it is there", o, o.Err)
			}
		case vpp.StatusUncertain, vpp.StatusPending: // given up
			if is {
				t.Errorf("%v %v, and it is there", o, o.Err)
			}
		default:
			t.Errorf("%v", o)
		}
	}
	p := op.Progress()
	if p.Done+p.Failed+p.NotSent+p.Pending+p.Uncertain != p.Total || p.Total != len(r.Outcomes) {
		t.Errorf("%+v", p)
	}
	w.noViolations(t)
}

// waitThrough waits, calling Wait again where Apple could not be asked, and starting again where
// that may happen.
func (w *weather) waitThrough(t *testing.T, op *vpp.Operation) *vpp.Result {
	for tries := range 12 {
		if w.rand.IntN(4) == 0 {
			resumed, err := w.client.ResumeOperation(op.Record())
			if err != nil {
				t.Fatal(err)
			}
			op = resumed
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+w.rand.IntN(40))*time.Minute)
		r, err := op.Wait(ctx)
		cancel()
		switch {
		case err == nil:
			return r
		case r != nil:
			t.Errorf("a result with %v", err)
		case tries < 11 && !errors.Is(err, vpp.ErrServer) && !errors.Is(err, vpp.ErrMaintenance) && !errors.Is(err, context.DeadlineExceeded):
			if _, ok := errors.AsType[*vpp.TransportError](err); !ok && !errors.Is(err, vpp.ErrUnexpectedAnswer) {
				t.Errorf("%v", err)
			}
		}
	}
	t.Fatalf("no end of it:\n%s", told(op.Result()))
	return nil
}
