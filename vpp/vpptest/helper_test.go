package vpptest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/applemdm/applemdm/vpp/vpptest"
)

// client is a client of the service made of nothing but net/http: what it sends is visible here.
type client struct {
	t      testing.TB
	srv    *vpptest.Server
	loc    *vpptest.Location
	http   *http.Client
	header http.Header // for every request
}

// start makes a server with one location, in which the rate is not limited.
func start(t testing.TB, opts *vpptest.Options) *client {
	t.Helper()
	srv := vpptest.NewServer(opts)
	t.Cleanup(srv.Close)
	srv.SetLimit("maxRequestPerSecond", 0)
	return clientOf(t, srv, srv.AddLocation(vpptest.LocationOptions{}))
}

func clientOf(t testing.TB, srv *vpptest.Server, loc *vpptest.Location) *client {
	return &client{t: t, srv: srv, loc: loc, http: srv.Client(), header: http.Header{
		"Authorization": {"Bearer " + string(loc.Token())},
	}}
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) String() string { return strconv.Itoa(a.status) + " " + a.body }

// send sends one request as it is. Header entries replace those of the client; nil takes one away.
func (c *client) send(method, url, body string, header http.Header) answer {
	c.t.Helper()
	if strings.HasPrefix(url, "/") {
		url = c.srv.URL + url
	}
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, h := range []http.Header{c.header, header} {
		for name, values := range h {
			if name == "Host" {
				r.Host = values[0]
			}
			r.Header[name] = values
		}
	}
	resp, err := c.http.Do(r)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, url, err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, url, err)
	}
	return answer{resp.StatusCode, resp.Header, string(got)}
}

// get reads a path of version 2.
func (c *client) get(path string) answer {
	c.t.Helper()
	return c.send("GET", "/mdm/v2"+path, "", nil)
}

// post writes to a path of version 2.
func (c *client) post(path, body string) answer {
	c.t.Helper()
	return c.send("POST", "/mdm/v2"+path, body, nil)
}

// want compares an answer of version 2 with the status and, unless it is "", the whole body. The
// method is GET without a body.
func (c *client) want(path, body string, status int, wantBody string) answer {
	c.t.Helper()
	a := c.get
	var got answer
	if body == "" {
		got = a(path)
	} else {
		got = c.post(path, body)
	}
	if got.status != status || wantBody != "" && got.body != wantBody {
		c.t.Errorf("%s %s:\n got %v\nwant %d %s", path, body, got, status, wantBody)
	}
	return got
}

// wantError posts and expects an error.
func (c *client) wantError(path, body string, status, number int) answer {
	c.t.Helper()
	a := c.want(path, body, status, "")
	if got := decode[failed](c.t, a).Number; got != number {
		c.t.Errorf("%s %.200s: %v, want %d with error %d", path, body, a, status, number)
	}
	return a
}

type failed struct {
	Number  int    `json:"errorNumber"`
	Message string `json:"errorMessage"`
	Info    *struct {
		Assets  []map[string]string `json:"assets"`
		Users   []string            `json:"clientUserIds"`
		Serials []string            `json:"serialNumbers"`
	} `json:"errorInfo"`
}

// event posts and returns the identifier of the event.
func (c *client) event(path, body string) string {
	c.t.Helper()
	id := decode[struct {
		ID string `json:"eventId"`
	}](c.t, c.want(path, body, 200, "")).ID
	if len(id) != 36 {
		c.t.Fatalf("%s %s: eventId %q", path, body, id)
	}
	return id
}

type status struct {
	Status    string   `json:"eventStatus"`
	Type      string   `json:"eventType"`
	Requested int      `json:"numRequested"`
	Completed int      `json:"numCompleted"`
	Failures  []failed `json:"failures"`
}

func (c *client) status(id string) status {
	c.t.Helper()
	return decode[status](c.t, c.want("/status?eventId="+id, "", 200, ""))
}

// wantStatus compares what is told of an event in brief.
func (c *client) wantStatus(id, want string) status {
	c.t.Helper()
	st := c.status(id)
	got := st.Type + " " + st.Status + " " + strconv.Itoa(st.Completed) + "/" + strconv.Itoa(st.Requested)
	for _, f := range st.Failures {
		got += " " + strconv.Itoa(f.Number)
	}
	if got != want {
		c.t.Errorf("status %q, want %q", got, want)
	}
	return st
}

// done posts and expects the event to be complete at once.
func (c *client) done(path, body string) {
	c.t.Helper()
	if st := c.status(c.event(path, body)); st.Status != "COMPLETE" {
		c.t.Errorf("%s %s: %+v", path, body, st)
	}
}

func (c *client) wantNoViolations() {
	c.t.Helper()
	if v := c.srv.Violations(); len(v) > 0 {
		c.t.Errorf("violations: %q", v)
	}
}

// wantViolation expects exactly one violation, with a text in it, and forgets it.
func (c *client) wantViolation(text string) {
	c.t.Helper()
	v := c.srv.Violations()
	if len(v) != 1 || !strings.Contains(v[0], text) {
		c.t.Errorf("violations %q, want one with %q", v, text)
	}
	c.srv.ResetReceived()
}

// decode reads a JSON answer.
func decode[T any](t testing.TB, a answer) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("%v: %v", a, err)
	}
	return v
}
