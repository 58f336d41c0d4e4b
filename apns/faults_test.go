package apns_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/apns"
	"github.com/applemdm/applemdm/apns/apnstest"
	"github.com/applemdm/applemdm/internal/faultmatrix"
	"github.com/applemdm/applemdm/internal/leak"
)

// What comes of a cell of the fault matrix: success, or a typed error.
const (
	works    = faultmatrix.Works
	timedOut = faultmatrix.TimedOut // TransportError, context.DeadlineExceeded
	lostLine = faultmatrix.Lost     // TransportError, sent, nothing known
	tooMany  = faultmatrix.Busy429  // ErrTooManyRequests
	service  = faultmatrix.Server   // ErrService
	noLine   = "no line"            // TransportError, not sent, ErrNoConnection
	certBad  = "certificate"        // FixCertificate
	shutting = "shutting down"      // ErrShutdown
	fixIt    = "bad request"        // Error of unknown meaning
	tooLarge = "lost in one try"    // TransportError after one try
)

// ending names what err is, or says that it is none of the above.
func ending(err error) string {
	if err == nil {
		return works
	}
	if apns.DispositionOf(err) == apns.FixCertificate {
		return certBad
	}
	if e, ok := errors.AsType[*apns.TransportError](err); ok {
		switch {
		case errors.Is(err, apns.ErrNoConnection):
			return noLine
		case errors.Is(err, context.DeadlineExceeded):
			return timedOut
		case e.Sent && e.Attempts == 1:
			return tooLarge
		case e.Attempts > 0:
			return lostLine
		}
	}
	if _, ok := errors.AsType[*apns.Error](err); ok {
		for name, sentinel := range map[string]error{service: apns.ErrService, tooMany: apns.ErrTooManyRequests, shutting: apns.ErrShutdown} {
			if errors.Is(err, sentinel) {
				return name
			}
		}
		return fixIt
	}
	return fmt.Sprintf("untyped: %v", err)
}

// faultRow is one thing that goes wrong, and what has to come of a push when it happens once, and when
// it goes on for ever.
type faultRow struct {
	name   string
	fault  apnstest.Fault
	once   string
	always string
}

