package vpp_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

// TestHistories lets small locations live through random histories: a backend assigns, takes back,
// revokes, creates, retires and reconciles; content managers buy, refund and transfer; another
// manager writes, and claims the location; people accept invitations; events, notifications, the
// line, the service, the token and the process fail. Whatever happens, the outcomes of each operation
// agree with what is true, nobody has anything that nobody gave, and in the end the backend knows what
// the service knows, and can bring about what it wants.
//
// To see one history again: go test ./vpp -run TestHistories//seed=17$ -v. To see others than the
// first 200: VPP_HISTORIES=5000.
func TestHistories(t *testing.T) {
	histories := runs("VPP_HISTORIES", 200)
	var mu sync.Mutex
	var total tally
	t.Cleanup(func() { total.judge(t) })
	const lanes = 2
	for lane := range lanes {
		t.Run(fmt.Sprint("lane=", lane), func(t *testing.T) {
			t.Parallel()
			for seed := lane; seed < histories; seed += lanes {
				t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						counted := newHistory(t, uint64(seed)).play()
						mu.Lock()
						defer mu.Unlock()
						total.add(counted)
					})
				})
			}
		})
	}
}

// runs returns how many runs of a random test to make: as many as the environment says, or few, so
// that the tests of the package are quick.
func runs(variable string, few int) int {
	if n, err := strconv.Atoi(os.Getenv(variable)); err == nil {
		return n
	}
	return few
}

// history is one random history.
type history struct {
	*site
	t     *testing.T
	rng   *rand.Rand
	seed  uint64
	other *vpptest.Location // of the organization, where licences are moved to and from
	delay time.Duration     // of events
	calm  bool
	pause time.Duration // that a new process takes at least: it does not know what was asked of the last one

	// What excuses violations.
	lostAnswers bool // of any request
	unheard     bool // the claim of another, as far as one knows
	cutOff      bool // a call before its answer came

	mu       sync.Mutex // for what follows: work goes on while others wait
	receiver *vpp.Receiver
	mirror   mirror
	ledger   ledger
	tally    tally
}

// tally counts what happened.
type tally struct {
	Histories, Requests, Operations, Outcomes, Checked, Plans, Refused, Restarts, Notifications int
}

func (a *tally) add(b tally) {
	a.Histories++
	a.Requests += b.Requests
	a.Operations += b.Operations
	a.Outcomes += b.Outcomes
	a.Checked += b.Checked
	a.Plans += b.Plans
	a.Refused += b.Refused
	a.Restarts += b.Restarts
	a.Notifications += b.Notifications
}

// judge sees to it that nobody makes the test toothless without noticing.
func (a *tally) judge(t *testing.T) {
	t.Logf("%+v", *a)
	if a.Histories >= 100 && a.Checked < 15*a.Histories {
		t.Error("hardly anything was checked")
	}
}

