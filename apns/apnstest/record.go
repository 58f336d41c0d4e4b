package apnstest

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/applemdm/applemdm/internal/cassette"
)

// Recorder records pushes and what became of them into a file that is fit for a bug report.
// Pushes do not travel over an [http.Client], so it is told of each. It is safe for concurrent
// use.
//
// Times, reasons, statuses and the kinds of topics are written as they were. Topics, tokens,
// PushMagics and apns-ids, and whatever a reason should turn out to hold besides Apple's word,
// get stand-ins of the same form, the same for the same value.
type Recorder struct{ recorder *cassette.Recorder }

// Outcome is a push and what became of it.
type Outcome struct {
	Topic, Token, PushMagic string // Token is hex
	ID                      string // apns-id

	Status int       // of HTTP; 0 if there was no answer
	Reason string    // of a refusal
	Since  time.Time // of a refusal with 410
	Err    error     // why there was no answer; only its kind is recorded
}

// Record returns a Recorder for the file, which it makes, readable by its owner only, or empties.
// What is recorded stays in memory, about 1 KiB for each push, until [Recorder.Save].
func Record(file string) (*Recorder, error) { return RecordWithKey(file, nil) }

// RecordWithKey is [Record] with stand-ins that are the same in all recordings made with that
// key. Keep it secret. Use 32 random bytes.
func RecordWithKey(file string, key []byte) (*Recorder, error) {
	recorder, err := cassette.Record(file, nil, recording(), key)
	if err != nil {
		return nil, err
	}
	return &Recorder{recorder}, nil
}

// Note records a push. Call it for each result, in their order, but for those that were never
// sent.
func (r *Recorder) Note(o Outcome) {
	req := &http.Request{
		Method: http.MethodPost, Proto: "HTTP/2.0", ProtoMajor: 2,
		URL:    &url.URL{Scheme: "https", Host: "api.push.apple.com", Path: "/3/device/" + strings.ToLower(o.Token)},
		Header: http.Header{},
	}
	if o.Topic != "" {
		req.Header.Set("Apns-Topic", o.Topic)
	}
	if o.ID != "" {
		req.Header.Set("Apns-Id", o.ID)
	}
	body, _ := jsontext.AppendQuote([]byte(`{"mdm":`), o.PushMagic)
	var answer []byte
	if o.Reason != "" {
		var stamp int64
		if !o.Since.IsZero() {
			stamp = o.Since.UnixMilli()
		}
		answer = appendReason(nil, o.Reason, stamp)
	}
	r.recorder.Add(req, append(body, '}'), o.Status, answer, o.Err)
}

// StandIn returns what stands in the recording for a value that was noted, or value itself if it
// was not hidden. A test that replays the recording has to use stand-ins.
func (r *Recorder) StandIn(value string) string {
	if token := strings.ToLower(value); isToken(token) {
		value = token
	}
	return r.recorder.StandIn(value)
}

// Save writes what was noted so far, in order; more may follow.
func (r *Recorder) Save() error { return r.recorder.Save() }

// recording returns what a recording may show.
func recording() *cassette.Rules {
	return &cassette.Rules{
		Hidden:   []string{"Apns-Topic", "Apns-Id"},
		Segments: []string{"3", "device"},
		Keep:     []string{"timestamp"},
		Messages: []string{"reason"},
	}
}
