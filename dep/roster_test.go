package dep_test

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/dep"
	"github.com/applemdm/applemdm/dep/deptest"
)

// school returns an organisation in Apple School Manager with n entries in each roster.
func school(t *testing.T, n int, server *deptest.Options) *org {
	t.Helper()
	if server == nil {
		server = &deptest.Options{}
	}
	server.Account.OrgType = "edu"
	o := newOrg(t, server, func(opts *dep.Options) { opts.PageSize = 10 })
	for i := range n {
		id := fmt.Sprintf("%02d", i)
		o.AddClasses(deptest.Class{UniqueIdentifier: "cl" + id, SourceSystemIdentifier: id, Name: "Class " + id})
		o.AddPersons(deptest.Person{UniqueIdentifier: "pe" + id, SourceSystemIdentifier: id, Name: "Person " + id})
		o.AddCourses(deptest.Course{UniqueIdentifier: "co" + id, SourceSystemIdentifier: id, Name: "Course " + id})
		o.AddLocations(deptest.Location{UniqueIdentifier: "lo" + id, SourceSystemIdentifier: id, Name: "Location " + id})
	}
	return o
}

// rosterEntry is what all entries of rosters have.
type rosterEntry struct{ id, name, status string }

func classEntry(c dep.RosterClass) rosterEntry {
	return rosterEntry{c.UniqueIdentifier, c.Name, string(c.Status)}
}
func personEntry(p dep.RosterPerson) rosterEntry {
	return rosterEntry{p.UniqueIdentifier, p.Name, string(p.Status)}
}
func courseEntry(c dep.RosterCourse) rosterEntry {
	return rosterEntry{c.UniqueIdentifier, c.Name, string(c.Status)}
}
func locationEntry(l dep.RosterLocation) rosterEntry {
	return rosterEntry{l.UniqueIdentifier, l.Name, string(l.Status)}
}

// roster is one of the four, with the types taken off.
type roster struct {
	name, prefix, path string
	all                func(*testing.T, *dep.Client) iter.Seq2[rosterEntry, error]
	changes            func(*testing.T, *dep.Client, dep.Cursor) iter.Seq2[rosterPage, error]
}

type rosterPage struct {
	entries                    []rosterEntry
	cursor                     dep.Cursor
	phase                      dep.Phase
	beginsTheList, completesIt bool
}

func entries[T any](list iter.Seq2[T, error], entry func(T) rosterEntry) iter.Seq2[rosterEntry, error] {
	return func(yield func(rosterEntry, error) bool) {
		for item, err := range list {
			if !yield(entry(item), err) {
				return
			}
		}
	}
}

func rosterPages[T any](pages iter.Seq2[*dep.Page[T], error], entry func(T) rosterEntry) iter.Seq2[rosterPage, error] {
	return func(yield func(rosterPage, error) bool) {
		for p, err := range pages {
			var out rosterPage
			if err == nil {
				out = rosterPage{nil, p.Cursor, p.Phase, p.Begins, p.Completes}
				for _, item := range p.Items {
					out.entries = append(out.entries, entry(item))
				}
			}
			if !yield(out, err) {
				return
			}
		}
	}
}

var rosters = []roster{
	{"Class", "cl", "/roster/class",
		func(t *testing.T, c *dep.Client) iter.Seq2[rosterEntry, error] {
			return entries(c.Classes(t.Context()), classEntry)
		},
		func(t *testing.T, c *dep.Client, from dep.Cursor) iter.Seq2[rosterPage, error] {
			return rosterPages(c.ClassChanges(t.Context(), from), classEntry)
		}},
	{"Person", "pe", "/roster/class/person",
		func(t *testing.T, c *dep.Client) iter.Seq2[rosterEntry, error] {
			return entries(c.Persons(t.Context()), personEntry)
		},
		func(t *testing.T, c *dep.Client, from dep.Cursor) iter.Seq2[rosterPage, error] {
			return rosterPages(c.PersonChanges(t.Context(), from), personEntry)
		}},
	{"Course", "co", "/roster/class/course",
		func(t *testing.T, c *dep.Client) iter.Seq2[rosterEntry, error] {
			return entries(c.Courses(t.Context()), courseEntry)
		},
		func(t *testing.T, c *dep.Client, from dep.Cursor) iter.Seq2[rosterPage, error] {
			return rosterPages(c.CourseChanges(t.Context(), from), courseEntry)
		}},
	{"Location", "lo", "/roster/class/location",
		func(t *testing.T, c *dep.Client) iter.Seq2[rosterEntry, error] {
			return entries(c.Locations(t.Context()), locationEntry)
		},
		func(t *testing.T, c *dep.Client, from dep.Cursor) iter.Seq2[rosterPage, error] {
			return rosterPages(c.LocationChanges(t.Context(), from), locationEntry)
		}},
}

