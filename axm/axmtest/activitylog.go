package axmtest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// logPath is where the logs of activities are, on a host of their own.
const logPath = "/activity-logs/"

// logURL is an address of the log of an activity that is good for a while. It carries its own
// permission, so that whoever has it needs no other.
func (c *call) logURL(a *activity) string {
	path := logPath + a.ID + "/ABM-ActivityLog_" + a.Created.UTC().Format("20060102150405") + ".csv"
	expires := strconv.FormatInt(c.now.Add(c.s.opts.LogLife).Unix(), 10)
	base := c.logBase()
	_, host, _ := strings.Cut(base, "://")
	q := url.Values{"Expires": {expires}, "Signature": {c.s.logSignature(host, path, expires)}}
	return base + path + "?" + q.Encode()
}

// logBase is another host than that of the request: Apple's, or, for clients that came to one name
// of the loopback interface, the other one.
func (c *call) logBase() string {
	if c.s.opts.LogURL != "" {
		return c.s.opts.LogURL
	}
	name, port := c.host(), ""
	if i := strings.LastIndexByte(c.r.Host, ':'); i >= 0 {
		port = c.r.Host[i:]
	}
	switch name {
	case "127.0.0.1":
		return c.scheme() + "://localhost" + port
	case "localhost":
		return c.scheme() + "://127.0.0.1" + port
	}
	return c.scheme() + "://" + logHost
}

// logSignature covers the host too: elsewhere the same address is not good.
func (s *Server) logSignature(host, path, expires string) string {
	mac := hmac.New(sha256.New, s.secret)
	fmt.Fprintf(mac, "%s%s?%s", strings.ToLower(host), path, expires)
	return hex.EncodeToString(mac.Sum(nil))
}

// serveLog answers at the host of the logs.
func (s *Server) serveLog(c *call) *reply {
	path, expires := c.r.URL.Path, c.query.Get("Expires")
	until, _ := strconv.ParseInt(expires, 10, 64)
	switch {
	case c.r.Method != http.MethodGet:
		return logError(http.StatusMethodNotAllowed, "MethodNotAllowed", "The method is not allowed.")
	case c.r.Header.Get("Authorization") != "":
		c.note("an Authorization header is sent to the host of the logs")
		return logError(http.StatusBadRequest, "InvalidArgument", "The URL carries a signature; an Authorization header must not be there too.")
	case !hmac.Equal([]byte(c.query.Get("Signature")), []byte(s.logSignature(c.r.Host, path, expires))):
		return logError(http.StatusForbidden, "SignatureDoesNotMatch", "The signature is not one of this URL.")
	case c.now.Unix() >= until:
		return logError(http.StatusForbidden, "AccessDenied", "The URL has expired.")
	}
	id, _, _ := strings.Cut(strings.TrimPrefix(path, logPath), "/")
	for _, o := range s.orgs {
		if a, ok := o.activities.get(id); ok {
			return &reply{
				status: http.StatusOK, kind: "text/csv", body: a.csv(s.opts.LogStyle),
				header: map[string]string{"Content-Disposition": `attachment; filename="` + path[strings.LastIndex(path, "/")+1:] + `"`},
			}
		}
	}
	return logError(http.StatusNotFound, "NoSuchKey", "There is no such object.")
}

// logError is an error in the manner of such stores, which know no JSON.
func logError(status int, code, message string) *reply {
	return &reply{status: status, kind: "application/xml", body: []byte(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" +
		"<Error><Code>" + code + "</Code><Message>" + message + "</Message></Error>\n")}
}

// SetLog replaces the log of an activity. It reports whether there is one.
func (o *Org) SetLog(activityID string, text []byte) (ok bool) {
	o.look(func(time.Time) {
		var a *activity
		if a, ok = o.activities.get(activityID); ok {
			a.log = append([]byte{}, text...)
		}
	})
	return ok
}

// csv writes the log of an activity: lines of a key and a value, and then sections, each a header
// and rows, with an empty line before it.
func (a *activity) csv(style LogStyle) []byte {
	if a.log != nil {
		return a.log
	}
	var out strings.Builder
	if style.BOM {
		out.WriteString("\ufeff")
	}
	w := csv.NewWriter(&out)
	w.UseCRLF = style.CRLF
	section := func(rows ...[]string) {
		_ = w.WriteAll(rows) // a Builder takes everything
		if style.CRLF {
			out.WriteString("\r")
		}
		out.WriteString("\n")
	}
	section(a.preamble()...)
	if style.Sections {
		section([]string{"operation_stage", "stage_status"}, []string{"VALIDATION", statusSuccess})
	}
	rows := [][]string{{"serial_number", "operation_status", "operation_substatus", "timestamp"}}
	for _, r := range a.Results {
		rows = append(rows, []string{r.SerialNumber, r.Status, r.SubStatus, formatTime(r.Time)})
	}
	_ = w.WriteAll(rows)
	if style.Ragged {
		a.ragged(&out)
	}
	if style.Sections {
		section()
		section([]string{"total", "succeeded", "not_succeeded"}, a.totals())
	}
	return []byte(out.String())
}

func (a *activity) preamble() [][]string {
	return [][]string{
		{"OPERATION", a.Type},
		{"ACTIVITY_ID", a.ID},
		{"STARTED AT", formatTime(a.Created)},
		{"ENDED AT", formatTime(a.Completed)},
		{"STATUS", a.Status},
		{"SUB_STATUS", a.SubStatus},
	}
}

// ragged repeats the first row in forms that a strict reader refuses: with more fields, with fewer,
// and with quotes inside.
func (a *activity) ragged(out *strings.Builder) {
	if len(a.Results) == 0 {
		return
	}
	r := a.Results[0]
	row := r.SerialNumber + "," + r.Status + "," + r.SubStatus
	out.WriteString(row + "," + formatTime(r.Time) + `,a "remark",more` + "\n" + row + "\n")
}

func (a *activity) totals() []string {
	good := 0
	for _, r := range a.Results {
		if r.Status == statusSuccess {
			good++
		}
	}
	n := len(a.Results)
	return []string{strconv.Itoa(n), strconv.Itoa(good), strconv.Itoa(n - good)}
}