var faultRows = []faultRow{
	// Connections.
	{"connection refused", apnstest.Fault{Kind: apnstest.RefuseConn}, works, timedOut},
	{"dropped before the handshake", apnstest.Fault{Kind: apnstest.DropConn}, works, noLine},
	{"no answer in the handshake", apnstest.Fault{Kind: apnstest.HangHandshake}, works, timedOut},
	{"late handshake", apnstest.Fault{Kind: apnstest.LateHandshake, Delay: 9 * time.Second}, works, works},
	{"certificate: alert", apnstest.Fault{Kind: apnstest.RejectCertificate}, certBad, certBad},
	{"certificate: GOAWAY", apnstest.Fault{Kind: apnstest.RejectConn}, certBad, certBad},
	{"certificate: GOAWAY, later", apnstest.Fault{Kind: apnstest.RejectConn, Delay: 3 * time.Second}, certBad, certBad},
	{"ALPN ignored", apnstest.Fault{Kind: apnstest.NoALPN}, works, noLine},
	{"HTTP/1.1 only", apnstest.Fault{Kind: apnstest.HTTP1Only}, works, noLine},
	{"late SETTINGS", apnstest.Fault{Kind: apnstest.LateSettings, Delay: 9 * time.Second}, works, works},
	{"dropped at the first push", apnstest.Fault{Kind: apnstest.DropFirst}, works, lostLine},
	{"silent from the start", apnstest.Fault{Kind: apnstest.SilentConn}, works, timedOut + " or " + noLine},
	// Pushes: no answer.
	{"answer swallowed", apnstest.Fault{Kind: apnstest.Swallow}, works, timedOut},
	{"answer lost", apnstest.Fault{Kind: apnstest.Lose}, works, timedOut},
	{"answer after 9 s", apnstest.Fault{Kind: apnstest.Late, Delay: 9 * time.Second}, works, works},
	{"answer after 40 s", apnstest.Fault{Kind: apnstest.Late, Delay: 40 * time.Second}, works, timedOut},
	{"REFUSED_STREAM", apnstest.Fault{Kind: apnstest.RefuseStream}, works, lostLine},
	{"RST_STREAM", apnstest.Fault{Kind: apnstest.ResetStream, Code: 2}, works, lostLine},
	{"RST_STREAM in the body", apnstest.Fault{Kind: apnstest.ResetBody, Code: 2}, works, lostLine},
	{"GOAWAY before the stream", apnstest.Fault{Kind: apnstest.GoAwayBefore}, works, noLine},
	{"GOAWAY before, Shutdown", apnstest.Fault{Kind: apnstest.GoAwayBefore, Reason: "Shutdown"}, works, noLine},
	{"GOAWAY before, text", apnstest.Fault{Kind: apnstest.GoAwayBefore, Code: 7, Body: "Maximum active streams violated for this endpoint."}, works, noLine},
	{"GOAWAY after the stream", apnstest.Fault{Kind: apnstest.GoAwayAfter}, works, works},
	{"GOAWAY after, Shutdown", apnstest.Fault{Kind: apnstest.GoAwayAfter, Reason: "Shutdown"}, works, works},
	{"GOAWAY, answer lost", apnstest.Fault{Kind: apnstest.GoAwayLost}, works, lostLine},
	{"GOAWAY, certificate", apnstest.Fault{Kind: apnstest.Reject}, certBad, certBad},
	{"GOAWAY, certificate, twice", apnstest.Fault{Kind: apnstest.Reject, Twice: true}, certBad, certBad},
	{"connection closed", apnstest.Fault{Kind: apnstest.Disconnect}, works, lostLine},
	{"connection reset", apnstest.Fault{Kind: apnstest.ResetConn}, works, lostLine},
	{"silent death", apnstest.Fault{Kind: apnstest.Silence}, works, timedOut},
	{"silent death, not reading", apnstest.Fault{Kind: apnstest.Stall}, works, timedOut},
	// Pushes: odd answers.
	{"HTML 502", apnstest.Fault{Kind: apnstest.HTML}, service, service},
	{"HTML 403", apnstest.Fault{Kind: apnstest.HTML, Status: 403}, certBad, certBad},
	{"empty 500", apnstest.Fault{Kind: apnstest.Empty}, service, service},
	{"503 ServiceUnavailable", apnstest.Fault{Kind: apnstest.Answer, Status: 503, Reason: "ServiceUnavailable"}, service, service},
	{"503 Shutdown", apnstest.Fault{Kind: apnstest.Answer, Status: 503, Reason: "Shutdown"}, works, shutting},
	{"400 IdleTimeout", apnstest.Fault{Kind: apnstest.Answer, Status: 400, Reason: "IdleTimeout"}, works, shutting},
	{"429 TooManyRequests", apnstest.Fault{Kind: apnstest.Answer, Status: 429, Reason: "TooManyRequests"}, tooMany, tooMany},
	{"redirect", apnstest.Fault{Kind: apnstest.Answer, Status: 302, Header: []apnstest.Field{{Name: "location", Value: "https://other.example/"}}}, fixIt, fixIt},
	{"truncated JSON", apnstest.Fault{Kind: apnstest.Answer, Status: 400, Body: `{"reason":"BadDe`}, fixIt, fixIt},
	{"duplicate members", apnstest.Fault{Kind: apnstest.Answer, Status: 503, Body: `{"reason":"Shutdown","reason":"Shutdown"}`}, works, shutting},
	{"unknown members", apnstest.Fault{Kind: apnstest.Answer, Status: 503, Body: `{"reason":"ServiceUnavailable","more":{}}`}, service, service},
	{"oversized body", apnstest.Fault{Kind: apnstest.Answer, Status: 400, Body: strings.Repeat("x", 40_000)}, tooLarge, tooLarge},
	{"compressed refusal", apnstest.Fault{Kind: apnstest.Answer, Status: 500, Body: "\x1f\x8b\x08\x00", Header: []apnstest.Field{{Name: "content-encoding", Value: "gzip"}}}, service, service},
	{"padding", apnstest.Fault{Kind: apnstest.Padded}, works, works},
	{"CONTINUATION byte by byte", apnstest.Fault{Kind: apnstest.Continued}, works, works},
	{"body byte by byte", apnstest.Fault{Kind: apnstest.SplitBody}, works, works},
	{"dripping body", apnstest.Fault{Kind: apnstest.Drip}, works, works},
	{"trailers", apnstest.Fault{Kind: apnstest.Trailers}, works, works},
	{"unknown frames", apnstest.Fault{Kind: apnstest.UnknownFrames}, works, works},
	{"status 103 first", apnstest.Fault{Kind: apnstest.Informational}, works, works},
	{"empty DATA", apnstest.Fault{Kind: apnstest.EmptyData}, works, works},
}

// faultColumn is a column: so many pushes after so many that work.
type faultColumn struct {
	name   string
	before int
	n      int // of which the first one to be sent meets the fault
}

var faultColumns = []faultColumn{{"first push", 0, 1}, {"later push", 5, 1}, {"among 50", 5, 50}}

// TestFaults is the fault matrix. Whatever goes wrong ends in success or a typed error within the
// deadline, with one result for every push; afterwards the client works again. -v prints the matrix.
func TestFaults(t *testing.T) {
	faultmatrix.Matrix{
		Service: "apns",
		Rows:    faultmatrix.Names(faultRows, func(row faultRow) string { return row.name }),
		Columns: faultmatrix.Names(faultColumns, func(column faultColumn) string { return column.name }),
		Cell: func(t *testing.T, row, column int, forEver bool) string {
			return faultRows[row].meet(t, faultColumns[column].before, faultColumns[column].n, forEver)
		},
	}.Run(t)
}

