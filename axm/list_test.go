package axm_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/axm"
	"github.com/applemdm/applemdm/axm/axmtest"
	"github.com/applemdm/applemdm/internal/exchange"
)

func serialOf(d axm.Device) string { return d.SerialNumber }

// serialsOf reads all serial numbers that seq yields.
func serialsOf(t testing.TB, seq func(func(axm.Device, error) bool)) []string {
	t.Helper()
	devices, err := exchange.Collect(seq)
	if err != nil {
		t.Error(err)
	}
	var serials []string
	for _, d := range devices {
		serials = append(serials, serialOf(d))
	}
	return serials
}

// However pages tell of the next one, every device comes once, and nobody else is asked.
func TestHowPagesAreLinked(t *testing.T) {
	for name, style := range map[string]axmtest.Paging{
		"all":            {},
		"no link":        {NoNextLink: true},
		"no cursor":      {NoNextCursor: true},
		"no total":       {NoTotal: true},
		"without com":    {WithoutCom: true, NoNextCursor: true},
		"without fields": {WithoutFields: true},
		"other host":     {OtherHost: "elsewhere.test", NoNextCursor: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, &axmtest.Options{TLS: true, Paging: style}, func(o *axm.Options) { o.BaseURL, o.TokenURL = "", "" })
				want := s.AddRandomDevices(25)
				options := axm.ListOptions{PageSize: 10, Fields: []string{"serialNumber"}}
				list := s.client.Devices(t.Context(), options)
				for range 2 { // ranges over it again
					if diff := cmp.Diff(want, serialsOf(t, list)); diff != "" {
						t.Error(diff)
					}
				}
				for p, err := range s.client.DevicePages(t.Context(), options) {
					if wantTotal := 25; err != nil || p.Total != wantTotal && !style.NoTotal || style.NoTotal && p.Total != 0 {
						t.Errorf("%+v, %v", p, err)
					}
				}
				for _, r := range s.srv.Received() {
					if r.Method == "GET" && (r.Host != "api-business.apple.com" || r.Query.Get("limit") != "10" || r.Query.Get("fields[orgDevices]") != "serialNumber") {
						t.Errorf("%s %s?%v", r.Host, r.Path, r.Query)
					}
				}
				s.clean(t)
			})
		})
	}
}

func TestAReadIsResumed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		want := s.AddRandomDevices(25)
		var got []string
		options := axm.ListOptions{PageSize: 10}
		for p, err := range s.client.DevicePages(t.Context(), options) {
			if err != nil || !p.Begins || p.Completes {
				t.Fatalf("%+v, %v", p, err)
			}
			for _, d := range p.Items {
				got = append(got, serialOf(d))
			}
			options.Cursor = p.Cursor
			break
		}
		later := s.newClient(t, nil)
		for p, err := range later.DevicePages(t.Context(), options) {
			if err != nil || p.Begins || p.Completes != (p.Cursor == "") {
				t.Fatalf("%+v, %v", p, err)
			}
			for _, d := range p.Items {
				got = append(got, serialOf(d))
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

// When the cursor is forgotten the list begins again, once, and says so.
func TestAForgottenCursor(t *testing.T) {
	for _, status := range []int{400, 410} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, &axmtest.Options{StaleCursor: status}, nil)
				s.AddRandomDevices(25)
				var sizes []int
				var begins []bool
				for p, err := range s.client.DevicePages(t.Context(), axm.ListOptions{PageSize: 10}) {
					if err != nil {
						t.Fatal(err)
					}
					sizes, begins = append(sizes, len(p.Items)), append(begins, p.Begins)
					if len(sizes) == 1 {
						synctest.Wait() // the page after this one has been read ahead
						s.ExpireCursors()
					}
				}
				if !slices.Equal(sizes, []int{10, 10, 10, 10, 5}) || !slices.Equal(begins, []bool{true, false, true, false, false}) {
					t.Errorf("pages of %v, begin %v", sizes, begins)
				}

				// A cursor that was stored is forgotten as well.
				for p, err := range s.client.DevicePages(t.Context(), axm.ListOptions{Cursor: "Zm9v"}) {
					if err != nil || !p.Begins || !p.Completes || len(p.Items) != 25 {
						t.Errorf("%+v, %v", p, err)
					}
				}
			})
		})
	}
}

func TestACursorThatIsForgottenAgainAndAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, &axmtest.Options{CursorLife: time.Nanosecond, Latency: time.Second, StaleCursor: 410}, nil)
		s.AddRandomDevices(25)
		devices, err := exchange.Collect(s.client.Devices(t.Context(), axm.ListOptions{PageSize: 10}))
		if !errors.Is(err, axm.ErrCursor) || len(devices) != 20 || s.srv.Count("GET", "") != 4 {
			t.Errorf("%v after %d devices and %d requests", err, len(devices), s.srv.Count("GET", ""))
		}
	})
}

