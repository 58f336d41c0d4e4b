package vpptest

import (
	"slices"
	"time"
)

// Kinds of events.
const (
	Associate    = "ASSOCIATE"
	Disassociate = "DISASSOCIATE"
	Revoke       = "REVOKE"
	Create       = "CREATE"
	Update       = "UPDATE"
	Retire       = "RETIRE"
)

// Fate is what becomes of an event; see [Location.NextEvents].
type Fate int

const (
	Run       Fate = iota // carried out as asked, the default
	Forget                // never carried out; GET /status does not know it (9708)
	ForgetRun             // carried out without a notification; GET /status does not know it
	Stall                 // never carried out; PENDING for ever
	StallRun              // carried out without a notification; PENDING for ever
)

func (f Fate) runs() bool    { return f == Run || f == ForgetRun || f == StallRun }
func (f Fate) forgets() bool { return f == Forget || f == ForgetRun }
func (f Fate) stalls() bool  { return f == Stall || f == StallRun }

// task is one step of an event: an asset or a subscription for one target, or one user.
type task struct {
	asset  assetRef
	target Target
	user   userRequest
	adamID int64 // of a subscription
	record *user // what came of a user, when done
	flag   bool  // renewing or deferred
}

type failure struct {
	task   *task
	number int
}

// event is a call that is carried out later.
type event struct {
	loc    *Location
	id     string
	kind   string
	topic  string // the type of its notifications
	exec   func(*task) int
	tasks  []task
	next   int // the first task not yet carried out
	passed []*task
	failed []failure
	fate   Fate
	asked  time.Time
	polled time.Time // when PENDING was last told
	lag    int       // how many more times PENDING is told although it is done
	quiet  bool      // its notification comes later
	done   bool
}

// eventLine is the events of a location.
type eventLine struct {
	byID    map[string]*event
	order   []*event
	waiting []*event // while they are held
	held    bool
	fates   []Fate
}

func (q *eventLine) init() { q.byID = make(map[string]*event) }

// start puts an event on its way.
func (l *Location) start(e *event) {
	q := &l.events
	e.loc, e.asked, e.lag = l, time.Now(), l.s.opts.PendingPolls
	e.id = uuidOf("event", l.opts.UID, l.s.next())
	if len(q.fates) > 0 {
		e.fate, q.fates = q.fates[0], q.fates[1:]
	}
	q.byID[e.id] = e
	q.order = append(q.order, e)
	switch delay := l.s.opts.EventDelay; {
	case !e.fate.runs():
	case q.held:
		q.waiting = append(q.waiting, e)
	case delay > 0:
		l.s.after(delay, func() { e.run(len(e.tasks)) })
	default:
		e.run(len(e.tasks))
	}
}

// run carries out up to n more tasks. The last one finishes the event.
func (e *event) run(n int) (ran int) {
	for ; ran < n && e.next < len(e.tasks); e.next++ {
		t := &e.tasks[e.next]
		number := e.loc.injected(t)
		if number == 0 {
			number = e.exec(t)
		}
		if number == 0 {
			e.passed = append(e.passed, t)
		} else {
			e.failed = append(e.failed, failure{t, number})
		}
		ran++
	}
	if e.next == len(e.tasks) {
		e.done = true
		e.loc.holdings.tidy()
		if e.fate == Run && !e.quiet {
			e.report()
		}
	}
	return ran
}

// injected is the error that tests have ordered for a task, or 0.
func (l *Location) injected(t *task) int {
	if l.s.state.maintenance {
		return maintenance
	}
	for _, name := range []string{t.target.name(), t.user.ClientUserID, t.asset.AdamID} {
		if number := l.outcomes[name]; name != "" && number != 0 {
			return number
		}
	}
	return 0
}

// SetOutcome makes every task fail with an error number that has to do with a target or an asset:
// a clientUserId, a serial number or an adamId. 0 ends it. In version 1 it is the error of the
// entry.
func (l *Location) SetOutcome(name string, number int) {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	l.outcomes[name] = number
}

// HoldEvents keeps events from now on PENDING until [Location.RunEvents].
func (l *Location) HoldEvents() {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	l.events.held = true
}

// RunEvents carries out the events that are held, in the order of their calls, and holds no more.
func (l *Location) RunEvents() {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	waiting := l.events.waiting
	l.events.waiting, l.events.held = nil, false
	for _, e := range waiting {
		e.run(len(e.tasks))
	}
}

// RunTasks carries out n tasks of the events that are held, in the order of their calls, and goes on
// holding. It returns how many there were.
func (l *Location) RunTasks(n int) int {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	ran := 0
	for _, e := range l.events.waiting {
		if ran < n {
			ran += e.run(n - ran)
		}
	}
	l.events.waiting = slices.DeleteFunc(l.events.waiting, func(e *event) bool { return e.done })
	return ran
}

// NextEvents decides what becomes of the next events, one fate for each.
func (l *Location) NextEvents(fates ...Fate) {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	l.events.fates = append(l.events.fates, fates...)
}

// Event is an event as it is now.
type Event struct {
	ID, Type             string
	Status               string // "PENDING", "COMPLETE" or "FAILED"
	Requested, Completed int
}

// Events returns the events so far, those that GET /status does not know included, in the order of
// their calls.
func (l *Location) Events() []Event {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	out := make([]Event, 0, len(l.events.order))
	for _, e := range l.events.order {
		out = append(out, Event{e.id, e.kind, e.status(), len(e.tasks), len(e.passed)})
	}
	return out
}

// status is the word for the state that the event is really in.
func (e *event) status() string {
	switch {
	case !e.done:
		return "PENDING"
	case len(e.failed) > 0:
		return "FAILED"
	}
	return "COMPLETE"
}

// minPoll is how long clients should wait between two polls; a second less is tolerated.
const minPoll = 29 * time.Second

// eventStatus is GET /status.
func eventStatus(c *call) *reply {
	e := c.loc.events.byID[c.query.Get("eventId")]
	life := c.s.opts.EventLife
	if e == nil || e.fate.forgets() || life > 0 && c.now.Sub(e.asked) >= life {
		return c.fail(eventNotFound, nil)
	}
	status := e.status()
	if e.fate.stalls() || status != "PENDING" && e.lag > 0 {
		e.lag--
		status = "PENDING"
	}
	if status == "PENDING" {
		if !e.polled.IsZero() && c.now.Sub(e.polled) < minPoll {
			c.note("the event was pending %v ago; polls should be 30 s apart", c.now.Sub(e.polled))
		}
		e.polled = c.now
	}
	o := object{
		"eventStatus": status, "eventType": e.kind, "numRequested": len(e.tasks), "numCompleted": len(e.passed),
	}
	if status == "FAILED" {
		var failures []errorObject
		for _, g := range e.failures() {
			failures = append(failures, g.error())
		}
		o["failures"] = failures
	}
	if status == "PENDING" && e.done {
		o["numCompleted"] = 0
	}
	return c.ok(o)
}
