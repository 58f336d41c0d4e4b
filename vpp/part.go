package vpp

import (
	"time"

	"github.com/applemdm/applemdm/internal/poll"
)

// How events are followed. The first three are Apple's advice.
const (
	notifyPatience = 5 * time.Minute  // for a notification where they are known to come
	patience       = 10 * time.Minute // for an event; then what it was for is sent once more
	leastPoll      = 30 * time.Second // between two questions about an event that is pending
	mostPoll       = 2 * time.Minute
	firstPoll      = 5 * time.Second  // where no notifications are known to come
	moreNotices    = 15 * time.Second // for the other notifications of an event
	resendWithin   = time.Hour        // of the first request
)

// part is a share of an order: what one request is about, what became of the request, and how it is
// learned what comes of it. The lock of the operation guards it once the operation has it.
//
// Nothing but the methods in this file changes it, and takes it from one phase to another:
//
//	from     because                                            by                 to
//	unsent   Apple has queued it                                accepted, follow   asking
//	         Apple may have queued it                           suspected, follow  reading
//	         it was refused, not sent, or done at once          left               ended
//	         it is of the kind without events, and may be done  suspected          ended
//	asking   the event is pending                               pending            asking, or reading when patience ends
//	         the event has failed, and does not tell of what    failed             reading
//	         Apple does not know the event                      read               reading
//	         notifications tell of something, not of all        noticed            asking, sooner
//	reading  something is missing, and was sent once more       replace            replaced, by what was sent
//	         something is missing, and there is patience left   askAgain           asking
//	         something is missing, and nothing is left to do    giveUp             givenUp
//	givenUp  Wait is called again                               resume             asking, or reading without an event
//	any      everything about it is known                       end                ended, unless replaced
type part struct {
	products []int // of the order
	targets  []int // of the order; all of one kind

	// The request.
	eventID string
	sentAt  time.Time // when it was taken, or else when what it is about was first sent
	status  Status    // pending if it was taken, uncertain if it may have been
	err     error     // why it was not taken, or why that is not clear
	lost    bool      // an earlier request for the same may have been carried out
	resent  bool      // it is one that was sent for the second time; then lost is true too

	// How it is followed.
	phase    phase
	due      time.Time // to ask or to read
	until    time.Time // then there is no more patience with the event
	awaited  bool      // a notification is expected, and none has come
	asked    time.Time // when the event was pending last
	polls    int       // that found it so
	done     int       // tasks of the event, as Apple counts
	failures []*Error  // of an event that has failed, where they do not tell of what
	unknown  error     // why the event itself cannot tell
}

// phase says how it is learned what became of a part.
type phase int

const (
	unsent   phase = iota // it is of no operation yet
	asking                // for the status of its event
	reading               // its assignments or users, for the event does not tell
	givenUp               // something is open, and Wait has ended
	replaced              // other parts are about the same
	ended                 // nothing is open, or nothing can be learned
)

// followed reports whether Wait has to do with the part.
func (p *part) followed() bool { return p.phase == asking || p.phase == reading }

// answerLost notes that Apple may have carried out a request whose repetition is under way.
func (p *part) answerLost() { p.lost = true }

// accepted notes that Apple has taken the request.
func (p *part) accepted(eventID string, now time.Time) {
	p.eventID, p.sentAt, p.status = eventID, now, StatusPending
}

// suspected notes that Apple may have taken the request, and why that is not clear.
func (p *part) suspected(why error, now time.Time) {
	p.status, p.err, p.phase = StatusUncertain, why, ended
	if p.sentAt.IsZero() {
		p.sentAt = now
	}
}

// left notes what became of a request of which no more can come.
func (p *part) left(status Status, why error) {
	p.status, p.err, p.phase = status, why, ended
}

// follow begins to follow what may be queued. Its event is asked for when wait has passed since it
// was sent.
func (p *part) follow(wait time.Duration, awaited bool, now time.Time) {
	p.until, p.awaited = p.sentAt.Add(patience), awaited
	p.phase, p.due = asking, p.sentAt.Add(wait)
	if p.eventID == "" {
		p.read(now.Add(firstPoll), p.err)
	}
}

// followOn is follow after a restart, when the event was asked for already or may have been.
func (p *part) followOn(wait time.Duration, awaited bool, asked, now time.Time) {
	p.follow(wait, awaited, now)
	p.asked = asked
	p.due = later(p.due, later(now.Add(min(wait, firstPoll)), asked.Add(leastPoll)))
}

// pending notes that the event has not ended.
func (p *part) pending(done int, now time.Time) {
	p.asked, p.done = now, done
	if !now.Before(p.until) {
		p.read(now, nil)
		return
	}
	p.due = now.Add(max(leastPoll, poll.Backoff{Min: leastPoll, Max: mostPoll}.Delay(p.polls)))
	if p.due.After(p.until.Add(-leastPoll)) { // no other question fits in
		p.due = later(p.until, now.Add(leastPoll))
	}
	p.polls++
}

// unheard notes that the answer about the event was lost, which may have been that it is pending.
func (p *part) unheard(now time.Time) { p.due = now.Add(leastPoll) }

// failed lets a part be read back whose event has failed and does not tell of what.
func (p *part) failed(failures []*Error, now time.Time) {
	p.failures = failures
	p.read(now, nil)
}

// read lets a part be read back, as its event cannot tell, or not yet if there is no reason.
func (p *part) read(at time.Time, why error) {
	p.phase, p.due, p.unknown = reading, at, why
}

// noticed notes that there was a notification. If something is still open, the event is asked soon:
// when those that are yet to come should be there.
func (p *part) noticed(more time.Duration, now time.Time) {
	p.awaited = false
	if p.phase != asking {
		return
	}
	soon := now.Add(more)
	if !p.asked.IsZero() {
		soon = later(soon, p.asked.Add(leastPoll))
	}
	if soon.Before(p.due) {
		p.due = soon
	}
}

// end notes that everything about the part is known.
func (p *part) end() {
	if p.phase != replaced {
		p.phase = ended
	}
}

// replace notes that other parts are about the same from now on.
func (p *part) replace() { p.phase = replaced }

// askAgain lets the event be asked again after the part was read.
func (p *part) askAgain(now time.Time) {
	if p.phase == reading { // notifications have not ended it meanwhile
		p.phase, p.due = asking, now.Add(leastPoll)
	}
}

// giveUp ends the following although something is open, until resume.
func (p *part) giveUp() {
	if p.phase == reading {
		p.phase = givenUp
	}
}

// resume takes up again what was given up.
func (p *part) resume(now time.Time) {
	switch {
	case p.phase != givenUp:
		return
	case p.eventID == "":
		p.phase, p.due = reading, now
	default:
		p.phase, p.due = asking, p.asked.Add(leastPoll)
	}
	p.until = now.Add(patience)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
