package main

import (
	"cmp"
	"slices"
	"time"

	"github.com/applemdm/applemdm/dep/deptest"
)

// service is one of the four simulators as the control API and the page see it.
type service struct {
	name, url string

	counts     func() []count // what it has
	requests   func() int     // how many there were
	received   func() []request
	violations func() []string
	forget     func() // requests and violations

	kinds   []string // of faults
	fail    func(fault) error
	pending func() int // faults that have not happened
	heal    func()     // forgets them

	happenings []happening
}

// count is a figure of a service.
type count struct {
	What  string `json:"what"`
	Count int    `json:"count"`
}

// request is what arrived at a service, without headers, queries and bodies: these hold secrets.
type request struct {
	Time    time.Time `json:"time"`
	Service string    `json:"service"`
	Method  string    `json:"method"`
	Path    string    `json:"path"`
	Status  int       `json:"status"` // 0: no answer, or none yet
	Remark  string    `json:"remark,omitzero"`
}

// happening is something that happens at Apple's side, at a call of the control API.
type happening struct {
	Name  string `json:"name"`
	Means string `json:"means"`

	do func() error
}

// nothing fails of what cannot fail.
func nothing(do func()) func() error {
	return func() error { do(); return nil }
}

// services returns all four.
func (w *world) services() []*service {
	return []*service{w.axmService(), w.depService(), w.vppService(), w.apnsService()}
}

// received converts what the three simulators that speak plain HTTP have recorded.
func received(name string, list func() []deptest.Request) func() []request {
	return func() []request {
		var out []request
		for _, r := range list() {
			out = append(out, request{Time: r.Time, Service: name, Method: r.Method, Path: r.Path, Status: r.Status})
		}
		return out
	}
}

// newest returns the last requests of the services, the newest first.
func newest(services []*service, limit int) []request {
	all := []request{}
	for _, s := range services {
		all = append(all, s.received()...)
	}
	slices.SortStableFunc(all, func(a, b request) int { return cmp.Compare(b.Time.UnixNano(), a.Time.UnixNano()) })
	return all[:min(limit, len(all))]
}
