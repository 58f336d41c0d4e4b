package vpp

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/go-json-experiment/json"

	"github.com/applemdm/applemdm/internal/lenient"
	"github.com/applemdm/applemdm/internal/rest"
)

// request is one call of the service. Its answer counts as a success with status 200 only, and
// only if it holds no error.
type request struct {
	op         string    // what the call is for, for errors and logs
	method     string    //
	url        string    // the name of the published URL; "" is none
	path       rest.Path // where that is not published
	query      url.Values
	body       any // encoded as JSON; nil is none
	repeatable bool
	writes     bool // refused while the location is claimed by another
	secret     bool // the answer holds one, so it stays out of errors

	doubt func() // told when an attempt that is repeated may have been carried out; nil is nobody
}

// envelope is what (almost) every answer carries beside its own members.
type envelope struct {
	UID                 string  `json:"uId"`
	MDMInfo             MDMInfo `json:"mdmInfo"`
	TokenExpirationDate Time    `json:"tokenExpirationDate"`
}

func (e *envelope) common() envelope { return *e }

// answer is the value that an answer is decoded into.
type answer interface{ common() envelope }

// call sends r and decodes the answer into v. What comes of it also decides the state of the
// location.
func (c *Client) call(ctx context.Context, r request, v answer) error {
	if r.writes {
		if err := c.learnLocation(ctx); err != nil {
			return err
		}
		if err := c.mayWrite(r.op); err != nil {
			return err
		}
	}
	err := c.exchange(ctx, r, v)
	c.noteOutcome(err)
	return err
}

func (c *Client) exchange(ctx context.Context, r request, v answer) error {
	var body []byte
	if r.body != nil {
		var err error
		if body, err = json.Marshal(r.body); err != nil {
			return &InputError{Field: r.op, Rule: "cannot be encoded: " + err.Error()}
		}
	}
	config, err := c.currentConfig(ctx)
	if err != nil {
		return err
	}
	to, ok := config.targets[r.url]
	if !ok {
		to = target{c.engine, r.path}
	}
	req := rest.Request{
		Op: r.op, Method: r.method, Path: to.path, Query: r.query, Body: body, Repeatable: r.repeatable, Doubt: r.doubt,
	}
	if r.writes {
		req.Sign = func(*http.Request) error { return c.mayWrite(r.op) } // a claim may have come since
	}
	resp, sent, err := c.withToken(ctx, to.engine, req)
	if e, ok := errors.AsType[*TransportError](err); ok && r.writes && !e.Sent {
		err = cmp.Or(c.mayWrite(r.op), err)
	}
	if err != nil {
		return err
	}
	if r.secret {
		err = decodeSecretAnswer(r.op, resp, v)
	} else {
		err = decodeAnswer(r.op, resp, v)
	}
	if err != nil {
		return err
	}
	if err := c.location.note(v.common(), sent.token, sent.era); err != nil {
		c.token.Drop(sent.token) // until the right one is back where tokens come from
		return &strayedError{r.op, err}
	}
	return nil
}

// strayedError says that the call was taken, by a location that it was not meant for.
type strayedError struct {
	op  string
	err error
}

func (e *strayedError) Error() string { return e.op + ": " + e.err.Error() }

func (e *strayedError) Unwrap() error { return e.err }

// decodeAnswer decodes the body of a success into v and gives its memory back.
func decodeAnswer(op string, resp *rest.Response, v any) error {
	if err := lenient.Decode(resp.Body, v); err != nil {
		return misunderstood(op, resp, err)
	}
	resp.Release() // decoding copies what it keeps
	return nil
}

// decodeSecretAnswer is decodeAnswer for answers with a secret.
func decodeSecretAnswer(op string, resp *rest.Response, v any) error {
	err := decodeAnswer(op, resp, v)
	if e, ok := err.(*Error); ok {
		e.Body = nil
	}
	return err
}
