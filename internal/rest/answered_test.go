package rest_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/internal/rest"
	"github.com/applemdm/applemdm/internal/sim"
)

// Every answer is told, in order, before the next attempt is signed, even one whose body is lost;
// an attempt without an answer is not.
func TestAnsweredHearsEveryAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		token := func(value string) http.Header { return http.Header{"X-Token": {value}} }
		b.faults.Add(sim.Fault{Kind: sim.Busy, Header: token("one")})
		b.faults.Add(sim.Fault{Kind: sim.Reset})
		b.faults.Add(sim.Fault{Kind: sim.Drip, Delay: time.Hour, Header: token("three")})
		b.faults.Add(sim.Fault{Status: 403, Header: token("four")})

		var heard []string
		current := "zero"
		req := repeatable()
		req.Sign = func(r *http.Request) error {
			heard = append(heard, "sent "+current)
			return nil
		}
		req.Answered = func(header http.Header) {
			current = header.Get("X-Token")
			heard = append(heard, "got "+current)
		}
		mustDo(t, b.engine(t, nil), req, 403)
		want := []string{"sent zero", "got one", "sent one", "sent one", "got three", "sent three", "got four"}
		if diff := cmp.Diff(want, heard); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAnsweredHearsOfAnAnswerTooLarge(t *testing.T) {
	b := newBench(t)
	told := 0
	req := get()
	req.Answered = func(header http.Header) {
		if told++; header.Get("X-Answer") != "answer-1" {
			t.Errorf("header %v", header)
		}
	}
	resp, err := b.engine(t, func(c *rest.Config) { c.MaxBody = 10 }).Do(t.Context(), req)
	if failed := transportError(t, resp, err); failed.Attempts != 1 || told != 1 {
		t.Errorf("told %d times: %v", told, failed)
	}
}
