package apnstest

import "time"

// delayed is an answer, the next piece of one, or what comes in its place, that waits for its time.
type delayed struct {
	due    int64  // nanoseconds since 1970
	seq    uint64 // order among equals
	stream uint32
	drip   bool // a piece of a body that drips
	end    bool // the fault comes in place of the answer
	answer answer
}

func (d *delayed) before(other *delayed) bool {
	return d.due < other.due || d.due == other.due && d.seq < other.seq
}

// delays is a heap of what waits, the earliest first. Values in a slice cost no allocation each.
type delays struct {
	heap []delayed
	seq  uint64
}

// add puts d in, to be done after wait.
func (q *delays) add(wait time.Duration, d delayed) {
	q.seq++
	d.seq = q.seq
	d.due = time.Now().Add(wait).UnixNano()
	q.heap = append(q.heap, d)
	i := len(q.heap) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !q.heap[i].before(&q.heap[parent]) {
			break
		}
		q.heap[i], q.heap[parent] = q.heap[parent], q.heap[i]
		i = parent
	}
}

// next takes out the earliest one that is due, or tells how long there will be none.
func (q *delays) next(now time.Time) (d delayed, wait time.Duration, ok bool) {
	if len(q.heap) == 0 {
		return delayed{}, time.Hour, false
	}
	if wait := time.Duration(q.heap[0].due - now.UnixNano()); wait > q.slack() {
		return delayed{}, wait, false
	}
	d = q.heap[0]
	last := len(q.heap) - 1
	q.heap[0] = q.heap[last]
	q.heap[last] = delayed{}
	q.heap = q.heap[:last]
	q.sink()
	return d, 0, true
}

// slack is how much too early is early enough. When many answers wait it is better to send some of
// them together than each at its exact time.
func (q *delays) slack() time.Duration {
	if len(q.heap) < 64 {
		return 0
	}
	return 500 * time.Microsecond
}

// sink moves the first one down to its place.
func (q *delays) sink() {
	i := 0
	for {
		child := 2*i + 1
		if child >= len(q.heap) {
			return
		}
		if other := child + 1; other < len(q.heap) && q.heap[other].before(&q.heap[child]) {
			child = other
		}
		if !q.heap[child].before(&q.heap[i]) {
			return
		}
		q.heap[i], q.heap[child] = q.heap[child], q.heap[i]
		i = child
	}
}
