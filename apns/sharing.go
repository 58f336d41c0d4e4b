package apns

import (
	"hash/maphash"
	"time"
)

// Sharing: what becomes of pushes to one device that are asked for within a moment. All of it needs
// the pool's lock.
//
// A wake-up serves whatever was asked for before it was sent, for the device fetches all commands
// that wait. It does not serve what is asked for later, even while its answer is still to come: the
// device may have been there already. So a push joins the one to the same device that is still to be
// sent, and shares its outcome; while one is on its way, the next waits for the end of that.

// setHash makes pushes with the same token and magic, which are to the same enrolment, meet.
func (j *job) setHash(seed maphash.Seed) {
	j.hash = maphash.String(seed, j.path()) + 31*maphash.String(seed, j.push.PushMagic)
}

// sameDevice tells what has the same hash by chance.
func (j *job) sameDevice(other *job) bool {
	return j.path() == other.path() && j.push.PushMagic == other.push.PushMagic
}

// line gives a new job its place among those to the same device, and reports whether that is in the
// queue.
func (p *pool) line(j *job) bool {
	switch leader := p.leaders[j.hash]; {
	case leader == nil:
		return p.lead(j)
	case !leader.sameDevice(j):
		return p.enqueue(j)
	case !leader.started:
		leader.join(j)
	case leader.successor != nil:
		leader.successor.join(j)
	default:
		leader.successor = j
	}
	return false
}

// lead makes j the one that others join, or wait for.
func (p *pool) lead(j *job) bool {
	p.leaders[j.hash], j.leads = j, true
	return p.enqueue(j)
}

// enqueue reports whether j is in the queue now, and not held off.
func (p *pool) enqueue(j *job) bool {
	if due := p.recent.until(j.hash, p.opts.HoldOff); !due.IsZero() {
		j.due = due
		p.hold(j)
		return false
	}
	p.queue.push(j)
	return true
}

// join lets other, and all who have joined it, share the outcome of j, which is made as urgent and is
// kept as long as they ask for.
func (j *job) join(other *job) {
	j.strengthen(other)
	j.joined.push(other)
	j.joined.append(&other.joined)
}

func (j *job) strengthen(other *job) {
	for _, at := range []int{fieldPriority, fieldExpiration} {
		if mine, others := &j.call.Fields[at].Value, other.call.Fields[at].Value; less(*mine, others) {
			*mine = others
		}
	}
}

// less compares numbers in decimal.
func less(a, b string) bool {
	if len(a) != len(b) {
		return len(a) < len(b)
	}
	return a < b
}

// notStarted notes that j is not on its way any more. If it never was, those who wait for its end can
// join it after all.
func (j *job) notStarted() {
	j.started = j.sent()
	if next := j.successor; next != nil && !j.started {
		j.successor = nil
		j.join(next)
	}
}

// leave takes a job that has ended with err out of its place, which is the next one's now. It returns
// those who share the outcome.
//
// They do not if only the time of j was over. Theirs may not be; the one who has waited longest takes
// its place then.
func (p *pool) leave(j *job, err error) jobQueue {
	if !j.leads {
		return jobQueue{}
	}
	delete(p.leaders, j.hash)
	shared, next := j.joined, j.successor
	j.joined, j.successor = jobQueue{}, nil
	_, lost := err.(*TransportError)
	if lost && !shared.empty() && j.over() && p.stopped(time.Now()) == nil {
		heir := shared.pop()
		heir.strengthen(j)
		heir.joined = shared
		if next != nil { // it is older than those who will join the heir, and its time is over sooner
			heir.join(next)
		}
		shared, next = jobQueue{}, heir
	}
	if next != nil && p.lead(next) {
		signal(p.wake)
	}
	return shared
}