// walkRoster returns the entries and the last cursor, and how many pages began and completed a list.
func walkRoster(t *testing.T, pages iter.Seq2[rosterPage, error]) (got []rosterEntry, last dep.Cursor, begins, completes int) {
	t.Helper()
	for page, err := range pages {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, page.entries...)
		last = page.cursor
		if page.beginsTheList {
			begins++
		}
		if page.completesIt {
			completes++
		}
	}
	return got, last, begins, completes
}

func fullRoster(r roster, n int) []rosterEntry {
	var want []rosterEntry
	for i := range n {
		want = append(want, rosterEntry{fmt.Sprintf("%s%02d", r.prefix, i), fmt.Sprintf("%s %02d", r.name, i), "Active"})
	}
	return want
}

// inactive is the status of an entry that is gone. Apple spells that of persons in its own way.
func inactive(r roster) string {
	if r.name == "Person" {
		return "InActive"
	}
	return "Inactive"
}

var allowEntries = cmp.AllowUnexported(rosterEntry{})

func TestRosters(t *testing.T) {
	for _, r := range rosters {
		t.Run(r.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := school(t, 25, nil)
				var listed []rosterEntry
				for entry, err := range r.all(t, o.client) {
					if err != nil {
						t.Fatal(err)
					}
					listed = append(listed, entry)
				}
				if diff := cmp.Diff(fullRoster(r, 25), listed, allowEntries); diff != "" {
					t.Errorf("the list: %s", diff)
				}
				if n := o.Count("POST", r.path); n != 3 || o.Count("GET", "/account") != 1 {
					t.Errorf("%d requests for 25 entries in pages of 10, %d for the account", n, o.Count("GET", "/account"))
				}

				walked, cursor, begins, completes := walkRoster(t, r.changes(t, o.client, dep.Cursor{}))
				if diff := cmp.Diff(fullRoster(r, 25), walked, allowEntries); diff != "" || begins != 1 || completes != 1 {
					t.Errorf("%d beginnings, %d ends, the list by its changes: %s", begins, completes, diff)
				}

				o.RemoveRosterEntries(r.prefix + "03")
				time.Sleep(6 * 24 * time.Hour)
				changed, cursor, begins, _ := walkRoster(t, r.changes(t, o.client, cursor))
				want := []rosterEntry{{r.prefix + "03", r.name + " 03", inactive(r)}}
				if diff := cmp.Diff(want, changed, allowEntries); diff != "" || begins != 0 {
					t.Errorf("%d beginnings, the change: %s", begins, diff)
				}
				if none, _, _, _ := walkRoster(t, r.changes(t, o.client, cursor)); none != nil {
					t.Errorf("changes without a change: %v", none)
				}
				if v := o.Violations(); v != nil {
					t.Error(v)
				}
			})
		})
	}
}

func TestRosterCursorsExpire(t *testing.T) {
	for _, r := range rosters {
		t.Run(r.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := school(t, 5, &deptest.Options{RosterCursorLife: 24 * time.Hour}) // the older of Apple's texts
				_, cursor, _, _ := walkRoster(t, r.changes(t, o.client, dep.Cursor{}))
				o.RemoveRosterEntries(r.prefix + "04")
				time.Sleep(25 * time.Hour)
				again, cursor, begins, completes := walkRoster(t, r.changes(t, o.client, cursor))
				if diff := cmp.Diff(fullRoster(r, 4), again, allowEntries); diff != "" || begins != 1 || completes != 1 {
					t.Errorf("%d beginnings, %d ends, the list begun again: %s", begins, completes, diff)
				}
				if !cursor.Started.Equal(time.Now()) {
					t.Errorf("the list began at %v", cursor.Started)
				}
			})
		})
	}
}

func TestCoursesAreWhereTheAccountSays(t *testing.T) {
	for _, path := range []string{"/roster/class/course", "/roster/course"} {
		for _, version := range []int{10, 2} { // before version 3 the account says nothing
			t.Run(fmt.Sprintf("%s version %d", path, version), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					o := school(t, 3, &deptest.Options{CoursePath: path})
					client := o.newClient(t, depToken(t, o.Token()), func(opts *dep.Options) { opts.ProtocolVersion = version })
					pages := rosterPages(client.CourseChanges(t.Context(), dep.Cursor{}), courseEntry)
					if version == 2 && path == "/roster/course" {
						for _, err := range pages {
							if e, ok := errors.AsType[*dep.Error](err); !ok || e.StatusCode != 404 {
								t.Errorf("err = %v", err)
							}
						}
						return
					}
					got, _, _, _ := walkRoster(t, pages)
					if len(got) != 3 || o.Count("POST", path) != 1 || o.Count("POST", path+"/sync") != 1 {
						t.Errorf("%d courses, %d and %d requests", len(got), o.Count("POST", path), o.Count("POST", path+"/sync"))
					}
				})
			})
		}
	}
}

func TestRostersObeyThePublishedLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := school(t, 12, &deptest.Options{MaxLimit: 5})
		for _, r := range rosters {
			if got, _, _, _ := walkRoster(t, r.changes(t, o.client, dep.Cursor{})); len(got) != 12 {
				t.Errorf("%s: %d entries", r.name, len(got))
			}
		}
		for _, req := range o.Received() {
			if strings.HasPrefix(req.Path, "/roster/") && !strings.Contains(string(req.Body), `"limit":5`) {
				t.Errorf("%s: %s", req.Path, req.Body)
			}
		}
		if n := o.Count("GET", "/account"); n != 1 {
			t.Errorf("%d requests for the account", n)
		}
	})
}

// A business has no rosters. That says nothing of the account.
func TestRostersOfABusiness(t *testing.T) {
	for _, r := range rosters {
		t.Run(r.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOrg(t, nil, nil)
				seen := 0
				for entry, err := range r.all(t, o.client) {
					seen++
					if !errors.Is(err, dep.ErrAccessDenied) || entry != (rosterEntry{}) {
						t.Errorf("%v, %v", entry, err)
					}
				}
				if seen != 1 || o.Logins() != 1 || o.Count("POST", r.path) != 1 {
					t.Errorf("%d results, %d logins, %d requests", seen, o.Logins(), o.Count("POST", r.path))
				}
				if !slices.Equal(o.kinds(), []dep.StateKind{dep.StateOK}) {
					t.Errorf("states %q", o.kinds())
				}
			})
		})
	}
}

func TestRosterMembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := school(t, 0, nil)
		o.AddClasses(deptest.Class{
			UniqueIdentifier: "cl-1", Name: "Biology 4B", DisplayName: "Bio", IconIdentifier: "leaf", Number: "B4", Room: "12",
			Course: deptest.RosterRef{Name: "Biology", UniqueIdentifier: "co-1"}, Location: deptest.RosterRef{Name: "North", UniqueIdentifier: "lo-1"},
			InstructorUniqueIdentifiers: []string{"pe-1"}, Source: "SIS", SourceSystemIdentifier: "4711",
		})
		o.AddPersons(deptest.Person{
			UniqueIdentifier: "pe-1", Name: "A B C", FirstName: "A", MiddleName: "B", LastName: "C", ManagedAppleID: "abc@example.org",
			EmailAddress: "a@example.org", SISUsername: "abc", PersonID: "7", PasscodeType: "six", IsFederatedAuth: true,
			Source: "SFTP", SourceSystemIdentifier: "4712", Status: "AtoLocked",
		})
		for class, err := range o.client.Classes(t.Context()) {
			want := dep.RosterClass{
				UniqueIdentifier: "cl-1", Name: "Biology 4B", DisplayName: "Bio", IconIdentifier: "leaf", ClassNumber: "B4", Room: "12",
				Course: dep.RosterRef{Name: "Biology", UniqueIdentifier: "co-1"}, Location: dep.RosterRef{Name: "North", UniqueIdentifier: "lo-1"},
				InstructorUniqueIdentifiers: []string{"pe-1"}, Source: dep.SourceSIS, SourceSystemIdentifier: "4711",
				Status: "Active", OpDate: "2000-01-01T00:00:00Z",
			}
			if diff := cmp.Diff(want, class); diff != "" || err != nil {
				t.Errorf("%v: %s", err, diff)
			}
		}
		for person, err := range o.client.Persons(t.Context()) {
			want := dep.RosterPerson{
				UniqueIdentifier: "pe-1", Name: "A B C", FirstName: "A", MiddleName: "B", LastName: "C", ManagedAppleID: "abc@example.org",
				EmailAddress: "a@example.org", SISUsername: "abc", PersonID: "7", PasscodeType: "six", IsFederatedAuth: true,
				Source: dep.SourceSFTP, SourceSystemIdentifier: "4712", Status: "AtoLocked", OpDate: "2000-01-01T00:00:00Z",
			}
			if diff := cmp.Diff(want, person); diff != "" || err != nil {
				t.Errorf("%v: %s", err, diff)
			}
		}
	})
}
