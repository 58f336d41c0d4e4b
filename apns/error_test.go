package apns_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/apns"
	"github.com/applemdm/applemdm/apns/apnstest"
)

// Every reason that Apple documents, the undocumented ones that were seen, and answers without a
// reason. One answer decides, except where the push is tried elsewhere.
var refusals = []struct {
	status      int
	reason      apns.Reason
	disposition apns.Disposition
	sentinel    error
}{
	{400, apns.ReasonBadCollapseID, apns.FixRequest, apns.ErrRequest},
	{400, apns.ReasonBadDeviceToken, apns.KeepToken, apns.ErrBadDeviceToken},
	{400, apns.ReasonBadExpirationDate, apns.FixRequest, apns.ErrRequest},
	{400, apns.ReasonBadMessageID, apns.FixRequest, apns.ErrRequest},
	{400, apns.ReasonBadPriority, apns.FixRequest, apns.ErrRequest},
	{400, apns.ReasonBadTopic, apns.FixCertificate, apns.ErrTopic},
	{400, apns.ReasonDeviceTokenNotForTopic, apns.KeepToken, apns.ErrTokenNotForTopic},
	{400, apns.ReasonDuplicateHeaders, apns.FixRequest, apns.ErrRequest},
	{400, apns.ReasonIdleTimeout, apns.RetryElsewhere, apns.ErrShutdown},
	{400, apns.ReasonInvalidPushType, apns.FixRequest, apns.ErrRequest},
	{400, apns.ReasonMissingDeviceToken, apns.FixRequest, apns.ErrRequest},
	{400, apns.ReasonMissingTopic, apns.FixCertificate, apns.ErrTopic},
	{400, apns.ReasonPayloadEmpty, apns.FixRequest, apns.ErrRequest},
	{400, apns.ReasonTopicDisallowed, apns.FixCertificate, apns.ErrTopic},
	{403, apns.ReasonBadCertificate, apns.FixCertificate, apns.ErrCertificate},
	{403, apns.ReasonBadCertificateEnvironment, apns.FixCertificate, apns.ErrCertificateEnvironment},
	{403, apns.ReasonExpiredProviderToken, apns.FixCertificate, apns.ErrCertificateNotShown},
	{403, apns.ReasonForbidden, apns.FixCertificate, apns.ErrCertificate},
	{403, apns.ReasonInvalidProviderToken, apns.FixCertificate, apns.ErrCertificateNotShown},
	{403, apns.ReasonMissingProviderToken, apns.FixCertificate, apns.ErrCertificateNotShown},
	{403, apns.ReasonUnrelatedKeyIDInToken, apns.FixCertificate, apns.ErrCertificateNotShown},
	{403, apns.ReasonBadEnvironmentKeyIDInToken, apns.FixCertificate, apns.ErrCertificateNotShown},
	{403, apns.ReasonBadEnvironmentKeyInToken, apns.FixCertificate, apns.ErrCertificateNotShown},
	{404, apns.ReasonBadPath, apns.FixRequest, apns.ErrRequest},
	{405, apns.ReasonMethodNotAllowed, apns.FixRequest, apns.ErrRequest},
	{410, apns.ReasonExpiredToken, apns.DropToken, apns.ErrUnregistered},
	{410, apns.ReasonUnregistered, apns.DropToken, apns.ErrUnregistered},
	{413, apns.ReasonPayloadTooLarge, apns.FixRequest, apns.ErrRequest},
	{429, apns.ReasonTooManyProviderTokenUpdates, apns.FixCertificate, apns.ErrCertificateNotShown},
	{429, apns.ReasonTooManyRequests, apns.RetryLater, apns.ErrTooManyRequests},
	{500, apns.ReasonInternalServerError, apns.RetryLater, apns.ErrService},
	{503, apns.ReasonServiceUnavailable, apns.RetryLater, apns.ErrService},
	{503, apns.ReasonShutdown, apns.RetryElsewhere, apns.ErrShutdown},
	{400, "FeatureNotEnabled", apns.FixRequest, nil},
	{400, "NeverHeardOf", apns.FixRequest, nil},
	{403, "NeverHeardOf", apns.FixCertificate, apns.ErrCertificate},
	{410, "NeverHeardOf", apns.DropToken, apns.ErrUnregistered},
	{429, "NeverHeardOf", apns.RetryLater, apns.ErrTooManyRequests},
	{507, "NeverHeardOf", apns.RetryLater, apns.ErrService},
	{418, "NeverHeardOf", apns.FixRequest, nil},
	{302, "NeverHeardOf", apns.FixRequest, nil},
}

