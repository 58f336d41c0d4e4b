package rest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

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

func TestRetryAfter(t *testing.T) {
	date := func(after time.Duration) string { // of the bubble's clock
		return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Add(after).Format(http.TimeFormat)
	}
	backoff := [2]time.Duration{250 * time.Millisecond, 500 * time.Millisecond}
	exactly := func(d time.Duration) [2]time.Duration { return [2]time.Duration{d, d} }
	for _, tc := range []struct {
		name, value string
		retryAfter  time.Duration
		pause       [2]time.Duration // at least, at most
		once        bool             // the pause is too long to be made
	}{
		{"seconds", "7", 7 * time.Second, exactly(7 * time.Second), false},
		{"as long as bearable", "30", 30 * time.Second, exactly(30 * time.Second), false},
		{"with blanks", " 7 ", 7 * time.Second, exactly(7 * time.Second), false},
		{"zero", "0", 0, exactly(0), false},
		{"date", date(9 * time.Second), 9 * time.Second, exactly(9 * time.Second), false},
		{"old form of date", "Saturday, 01-Jan-00 00:00:09 GMT", 9 * time.Second, exactly(9 * time.Second), false},
		{"past date", date(-time.Hour), 0, exactly(0), false},
		{"absent", "", 0, backoff, false},
		{"words", "soon", 0, backoff, false},
		{"negative", "-5", 0, backoff, false},
		{"fraction", "1.5", 0, backoff, false},
		{"too long", "31", 31 * time.Second, exactly(0), true},
		{"an hour", "3600", time.Hour, exactly(0), true},
		{"tomorrow", date(24 * time.Hour), 24 * time.Hour, exactly(0), true},
		{"huge", "9000000000", 9_000_000_000 * time.Second, exactly(0), true},
		{"without end", "99999999999999999999999", 9_223_372_036 * time.Second, exactly(0), true},
	} {
		for _, status := range []int{429, 503} {
			t.Run(fmt.Sprint(tc.name, " ", status), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := newBench(t)
					e := b.engine(t, nil)
					header := http.Header{"Retry-After": {tc.value}}
					if tc.value == "" {
						header = nil
					}
					b.faults.Add(sim.Fault{Kind: sim.Busy, Status: status, Header: header, Body: "wait"})
					start := time.Now()
					resp, err := e.Do(t.Context(), post())
					took := time.Since(start)
					if err != nil || took < tc.pause[0] || took > tc.pause[1] {
						t.Errorf("%v after %v", err, took)
					}
					if !tc.once {
						if resp.Status != 200 || b.log.Count("", "") != 2 {
							t.Errorf("%+v", resp)
						}
						return
					}
					if resp.Status != status || string(resp.Body) != "wait" || resp.RetryAfter != tc.retryAfter || b.log.Count("", "") != 1 {
						t.Errorf("%+v, want RetryAfter %v", resp, tc.retryAfter)
					}
				})
			})
		}
	}
}

// The caller reads the same number of an answer that is not repeated.
func TestRetryAfterOfTheLastAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		e := b.engine(t, func(c *rest.Config) { c.Retry.Tries = 1 })
		for _, kind := range []sim.Kind{sim.BusySeconds, sim.BusyDate} {
			b.faults.Add(sim.Fault{Kind: kind, RetryAfter: 90 * time.Second})
			if resp := mustDo(t, e, post(), 503); resp.RetryAfter != 90*time.Second {
				t.Errorf("RetryAfter %v", resp.RetryAfter)
			}
		}
	})
}

func TestBackoffGrowsToMaxWait(t *testing.T) {
	for name, tc := range map[string]struct {
		retry rest.Retry
		whole []time.Duration
	}{
		"default": {rest.Retry{Tries: 9}, []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second,
			4 * time.Second, 8 * time.Second, 16 * time.Second, 30 * time.Second, 30 * time.Second}},
		"own": {rest.Retry{Tries: 5, MinWait: time.Minute, MaxWait: 3 * time.Minute},
			[]time.Duration{time.Minute, 2 * time.Minute, 3 * time.Minute, 3 * time.Minute}},
		"longest before shortest": {rest.Retry{Tries: 3, MinWait: time.Minute, MaxWait: time.Second},
			[]time.Duration{time.Second, time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				b.faults.Add(sim.Fault{Kind: sim.Busy, Count: -1})
				mustDo(t, b.engine(t, func(c *rest.Config) { c.Retry = tc.retry }), post(), 503)
				got := b.log.Requests()
				if len(got) != len(tc.whole)+1 {
					t.Fatalf("%d attempts", len(got))
				}
				for i, whole := range tc.whole {
					if pause := got[i+1].Time.Sub(got[i].Time); pause < whole/2 || pause > whole {
						t.Errorf("pause %d is %v, want %v to %v", i+1, pause, whole/2, whole)
					}
				}
			})
		})
	}
}

