package vpp_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

// Whatever the line, the events and the notifications do, outcomes are what is true. To see others than
// the first 12 weathers of each call: VPP_WEATHERS=2000.
func TestOutcomesAreTrueWhateverHappens(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]venture{
		"associate": associateVenture, "disassociate": disassociateVenture, "revoke": revokeVenture,
		"create": createVenture, "update": updateVenture, "retire": retireVenture,
		"give seats": giveSeatsVenture, "take seats": takeSeatsVenture, "take seats later": takeSeatsLaterVenture,
	} {
		for seed := range uint64(runs("VPP_WEATHERS", 12)) {
			t.Run(fmt.Sprint(name, " ", seed), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { newWeather(t, o.path, seed).run(t, o) })
			})
		}
	}
}

// venture is an operation that is begun in a weather, and a look at whether an outcome is as wanted.
type venture struct {
	path  string
	begin func(ctx context.Context, w *weather, people []string) (*vpp.Operation, error)
	is    func(w *weather, o vpp.Outcome) bool
}

var (
	associateVenture = venture{associatePath, func(ctx context.Context, w *weather, people []string) (*vpp.Operation, error) {
		return w.client.Associate(ctx, keys(w.assets), vpp.Targets{ClientUserIDs: people, SerialNumbers: serials(1 + w.rand.IntN(9))})
	}, (*weather).holds}

	disassociateVenture = venture{"/mdm/v2/assets/disassociate", func(ctx context.Context, w *weather, people []string) (*vpp.Operation, error) {
		n := 1 + w.rand.IntN(9)
		for _, key := range keys(w.assets) {
			for _, serial := range serials(n) {
				w.AssignByOther(string(key.AdamID), "", vpptest.ToDevice(serial))
			}
		}
		return w.client.Disassociate(ctx, keys(w.assets), vpp.Targets{ClientUserIDs: people, SerialNumbers: serials(n)})
	}, func(w *weather, o vpp.Outcome) bool { return !w.holds(o) }}

	createVenture = venture{"/mdm/v2/users/create", func(ctx context.Context, w *weather, people []string) (*vpp.Operation, error) {
		users := []vpp.UserRequest{{ClientUserID: "new"}}
		for _, id := range people {
			users = append(users, vpp.UserRequest{ClientUserID: id})
		}
		return w.client.CreateUsers(ctx, users)
	}, (*weather).active}

	retireVenture = venture{"/mdm/v2/users/retire", func(ctx context.Context, w *weather, people []string) (*vpp.Operation, error) {
		w.CreateUserByOther("old", "", "")
		return w.client.RetireUsers(ctx, append(people, "old"))
	}, func(w *weather, o vpp.Outcome) bool { return !w.active(o) }}
)

func (w *weather) holds(o vpp.Outcome) bool {
	return slices.ContainsFunc(w.Assignments(), func(a vpptest.Assignment) bool {
		return a.AdamID == string(o.Asset.AdamID) && a.ClientUserID == o.ClientUserID && a.SerialNumber == o.SerialNumber
	})
}

func (w *weather) active(o vpp.Outcome) bool {
	_, is := w.User(o.ClientUserID)
	return is
}

// weather is a site where much goes wrong.
type weather struct {
	*site
	rand           *rand.Rand
	assets, people int
	prepared       int // events of the preparation
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func newWeather(t *testing.T, path string, seed uint64) *weather {
	r := rand.New(rand.NewPCG(seed, 7))
	w := &weather{rand: r, assets: 1 + r.IntN(4), people: r.IntN(6)}
	w.site = newSite(t, &vpptest.Options{
		PageSize: 3, EventDelay: pick(r, 0, time.Second, 20*time.Second, 8*time.Minute), PendingPolls: pick(r, 0, 0, 1),
		FailureDetail:    pick(r, vpptest.DetailByAsset, vpptest.DetailMerged, vpptest.DetailNone),
		LateUserNotFound: pick(r, true, false), Latency: pick(r, 0, 300*time.Millisecond),
	}, func(o *vpp.Options) {
		o.PollAfter = pick(r, 0, 0, time.Minute)
		o.Retry.Tries = pick(r, 0, 1)
		if seed%4 > 0 { // to look for secrets in what is logged takes time
			o.Logger, o.Trace = nil, nil
		}
	})
	w.srv.SetLimit("maxAssets", 1+r.IntN(3))
	w.srv.SetLimit("maxSerialNumbers", 1+r.IntN(5))
	w.srv.SetLimit("maxClientUserIds", 1+r.IntN(5))
	w.srv.SetLimit("maxUsers", 1+r.IntN(5))
	w.srv.SetLimit("maxRequestPerSecond", pick(r, 3, 15))
	for i := range w.assets {
		w.Buy(vpptest.Asset{AdamID: fmt.Sprint(1000000001 + i), Total: r.IntN(14), ProductType: pick(r, "App", "App", "App", "Book")})
	}
	if r.IntN(2) == 0 {
		w.receive(t)
		r := rand.New(rand.NewPCG(seed, 8)) // used under a lock of the server
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
		f := vpptest.Fault{Path: path, Skip: r.IntN(4)}
		f.Kind = pick(r, vpptest.Lose, vpptest.HTML, vpptest.Busy, vpptest.Truncate, vpptest.Empty, vpptest.Gzip)
		if r.IntN(2) == 0 { // net/http by itself repeats what it may, when a connection is lost
			f.Path, f.Kind = pick(r, statusPath, "/mdm/v2/assignments", "/mdm/v2/users"), pick(r, vpptest.HTML, vpptest.Busy, vpptest.Empty)
		}
		w.srv.Fail(f)
	}
	return w
}

func (w *weather) run(t *testing.T, v venture) {
	var people []string
	for i := range w.people {
		people = append(people, fmt.Sprintf("u-%d", i))
		if w.rand.IntN(4) > 0 {
			w.CreateUserByOther(people[i], "", "")
		}
	}
	op, err := v.begin(t.Context(), w, people)
	if err != nil {
		if len(w.Events()) > w.prepared {
			t.Errorf("%v, and something was queued", err)
		}
		return
	}
	r := w.waitThrough(t, op)
	for _, o := range r.Outcomes {
		is := v.is(w, o)
		switch o.Status {
		case vpp.StatusDone:
			if !is {
				t.Errorf("%v, and it is not", o)
			}
		case vpp.StatusFailed, vpp.StatusNotSent, vpp.StatusUncertain, vpp.StatusPending:
			before := errors.Is(o.Err, vpp.ErrUserExists) || errors.Is(o.Err, vpp.ErrUserNotFound) || v.path != associatePath
			if is && !before || o.Status != vpp.StatusPending && o.Err == nil {
				t.Errorf("%v %v, and it is", o, o.Err)
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
			_, lost := errors.AsType[*vpp.TransportError](err)
			e, answered := errors.AsType[*vpp.Error](err)
			if !lost && !errors.Is(err, vpp.ErrUnexpectedAnswer) && !(answered && e.Number == 0) { // which has lost its body
				t.Errorf("%v", err)
			}
		}
	}
	t.Fatalf("no end of it:\n%s", told(op.Result()))
	return nil
}
