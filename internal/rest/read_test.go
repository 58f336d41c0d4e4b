package rest_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/internal/memhttp"
	"github.com/applemdm/applemdm/internal/rest"
	"github.com/applemdm/applemdm/internal/sim"
)

func TestAnswersComeBackWhole(t *testing.T) {
	b := newBench(t)
	e := b.engine(t, nil)
	for _, status := range []int{200, 201, 204, 304, 400, 401, 403, 404, 501} {
		body := fmt.Sprintf("body of %d", status)
		if status == 204 || status == 304 {
			body = ""
		}
		b.faults.Add(sim.Fault{Status: status, Body: body, Header: http.Header{
			"X-Answer": {"id-1"}, "Retry-After": {"7"}, "X-More": {"a", "b"},
		}})
		resp := mustDo(t, e, get(), status)
		if string(resp.Body) != body || resp.RequestID != "id-1" || resp.RetryAfter != 7*time.Second || len(resp.Header["X-More"]) != 2 {
			t.Errorf("%d: %+v", status, resp)
		}
	}
	if got := b.log.Count("", ""); got != 9 {
		t.Errorf("%d requests: something was repeated", got)
	}
}

func TestLimitOfTheBody(t *testing.T) {
	const limit = 1000
	zipped := func(n int) string {
		var out bytes.Buffer
		zip := gzip.NewWriter(&out)
		_, _ = io.WriteString(zip, strings.Repeat("x", n))
		_ = zip.Close()
		return out.String()
	}
	for _, tc := range []struct {
		name   string
		status int
		body   string
		header http.Header
		length int // of the body that is expected; -1 for an error
	}{
		{"as much as allowed", 200, strings.Repeat("x", limit), nil, limit},
		{"one more", 200, strings.Repeat("x", limit+1), nil, -1},
		{"one more, busy", 503, strings.Repeat("x", limit+1), nil, -1},
		{"decompressed as much as allowed", 200, zipped(limit), http.Header{"Content-Encoding": {"gzip"}}, limit},
		{"decompressed one more", 200, zipped(limit + 1), http.Header{"Content-Encoding": {"gzip"}}, -1},
		{"decompressed far more", 200, zipped(16 << 20), http.Header{"Content-Encoding": {"gzip"}}, -1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBench(t)
			b.faults.Add(sim.Fault{Status: tc.status, Body: tc.body, Header: tc.header})
			resp, err := b.engine(t, func(c *rest.Config) { c.MaxBody = limit }).Do(t.Context(), get())
			if n := b.log.Count("", ""); n != 1 {
				t.Errorf("%d requests", n)
			}
			if tc.length >= 0 {
				if err != nil || len(resp.Body) != tc.length {
					t.Errorf("%+v, %v", resp, err)
				}
				return
			}
			failed := transportError(t, resp, err)
			if !errors.Is(err, rest.ErrBodyTooLarge) || failed.Attempts != 1 || !failed.Sent ||
				!strings.Contains(err.Error(), fmt.Sprintf("status %d", tc.status)) || !strings.Contains(err.Error(), "1000 bytes") {
				t.Errorf("%+v: %v", failed, err)
			}
		})
	}
}

// A stream without end is read as far as the limit and no further.
func TestDefaultLimit(t *testing.T) {
	b := newBench(t)
	e := b.engine(t, nil)
	b.faults.Add(sim.Fault{Kind: sim.Oversize, Size: rest.DefaultMaxBody + 1<<40})
	resp, err := e.Do(t.Context(), get())
	transportError(t, resp, err)
	if !errors.Is(err, rest.ErrBodyTooLarge) {
		t.Error(err)
	}
	b.faults.Add(sim.Fault{Kind: sim.Oversize, Size: 1 << 20})
	if resp := mustDo(t, e, get(), 200); len(resp.Body) < 1<<20 {
		t.Errorf("%d bytes", len(resp.Body))
	}
}

// raw is a server that answers every request with the same bytes and closes the connection.
func raw(t *testing.T, answer string) *memhttp.Server {
	t.Helper()
	s := memhttp.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(c, answer)
		_ = c.Close()
	}))
	t.Cleanup(s.Close)
	return s
}

func TestBrokenFraming(t *testing.T) {
	for _, tc := range []struct{ name, answer string }{
		{"lying length", "HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\nabc"},
		{"too short", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"},
		{"cut chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc"},
		{"no chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nabc"},
		{"no gzip", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"},
		{"no HTTP", "220 mail.test ESMTP\r\n"},
		{"nothing", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := raw(t, tc.answer)
				for _, maxBody := range []int64{0, math.MaxInt64} {
					e, err := rest.New(rest.Config{HTTPClient: s.Client(), BaseURL: s.URL, MaxBody: maxBody})
					if err != nil {
						t.Fatal(err)
					}
					resp, err := e.Do(t.Context(), post())
					if failed := transportError(t, resp, err); failed.Attempts != 1 || !failed.Sent {
						t.Errorf("not repeatable: %+v", failed)
					}
					resp, err = e.Do(t.Context(), repeatable())
					if failed := transportError(t, resp, err); failed.Attempts != 4 || !failed.Sent {
						t.Errorf("repeatable: %+v", failed)
					}
				}
			})
		})
	}
}

