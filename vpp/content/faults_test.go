package content_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/content"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

// What comes of a cell of the fault matrix: success, or a typed error.
const (
	works    = "ok"
	refused  = "refused"   // TransportError: ECONNREFUSED, not sent
	lost     = "lost"      // TransportError: broken line, sent
	timedOut = "timeout"   // TransportError: context.DeadlineExceeded, sent
	tooLarge = "too large" // TransportError: ErrBodyTooLarge, sent
	busy429  = "429"       // ErrTooManyRequests
	busy503  = "503"       // ErrMaintenance
	server   = "5xx"       // ErrServer
	odd      = "odd"       // ErrUnexpectedAnswer
	noKey    = "no key"    // ErrDeveloperToken
	noToken  = "no token"  // ErrTokenInvalid
	noEntry  = "forbidden" // ErrForbidden
	either   = "ok or lost"
)

// ending names what err is, or says that it is none of the above.
func ending(err error) string {
	if err == nil {
		return works
	}
	if line, ok := errors.AsType[*vpp.TransportError](err); ok {
		switch {
		case errors.Is(err, syscall.ECONNREFUSED) && !line.Sent:
			return refused
		case !line.Sent:
			return fmt.Sprintf("not sent, but not refused: %v", err)
		case errors.Is(err, vpp.ErrBodyTooLarge):
			return tooLarge
		case errors.Is(err, context.DeadlineExceeded):
			return timedOut
		}
		return lost
	}
	if _, ok := errors.AsType[*content.Error](err); ok {
		for name, sentinel := range map[string]error{
			busy429: vpp.ErrTooManyRequests, busy503: vpp.ErrMaintenance, server: vpp.ErrServer, odd: vpp.ErrUnexpectedAnswer,
			noKey: content.ErrDeveloperToken, noToken: vpp.ErrTokenInvalid, noEntry: vpp.ErrForbidden,
		} {
			if errors.Is(err, sentinel) {
				return name
			}
		}
	}
	return fmt.Sprintf("untyped: %v", err)
}

// faultRow is one thing that goes wrong, and what has to come of it when it happens once and when
// it goes on for ever.
type faultRow struct {
	name         string
	fault        vpptest.Fault
	once, always string
	bodyOnly     bool          // what answers without a body is not harmed
	retryAfter   time.Duration // asked for by the answer
}

var faultRows = []faultRow{
	{name: "connection refused", fault: vpptest.Fault{Kind: vpptest.Refuse}, once: works, always: refused},
	{name: "reset before headers", fault: vpptest.Fault{Kind: vpptest.Reset}, once: works, always: lost},
	{name: "answer lost", fault: vpptest.Fault{Kind: vpptest.Lose}, once: works, always: lost},
	{name: "reset in body", fault: vpptest.Fault{Kind: vpptest.ResetBody}, once: works, always: lost, bodyOnly: true},
	{name: "truncated JSON", fault: vpptest.Fault{Kind: vpptest.Truncate}, once: odd, always: odd, bodyOnly: true},
	{name: "dripping body", fault: vpptest.Fault{Kind: vpptest.Drip}, once: works, always: timedOut, bodyOnly: true},
	{name: "late answer", fault: vpptest.Fault{Kind: vpptest.Late, Delay: 9 * time.Second}, once: works, always: works},
	{name: "silence", fault: vpptest.Fault{Kind: vpptest.Silence}, once: works, always: timedOut},
	{name: "HTML 502", fault: vpptest.Fault{Kind: vpptest.HTML}, once: works, always: server},
	{name: "empty 500", fault: vpptest.Fault{Kind: vpptest.Empty}, once: works, always: server},
	{name: "its own 500", fault: vpptest.CatalogFault(500), once: works, always: server},
	{name: "its own 429", fault: vpptest.CatalogFault(429), once: works, always: busy429},
	{name: "429", fault: vpptest.Fault{Kind: vpptest.Busy, Status: 429}, once: works, always: busy429},
	{name: "429, seconds", fault: vpptest.Fault{Kind: vpptest.BusySeconds, Status: 429}, once: works, always: busy429, retryAfter: 7 * time.Second},
	{name: "503, seconds", fault: vpptest.Fault{Kind: vpptest.BusySeconds}, once: works, always: busy503, retryAfter: 7 * time.Second},
	{name: "503, date", fault: vpptest.Fault{Kind: vpptest.BusyDate}, once: works, always: busy503, retryAfter: 7 * time.Second},
	{name: "401", fault: vpptest.Fault{Kind: vpptest.Answer, Status: 401, Body: "{}"}, once: works, always: noKey},
	{name: "403", fault: vpptest.CatalogFault(403), once: noToken, always: noToken},
	{name: "redirect", fault: vpptest.Fault{Kind: vpptest.Redirect}, once: odd, always: odd},
	{name: "oversized", fault: vpptest.Fault{Kind: vpptest.Oversize, Size: 2 * faultMaxBody}, once: tooLarge, always: tooLarge},
	{name: "gzip", fault: vpptest.Fault{Kind: vpptest.Gzip}, once: works, always: works},
	{name: "wrong media type", fault: vpptest.Fault{Kind: vpptest.WrongType}, once: works, always: works},
	{name: "duplicate members", fault: vpptest.Fault{Kind: vpptest.Duplicate}, once: works, always: works},
	{name: "unknown members", fault: vpptest.Fault{Kind: vpptest.Unknown}, once: works, always: works},
}

