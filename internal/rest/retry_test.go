package rest_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/internal/memhttp"
	"github.com/applemdm/applemdm/internal/rest"
	"github.com/applemdm/applemdm/internal/sim"
)

func TestEveryAttemptSendsTheWholeBody(t *testing.T) {
	long := bytes.Repeat([]byte("0123456789abcdef"), 20_000) // more than a connection buffers
	for _, method := range []string{"POST", "PUT", "DELETE", "GET"} {
		for name, body := range map[string][]byte{"none": nil, "empty": {}, "short": []byte("{}"), "long": long} {
			t.Run(method+" "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := newBench(t)
					b.faults.Add(sim.Fault{Kind: sim.Busy})
					b.faults.Add(sim.Fault{Kind: sim.ResetBody})
					b.faults.Add(sim.Fault{Kind: sim.Empty})
					req := rest.Request{Op: "x", Method: method, Path: rest.Path{"x"}, Body: body, Repeatable: true}
					mustDo(t, b.engine(t, nil), req, 200)
					got := b.log.Requests()
					if len(got) != 4 {
						t.Fatalf("%d requests", len(got))
					}
					for i, r := range got {
						if r.Method != method || !bytes.Equal(r.Body, body) || r.Header.Get("Transfer-Encoding") != "" {
							t.Errorf("attempt %d: %s with %d bytes, %v", i+1, r.Method, len(r.Body), r.Header)
						}
						if length := r.Header.Get("Content-Length"); len(body) > 0 && length != fmt.Sprint(len(body)) {
							t.Errorf("attempt %d: length %q", i+1, length)
						}
					}
				})
			})
		}
	}
}

// An empty body has a length like any other; sent in chunks, some services refuse it.
func TestAnEmptyBodyIsNotChunked(t *testing.T) {
	var chunked []string
	s := memhttp.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		chunked = append(chunked, r.TransferEncoding...)
	}))
	defer s.Close()
	e, err := rest.New(rest.Config{HTTPClient: s.Client(), BaseURL: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range [][]byte{nil, {}, []byte("{}")} {
		mustDo(t, e, rest.Request{Op: "x", Method: "POST", Body: body}, 200)
	}
	if len(chunked) != 0 {
		t.Errorf("chunked: %q", chunked)
	}
}

// What happens decides whether a request is repeated; the second attempt then finds all well.
func TestWhatIsRepeated(t *testing.T) {
	const all, safe, none = "every request", "what is repeatable", "nothing"
	for _, tc := range []struct {
		name     string
		fault    sim.Fault
		repeated string
	}{
		{"refused", sim.Fault{Kind: sim.Refuse}, all},
		{"429", sim.Fault{Kind: sim.Busy, Status: 429}, all},
		{"503", sim.Fault{Kind: sim.Busy}, all},
		{"503 from a gateway", sim.Fault{Kind: sim.HTML, Status: 503}, all},
		{"reset", sim.Fault{Kind: sim.Reset}, safe},
		{"lost answer", sim.Fault{Kind: sim.Lose}, safe},
		{"broken body", sim.Fault{Kind: sim.ResetBody}, safe},
		{"500", sim.Fault{Kind: sim.Empty}, safe},
		{"502", sim.Fault{Kind: sim.HTML}, safe},
		{"504", sim.Fault{Kind: sim.Empty, Status: 504}, safe},
		{"599", sim.Fault{Kind: sim.Empty, Status: 599}, safe},
		{"501", sim.Fault{Kind: sim.Empty, Status: 501}, none},
		{"400", sim.Fault{Kind: sim.Empty, Status: 400}, none},
		{"401", sim.Fault{Kind: sim.Empty, Status: 401}, none},
		{"403", sim.Fault{Kind: sim.Empty, Status: 403}, none},
		{"404", sim.Fault{Kind: sim.Empty, Status: 404}, none},
		{"408", sim.Fault{Kind: sim.Empty, Status: 408}, none},
		{"304", sim.Fault{Kind: sim.Empty, Status: 304}, none},
		{"truncated", sim.Fault{Kind: sim.Truncate}, none},
	} {
		for kind, req := range map[string]rest.Request{"repeatable": repeatable(), "not repeatable": post()} {
			t.Run(tc.name+" "+kind, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := newBench(t)
					b.faults.Add(tc.fault)
					resp, err := b.engine(t, nil).Do(t.Context(), req)
					again := tc.repeated == all || tc.repeated == safe && req.Repeatable
					switch got := b.traced(); {
					case again && (len(got) != 2 || err != nil || string(resp.Body) != rightBody):
						t.Errorf("%v, %v after %+v, want a second attempt", resp, err, got)
					case !again && (len(got) != 1 || resp != nil && string(resp.Body) == rightBody):
						t.Errorf("%v, %v after %+v, want one attempt", resp, err, got)
					}
					if !req.Repeatable && b.processed.Load() > 1 {
						t.Errorf("processed %d times", b.processed.Load())
					}
				})
			})
		}
	}
}

func TestTries(t *testing.T) {
	for tries, want := range map[int]int{0: 4, 1: 1, 2: 2, 9: 9} {
		t.Run(fmt.Sprint(tries), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				e := b.engine(t, func(c *rest.Config) { c.Retry.Tries = tries })
				for i := range want + 1 {
					b.faults.Add(sim.Fault{Kind: sim.Busy, Body: fmt.Sprint("busy ", i+1)})
				}
				resp := mustDo(t, e, post(), 503)
				if n := b.log.Count("", ""); n != want || string(resp.Body) != fmt.Sprint("busy ", want) {
					t.Errorf("%d attempts, %q", n, resp.Body)
				}
				if last := b.traced()[want-1]; last.Number != want || last.Wait != 0 {
					t.Errorf("the last attempt announces another one: %+v", last)
				}
				if left := b.faults.Pending(); left != 1 {
					t.Errorf("%d faults left", left)
				}

				b.faults.Reset()
				b.log.Reset()
				b.faults.Add(sim.Fault{Kind: sim.Reset, Count: -1})
				resp, err := e.Do(t.Context(), repeatable())
				failed := transportError(t, resp, err)
				if failed.Attempts != want || b.log.Count("", "") != want || !errors.Is(err, syscall.ECONNRESET) {
					t.Errorf("%+v", failed)
				}
			})
		})
	}
}

// What counts is the last attempt, whatever came before it.
func TestTheLastAnswerComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		e := b.engine(t, nil)
		b.faults.Add(sim.Fault{Kind: sim.Reset, Count: 2})
		b.faults.Add(sim.Fault{Kind: sim.Empty, Status: 500})
		b.faults.Add(sim.Fault{Status: 403, Body: "T_C_NOT_SIGNED", Header: http.Header{"X-Answer": {"the last"}}})
		resp := mustDo(t, e, repeatable(), 403)
		if string(resp.Body) != "T_C_NOT_SIGNED" || resp.RequestID != "the last" || b.log.Count("", "") != 4 {
			t.Errorf("%+v", resp)
		}

		b.faults.Add(sim.Fault{Kind: sim.Busy, Count: 3, RetryAfter: time.Second})
		b.faults.Add(sim.Fault{Kind: sim.Lose})
		r, err := e.Do(t.Context(), repeatable())
		if failed := transportError(t, r, err); failed.Attempts != 4 || !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%+v", failed)
		}
	})
}