// The body ends with the connection: that is how HTTP/1.0 does it, so nothing is missing.
func TestBodyWithoutLength(t *testing.T) {
	s := raw(t, "HTTP/1.0 200 OK\r\n\r\nabc")
	e, err := rest.New(rest.Config{HTTPClient: s.Client(), BaseURL: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	if resp := mustDo(t, e, get(), 200); string(resp.Body) != "abc" {
		t.Errorf("body %q", resp.Body)
	}
}

func TestTheTimeoutIsThatOfOneAttempt(t *testing.T) {
	for _, tc := range []struct {
		name  string
		fault sim.Fault
	}{
		{"no answer", sim.Fault{Kind: sim.Silence, Count: -1}},
		{"dripping body", sim.Fault{Kind: sim.Drip, Delay: 20 * time.Second, Count: -1}},
		{"late answer", sim.Fault{Kind: sim.Late, Delay: 2 * time.Minute, Count: -1}},
	} {
		for _, timeout := range []time.Duration{0, 5 * time.Second} {
			t.Run(fmt.Sprint(tc.name, timeout), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := newBench(t)
					b.faults.Add(tc.fault)
					b.client.Timeout = timeout
					e := b.engine(t, nil)
					each := timeout
					if timeout == 0 {
						each = rest.DefaultTimeout
					}

					start := time.Now()
					resp, err := e.Do(t.Context(), post())
					failed := transportError(t, resp, err)
					if took := time.Since(start); took != each || failed.Attempts != 1 || !failed.Sent {
						t.Errorf("%+v after %v, want %v", failed, took, each)
					}
					if !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("%v is not DeadlineExceeded", err)
					}

					start = time.Now()
					resp, err = e.Do(t.Context(), repeatable())
					failed = transportError(t, resp, err)
					least, most := 4*each, 4*each+4*time.Second
					if took := time.Since(start); took < least || took > most || failed.Attempts != 4 {
						t.Errorf("%+v after %v, want %v to %v", failed, took, least, most)
					}
				})
			})
		}
	}
}

func TestASlowBodyThatIsFastEnough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.faults.Add(sim.Fault{Kind: sim.Drip, Delay: time.Second})
		if resp := mustDo(t, b.engine(t, nil), post(), 200); string(resp.Body) != rightBody {
			t.Errorf("body %q", resp.Body)
		}
		if a := b.traced(); len(a) != 1 || a[0].Duration != time.Duration(len(rightBody))*time.Second || a[0].Bytes != len(rightBody) {
			t.Errorf("traced %+v", a)
		}
	})
}

func TestTheContextEndsAnAttempt(t *testing.T) {
	shutdown := errors.New("shutting down")
	for _, tc := range []struct {
		name  string
		fault sim.Fault
	}{
		{"before the header", sim.Fault{Kind: sim.Silence}},
		{"in the body", sim.Fault{Kind: sim.Drip, Delay: 20 * time.Second}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for name, end := range map[string]struct {
				context func(context.Context) (context.Context, context.CancelFunc)
				want    []error
			}{
				"deadline": {func(ctx context.Context) (context.Context, context.CancelFunc) {
					return context.WithTimeout(ctx, 25*time.Second)
				}, []error{context.DeadlineExceeded}},
				"deadline with a cause": {func(ctx context.Context) (context.Context, context.CancelFunc) {
					return context.WithTimeoutCause(ctx, 25*time.Second, shutdown)
				}, []error{context.DeadlineExceeded, shutdown}},
				"cancel": {func(ctx context.Context) (context.Context, context.CancelFunc) {
					ctx, cancel := context.WithCancelCause(ctx)
					timer := time.AfterFunc(25*time.Second, func() { cancel(shutdown) })
					return ctx, func() { timer.Stop(); cancel(nil) }
				}, []error{context.Canceled, shutdown}},
			} {
				t.Run(name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						b := newBench(t)
						b.faults.Add(tc.fault)
						ctx, cancel := end.context(t.Context())
						defer cancel()
						start := time.Now()
						resp, err := b.engine(t, nil).Do(ctx, repeatable())
						failed := transportError(t, resp, err)
						if took := time.Since(start); took != 25*time.Second || failed.Attempts != 1 || !failed.Sent {
							t.Errorf("%+v after %v", failed, took)
						}
						for _, want := range end.want {
							if !errors.Is(err, want) {
								t.Errorf("%v is not %v", err, want)
							}
						}
					})
				})
			}
		})
	}
}

// Memory that was given back is read into again; what was not given back is never touched.
func TestRelease(t *testing.T) {
	s := memhttp.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.URL.Query().Get("n"))
		_, _ = io.WriteString(w, strings.Repeat(fmt.Sprint(n, ";"), 1+n*n))
	}))
	defer s.Close()
	e, err := rest.New(rest.Config{HTTPClient: s.Client(), BaseURL: s.URL, MaxBody: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			kept := make(map[int]*rest.Response)
			for i := range 40 {
				n := (i*7 + worker*11) % 40
				req := get()
				req.Query = url.Values{"n": {strconv.Itoa(n)}}
				resp := mustDo(t, e, req, 200)
				if want := strings.Repeat(fmt.Sprint(n, ";"), 1+n*n); string(resp.Body) != want {
					t.Errorf("answer %d has %d bytes, want %d", n, len(resp.Body), len(want))
				}
				if i%2 == 0 {
					resp.Release()
					resp.Release() // changes nothing
					if resp.Body != nil || resp.Status != 200 {
						t.Errorf("released: %+v", resp)
					}
				} else {
					kept[n] = resp
				}
			}
			for n, resp := range kept {
				if want := strings.Repeat(fmt.Sprint(n, ";"), 1+n*n); string(resp.Body) != want {
					t.Errorf("answer %d was overwritten", n)
				}
			}
		})
	}
	all.Wait()
	new(rest.Response).Release() // as tests of other packages make them
}