const (
	faultMaxBody  = 64 << 10 // of the client
	faultTimeout  = 10 * time.Second
	faultDeadline = 2 * time.Minute
)

// faultCall is a column of the matrix.
type faultCall struct {
	name, path string
	lookup     bool // the legacy service, which knows no developer token
	open       bool // without the content token
	noBody     bool // success has no body
	do         func(context.Context, *site) error
}

var faultCalls = []faultCall{
	{name: "owned apps", path: "/v1/catalog/de/stoken-authenticated-apps", do: func(ctx context.Context, s *site) error { return s.ownedApp(ctx) }},
	{name: "purchases", path: "/v1/catalog/de/stoken-authenticated-purchases", do: func(ctx context.Context, s *site) error {
		p, err := s.client.Purchases(ctx, content.ProductIDs{Apps: []vpp.AdamID{"1"}, InApps: []vpp.AdamID{"6"}}, content.Query{})
		return holds(err, func() bool { return len(p.Apps) == 1 && p.InApps[0].Attributes.Name == "Pro yearly" })
	}},
	{name: "app", path: "/v1/catalog/de/apps/1", open: true, do: func(ctx context.Context, s *site) error {
		app, err := s.client.App(ctx, "1", content.Query{})
		return holds(err, func() bool { return app.Attributes.Name == "Field Notes" })
	}},
	{name: "search", path: "/v1/catalog/de/search", open: true, do: func(ctx context.Context, s *site) error {
		p, err := s.client.Search(ctx, content.SearchQuery{Term: "notes"})
		return holds(err, func() bool { return len(p.Apps) == 1 })
	}},
	{name: "storefronts", path: "/v1/storefronts", open: true, do: func(ctx context.Context, s *site) error {
		all, err := s.client.Storefronts(ctx, content.Query{})
		return holds(err, func() bool { return len(all) == 3 })
	}},
	{name: "test", path: "/v1/test", open: true, noBody: true, do: func(ctx context.Context, s *site) error { return s.client.Test(ctx) }},
	{name: "lookup", path: "/WebObjects/MZStorePlatform.woa/wa/lookup", lookup: true, do: func(ctx context.Context, s *site) error {
		items, err := s.lookup.Items(ctx, []vpp.AdamID{"2"}, content.LookupQuery{})
		return holds(err, func() bool { return items.Items[0].Name == "House Notes" })
	}},
}