// meet makes n pushes while the fault happens and returns what became of the one that fared worst.
func (row faultRow) meet(t *testing.T, before, n int, forEver bool) string {
	srv := anyToken(t)
	cert := issue(t, srv, apnstest.CertOptions{})
	client := newClientWith(t, srv, cert, nil)
	for i := range before {
		if _, err := client.Push(t.Context(), pushTo(1000+i)); err != nil {
			t.Fatal(err)
		}
	}
	fault, want := row.fault, row.once
	if forEver {
		fault.Count, want = -1, row.always
	}
	srv.Fail(fault)
	if fault.Kind >= apnstest.RefuseConn && before > 0 {
		srv.Disconnect()
		synctest.Wait()
	}

	start := time.Now()
	results, worst := newOnce(t, n), works
	var errs []any
	for r := range client.PushAll(t.Context(), pushesTo(n)) {
		results.note(r)
		errs = append(errs, r.Err)
		switch got := ending(r.Err); {
		case slices.Contains(strings.Split(want, " or "), got):
			worst = want
		case got == works && !forEver: // not the one that met the fault
		case forEver && n > 1 && (got == timedOut || got == noLine || got == works || got == lostLine): // it never had its turn
		default:
			t.Errorf("got %s, want %s: %v", got, want, r.Err)
		}
	}
	if results.n != n || worst != want {
		t.Errorf("%d results, worst %s, want %s", results.n, worst, want)
	}
	if took := time.Since(start); took > 31*time.Second {
		t.Errorf("took %v", took)
	}
	if got := client.Stats(); got.Queued+got.InFlight != 0 {
		t.Errorf("left: %+v", got)
	}

	leak.Find(t, append(secrets(srv, cert), target(0).Token, target(0).PushMagic), errs...)
	srv.ResetFaults()
	time.Sleep(20 * time.Minute)
	if _, err := client.Push(t.Context(), pushTo(5000)); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	return worst
}

// A line that is refused says so.
func TestTheCauseOfATimeoutIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, nil)
		srv.Fail(apnstest.Fault{Kind: apnstest.RefuseConn, Count: -1})
		_, err := newClient(t, srv, nil).Push(t.Context(), pushTo(1))
		wants(t, err, apns.RetryLater, syscall.ECONNREFUSED, context.DeadlineExceeded)
	})
}

// A push that may have been processed is sent three times at the most.
func TestThreeTriesAtTheMost(t *testing.T) {
	for _, kind := range []apnstest.Kind{apnstest.ResetStream, apnstest.GoAwayLost, apnstest.Disconnect} {
		bubble(t, kind.String(), func(t *testing.T) { countTries(t, kind, 3, true) })
	}
}

// Tries that surely were not processed do not count, but there is an end to them, too.
func TestTriesThatWereNotProcessed(t *testing.T) {
	bubble(t, "REFUSED_STREAM", func(t *testing.T) { countTries(t, apnstest.RefuseStream, 10, false) })
	bubble(t, "above the last stream", func(t *testing.T) {
		srv := anyToken(t)
		client := newClient(t, srv, nil)
		pushMany(t, client, 5)
		srv.Fail(apnstest.Fault{Kind: apnstest.GoAwayBefore, Count: 4}) // then the breaker ends it
		if _, err := client.Push(t.Context(), pushTo(50)); err != nil {
			t.Error(err)
		}
	})
	bubble(t, "among others", func(t *testing.T) {
		srv := anyToken(t)
		client := newClient(t, srv, nil)
		for _, kind := range []apnstest.Kind{apnstest.RefuseStream, apnstest.ResetStream, apnstest.RefuseStream, apnstest.ResetStream} {
			srv.Fail(apnstest.Fault{Kind: kind})
		}
		if _, err := client.Push(t.Context(), pushTo(50)); err != nil {
			t.Error(err)
		}
	})
}

// countTries expects a push to be tried most times, and no more.
func countTries(t *testing.T, kind apnstest.Kind, most int, sent bool) {
	srv := anyToken(t)
	client := newClient(t, srv, &apns.Options{HoldOff: -1})
	pushMany(t, client, 5)
	before := srv.Stats().Pushes
	srv.Fail(apnstest.Fault{Kind: kind, Count: most - 1})
	if _, err := client.Push(t.Context(), pushTo(50)); err != nil {
		t.Errorf("the last try: %v", err)
	}
	if got := srv.Stats().Pushes - before; got != most {
		t.Errorf("%d tries", got)
	}
	srv.Fail(apnstest.Fault{Kind: kind, Count: most})
	_, err := client.Push(t.Context(), pushTo(50))
	wants(t, err, apns.RetryLater)
	if e := lost(t, err); e.Attempts != most || e.Sent != sent || srv.Stats().Pushes-before != 2*most {
		t.Errorf("%+v, %d tries", e, srv.Stats().Pushes-before-most)
	}
}
