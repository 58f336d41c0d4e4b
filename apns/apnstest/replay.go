package apnstest

import (
	"fmt"
	"path"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/applemdm/applemdm/internal/cassette"
)

// Replay returns a simulator that knows the tokens of the recording in file and answers the pushes to
// each as recorded, in their order; those that come after are answered by the simulator's own lights,
// the topic and PushMagic being those recorded last. [Replayed] lists the pushes. Close the Server
// when done.
//
// A push that got no answer, or one that a connection on its way out gave, was sent three times by
// package apns; it gets none, or that one, three times.
func Replay(file string, opts *Options) (*Server, error) {
	outcomes, err := Replayed(file)
	if err != nil {
		return nil, err
	}
	s := NewServer(opts)
	for _, o := range outcomes {
		s.AddToken(o.Topic, o.Token, o.PushMagic)
		s.Fail(o.fault())
	}
	return s, nil
}

// Replayed returns the pushes that a recording holds, with stand-ins, in their order. Err is lost.
func Replayed(file string) ([]Outcome, error) {
	exchanges, err := cassette.Read(file)
	if err != nil {
		return nil, err
	}
	outcomes := make([]Outcome, 0, len(exchanges))
	for i, e := range exchanges {
		var sent struct {
			PushMagic string `json:"mdm"`
		}
		var answer struct {
			Reason    string `json:"reason"`
			Timestamp int64  `json:"timestamp"`
		}
		o := Outcome{
			Topic: e.Header.Get("Apns-Topic"), Token: path.Base(e.URL.Path), ID: e.Header.Get("Apns-Id"), Status: e.Status,
		}
		err := json.Unmarshal([]byte(e.Sent), &sent)
		if err == nil && e.Body != "" {
			err = json.Unmarshal([]byte(e.Body), &answer)
		}
		if err == nil && !isToken(o.Token) {
			err = fmt.Errorf("%q is no token in hex", o.Token)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: push %d: %w", file, i, err)
		}
		o.PushMagic, o.Reason = sent.PushMagic, answer.Reason
		if answer.Timestamp != 0 {
			o.Since = time.UnixMilli(answer.Timestamp)
		}
		outcomes = append(outcomes, o)
	}
	return outcomes, nil
}

// fault returns what makes the outcome happen again.
func (o *Outcome) fault() Fault {
	f := Fault{Token: o.Token, Kind: Answer, Status: o.Status, Reason: o.Reason, Timestamp: o.Since}
	switch {
	case o.Status == 0:
		f.Kind, f.Count = ResetStream, 3
	case o.Status == 200:
		f.Kind = Late // at once: the right answer
	case o.Reason == "Shutdown", o.Reason == "IdleTimeout":
		f.Count = 3
	}
	return f
}
