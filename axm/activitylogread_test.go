package axm_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/applemdm/applemdm/axm"
	"github.com/applemdm/applemdm/axm/axmtest"
)

const logsPath = "/activity-logs/*/*"

// logged returns a site with an operation of three devices whose activity has ended: A1 is assigned, A2
// was already, and NONE is unknown.
func logged(t *testing.T, simulator *axmtest.Options, change func(*axm.Options)) (*site, *axm.Operation) {
	s := newSite(t, simulator, change)
	lab := s.AddServer(axmtest.MDMServer{Name: "Lab"})
	s.AddSerials("A1", "A2")
	s.AssignDevices(lab, "A2")
	op := begun(t)(s.client.AssignDevices(t.Context(), lab, []string{"A1", "A2", "NONE"}))
	s.RunActivities()
	return s, op
}

const (
	fromLog     = "A1: done, A2: failed, NONE: missing from the log"
	fromDevices = "A1: done, A2: done, NONE: uncertain" // A2 is as it was asked for
)

// The log comes from its own host, over TLS, and without the access token.
func TestLogWithoutTheToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, tls := range []bool{false, true} {
			s, op := logged(t, &axmtest.Options{TLS: tls}, nil)
			if got := statuses(waited(t, op)); got != fromLog {
				t.Error(got)
			}
			logs := 0
			tokens := s.secrets()
			for _, r := range s.srv.Received() {
				if r.Host != axm.DefaultLogHost {
					continue
				}
				logs++
				shown := fmt.Sprint(r)
				for _, token := range tokens {
					if strings.Contains(shown, token) {
						t.Error("a secret goes to the host of the logs")
					}
				}
				if r.Header.Get("Authorization") != "" || r.Header.Get("Accept") != "*/*" || r.Header.Get("User-Agent") != axm.DefaultUserAgent {
					t.Error(r.Header)
				}
				s.mu.Lock()
				if strings.Contains(s.shown.Log(), r.Query.Get("Signature")) || strings.Contains(fmt.Sprintf("%+v", s.traces), r.Query.Get("Signature")) {
					t.Error("the signature of the log's address is logged")
				}
				s.mu.Unlock()
			}
			if logs != 1 || len(tokens) < 2 {
				t.Error(logs, len(tokens))
			}
			s.clean(t)
		}
	})
}

// All forms that a log may take.
func TestLogStyles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, style := range []axmtest.LogStyle{{Sections: true}, {Ragged: true}, {CRLF: true}, {BOM: true}, {Sections: true, Ragged: true, CRLF: true, BOM: true}} {
			s, op := logged(t, &axmtest.Options{LogStyle: style}, nil)
			if got := statuses(waited(t, op)); got != fromLog {
				t.Errorf("%+v: %s", style, got)
			}
			s.clean(t)
		}
	})
}

