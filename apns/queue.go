package apns

import "time"

// jobQueue is a list of jobs in order of arrival.
type jobQueue struct {
	first, last *job
}

func (q *jobQueue) empty() bool { return q.first == nil }

func (q *jobQueue) push(j *job) {
	j.next = nil
	if q.last == nil {
		q.first = j
	} else {
		q.last.next = j
	}
	q.last = j
}

// pop takes the first job out, or returns nil.
func (q *jobQueue) pop() *job {
	j := q.first
	if j == nil {
		return nil
	}
	q.first = j.next
	if q.first == nil {
		q.last = nil
	}
	j.next = nil
	return j
}

// popNewest takes the last job out, or returns nil. It walks through the queue.
func (q *jobQueue) popNewest() *job {
	newest := q.last
	if newest == nil {
		return nil
	}
	var kept jobQueue
	for j := q.pop(); j != nil; j = q.pop() {
		if j != newest {
			kept.push(j)
		}
	}
	*q = kept
	return newest
}

// unpop puts a job back to the front.
func (q *jobQueue) unpop(j *job) {
	j.next = q.first
	q.first = j
	if q.last == nil {
		q.last = j
	}
}

// append moves all jobs of other behind those of q.
func (q *jobQueue) append(other *jobQueue) {
	switch {
	case other.first == nil:
		return
	case q.last == nil:
		q.first = other.first
	default:
		q.last.next = other.first
	}
	q.last = other.last
	*other = jobQueue{}
}

// all empties the queue.
func (q *jobQueue) all() []*job { return q.remove(func(*job) bool { return true }) }

// remove takes out the jobs that match, and keeps the order of the others.
func (q *jobQueue) remove(match func(*job) bool) []*job {
	var removed []*job
	var kept jobQueue
	for j := q.pop(); j != nil; j = q.pop() {
		if match(j) {
			removed = append(removed, j)
		} else {
			kept.push(j)
		}
	}
	*q = kept
	return removed
}

// holdOff remembers which tokens were pushed to lately. It has room for a fixed number of them and
// forgets the one that is in the way: the price is a push that comes a little early.
type holdOff struct {
	entries []holdOffEntry
}

type holdOffEntry struct {
	hash uint64
	at   time.Time
}

const holdOffSize = 1 << 10

func (h *holdOff) slot(hash uint64) *holdOffEntry { return &h.entries[hash%holdOffSize] }

// note remembers that a push to the token was accepted now.
func (h *holdOff) note(hash uint64) {
	if h.entries == nil {
		h.entries = make([]holdOffEntry, holdOffSize)
	}
	*h.slot(hash) = holdOffEntry{hash, time.Now()}
}

// until returns when the next push to the token may go out, or the zero time for now.
func (h *holdOff) until(hash uint64, pause time.Duration) time.Time {
	if h.entries == nil || pause <= 0 {
		return time.Time{}
	}
	entry := h.slot(hash)
	if entry.hash != hash {
		return time.Time{}
	}
	due := entry.at.Add(pause)
	if !due.After(time.Now()) {
		return time.Time{}
	}
	return due
}