// A pause that would last to the deadline helps nobody: the last answer comes back at once.
func TestNoPauseBeyondTheDeadline(t *testing.T) {
	for _, tc := range []struct {
		name     string
		fault    sim.Fault
		timeout  time.Duration
		attempts int
		took     time.Duration
	}{
		{"asked for longer", sim.Fault{Kind: sim.BusySeconds, RetryAfter: 20 * time.Second}, 10 * time.Second, 1, 0},
		{"asked for as long", sim.Fault{Kind: sim.BusySeconds, RetryAfter: 10 * time.Second}, 10 * time.Second, 1, 0},
		{"asked for less", sim.Fault{Kind: sim.BusySeconds, RetryAfter: 4 * time.Second}, 10 * time.Second, 3, 8 * time.Second},
		{"back-off", sim.Fault{Kind: sim.Busy}, 200 * time.Millisecond, 1, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				tc.fault.Count = -1
				b.faults.Add(tc.fault)
				ctx, cancel := context.WithTimeout(t.Context(), tc.timeout)
				defer cancel()
				start := time.Now()
				resp, err := b.engine(t, nil).Do(ctx, post())
				if err != nil || resp.Status != 503 || resp.RetryAfter != tc.fault.RetryAfter {
					t.Errorf("%+v, %v", resp, err)
				}
				if n := b.log.Count("", ""); n != tc.attempts || time.Since(start) != tc.took {
					t.Errorf("%d attempts in %v", n, time.Since(start))
				}
			})
		})
	}

	synctest.Test(t, func(t *testing.T) { // and without an answer, the error of the line
		b := newBench(t)
		b.faults.Add(sim.Fault{Kind: sim.Refuse, Count: -1})
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		resp, err := b.engine(t, nil).Do(ctx, post())
		failed := transportError(t, resp, err)
		if failed.Attempts != 1 || failed.Sent || !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%+v", failed)
		}
	})
}

func TestCancelWhilePausing(t *testing.T) {
	for name, tc := range map[string]struct {
		fault sim.Fault
		sent  bool
	}{
		"after an answer":  {sim.Fault{Kind: sim.BusySeconds, RetryAfter: 20 * time.Second, Count: -1}, true},
		"after no answer":  {sim.Fault{Kind: sim.Reset, Count: -1}, true},
		"after a refusal":  {sim.Fault{Kind: sim.Refuse, Count: -1}, false},
		"after a bad body": {sim.Fault{Kind: sim.ResetBody, Count: -1}, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				b.faults.Add(tc.fault)
				e := b.engine(t, func(c *rest.Config) { c.Retry = rest.Retry{MinWait: 20 * time.Second} })
				shutdown := errors.New("shutting down")
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Second, func() { cancel(shutdown) })
				start := time.Now()
				resp, err := e.Do(ctx, repeatable())
				failed := transportError(t, resp, err)
				if took := time.Since(start); took != time.Second || failed.Attempts != 1 || failed.Sent != tc.sent {
					t.Errorf("%+v after %v", failed, took)
				}
				if !errors.Is(err, context.Canceled) || !errors.Is(err, shutdown) {
					t.Errorf("error %v, want Canceled and its cause", err)
				}
			})
		})
	}
}

func TestAContextThatHasEndedSendsNothing(t *testing.T) {
	b := newBench(t)
	limiter := rate.NewLimiter(1, 1)
	for name, change := range map[string]func(*rest.Config){
		"alone":          nil,
		"with a limiter": func(c *rest.Config) { c.Limiter = limiter },
	} {
		shutdown := errors.New("shutting down")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(shutdown)
		resp, err := b.engine(t, change).Do(ctx, repeatable())
		failed := transportError(t, resp, err)
		if failed.Attempts != 0 || failed.Sent || !errors.Is(err, context.Canceled) || !errors.Is(err, shutdown) {
			t.Errorf("%s: %+v", name, failed)
		}
	}
	if b.log.Count("", "") != 0 || b.server.Dials() != 0 {
		t.Error("something was sent")
	}
}