// What is wrong with a log, and whether the devices have to tell instead.
func TestLogFaults(t *testing.T) {
	gone := axmtest.Fault{Kind: axmtest.Answer, Status: 403, Body: "<Error><Code>AccessDenied</Code></Error>"}
	for name, c := range map[string]struct {
		fault      axmtest.Fault
		always     bool
		want       string
		activities int // how often one is asked for
	}{
		"expired":             {gone, false, fromLog, 2},
		"expired for ever":    {gone, true, fromDevices, 2},
		"redirect":            {axmtest.Fault{Kind: axmtest.Redirect}, false, fromLog, 2},
		"redirect for ever":   {axmtest.Fault{Kind: axmtest.Redirect}, true, fromDevices, 2},
		"oversized":           {axmtest.Fault{Kind: axmtest.Oversize, Size: 1 << 20}, false, fromDevices, 1},
		"a page":              {axmtest.Fault{Kind: axmtest.Answer, Status: 200, Body: "<html>Sign in</html>"}, false, fromDevices, 1},
		"nothing":             {axmtest.Fault{Kind: axmtest.Answer, Status: 200}, false, fromDevices, 1},
		"no content":          {axmtest.Fault{Kind: axmtest.Answer, Status: 204}, false, fromLog, 2},
		"another form of log": {axmtest.Fault{Kind: axmtest.Answer, Status: 200, Body: "OPERATION,X\n\nserial,result\nA1,OK\n"}, false, fromDevices, 1},
		"a gateway":           {axmtest.Fault{Kind: axmtest.HTML}, false, fromLog, 1},
		"a lost line":         {axmtest.Fault{Kind: axmtest.Reset}, false, fromLog, 1},
		"reset in the body":   {axmtest.Fault{Kind: axmtest.ResetBody}, false, fromLog, 1},
		"too many requests":   {axmtest.Fault{Kind: axmtest.BusySeconds, Status: 429, RetryAfter: time.Second}, false, fromLog, 1},
		"compressed":          {axmtest.Fault{Kind: axmtest.Gzip}, false, fromLog, 1},
		"a gateway for ever":  {axmtest.Fault{Kind: axmtest.HTML}, true, "", 1},
		"lost for ever":       {axmtest.Fault{Kind: axmtest.Reset}, true, "", 1},
		"too many for ever":   {axmtest.Fault{Kind: axmtest.Busy, Status: 429}, true, "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, op := logged(t, nil, func(o *axm.Options) { o.MaxBody = 64 << 10 })
				c.fault.Path = logsPath
				if c.always {
					c.fault.Count = -1
				}
				s.srv.Fail(c.fault)
				r, err := op.Wait(t.Context())
				if len(s.polls()) != c.activities {
					t.Errorf("%d polls", len(s.polls()))
				}
				s.hides(t, err)
				if c.want == "" { // the log may be there later
					if _, answered := errors.AsType[*axm.Error](err); err == nil || errors.Is(err, axm.ErrActivityLog) || answered == (c.fault.Kind == axmtest.Reset) {
						t.Error(r, err)
					}
					if !strings.HasPrefix(err.Error(), "read activity log: ") || strings.Contains(err.Error(), "Signature") {
						t.Error(err)
					}
					s.srv.ResetFaults()
					if got := statuses(waited(t, op)); got != fromLog {
						t.Error(got)
					}
					return
				}
				if err != nil || statuses(r) != c.want {
					t.Fatal(r, err)
				}
				if last := r.Outcomes[2].Err; c.want == fromDevices && !errors.Is(last, axm.ErrActivityLog) {
					t.Error(last)
				}
				s.clean(t, r.Err())
			})
		})
	}
}

// An address that was kept too long is asked for again.
func TestLogWhoseAddressExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, op := logged(t, &axmtest.Options{LogLife: 2 * time.Second}, nil)
		s.srv.Fail(axmtest.Fault{Path: logsPath, Kind: axmtest.Busy, Status: 503})
		s.srv.Fail(axmtest.Fault{Path: logsPath, Kind: axmtest.BusySeconds, Status: 503, RetryAfter: 5 * time.Second})
		log, err := s.client.ActivityLog(t.Context(), op.ActivityIDs()[0])
		if err != nil || len(log.Devices()) != 2 || len(s.polls()) != 2 {
			t.Error(log, err, s.polls())
		}
		s.clean(t)
	})
}

// When the activity cannot be asked for again, that is told.
func TestLogWhoseActivityIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, op := logged(t, nil, nil)
		s.srv.Fail(axmtest.Fault{Path: logsPath, Kind: axmtest.Answer, Status: 403})
		s.srv.Fail(axmtest.Fault{Path: "/v1/orgDeviceActivities/*", Skip: 1, Kind: axmtest.Answer, Status: 400})
		_, err := op.Wait(t.Context())
		if !errors.Is(err, axm.ErrInvalidRequest) {
			t.Error(err)
		}
		if got := statuses(waited(t, op)); got != fromLog {
			t.Error(got)
		}
	})
}