func TestEveryReason(t *testing.T) {
	for _, c := range refusals {
		bubble(t, fmt.Sprintf("%d %s", c.status, c.reason), func(t *testing.T) {
			srv := anyToken(t)
			tries := 1
			if c.disposition == apns.RetryElsewhere {
				tries = 3
			}
			srv.Fail(apnstest.Fault{Kind: apnstest.Answer, Status: c.status, Reason: string(c.reason), Count: tries})
			client := newClient(t, srv, nil)
			id, err := client.Push(t.Context(), pushTo(1))
			e, ok := errors.AsType[*apns.Error](err)
			if !ok || id != "" {
				t.Fatalf("Push = %q, %v", id, err)
			}
			if e.StatusCode != c.status || e.Reason != c.reason || e.Disposition != c.disposition || e.Err != c.sentinel {
				t.Errorf("%+v", e)
			}
			if e.ID == "" || e.ID != srv.Received()[tries-1].ID {
				t.Errorf("ID %q", e.ID)
			}
			if want := fmt.Sprintf(`{"reason":%q}`, c.reason); string(e.Body) != want || !e.Since.IsZero() {
				t.Errorf("body %s, since %v", e.Body, e.Since)
			}
			if text := err.Error(); !strings.Contains(text, fmt.Sprint(c.status)) || !strings.Contains(text, string(c.reason)) {
				t.Errorf("the text %q lacks status or reason", text)
			}
			if c.sentinel != nil {
				wants(t, err, c.disposition, c.sentinel)
			}
			if got := srv.Stats().Pushes; got != tries {
				t.Errorf("sent %d times, want %d", got, tries)
			}
		})
	}
}

func TestAnswersThatAreNotApples(t *testing.T) {
	long := strings.Repeat("x", 5000)
	for name, c := range map[string]struct {
		fault       apnstest.Fault
		status      int
		disposition apns.Disposition
		body        string
	}{
		"HTML 502":       {apnstest.Fault{Kind: apnstest.HTML}, 502, apns.RetryLater, ""},
		"HTML 403":       {apnstest.Fault{Kind: apnstest.HTML, Status: 403}, 403, apns.FixCertificate, ""},
		"HTML 407":       {apnstest.Fault{Kind: apnstest.HTML, Status: 407}, 407, apns.FixRequest, ""},
		"empty 500":      {apnstest.Fault{Kind: apnstest.Empty}, 500, apns.RetryLater, ""},
		"empty 410":      {apnstest.Fault{Kind: apnstest.Empty, Status: 410}, 410, apns.DropToken, ""},
		"empty 400":      {apnstest.Fault{Kind: apnstest.Empty, Status: 400}, 400, apns.FixRequest, ""},
		"cut JSON":       {apnstest.Fault{Kind: apnstest.Answer, Status: 400, Body: `{"reason":"BadDev`}, 400, apns.FixRequest, `{"reason":"BadDev`},
		"no object":      {apnstest.Fault{Kind: apnstest.Answer, Status: 400, Body: `["BadDeviceToken"]`}, 400, apns.FixRequest, `["BadDeviceToken"]`},
		"other type":     {apnstest.Fault{Kind: apnstest.Answer, Status: 400, Body: `{"reason":7}`}, 400, apns.FixRequest, `{"reason":7}`},
		"a long text":    {apnstest.Fault{Kind: apnstest.Answer, Status: 400, Body: long}, 400, apns.FixRequest, long[:1024]},
		"more members":   {apnstest.Fault{Kind: apnstest.Answer, Status: 400, Body: `{"reason":"BadDeviceToken","x":[1]}`}, 400, apns.KeepToken, `{"reason":"BadDeviceToken","x":[1]}`},
		"unknown status": {apnstest.Fault{Kind: apnstest.Answer, Status: 999, Reason: "Odd"}, 999, apns.RetryLater, `{"reason":"Odd"}`},
	} {
		bubble(t, name, func(t *testing.T) {
			srv := anyToken(t)
			srv.Fail(c.fault)
			_, err := newClient(t, srv, nil).Push(t.Context(), pushTo(1))
			e, ok := errors.AsType[*apns.Error](err)
			if !ok || e.StatusCode != c.status || e.Disposition != c.disposition {
				t.Fatalf("Push: %#v", err)
			}
			if c.body != "" && string(e.Body) != c.body {
				t.Errorf("body %q", e.Body)
			}
		})
	}
}

func TestAnAnswerThatIsTooLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := anyToken(t)
		srv.Fail(apnstest.Fault{Kind: apnstest.Answer, Status: 400, Body: strings.Repeat("x", 30_000)})
		client := newClient(t, srv, nil)
		_, err := client.Push(t.Context(), pushTo(1))
		wants(t, err, apns.RetryLater)
		if e := lost(t, err); e.Attempts != 1 || !e.Sent {
			t.Errorf("%+v", e)
		}
		if _, err := client.Push(t.Context(), pushTo(2)); err != nil {
			t.Errorf("the next push: %v", err)
		}
	})
}