func TestSent(t *testing.T) {
	for name, tc := range map[string]struct {
		script func(*bench)
		sent   bool
	}{
		"never": {func(b *bench) {
			b.faults.Add(sim.Fault{Kind: sim.Refuse, Count: -1})
		}, false},
		"lost": {func(b *bench) {
			b.faults.Add(sim.Fault{Kind: sim.Lose, Count: -1})
		}, true},
		"refused, then lost": {func(b *bench) {
			b.faults.Add(sim.Fault{Kind: sim.Refuse})
			b.faults.Add(sim.Fault{Kind: sim.Lose, Count: -1})
		}, true},
		"busy, then refused": {func(b *bench) {
			b.faults.Add(sim.Fault{Kind: sim.BusySeconds, RetryAfter: 10 * time.Second})
			time.AfterFunc(time.Second, func() { b.server.Refuse(-1) })
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				tc.script(b)
				resp, err := b.engine(t, nil).Do(t.Context(), post())
				if failed := transportError(t, resp, err); failed.Sent != tc.sent {
					t.Errorf("%+v", failed)
				}
			})
		})
	}
}

// roundTripper is a transport that reports nothing to httptrace, as some that users write.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestATransportThatDoesNotTellMayHaveSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lost := errors.New("the answer was lost")
		calls := 0
		e, err := rest.New(rest.Config{BaseURL: "https://a.test", HTTPClient: &http.Client{
			Transport: roundTripper(func(*http.Request) (*http.Response, error) { calls++; return nil, lost }),
		}})
		if err != nil {
			t.Fatal(err)
		}
		resp, err := e.Do(t.Context(), post())
		if failed := transportError(t, resp, err); calls != 1 || !failed.Sent || !errors.Is(err, lost) {
			t.Errorf("%d calls: %+v", calls, failed)
		}
		resp, err = e.Do(t.Context(), repeatable())
		if failed := transportError(t, resp, err); calls != 1+4 || failed.Attempts != 4 {
			t.Errorf("%d calls: %+v", calls, failed)
		}
	})
}

// The same rules hold over HTTP/2, where a reset ends one stream only.
func TestHTTP2(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{}
		protocols := make(map[string]int)
		b.server = memhttp.NewTLSServer(b.log.Wrap(b.faults.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			protocols[r.Proto]++
			b.serve(w, r)
		}))), nil)
		t.Cleanup(b.server.Close)
		b.faults.Refuser, b.client = b.server, b.server.Client()
		e := b.engine(t, nil)

		b.faults.Add(sim.Fault{Kind: sim.Refuse})
		mustDo(t, e, post(), 200)
		for _, kind := range []sim.Kind{sim.Lose, sim.ResetBody} {
			before := b.processed.Load()
			b.faults.Add(sim.Fault{Kind: kind})
			resp, err := e.Do(t.Context(), post())
			if failed := transportError(t, resp, err); failed.Attempts != 1 || !failed.Sent || b.processed.Load() != before+1 {
				t.Errorf("%+v", failed)
			}
			b.faults.Add(sim.Fault{Kind: kind})
			mustDo(t, e, repeatable(), 200)
		}
		b.faults.Add(sim.Fault{Kind: sim.BusySeconds, RetryAfter: time.Second})
		mustDo(t, e, post(), 200)
		if len(protocols) != 1 || protocols["HTTP/2.0"] == 0 {
			t.Errorf("spoke %v", protocols)
		}
	})
}