// A log is read from hosts that are allowed only.
func TestLogHosts(t *testing.T) {
	for name, c := range map[string]struct {
		simulator axmtest.Options
		hosts     []string
		err       string
	}{
		"another host":               {axmtest.Options{LogURL: "https://logs.test", TLS: true}, nil, `it is at "logs.test", which is not among Options.LogHosts`},
		"another host, allowed":      {axmtest.Options{LogURL: "https://logs.test", TLS: true}, []string{"other.test", "LOGS.test"}, ""},
		"another port":               {axmtest.Options{LogURL: "https://logs.test:8443", TLS: true}, []string{"logs.test"}, `it is at "logs.test:8443"`},
		"another port, allowed":      {axmtest.Options{LogURL: "https://logs.test:8443", TLS: true}, []string{"logs.test:8443"}, ""},
		"the host of the API":        {axmtest.Options{LogURL: "https://api-business.apple.com", TLS: true}, nil, `it is at "api-business.apple.com"`},
		"a host with a longer name":  {axmtest.Options{LogURL: "https://x" + axm.DefaultLogHost, TLS: true}, nil, `it is at "xstore.`},
		"no TLS":                     {axmtest.Options{LogURL: "http://" + axm.DefaultLogHost, TLS: true}, nil, `its address begins with "http", not with https`},
		"another scheme":             {axmtest.Options{LogURL: "ftp://" + axm.DefaultLogHost}, nil, `its address begins with "ftp", not with https`},
		"no host":                    {axmtest.Options{LogURL: "https:"}, nil, "its address is none"},
		"a user":                     {axmtest.Options{LogURL: "https://me@" + axm.DefaultLogHost}, nil, "its address is none"},
		"no address":                 {axmtest.Options{LogURL: "https://a b"}, nil, "its address is none"},
		"a path with empty elements": {axmtest.Options{LogURL: "https://" + axm.DefaultLogHost + "/../x"}, nil, "path of read activity log: must not have an empty or a dot element"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, op := logged(t, &c.simulator, func(o *axm.Options) { o.LogHosts = c.hosts })
				log, err := s.client.ActivityLog(t.Context(), op.ActivityIDs()[0])
				if c.err == "" {
					if err != nil || len(log.Devices()) != 2 {
						t.Error(log, err)
					}
					s.clean(t)
					return
				}
				if log != nil || !errors.Is(err, axm.ErrActivityLog) || !strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), "Signature") {
					t.Error(log, err)
				}
				if n := s.srv.Count("", logsPath); n != 0 {
					t.Errorf("%d requests for it", n)
				}
				if got := statuses(waited(t, op)); got != fromDevices {
					t.Error(got)
				}
				s.clean(t, err)
			})
		})
	}
}

func TestNoLogYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		lab := s.AddServer(axmtest.MDMServer{Name: "Lab"})
		s.AddSerials("A1")
		s.HoldActivities()
		op := begun(t)(s.client.AssignDevices(t.Context(), lab, []string{"A1"}))
		if log, err := s.client.ActivityLog(t.Context(), op.ActivityIDs()[0]); log != nil || !errors.Is(err, axm.ErrNoActivityLog) {
			t.Error(log, err)
		}
	})
}

