package axm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/applemdm/applemdm/internal/poll"
)

// How devices are read back where their activity does not tell what became of them.
const (
	firstRead    = 20 * time.Second // after a request whose answer was lost
	mostRead     = 2 * time.Minute
	readPatience = 10 * time.Minute
)

// phase says how it is learned what became of a part.
type phase int

const (
	ended   phase = iota // nothing is open, or nothing better can be learned
	asking               // the activity is
	reading              // the devices are, for the activity does not tell
)

// watch is how a part is followed.
type watch struct {
	phase  phase
	due    time.Time // to ask or to read
	until  time.Time // reading is given up then
	gaveUp bool      // something is open, and Wait has ended

	tries     int   // that did not tell
	unknown   error // why the activity does not tell
	otherwise cell  // what becomes of a device that is not found to be as wanted; its status may be ""
}

// follow begins to follow a part that was sent. The caller holds mu.
func (op *Operation) follow(p *part) {
	p.phase, p.due = asking, p.sentAt.Add(op.client.opts.PollAfter)
	if p.activityID == "" {
		p.read(p.sentAt.Add(firstRead), p.sentAt.Add(readPatience), p.err)
	}
}

// read lets the devices of a part be read back, from one point in time to another.
func (p *part) read(due, until time.Time, why error) {
	p.phase, p.due, p.until, p.tries, p.unknown = reading, due, until, 0, why
}

// resume takes up again what was given up, to read it once more.
func (op *Operation) resume(now time.Time) {
	op.mu.Lock()
	defer op.mu.Unlock()
	for _, p := range op.parts {
		if p.gaveUp {
			p.gaveUp = false
			p.read(now, now, p.unknown)
		}
	}
}

// next returns the part that is due first, with all others that are read then if it is read, or how
// long it takes until one is due, and whether any is open.
func (op *Operation) next(now time.Time) (due []*part, wait time.Duration, open bool) {
	op.mu.Lock()
	defer op.mu.Unlock()
	var first *part
	for _, p := range op.parts {
		if p.phase != ended && (first == nil || p.due.Before(first.due)) {
			first = p
		}
	}
	switch {
	case first == nil:
		return nil, 0, false
	case now.Before(first.due):
		return nil, first.due.Sub(now), true
	case first.phase == asking:
		return []*part{first}, 0, true
	}
	for _, p := range op.parts {
		if p.phase == reading && !now.Before(p.due) {
			due = append(due, p)
		}
	}
	return due, 0, true
}

// ask learns what became of one part from its activity, or of several by reading.
func (op *Operation) ask(ctx context.Context, due []*part) error {
	if due[0].phase == reading {
		return op.readBack(ctx, due)
	}
	return op.askActivity(ctx, due[0])
}

// askActivity asks for the activity of a part and, once it has ended, for its log.
func (op *Operation) askActivity(ctx context.Context, p *part) error {
	if err := op.client.pollTurn(ctx); err != nil {
		return err
	}
	a, err := op.client.Activity(ctx, p.activityID)
	var log *ActivityLog
	if err == nil && a.Ended() {
		log, err = op.client.logOf(ctx, a)
	}
	op.mu.Lock()
	defer op.mu.Unlock()
	now := time.Now()
	switch {
	case errors.Is(err, ErrNotFound): // it is too long ago
		p.read(now, now, err)
	case errors.Is(err, ErrNoActivityLog) && a.Succeeded(): // what Apple left out silently has not
		p.read(now, now.Add(verifyPatience), activityError(a, err))
	case errors.Is(err, ErrActivityLog):
		p.read(now, now.Add(readPatience), activityError(a, err))
	case err != nil:
		p.due = now.Add(pollPause(p.tries)) // the others come first when somebody waits again
		return err
	case log == nil:
		p.tries++
		p.due = now.Add(pollPause(p.tries))
	default:
		op.takeLog(p, a, log, now)
	}
	return nil
}

func activityError(a *Activity, why error) *ActivityError {
	return &ActivityError{ID: a.ID, Status: a.Status, SubStatus: a.SubStatus, Err: why}
}

// What is wrong with logs that can be read.
var (
	errNoDevices = fmt.Errorf("%w: it has no section about devices", ErrActivityLog)
	errCutLog    = fmt.Errorf("%w: its end may be missing", ErrActivityLog)
)

// takeLog notes what the log of its activity tells of a part.
func (op *Operation) takeLog(p *part, a *Activity, log *ActivityLog, now time.Time) {
	if !log.isAboutDevices() {
		p.read(now, now.Add(readPatience), activityError(a, errNoDevices))
		return
	}
	results := make(map[string]DeviceResult, len(p.devices))
	for _, r := range log.whole() {
		serial := strings.ToUpper(r.SerialNumber)
		if earlier, again := results[serial]; !again || earlier.Succeeded() {
			results[serial] = r
		}
	}
	for _, i := range p.devices {
		r, there := results[strings.ToUpper(op.order.serials[i])]
		switch c := &op.cells[i]; {
		case there && r.Succeeded():
			c.settle(StatusDone, nil)
		case there:
			c.settle(StatusFailed, &DeviceError{Status: r.Status, SubStatus: r.SubStatus})
		}
	}
	absent := cell{status: StatusMissing}
	if a.Status != ActivityCompleted {
		absent = cell{status: StatusFailed, err: activityError(a, nil)}
	}
	if log.cut && op.openIn(p) {
		p.read(now, now.Add(verifyPatience), activityError(a, errCutLog))
		p.otherwise = absent
		return
	}
	op.end(p, absent.status, absent.err)
}

// openIn reports whether something of a part is not settled. The caller holds mu.
func (op *Operation) openIn(p *part) bool {
	return slices.ContainsFunc(p.devices, func(i int) bool { return op.cells[i].open() })
}

// end settles what is open of a part.
func (op *Operation) end(p *part, status Status, err error) {
	for _, i := range p.devices {
		op.cells[i].settle(status, err)
	}
	p.phase = ended
}

// readBack reads what has become of parts whose activities do not tell.
func (op *Operation) readBack(ctx context.Context, parts []*part) error {
	found, err := op.asWanted(ctx, op.openOf(parts))
	op.mu.Lock()
	defer op.mu.Unlock()
	for _, p := range parts {
		if err != nil {
			p.due = time.Now().Add(firstPoll)
			continue
		}
		op.takeRead(p, found, time.Now())
	}
	return err
}

// openOf returns the indexes of devices that are not settled.
func (op *Operation) openOf(parts []*part) (open []int) {
	op.mu.Lock()
	defer op.mu.Unlock()
	for _, p := range parts {
		for _, i := range p.devices {
			if op.cells[i].open() {
				open = append(open, i)
			}
		}
	}
	return open
}

// takeRead notes what was read of a part, and gives it up when its time is over.
func (op *Operation) takeRead(p *part, found map[int]finding, now time.Time) {
	for _, i := range p.devices {
		switch c := &op.cells[i]; {
		case found[i].is:
			c.settle(StatusDone, nil)
		case c.open():
			c.status, c.err = StatusUncertain, p.unknown
		}
	}
	switch over := !now.Before(p.until); {
	case !op.openIn(p):
		p.phase = ended
	case over && p.otherwise.status != "":
		op.end(p, p.otherwise.status, p.otherwise.err)
	case over:
		p.phase, p.gaveUp = ended, true
	default:
		p.due = now.Add(poll.Backoff{Min: firstRead, Max: mostRead}.Delay(p.tries))
		p.tries++
	}
}
