package deptest

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// rosterKind names one of the four rosters.
type rosterKind string

const (
	classes   rosterKind = "classes"
	persons   rosterKind = "persons"
	courses   rosterKind = "courses"
	locations rosterKind = "locations"
)

// rosterPaths is where the rosters are; "/sync" after each is its sync.
func (s *Server) rosterPaths() map[string]rosterKind {
	return map[string]rosterKind{
		"/roster/class":          classes,
		"/roster/class/person":   persons,
		"/roster/class/location": locations,
		s.opts.CoursePath:        courses,
	}
}

// rosterEntry is a class, a person, a course or a location.
type rosterEntry interface {
	identifier() string
	sortedBy() string // source_system_identifier
	inactive() rosterEntry
	append(b []byte, version int, opDate time.Time) []byte
}

// storedEntry is an entry and when it changed. It is replaced, never changed.
type storedEntry struct {
	rosterEntry
	opDate time.Time
}

// key is the place of an entry in the list: lexically by source system identifier.
func (e *storedEntry) key() string { return e.sortedBy() + "\x00" + e.identifier() }

// roster is the entries of one kind, and their changes.
type roster struct {
	byID    map[string]*storedEntry
	sorted  []*storedEntry
	events  []*storedEntry
	cursors cursors
}

type rosters map[rosterKind]*roster

func (s *Server) makeRosters() rosters {
	out := make(rosters)
	for _, kind := range s.rosterPaths() {
		r := &roster{byID: make(map[string]*storedEntry)}
		r.cursors.init()
		out[kind] = r
	}
	return out
}

// find returns where the entry with that key is, or would be.
func (r *roster) find(key string) (int, bool) {
	return slices.BinarySearchFunc(r.sorted, key, func(e *storedEntry, key string) int {
		return strings.Compare(e.key(), key)
	})
}

func (r *roster) put(entry rosterEntry, now time.Time) {
	r.take(entry.identifier())
	e := &storedEntry{entry, now}
	i, _ := r.find(e.key())
	r.sorted = slices.Insert(r.sorted, i, e)
	r.byID[e.identifier()] = e
	r.events = append(r.events, e)
}

// take removes an entry from the list, without an event.
func (r *roster) take(id string) *storedEntry {
	old := r.byID[id]
	if old != nil {
		i, _ := r.find(old.key())
		r.sorted = slices.Delete(r.sorted, i, i+1)
		delete(r.byID, id)
	}
	return old
}

// fetchRoster returns the endpoint that lists all entries of a kind.
func fetchRoster(kind rosterKind) endpoint {
	return func(c *call) *reply {
		r := c.s.rosters[kind]
		cursor, limit, rep := c.rosterPage()
		if rep != nil {
			return rep
		}
		pos := position{seq: len(r.events)}
		if cursor != "" {
			if pos, rep = r.cursors.find(cursor, c.now, c.s.opts.RosterCursorLife, 0); rep != nil {
				return rep
			}
			if pos.done {
				return badRequest("EXHAUSTED_CURSOR")
			}
		}
		first := 0
		if pos.after != "" {
			i, found := r.find(pos.after)
			first = i
			if found {
				first++
			}
		}
		last := min(first+limit, len(r.sorted))
		if last > first {
			pos.after = r.sorted[last-1].key()
		}
		pos.done = last == len(r.sorted)
		return c.rosterAnswer(kind, r.sorted[first:last], pos, !pos.done)
	}
}

// syncRoster returns the endpoint that tells the changes of a kind.
func syncRoster(kind rosterKind) endpoint {
	return func(c *call) *reply {
		r := c.s.rosters[kind]
		cursor, limit, rep := c.rosterPage()
		if rep != nil {
			return rep
		}
		if cursor == "" {
			return badRequest("CURSOR_REQUIRED")
		}
		pos, rep := r.cursors.find(cursor, c.now, c.s.opts.RosterCursorLife, 0)
		if rep != nil {
			return rep
		}
		if !pos.done {
			c.note("sync with the cursor of a fetch that is not finished would lose entries")
			return badRequest("INVALID_CURSOR")
		}
		first := pos.seq
		pos.seq = min(first+limit, len(r.events))
		return c.rosterAnswer(kind, r.events[first:pos.seq], pos, pos.seq < len(r.events))
	}
}

// rosterPage reads the request for a page of a roster, which only schools have.
func (c *call) rosterPage() (cursor string, limit int, rep *reply) {
	if c.s.opts.Account.OrgType != "edu" {
		return "", 0, refusal(http.StatusForbidden, "ACCESS_DENIED")
	}
	return c.page(c.s.pageDefault(true))
}

func (c *call) rosterAnswer(kind rosterKind, entries []*storedEntry, pos position, more bool) *reply {
	b := append(appendName([]byte{'{'}, string(kind)), '[')
	for i, e := range entries {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(e.append(append(b, '{'), c.version, e.opDate), '}')
	}
	pos.issued = c.now
	b = appendString(append(b, ']'), "cursor", c.s.rosters[kind].cursors.issue(pos, rosterCursor(string(kind))))
	return success(append(appendBool(b, "more_to_follow", more), '}'))
}

// AddClasses adds classes, or replaces those with the same unique identifier.
func (s *Server) AddClasses(list ...Class) { addEntries(s, classes, list) }

// AddPersons adds persons, or replaces those with the same unique identifier.
func (s *Server) AddPersons(list ...Person) { addEntries(s, persons, list) }

// AddCourses adds courses, or replaces those with the same unique identifier.
func (s *Server) AddCourses(list ...Course) { addEntries(s, courses, list) }

// AddLocations adds locations, or replaces those with the same unique identifier.
func (s *Server) AddLocations(list ...Location) { addEntries(s, locations, list) }

func addEntries[E rosterEntry](s *Server, kind rosterKind, list []E) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range list {
		s.rosters[kind].put(e, time.Now())
	}
}

// RemoveRosterEntries takes entries of any kind out of their rosters. Sync tells them as inactive.
func (s *Server) RemoveRosterEntries(identifiers ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range identifiers {
		for _, r := range s.rosters {
			if old := r.take(id); old != nil {
				r.events = append(r.events, &storedEntry{old.inactive(), time.Now()})
			}
		}
	}
}
