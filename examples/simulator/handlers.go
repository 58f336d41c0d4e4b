package main

import (
	"errors"
	"net/http"
	"slices"
)

// ok is the answer to what needs none.
type ok struct {
	OK bool `json:"ok"`
}

type serviceState struct {
	Name       string  `json:"name"`
	URL        string  `json:"url"`
	Counts     []count `json:"counts"`
	Requests   int     `json:"requests"`
	Violations int     `json:"violations"`
	Faults     int     `json:"faults"` // that have not happened yet
}

func (c *control) state(*http.Request) (any, error) {
	err := c.world.follow()
	list := make([]serviceState, len(c.services))
	for i, s := range c.services {
		list[i] = serviceState{Name: s.name, URL: s.url, Counts: s.counts(), Requests: s.requests(),
			Violations: len(s.violations()), Faults: s.pending()}
	}
	return map[string]any{"organisation": organisation, "services": list}, err
}

// serviceChoices is what the other calls take for a service.
type serviceChoices struct {
	Name       string      `json:"name"`
	Kinds      []string    `json:"kinds"`
	Happenings []happening `json:"happenings"`
}

func (c *control) choices(*http.Request) (any, error) {
	list := make([]serviceChoices, len(c.services))
	for i, s := range c.services {
		list[i] = serviceChoices{Name: s.name, Kinds: s.kinds, Happenings: s.happenings}
	}
	return map[string]any{"servers": []string{ourServer, otherServer}, "services": list}, nil
}

func (c *control) addFault(r *http.Request) (any, error) {
	f, err := read[fault](r)
	if err != nil {
		return nil, err
	}
	s, err := c.service(f.Service)
	if err != nil {
		return nil, err
	}
	if f.Skip < 0 || f.Size < 0 || f.Count < -1 || f.Status != 0 && (f.Status < 200 || f.Status > 599) {
		return nil, errors.New("skip and size count from 0, count from -1; status is 200 to 599")
	}
	return ok{true}, s.fail(f)
}

func (c *control) forgetFaults(r *http.Request) (any, error) {
	list, err := c.chosen(r)
	if err != nil {
		return nil, err
	}
	for _, s := range list {
		s.heal()
	}
	return ok{true}, nil
}

func (c *control) happen(r *http.Request) (any, error) {
	in, err := read[struct {
		Service string `json:"service"`
		Name    string `json:"name"`
	}](r)
	if err != nil {
		return nil, err
	}
	s, err := c.service(in.Service)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(s.happenings, func(h happening) bool { return h.Name == in.Name })
	if i < 0 {
		return nil, notFound("name: %q is nothing that happens at %s; GET /api/choices lists what does", in.Name, s.name)
	}
	return ok{true}, s.happenings[i].do()
}

func (c *control) requests(r *http.Request) (any, error) {
	list, err := c.chosen(r)
	if err != nil {
		return nil, err
	}
	n, err := limit(r)
	return map[string]any{"requests": newest(list, n)}, err
}

func (c *control) forgetRequests(r *http.Request) (any, error) {
	list, err := c.chosen(r)
	if err != nil {
		return nil, err
	}
	for _, s := range list {
		s.forget()
	}
	return ok{true}, nil
}

func (c *control) violations(r *http.Request) (any, error) {
	list, err := c.chosen(r)
	if err != nil {
		return nil, err
	}
	out := map[string][]string{}
	for _, s := range list {
		out[s.name] = append([]string{}, s.violations()...)
	}
	return out, nil
}
