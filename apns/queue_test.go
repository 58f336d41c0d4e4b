package apns

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestJobQueue(t *testing.T) {
	var q jobQueue
	jobs := make([]*job, 6)
	for i := range jobs {
		jobs[i] = &job{tries: i}
	}
	order := func() []int {
		var order []int
		for j := q.first; j != nil; j = j.next {
			order = append(order, j.tries)
		}
		return order
	}
	expect := func(want ...int) {
		t.Helper()
		if got := order(); !slices.Equal(got, want) {
			t.Fatalf("order %v, want %v", got, want)
		}
		if q.empty() != (len(want) == 0) {
			t.Fatalf("empty is %v", q.empty())
		}
	}
	if q.pop() != nil {
		t.Fatal("something in an empty queue")
	}
	q.unpop(jobs[1]) // into an empty one
	q.push(jobs[2])
	q.push(jobs[3])
	q.unpop(jobs[0])
	expect(0, 1, 2, 3)
	if j := q.pop(); j != jobs[0] || j.next != nil {
		t.Fatalf("popped %v", j)
	}
	odd := func(j *job) bool { return j.tries%2 == 1 }
	if got := q.remove(odd); !slices.Equal(got, []*job{jobs[1], jobs[3]}) {
		t.Fatalf("removed %v", got)
	}
	expect(2)
	q.push(jobs[4])
	q.push(jobs[5])
	if got := q.all(); !slices.Equal(got, []*job{jobs[2], jobs[4], jobs[5]}) {
		t.Fatalf("all: %v", got)
	}
	expect()
	q.push(jobs[5])
	expect(5)
}

// Two tokens with the same place forget one another; nothing else is forgotten before its time.
func TestHoldOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h holdOff
		if due := h.until(1, time.Second); !due.IsZero() {
			t.Error("an empty one holds off")
		}
		h.note(1)
		start := time.Now()
		time.Sleep(300 * time.Millisecond)
		if due := h.until(1, time.Second); !due.Equal(start.Add(time.Second)) {
			t.Errorf("due %v", due)
		}
		for _, never := range []time.Time{h.until(2, time.Second), h.until(1+holdOffSize, time.Second), h.until(1, 0), h.until(1, -1), h.until(1, 300*time.Millisecond)} {
			if !never.IsZero() {
				t.Errorf("due %v", never)
			}
		}
		h.note(1 + holdOffSize)
		if due := h.until(1, time.Second); !due.IsZero() {
			t.Error("it remembers both")
		}
		time.Sleep(time.Second)
		if due := h.until(1+holdOffSize, time.Second); !due.IsZero() {
			t.Error("it does not forget")
		}
	})
}

func TestHoldKeepsTheOrderOfDueTimes(t *testing.T) {
	start := time.Unix(1000, 0)
	var p pool
	for _, s := range []int{3, 1, 2, 5, 4, 1} {
		p.hold(&job{due: start.Add(time.Duration(s) * time.Second), tries: s})
	}
	var got []int
	for _, j := range p.held {
		got = append(got, j.tries)
	}
	if !slices.Equal(got, []int{1, 1, 2, 3, 4, 5}) {
		t.Errorf("order %v", got)
	}
	p.releaseHeld(start.Add(2 * time.Second))
	if len(p.held) != 3 || p.queue.first.tries != 1 || p.queue.last.tries != 2 {
		t.Errorf("held %d, queue from %d to %d", len(p.held), p.queue.first.tries, p.queue.last.tries)
	}
}

// Who waits for the end of a push that was never sent, as there was no room, joins it instead.
func TestNotStartedTakesInThoseWhoWait(t *testing.T) {
	const device = "0f0e"
	start := func(p *pool, magic string) *job {
		j := &job{push: Push{Target: Target{Token: device, PushMagic: magic}}}
		j.fill("api.push.apple.com", "com.apple.mgmt.test", "0")
		j.setHash(p.seed)
		p.line(j)
		return j
	}
	p := newPool(&Options{HoldOff: time.Second}, nil, nil)
	first := start(p, "magic")
	joined := start(p, "magic")
	if p.nextJob() != first {
		t.Fatal("the first is not the first")
	}
	waits, behind, other := start(p, "magic"), start(p, "magic"), start(p, "another")
	if first.successor != waits || !slices.Equal(waits.joined.all(), []*job{behind}) || p.queue.first != other {
		t.Fatalf("%+v", first)
	}
	waits.joined.push(behind)
	first.tries, first.unprocessed = 1, 1
	first.notStarted()
	if got := first.joined.all(); !slices.Equal(got, []*job{joined, waits, behind}) || first.successor != nil || waits.joined.first != nil || first.started {
		t.Errorf("joined %v, %+v", got, first)
	}
	first.started, first.tries = true, 2
	late := start(p, "magic")
	first.notStarted()
	if first.successor != late || !first.started {
		t.Error("it takes in who came after it was sent")
	}
}