// The time of a 410 is in milliseconds, and decides whether a TokenUpdate came later.
func TestSince(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, nil)
		srv.AddToken(topic, token(1), "magic-1")
		since := time.Date(2026, 11, 23, 5, 6, 7, 89_000_000, time.UTC)
		srv.Unregister(token(1), since)
		_, err := newClient(t, srv, nil).Push(t.Context(), pushTo(1))
		e, ok := errors.AsType[*apns.Error](err)
		if !ok || !e.Since.Equal(since) || e.Since.Location() != time.UTC {
			t.Fatalf("Push: %+v", err)
		}
		if !strings.Contains(err.Error(), "since 2026-11-23T05:06:07Z") {
			t.Errorf("text: %v", err)
		}
		if got := string(e.Body); got != `{"reason":"Unregistered","timestamp":1795410367089}` {
			t.Errorf("body %s", got)
		}
	})
}

// An answer that is written oddly keeps its reason, and its time where there is one.
func TestOddRefusals(t *testing.T) {
	at := time.UnixMilli(1795410367089)
	for body, want := range map[string]time.Time{
		`{"reason":"Unregistered","timestamp":"1795410367089"}`:                       at,
		`{"reason":"Unregistered","timestamp":1.795410367089E12}`:                     at,
		`{"reason":"X","timestamp":1795410367089,"reason":"Unregistered"}`:            at,
		`{"timestamp":1795410367089,"reason":"Unregistered","text":"` + "\xff" + `"}`: at,
		`{"reason":"Unregistered","timestamp":"2026-11-23T05:06:07Z"}`:                {},
		`{"reason":"Unregistered","timestamp":1e300}`:                                 {},
		`{"reason":"Unregistered","timestamp":"NaN"}`:                                 {},
		`{"reason":"Unregistered","timestamp":-5}`:                                    {},
		`{"reason":"Unregistered","timestamp":null}`:                                  {},
		`{"reason":"Unregistered"}`:                                                   {},
	} {
		bubble(t, body, func(t *testing.T) {
			srv := anyToken(t)
			srv.Fail(apnstest.Fault{Kind: apnstest.Answer, Status: 410, Body: body})
			_, err := newClient(t, srv, nil).Push(t.Context(), pushTo(1))
			e, ok := errors.AsType[*apns.Error](err)
			if !ok || e.Reason != apns.ReasonUnregistered || !e.Since.Equal(want) {
				t.Errorf("%v, since %v, want %v", err, e.Since, want)
			}
		})
	}
}

func TestDispositionOfErrorsFromElsewhere(t *testing.T) {
	for _, c := range []struct {
		err  error
		want apns.Disposition
	}{
		{nil, apns.Accepted},
		{errors.New("odd"), apns.RetryLater},
		{http.ErrServerClosed, apns.RetryLater},
		{fmt.Errorf("wrapped: %w", &apns.Error{Disposition: apns.DropToken}), apns.DropToken},
		{&apns.TransportError{Err: apns.ErrCertificateNotShown}, apns.FixCertificate},
		{&apns.TransportError{Err: apns.ErrTopicChanged}, apns.FixCertificate},
		{&apns.TransportError{Err: apns.ErrNoConnection}, apns.RetryLater},
		{&apns.InputError{}, apns.FixRequest},
	} {
		if got := apns.DispositionOf(c.err); got != c.want {
			t.Errorf("%v: %q, want %q", c.err, got, c.want)
		}
	}
}

// The reason for which a connection was ended is not the verdict on pushes that were under way, unless it
// is about the certificate or the service.
func TestTheReasonOfAnEndIsNotThatOfPushes(t *testing.T) {
	for _, c := range refusals {
		if c.disposition == apns.FixCertificate || c.reason == "NeverHeardOf" {
			continue
		}
		bubble(t, string(c.reason), func(t *testing.T) {
			srv := anyToken(t)
			client := newClient(t, srv, nil)
			pushMany(t, client, 5)
			srv.Fail(apnstest.Fault{Kind: apnstest.GoAwayLost, Reason: string(c.reason), Count: 3})
			_, err := client.Push(t.Context(), pushTo(50))
			wants(t, err, apns.RetryLater)
			lost(t, err)
			ofConnection := c.sentinel == apns.ErrShutdown || c.sentinel == apns.ErrService
			if c.sentinel != nil && errors.Is(err, c.sentinel) != ofConnection {
				t.Errorf("%v is %q: %v", err, c.sentinel, !ofConnection)
			}
			if !strings.Contains(err.Error(), string(c.reason)) {
				t.Errorf("%v does not tell the reason", err)
			}
		})
	}
}
