package main

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json"
)

// page shows the state in a browser. It needs nothing but itself and this API.
//
//go:embed page.html
var page []byte

// maxBody bounds the body of a request: a hundred thousand serial numbers.
const maxBody = 2 << 20

// control is the control API and the page.
type control struct {
	world    *world
	services []*service
}

// newControl returns the handler of both.
func newControl(w *world) http.Handler {
	c := &control{world: w, services: w.services()}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", servePage)
	mux.Handle("GET /api/state", answer(c.state))
	mux.Handle("GET /api/choices", answer(c.choices))
	mux.Handle("GET /api/devices", answer(c.listDevices))
	mux.Handle("POST /api/devices", answer(c.addDevices))
	mux.Handle("PATCH /api/devices/{serial}", answer(c.changeDevice))
	mux.Handle("DELETE /api/devices/{serial}", answer(c.removeDevice))
	mux.Handle("POST /api/faults", answer(c.addFault))
	mux.Handle("DELETE /api/faults", answer(c.forgetFaults))
	mux.Handle("POST /api/happenings", answer(c.happen))
	mux.Handle("GET /api/requests", answer(c.requests))
	mux.Handle("DELETE /api/requests", answer(c.forgetRequests))
	mux.Handle("GET /api/violations", answer(c.violations))
	// A page of another origin must not be able to write here.
	return http.NewCrossOriginProtection().Handler(mux)
}

func servePage(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; "+
		"script-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.Write(page)
}

// statusError is an error with the status to answer.
type statusError struct {
	status int
	err    error
}

func (e *statusError) Error() string { return e.err.Error() }

func notFound(format string, args ...any) error {
	return &statusError{http.StatusNotFound, fmt.Errorf(format, args...)}
}

func conflict(err error) error {
	if err == nil {
		return nil
	}
	return &statusError{http.StatusConflict, err}
}

// answer makes a handler of a function that returns what to write as JSON.
func answer(f func(r *http.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		status := http.StatusOK
		value, err := f(r)
		if err != nil {
			status = http.StatusBadRequest
			if e, ok := errors.AsType[*statusError](err); ok {
				status = e.status
			} else if _, ok := errors.AsType[*fs.PathError](err); ok { // the folder cannot be written
				status = http.StatusInternalServerError
			}
			value = map[string]string{"error": err.Error()}
		}
		text, err := json.Marshal(value, json.Deterministic(true))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		w.Write(append(text, '\n'))
	})
}

// read decodes the body of a request. Members that do not exist are errors: a misspelled one would
// otherwise be lost.
func read[T any](r *http.Request) (value T, err error) {
	if err := json.UnmarshalRead(r.Body, &value, json.RejectUnknownMembers(true)); err != nil {
		return value, fmt.Errorf("the body: %w", err)
	}
	return value, nil
}

// chosen returns the service that the query names, or all.
func (c *control) chosen(r *http.Request) ([]*service, error) {
	name := r.URL.Query().Get("service")
	if name == "" {
		return c.services, nil
	}
	s, err := c.service(name)
	return []*service{s}, err
}

func (c *control) service(name string) (*service, error) {
	i := slices.IndexFunc(c.services, func(s *service) bool { return s.name == name })
	if i < 0 {
		return nil, notFound("service: %q is none of axm, dep, vpp, apns", name)
	}
	return c.services[i], nil
}

// limit returns how much of a list the query asks for.
func limit(r *http.Request) (int, error) {
	text := r.URL.Query().Get("limit")
	if text == "" {
		return 100, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, errors.New("limit: must be a number from 1")
	}
	return n, nil
}
