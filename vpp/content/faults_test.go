package content_test

import (
	"context"
	"errors"
	"testing"

	"github.com/applemdm/applemdm/internal/faultmatrix"
	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/content"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

// What comes of a cell beside what package faultmatrix has.
const (
	works   = faultmatrix.Works
	noKey   = "no key"    // ErrDeveloperToken
	noToken = "no token"  // ErrTokenInvalid
	noEntry = "forbidden" // ErrForbidden
)

var sentinels = faultmatrix.Sentinels{
	faultmatrix.Busy429: vpp.ErrTooManyRequests, faultmatrix.Busy503: vpp.ErrMaintenance, faultmatrix.Server: vpp.ErrServer,
	faultmatrix.Odd: vpp.ErrUnexpectedAnswer, noKey: content.ErrDeveloperToken, noToken: vpp.ErrTokenInvalid, noEntry: vpp.ErrForbidden,
}

// ending names what err is, or says that it is none of what it may be.
func ending(err error) string {
	_, answered := errors.AsType[*content.Error](err)
	return sentinels.Ending(err, answered)
}

// faultRows returns the faults of the line, and what content metadata has of its own.
func faultRows() []faultmatrix.Row {
	said := func(name string, fault vpptest.Fault, once, always string) faultmatrix.Row {
		return faultmatrix.Row{Name: name, Fault: fault, Once: once, Always: always}
	}
	return append(faultmatrix.Line(),
		said("its own 500", vpptest.CatalogFault(500), works, faultmatrix.Server),
		said("its own 429", vpptest.CatalogFault(429), works, faultmatrix.Busy429),
		said("401", vpptest.Fault{Kind: vpptest.Answer, Status: 401, Body: "{}"}, works, noKey),
		said("403", vpptest.CatalogFault(403), noToken, noToken),
	)
}

// faultCall is a column of the matrix.
type faultCall struct {
	name, path string
	lookup     bool // the legacy service, which knows no developer token
	open       bool // without the content token
	noBody     bool // success has no body
	do         func(context.Context, *site) error
}

var faultCalls = []*faultCall{
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

// outcome returns what has to come of a cell.
func (call *faultCall) outcome(row faultmatrix.Row, forEver bool) string {
	switch {
	case row.BodyOnly && call.noBody && row.Fault.Kind == vpptest.ResetBody:
		return faultmatrix.Either(works, faultmatrix.Lost) // the reset may overtake the header
	case row.BodyOnly && call.noBody && row.Fault.Kind != vpptest.Oversize:
		return works
	case row.Fault.Status == 401 && call.lookup:
		return noToken
	case row.Fault.Status == 403 && call.open:
		return noEntry
	}
	return row.Want(false, forEver)
}

// TestFaults is the fault matrix: every fault of the simulator, once and for ever, with every sort
// of call. Run it with -v to see it.
func TestFaults(t *testing.T) {
	rows := faultRows()
	faultmatrix.EveryKind(t, rows, func(row faultmatrix.Row) vpptest.Fault { return row.Fault })
	faultmatrix.Matrix{
		Service: "vpp/content",
		Rows:    faultmatrix.Names(rows, func(row faultmatrix.Row) string { return row.Name }),
		Columns: faultmatrix.Names(faultCalls, func(call *faultCall) string { return call.name }),
		Cell: func(t *testing.T, row, column int, forEver bool) string {
			return runFault(t, rows[row], faultCalls[column], forEver)
		},
	}.Run(t)
}

// runFault runs one cell and returns what came of it.
func runFault(t *testing.T, row faultmatrix.Row, call *faultCall, forEver bool) string {
	s := newSite(t, nil, func(o *content.Options) {
		o.HTTPClient.Timeout = faultmatrix.Timeout
		o.MaxBody = faultmatrix.MaxBody
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
	s.srv.Fail(row.Script(call.path, 0, forEver))

	took, err := faultmatrix.Try(t, faultmatrix.Deadline, func(ctx context.Context) error { return call.do(ctx, s) })
	end := ending(err)
	faultmatrix.Check(t, end, call.outcome(row, forEver), err)
	pauses := 1
	if forEver {
		pauses = 3
	}
	row.CheckWait(t, took, pauses)
	if e, ok := errors.AsType[*content.Error](err); ok {
		row.CheckTold(t, e.RetryAfter)
	}
	faultmatrix.CheckRequests(t, s.srv.Received(), call.path, 8)
	s.hides(t, err)
	s.wantNoViolations(t)
	s.srv.ResetFaults()
	if err := call.do(t.Context(), s); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	return end
}