// A 400 about something else is no forgotten cursor.
func TestARefusedParameterIsNoForgottenCursor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.AddRandomDevices(2)
		_, err := exchange.Collect(s.client.Devices(t.Context(), axm.ListOptions{Fields: []string{"noSuchThing"}, Cursor: "Zm9v"}))
		e, ok := errors.AsType[*axm.Error](err)
		if !ok || !errors.Is(err, axm.ErrInvalidRequest) || !e.HasCode("PARAMETER_ERROR") || s.srv.Count("GET", "") != 1 {
			t.Errorf("%v, %d requests", err, s.srv.Count("GET", ""))
		}
	})
}

func TestACursorThatLeadsNowhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.AddRandomDevices(25)
		s.srv.RepeatCursor(-1)
		_, err := exchange.Collect(s.client.Devices(t.Context(), axm.ListOptions{PageSize: 10}))
		if !errors.Is(err, axm.ErrSameCursor) || s.srv.Count("GET", "") > 3 {
			t.Errorf("%v, %d requests", err, s.srv.Count("GET", ""))
		}
	})
}

// The connection is closed after every 20 pages, as clients have seen it: the list goes on.
func TestConnectionsThatEndAfterSomePages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, &axmtest.Options{PagesPerConnection: 20}, nil)
		want := s.AddRandomDevices(500)
		if diff := cmp.Diff(want, serialsOf(t, s.client.Devices(t.Context(), axm.ListOptions{PageSize: 10}))); diff != "" {
			t.Error(diff)
		}
		s.clean(t)
	})
}

func TestALoopThatIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.AddRandomDevices(100)
		for range s.client.Devices(t.Context(), axm.ListOptions{PageSize: 10}) {
			break
		}
		if n := s.srv.Count("GET", ""); n > 2 {
			t.Errorf("%d requests", n)
		}
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		n := 0
		var last error
		for _, err := range s.client.Devices(ctx, axm.ListOptions{PageSize: 10}) {
			n++
			cancel()
			last = err
		}
		if !errors.Is(last, context.Canceled) || n > 31 {
			t.Errorf("%d items, %v", n, last)
		}
	})
}

// Reading ahead goes on while the caller works, by one page.
func TestReadingAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, &axmtest.Options{Latency: time.Second}, nil)
		s.AddRandomDevices(30)
		if _, err := s.client.TokenSource().Token(); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		for _, err := range s.client.DevicePages(t.Context(), axm.ListOptions{PageSize: 10}) {
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		if took := time.Since(start); took != 4*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

// Cursors that lead in a circle end the walk before it has gone three times around.
func TestCursorsInACircle(t *testing.T) {
	for _, length := range []int{1, 2, 3, 7} {
		for _, before := range []int{0, 1, 5} {
			synctest.Test(t, func(t *testing.T) {
				asked := 0
				c := wireClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.Method == "POST" {
						_, _ = io.WriteString(w, `{"access_token":"a"}`)
						return
					}
					asked++
					at, _ := strconv.Atoi(r.URL.Query().Get("cursor"))
					if at++; at > before+length {
						at -= length
					}
					_, _ = fmt.Fprintf(w, `{"data":[{"id":"A"}],"meta":{"paging":{"limit":1,"nextCursor":"%d"}}}`, at)
				}), nil)
				var last error
				for _, err := range c.Devices(t.Context(), axm.ListOptions{}) {
					last = err
				}
				if !errors.Is(last, axm.ErrSameCursor) || asked > 3*(before+length)+1 {
					t.Errorf("a circle of %d after %d: %d requests, %v", length, before, asked, last)
				}
			})
		}
	}
}

// The bearer goes nowhere but to the service, whatever links say.
func TestLinksAreNotFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var hosts []string
		c := wireClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			hosts = append(hosts, r.Host)
			body := `{"access_token":"a"}`
			if r.Method == "GET" && r.URL.Query().Get("cursor") == "" {
				body = `{"data":[],"links":{"next":"https://elsewhere.test/steal?cursor=c"}}`
			} else if r.Method == "GET" {
				body = `{"data":[{"id":"A1"}]}`
			}
			_, _ = io.WriteString(w, body)
		}), nil)
		if got := exchangeSerials(c, t.Context()); got != "A1" {
			t.Error(got)
		}
		if strings.Contains(strings.Join(hosts, " "), "elsewhere") || len(hosts) != 3 {
			t.Errorf("%q", hosts)
		}
	})
}

func exchangeSerials(c *axm.Client, ctx context.Context) string {
	var ids []string
	for d, err := range c.Devices(ctx, axm.ListOptions{}) {
		if err != nil {
			return err.Error()
		}
		ids = append(ids, d.ID)
	}
	return strings.Join(ids, " ")
}