func holds(err error, that func() bool) error {
	if err == nil && !that() {
		return errors.New("a success with something else in it")
	}
	return err
}

// want returns what has to come of a cell.
func (row faultRow) want(call faultCall, forEver bool) string {
	want := row.once
	if forEver {
		want = row.always
	}
	switch {
	case row.bodyOnly && call.noBody && row.fault.Kind == vpptest.ResetBody:
		return either // the reset may overtake the header
	case row.bodyOnly && call.noBody:
		return works
	case row.fault.Status == 401 && call.lookup:
		return noToken
	case row.fault.Status == 403 && call.open:
		return noEntry
	}
	return want
}

// TestFaults is the fault matrix: every fault of the simulator, once and for ever, with every sort
// of call. Run it with -v to see it.
func TestFaults(t *testing.T) {
	kinds := map[vpptest.Kind]bool{}
	var matrix strings.Builder
	fmt.Fprintf(&matrix, "\n%-22s", "once / for ever")
	for _, call := range faultCalls {
		fmt.Fprintf(&matrix, "%-22s", call.name)
	}
	for _, row := range faultRows {
		kinds[row.fault.Kind] = true
		fmt.Fprintf(&matrix, "\n%-22s", row.name)
		for _, call := range faultCalls {
			var ends [2]string
			for i, often := range []string{"once", "always"} {
				t.Run(row.name+"/"+call.name+" "+often, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { ends[i] = runFault(t, row, call, often == "always") })
				})
			}
			fmt.Fprintf(&matrix, "%-22s", ends[0]+" / "+ends[1])
		}
	}
	t.Log(matrix.String())
	for kind := vpptest.Answer; kind <= vpptest.Unknown; kind++ {
		if !kinds[kind] {
			t.Errorf("kind %d is not in the matrix", kind)
		}
	}
}

func runFault(t *testing.T, row faultRow, call faultCall, forEver bool) string {
	s := newSite(t, nil, func(o *content.Options) {
		o.HTTPClient.Timeout = faultTimeout
		o.MaxBody = faultMaxBody
	})
	for _, warm := range []func() error{
		func() error { return s.client.Test(t.Context()) },
		func() error { return s.ownedApp(t.Context()) },
		func() error {
			_, err := s.lookup.Items(t.Context(), []vpp.AdamID{"2"}, content.LookupQuery{})
			return err
		},
	} {
		if err := warm(); err != nil {
			t.Fatal(err)
		}
	}
	s.srv.ResetReceived()
	fault := row.fault
	fault.Path, fault.RetryAfter = call.path, row.retryAfter
	if forEver {
		fault.Count = -1
	}
	s.srv.Fail(fault)

	start := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), faultDeadline)
	defer cancel()
	err := call.do(ctx, s)
	took := time.Since(start)

	end, want := ending(err), row.want(call, forEver)
	if end != want && !(want == either && (end == works || end == lost)) {
		t.Errorf("ended with %q, want %q: %v", end, want, err)
	}
	if took >= faultDeadline {
		t.Errorf("took %v", took)
	}
	if e, ok := errors.AsType[*content.Error](err); ok && row.retryAfter > 0 && (e.RetryAfter <= row.retryAfter-time.Second || e.RetryAfter > row.retryAfter) {
		t.Errorf("RetryAfter = %v", e.RetryAfter)
	}
	if n := len(s.srv.Received()); n > 8 {
		t.Errorf("%d requests", n)
	}
	for _, r := range s.srv.Received() {
		if r.Host == "elsewhere.test" {
			t.Error("a redirect to another host was followed")
		}
	}
	if text := fmt.Sprint(err); strings.ContainsAny(text, "\r\n") || len(text) > 400 {
		t.Errorf("error text %q", text)
	}
	s.hides(t, err)
	s.wantNoViolations(t)
	s.srv.ResetFaults()
	if err := call.do(t.Context(), s); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	return end
}