// Where Apple says that all is done and there is no log, the devices tell, for some may have been left
// out silently. Serial numbers are compared whatever their case, and one that failed once has failed.
func TestLogsThatTellLittle(t *testing.T) {
	for name, c := range map[string]struct {
		log  string
		want string
	}{
		"lower case":      {"serial_number,operation_status\na1,SUCCESS\nA2,success\nNONE,Success\n", "A1: done, A2: done, NONE: done"},
		"several rows":    {"serial_number,operation_status\nA1,ISSUE\nA1,SUCCESS\nA2,SUCCESS\nA2,ISSUE\nNONE,ISSUE\nNONE,ISSUE\n", "A1: failed, A2: failed, NONE: failed"},
		"no status":       {"serial_number\nA1\n", "A1: failed, A2: missing from the log, NONE: missing from the log"},
		"nothing in it":   {"serial_number,operation_status\n", "A1: missing from the log, A2: missing from the log, NONE: missing from the log"},
		"cut in a row":    {"serial_number,operation_status,x\nA1,SUCCESS,y\nA2,ISS", "A1: done, A2: done, NONE: missing from the log"},
		"cut in a serial": {"serial_number,operation_status\nA1,SUCCESS\nA", "A1: done, A2: done, NONE: missing from the log"},
		"no end of line":  {"serial_number,operation_status\nA1,SUCCESS\nA2,ISSUE", "A1: done, A2: failed, NONE: missing from the log"},
		"nothing is cut":  {"serial_number,operation_status\nA1,SUCCESS\nA2,ISSUE\nNONE,ISSUE", "A1: done, A2: failed, NONE: failed"},
		"cut in its head": {"serial_number,operation_sta", "A1: done, A2: done, NONE: missing from the log"},
		"only a preamble": {"OPERATION,ASSIGN_DEVICES\nSTATUS,COMPLETED\n", fromDevices},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, op := logged(t, nil, nil)
				s.SetLog(op.ActivityIDs()[0], []byte(c.log))
				r := waited(t, op)
				if got := statuses(r); got != c.want {
					t.Error(got, r.Err())
				}
			})
		})
	}
	t.Run("no address of a log", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, op := logged(t, nil, nil)
			s.srv.Fail(axmtest.Fault{Path: "/v1/orgDeviceActivities/*", Kind: axmtest.Answer, Status: 200,
				Body: `{"data":{"type":"orgDeviceActivities","id":"1","attributes":{"status":"COMPLETED","subStatus":"COMPLETED_WITH_SUCCESS"}}}`})
			r := waited(t, op)
			if got := statuses(r); got != "A1: done, A2: done, NONE: uncertain" || !errors.Is(r.Outcomes[2].Err, axm.ErrNoActivityLog) {
				t.Error(got, r.Err())
			}
			if took := time.Since(startOfTime); took < 2*time.Minute || took > 4*time.Minute {
				t.Errorf("took %v", took)
			}
		})
	})
}

// The address of a log is good for whoever has it, so it does not show.
func TestLogURLsDoNotShow(t *testing.T) {
	a := axm.Activity{ID: "1", DownloadURL: "https://store.blobstore.apple.com/a/b.csv?Expires=1&Signature=hidden"}
	var logged bytes.Buffer
	slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "url", a.DownloadURL, "activity", a)
	shown := fmt.Sprintf("%v %+v %#v %s %q %v", a, a, a, a.DownloadURL, a.DownloadURL, &a) + logged.String()
	if strings.Contains(shown, "hidden") || !strings.Contains(shown, "https://store.blobstore.apple.com/a/b.csv?[redacted]") {
		t.Error(shown)
	}
	for url, want := range map[axm.LogURL]string{"": "", "https://a.test/b": "https://a.test/b", "https://a b?hidden": "[redacted]", "https://me:hidden@a.test/": "https://a.test/"} {
		if url.String() != want {
			t.Errorf("%q", url.String())
		}
	}
	text, err := json.Marshal(a)
	if err != nil || !strings.Contains(string(text), "Signature=hidden") {
		t.Error(string(text), err)
	}
}

// What a stopped activity did not come to has failed, also where its log may be cut off.
func TestLogOfAStoppedActivityThatIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		lab := s.AddServer(axmtest.MDMServer{Name: "Lab"})
		s.AddSerials("A1", "A2", "A3", "A4")
		s.NextActivities(axmtest.Stop)
		op := begun(t)(s.client.AssignDevices(t.Context(), lab, []string{"A1", "A2", "A3", "A4"}))
		s.RunActivities()
		s.SetLog(op.ActivityIDs()[0], []byte("serial_number,operation_status\nA1,SUCCESS\n\"A"))
		r := waited(t, op)
		if got := statuses(r); got != "A1: done, A2: done, A3: failed, A4: failed" {
			t.Error(got)
		}
		if e, ok := errors.AsType[*axm.ActivityError](r.Outcomes[3].Err); !ok || e.Status != axm.ActivityStopped || e.Err != nil {
			t.Error(r.Outcomes[3].Err)
		}
		if took := time.Since(startOfTime); took < 2*time.Minute || took > 5*time.Minute {
			t.Errorf("took %v", took)
		}
		s.clean(t, r.Err())
	})
}
