package apns

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/net/http2/hpack"

	"github.com/applemdm/applemdm/internal/h2"
)

// job is one push on its way: through the queue, over one connection or several, to whoever waits
// for it. Jobs are used again and again.
type job struct {
	call   h2.Call
	fields [9]hpack.HeaderField

	ctx      context.Context
	push     Push
	deadline time.Time
	patience time.Duration // with one connection
	finish   func(*job)    // gets the outcome; called once, on any goroutine, and must not block

	told chan struct{} // for one that waits for the outcome; see tell

	// The outcome.
	id     string
	err    error
	shared bool // it is another push's

	// The batch's, under its lock.
	before, after *job

	// The pool's, under its lock.
	hash        uint64
	next        *job // in the queue
	due         time.Time
	conn        *conn
	tries       int
	unprocessed int      // of them, on which the service surely did not act
	started     bool     // it is on its way or may have arrived, so that nobody can join it any more
	hurried     bool     // its time was nearly over when it was started
	leads       bool     // it stands in pool.leaders
	joined      jobQueue // those who share the outcome, the oldest first
	successor   *job     // waits for the end of this one; others may have joined it
}

// jobs keeps the memory of jobs.
type jobs struct{ pool sync.Pool }

func (js *jobs) get() *job {
	if j, ok := js.pool.Get().(*job); ok {
		return j
	}
	return &job{told: make(chan struct{}, 1)}
}

// tell is a finish for one goroutine that waits for told. It may also have left.
func (j *job) tell() { j.told <- struct{}{} }

// put takes j back. Nobody may look at it any more.
func (js *jobs) put(j *job) {
	call := j.call
	call.Response, call.Trailer, call.ResponseBody = call.Response[:0], nil, call.ResponseBody[:0]
	*j = job{told: j.told, call: h2.Call{Body: call.Body[:0], Response: call.Response, ResponseBody: call.ResponseBody}}
	js.pool.Put(j)
}

// fill writes the request of the push. What is the same in every push is sent once on a connection
// and takes a byte each afterwards; what differs is kept out of the compression table.
func (j *job) fill(authority, topic, expiration string) {
	fields := append(j.fields[:0],
		hpack.HeaderField{Name: ":method", Value: "POST"},
		hpack.HeaderField{Name: ":scheme", Value: "https"},
		hpack.HeaderField{Name: ":authority", Value: authority},
		hpack.HeaderField{Name: ":path", Value: "/3/device/" + strings.ToLower(j.push.Token), Sensitive: true},
		hpack.HeaderField{Name: "apns-topic", Value: topic},
		hpack.HeaderField{Name: "apns-push-type", Value: "mdm"},
		hpack.HeaderField{Name: "apns-priority", Value: j.push.Priority.value()},
		hpack.HeaderField{Name: "apns-expiration", Value: expiration},
	)
	if j.push.ID != "" {
		fields = append(fields, hpack.HeaderField{Name: "apns-id", Value: j.push.ID, Sensitive: true})
	}
	j.call.Fields = fields
	body := append(j.call.Body[:0], `{"mdm":`...)
	body, _ = jsontext.AppendQuote(body, j.push.PushMagic) // its error is for broken UTF-8, which it mends
	j.call.Body = append(body, '}')
}

// Where fill puts what others look at.
const (
	fieldPath       = 3
	fieldPriority   = 6
	fieldExpiration = 7
)

// path holds the token.
func (j *job) path() string { return j.call.Fields[fieldPath].Value }

// sent reports whether APNs may have got the push.
func (j *job) sent() bool { return j.tries > j.unprocessed }

// over reports whether whoever asked for the push no longer waits for it.
func (j *job) over() bool { return j.ctx.Err() != nil || !time.Now().Before(j.deadline) }

// judge turns the end of a call into an outcome.
func (j *job) judge() {
	j.id = j.call.Header("apns-id")
	switch {
	case j.call.Err != nil:
		if h2.Unprocessed(j.call.Err) {
			j.unprocessed++
		}
		err := explain(j.call.Err, !j.conn.answered.Load())
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = fmt.Errorf("%w: %w", err, context.DeadlineExceeded)
		}
		j.err = asTransportError(j, err)
	case j.call.Status != 200:
		j.err = refusal(j.call.Status, j.id, j.call.ResponseBody)
	default:
		j.err = nil
	}
}

// asTransportError says that the push got no answer.
func asTransportError(j *job, err error) error {
	if e, ok := err.(*TransportError); ok {
		err = e.Err
	}
	return &TransportError{Attempts: j.tries, Sent: j.sent(), Err: err}
}

// expirations writes the moment until which a push is kept. Moments are rounded up to a full minute,
// so that pushes of the same minute have the same header, which HTTP/2 then sends as one byte.
type expirations struct {
	mu     sync.Mutex
	moment int64
	text   string
}

func (e *expirations) after(now time.Time, keep time.Duration) string {
	const minute = 60
	until := now.Add(keep)
	moment := until.Unix()
	if until.Nanosecond() > 0 {
		moment++
	}
	moment = (moment + minute - 1) / minute * minute
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.moment != moment || e.text == "" {
		e.moment, e.text = moment, strconv.FormatInt(moment, 10)
	}
	return e.text
}