func newHistory(t *testing.T, seed uint64) *history {
	r := rand.New(rand.NewPCG(seed, 11))
	h := &history{t: t, rng: r, seed: seed, pause: time.Second, delay: pick(r, 0, 0, time.Second, 20*time.Second, 8*time.Minute)}
	h.ledger.init()
	h.site = newSite(t, &vpptest.Options{
		PageSize: 3 + r.IntN(6), EventDelay: h.delay, PendingPolls: pick(r, 0, 0, 1, 2),
		EventLife:        pick(r, 0, 0, time.Hour),
		FailureDetail:    pick(r, vpptest.DetailByAsset, vpptest.DetailMerged, vpptest.DetailNone),
		LateUserNotFound: pick(r, true, false), AlwaysTellExpiry: pick(r, true, false),
		Latency: pick(r, 0, 0, 50*time.Millisecond), RetryAfter: 2 * time.Second,
		NotifyClient: &http.Client{Transport: hook{h}},
	}, h.options)
	h.other = h.srv.AddLocation(vpptest.LocationOptions{})
	h.srv.SetLimit("maxRequestPerSecond", 15)
	h.tighten()
	for i := range 4 {
		a := vpptest.Asset{AdamID: appID(i), Total: r.IntN(12), ProductType: vpptest.App, NotDeviceAssignable: i == 2}
		if i == 3 {
			a.ProductType = vpptest.Book
		}
		h.Buy(a)
		h.other.Buy(a)
	}
	if r.IntN(5) == 0 {
		h.Buy(vpptest.Asset{AdamID: appID(4), Unlimited: true})
	}
	for i := range 4 {
		h.CreateUserByOther(userID(i), "", pick(r, "", account(i)))
	}
	h.SetDelivery(vpptest.Delivery{Delay: h.late, Lose: h.lost, Copies: h.copies})
	h.newProcess()
	if _, err := h.client.Claim(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r.IntN(3) > 0 {
		if _, err := h.client.Subscribe(t.Context(), "https://mdm.example.test/hook", hookToken); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

func appID(i int) string   { return fmt.Sprint(1000000001 + i) }
func userID(i int) string  { return fmt.Sprint("u-", i) }
func account(i int) string { return fmt.Sprint("p-", i, "@example.test") }

func (h *history) options(o *vpp.Options) {
	o.PollAfter = pick(h.rng, 0, 0, time.Minute)
	o.Retry.Tries = pick(h.rng, 0, 0, 1)
	o.MaxBody = 64 << 10
	if h.seed%10 > 0 { // to look for secrets in what is logged takes time
		o.Logger, o.Trace = nil, nil
	}
}

// tighten sets new limits.
func (h *history) tighten() {
	for _, limit := range []string{"maxAssets", "maxSerialNumbers", "maxClientUserIds", "maxRevokeSerialNumbers", "maxRevokeClientUserIds", "maxUsers"} {
		h.srv.SetLimit(limit, 1+h.rng.IntN(4))
	}
}

// hook brings notifications to the receiver that there is at the moment, without TLS.
type hook struct{ h *history }

func (k hook) RoundTrip(r *http.Request) (*http.Response, error) {
	k.h.mu.Lock()
	receiver := k.h.receiver
	k.h.mu.Unlock()
	w := httptest.NewRecorder()
	receiver.ServeHTTP(w, r)
	return w.Result(), nil
}

// lot is a number below n that depends on the notification only: goroutines of the server draw it.
func (h *history) lot(n vpptest.Notification, salt, below int) int {
	sum := uint64(salt)*31 + h.seed
	for _, b := range []byte(n.ID) {
		sum = sum*1099511628211 + uint64(b)
	}
	return int(sum >> 33 % uint64(below))
}

func (h *history) late(n vpptest.Notification) time.Duration {
	return time.Duration(h.lot(n, 1, 3)*h.lot(n, 2, 60)) * time.Second
}

func (h *history) lost(n vpptest.Notification) bool  { return h.lot(n, 3, 5) == 0 }
func (h *history) copies(n vpptest.Notification) int { return h.lot(n, 4, 2) }

// newProcess begins anew with what is kept: the token, the snapshot, and records of operations.
func (h *history) newProcess() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.client = h.newClient(h.t, h.options)
	receiver, err := vpp.NewReceiver(h.client, &vpp.ReceiverOptions{Token: hookToken, Handle: h.handle})
	if err != nil {
		h.t.Fatal(err)
	}
	h.receiver = receiver
	h.mirror.restart(h.t)
	for _, d := range h.ledger.deals {
		d.restart(h.t, h.client)
	}
}

// handle is told of notifications.
func (h *history) handle(_ context.Context, n *vpp.Notification) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tally.Notifications++
	h.mirror.stale = true
	return nil
}

// chance is true once in n times.
func (h *history) chance(n int) bool { return h.rng.IntN(n) == 0 }

// play plays the history to its end, and counts what happened.
func (h *history) play() tally {
	for range 2 + h.rng.IntN(2) {
		for range h.rng.IntN(3) {
			h.disturb()
		}
		for range h.rng.IntN(3) {
			h.others()
		}
		h.work()
		if h.chance(2) {
			h.work()
		}
		h.waitFor(h.rng.IntN(3))
		if h.chance(3) {
			time.Sleep(pick(h.rng, h.pause, 2*time.Minute))
			h.newProcess()
			h.tally.Restarts++
		}
		h.look()
	}
	h.finish()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tally.Requests = len(h.srv.Received())
	return h.tally
}

// finish ends all disturbances, waits for everything, and compares.
func (h *history) finish() {
	h.settle()
	for range 4 {
		h.waitFor(len(h.ledger.deals))
	}
	time.Sleep(30 * time.Minute) // whatever was delayed comes
	h.ledger.close()
	for _, d := range h.ledger.deals {
		h.check(d)
	}
	h.nothingUnexplained()
	h.arithmetic()
	h.mirror.refresh(h)
	h.compare(h.t, h.mirror.last)
	h.bringAbout()
	for _, v := range h.srv.Violations() {
		if !h.excused(v) {
			h.t.Errorf("violation: %s", v)
		}
	}
	if h.t.Failed() {
		h.tell()
	}
}

// settle lets nothing fail any more.
func (h *history) settle() {
	h.calm = true
	h.srv.ResetFaults()
	h.srv.SetMaintenance(false)
	h.srv.SetUnavailable(false)
	for _, name := range badNames() {
		h.SetOutcome(name, 0)
	}
	h.store(h.IssueToken(vpptest.TokenOptions{}))
	time.Sleep(10 * time.Minute) // whatever made the client wait is over
	if _, err := h.client.TakeOver(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

// excused reports whether a violation is due to the disturbances alone: who does not get an answer does
// not know what it says, and asks again soon.
func (h *history) excused(violation string) bool {
	return h.lostAnswers && strings.Contains(violation, "polls should be 30 s apart") ||
		(h.cutOff || h.lostAnswers) && strings.Contains(violation, "before Retry-After is over") ||
		h.unheard && strings.Contains(violation, "the client was told")
}

// bringAbout reconciles to something new, and looks whether it is as wished for.
func (h *history) bringAbout() {
	wishes, wanted := h.wishes()
	var r *vpp.Reconciliation
	for range 8 { // events may still be forgotten, or stall
		var err error
		if r, err = h.client.Reconcile(h.t.Context(), wishes, vpp.ScopeLocation); err != nil {
			h.t.Fatal(err)
		}
		if r.Plan.Empty() {
			break
		}
		time.Sleep(30 * time.Minute)
	}
	if !r.Plan.Empty() {
		h.t.Errorf("no end of it: %v; %v", r.Plan, r.Err())
	}
	for _, o := range r.Plan.Impossible {
		delete(wanted, outcomeThing(o))
	}
	for _, o := range r.Plan.Irrevocable {
		wanted[outcomeThing(o)] = true
	}
	got := h.truth()
	for thing := range wanted {
		if !got[thing] {
			h.t.Errorf("%s is wished for, and is not: %v", thing, r.Plan)
		}
	}
	for thing := range got {
		if !wanted[thing] && !slices.Contains(h.people(), thing) {
			h.t.Errorf("%s is, and nobody wishes it: %v", thing, r.Plan)
		}
	}
	h.arithmetic()
}

// tell shows the requests, for those who look for the reason of a failure.
func (h *history) tell() {
	for _, r := range h.srv.Received() {
		h.t.Logf("%s %d %s %s?%s %s", r.Time.Format("15:04:05.000"), r.Status, r.Method, r.Path, r.Query.Encode(), r.Body)
	}
}