func TestSign(t *testing.T) {
	broken := &url.Error{Op: "sign", URL: "https://a.test/?token=hush", Err: errors.New("no key")}

	t.Run("each attempt", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			b.faults.Add(sim.Fault{Kind: sim.Busy})
			b.faults.Add(sim.Fault{Kind: sim.Refuse})
			b.faults.Add(sim.Fault{Kind: sim.Lose})
			signed := 0
			req := repeatable()
			req.Query = url.Values{"a": {"1"}}
			req.Sign = func(r *http.Request) error {
				signed++
				if r.Method != "POST" || r.URL.String() != b.server.URL+"/devices?a=1" {
					t.Errorf("signs %s %s", r.Method, r.URL)
				}
				r.Header.Set("Authorization", fmt.Sprintf("at %v", time.Now()))
				return nil
			}
			mustDo(t, b.engine(t, nil), req, 200)
			if signed != len(b.traced()) || signed < 3 {
				t.Errorf("signed %d times for %d attempts", signed, len(b.traced()))
			}
			for _, r := range b.log.Requests() {
				if want := fmt.Sprintf("at %v", r.Time); r.Header.Get("Authorization") != want {
					t.Errorf("signed %q, sent %q", r.Header.Get("Authorization"), want)
				}
			}
		})
	})

	t.Run("fails", func(t *testing.T) {
		b := newBench(t)
		req := repeatable()
		req.Sign = func(*http.Request) error { return broken }
		resp, err := b.engine(t, nil).Do(t.Context(), req)
		failed := transportError(t, resp, err)
		if failed.Attempts != 0 || failed.Sent || !errors.Is(err, broken.Err) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%+v", failed)
		}
		if b.log.Count("", "") != 0 || len(b.traced()) != 0 {
			t.Error("something was sent")
		}
	})

	t.Run("fails later", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			b.faults.Add(sim.Fault{Kind: sim.Busy, Count: -1})
			req, signed := repeatable(), 0
			req.Sign = func(*http.Request) error {
				if signed++; signed == 2 {
					return broken
				}
				return nil
			}
			resp, err := b.engine(t, nil).Do(t.Context(), req)
			failed := transportError(t, resp, err)
			if failed.Attempts != 1 || !failed.Sent || !errors.Is(err, broken.Err) || b.log.Count("", "") != 1 {
				t.Errorf("%+v", failed)
			}
		})
	})
}

func TestLimiter(t *testing.T) {
	every := func(d time.Duration) func(*rest.Config) {
		limiter := rate.NewLimiter(rate.Every(d), 1)
		return func(c *rest.Config) { c.Limiter = limiter }
	}

	t.Run("each attempt waits for its turn", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			b.faults.Add(sim.Fault{Kind: sim.BusySeconds, RetryAfter: time.Second, Count: 2})
			e := b.engine(t, every(10*time.Second))
			start := time.Now()
			mustDo(t, e, post(), 200)
			mustDo(t, e, post(), 200)
			for i, r := range b.log.Requests() {
				if at := r.Time.Sub(start); at != time.Duration(i)*10*time.Second {
					t.Errorf("attempt %d after %v", i+1, at)
				}
			}
			for _, a := range b.traced() {
				if a.Duration != 0 {
					t.Errorf("the wait counts as part of the attempt: %+v", a)
				}
			}
		})
	})

	t.Run("cancelled", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			e := b.engine(t, every(time.Minute))
			mustDo(t, e, post(), 200)
			shutdown := errors.New("shutting down")
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Second, func() { cancel(shutdown) })
			resp, err := e.Do(ctx, post())
			failed := transportError(t, resp, err)
			if failed.Attempts != 0 || failed.Sent || !errors.Is(err, context.Canceled) || !errors.Is(err, shutdown) {
				t.Errorf("%+v", failed)
			}
		})
	})

	t.Run("beyond the deadline", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			e := b.engine(t, every(time.Minute))
			mustDo(t, e, post(), 200)
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			start := time.Now()
			resp, err := e.Do(ctx, post())
			failed := transportError(t, resp, err)
			if failed.Attempts != 0 || failed.Sent || !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 0 {
				t.Errorf("%+v after %v", failed, time.Since(start))
			}
		})
	})

	for name, fault := range map[string]sim.Fault{
		"no turn for another attempt: the last answer": {Kind: sim.BusySeconds, RetryAfter: time.Second},
		"no turn for another attempt: the last error":  {Kind: sim.Reset},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				b.faults.Add(fault)
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				resp, err := b.engine(t, every(time.Minute)).Do(ctx, repeatable())
				if b.log.Count("", "") != 1 {
					t.Errorf("%d requests", b.log.Count("", ""))
				}
				if fault.Kind == sim.Reset {
					if failed := transportError(t, resp, err); failed.Attempts != 1 || !errors.Is(err, syscall.ECONNRESET) {
						t.Errorf("%+v", failed)
					}
				} else if err != nil || resp.Status != 503 || resp.RetryAfter != time.Second {
					t.Errorf("%+v, %v", resp, err)
				}
			})
		})
	}
}
