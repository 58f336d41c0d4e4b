package main

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/applemdm/applemdm/apns/apnstest"
	"github.com/applemdm/applemdm/internal/sent"
)

// line is what has been seen on the way to one service: names, not values.
type line struct {
	service string
	sent.Wire
}

// watched returns a client that remembers which items it sends.
func (s *stage) watched(service string, client *http.Client) *http.Client {
	l := &line{service: service, Wire: sent.Wire{Base: client.Transport}}
	s.lines = append(s.lines, l)
	watched := *client
	watched.Transport = l
	return &watched
}

// watchedPushes takes in what the service has received: pushes have a connection of their own make.
func (s *stage) watchedPushes(pushes []apnstest.Push) {
	l := &line{service: "apns"}
	s.lines = append(s.lines, l)
	greeted := map[int]bool{}
	for _, p := range pushes {
		fields := func(yield func(name, value string) bool) {
			for _, f := range p.Header {
				if !yield(f.Name, f.Value) {
					return
				}
			}
		}
		message := sent.HTTP2(fields, p.Body)
		if !greeted[p.Connection] { // without a certificate there is no connection
			greeted[p.Connection] = true
			message.Sent = append(message.Sent, sent.Item{In: sent.TLS, Name: "certificate"})
		}
		l.Add(message)
	}
}

// varying are the calls that have an item in their path.
var varying = []string{
	"POST /3/device/{token}",
	"GET /v1/orgDevices/{serial}/relationships/assignedServer",
	"GET /v1/orgDeviceActivities/{activity}",
	"GET /activity-logs/{activity}/{file}",
}

// use is in which calls an item was sent, and how often.
type use struct {
	times int
	calls map[string]bool
}

// uses counts the items of a line. It returns all calls too.
func (l *line) uses() (items map[sent.Item]*use, calls map[string]bool) {
	items, calls = map[sent.Item]*use{}, map[string]bool{}
	for _, m := range l.Messages() {
		call, inPath, ok := sent.Match(varying, m.Call)
		if !ok {
			call = m.Call
		}
		calls[call] = true
		for _, item := range slices.Concat(m.Sent, inPath) {
			if items[item] == nil {
				items[item] = &use{calls: map[string]bool{}}
			}
			items[item].times++
			items[item].calls[call] = true
		}
	}
	return items, calls
}

// group is items that were sent together.
type group struct {
	where string
	times int
	names []string
}

// groups puts together what travels the same way equally often.
func (l *line) groups() []group {
	items, all := l.uses()
	together := map[string]*group{}
	for item, u := range items {
		where := item.In + " of " + told(u.calls, all)
		key := fmt.Sprint(where, u.times)
		if together[key] == nil {
			together[key] = &group{where: where, times: u.times}
		}
		together[key].names = append(together[key].names, item.Name)
	}
	return slices.SortedFunc(func(yield func(group) bool) {
		for _, g := range together {
			slices.Sort(g.names)
			if !yield(*g) {
				return
			}
		}
	}, func(a, b group) int {
		return cmp.Or(cmp.Compare(b.times, a.times), cmp.Compare(a.where, b.where))
	})
}

// told names calls, the shorter way.
func told(calls, all map[string]bool) string {
	names := slices.Sorted(maps.Keys(calls))
	if 2*len(calls) <= len(all) || len(all) == 1 {
		return strings.Join(names, ", ")
	}
	others := slices.DeleteFunc(slices.Sorted(maps.Keys(all)), func(call string) bool { return calls[call] })
	if len(others) == 0 {
		return "every call"
	}
	return "every call but " + strings.Join(others, ", ")
}

// sentTable shows what has been sent to Apple.
func (s *stage) sentTable() {
	s.say("\nWhat was sent to Apple, counted on the way (the README says what for)")
	for _, l := range s.lines {
		s.say("  %s", l.service)
		for _, g := range l.groups() {
			s.say("  %5d times in the %s", g.times, g.where)
			for _, text := range wrapped(g.names, 90) {
				s.say("              %s", text)
			}
		}
	}
}

// wrapped joins words into lines of at most so many characters, if no word is longer.
func wrapped(words []string, width int) []string {
	var lines []string
	text := ""
	for _, word := range words {
		if text != "" && len(text)+len(word)+2 > width {
			lines, text = append(lines, text+","), ""
		}
		if text != "" {
			text += ", "
		}
		text += word
	}
	return append(lines, text)
}
