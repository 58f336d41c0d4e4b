package vpp

import (
	"cmp"
	"context"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
)

// Snapshot is a location as it was read: its assets, its users and who has which asset. It can be
// encoded as JSON and kept, to tell later with [Snapshot.Diff] what has become different.
//
// The three lists are each of one version, but not read at the same moment.
type Snapshot struct {
	UID   string    `json:"uId"` // of the location
	Taken time.Time `json:"taken"`

	Assets      []Asset      `json:"assets"`      // by key
	Assignments []Assignment `json:"assignments"` // by key, each once: that of the active user, if one has it

	Users []User `json:"users"` // the active ones, by client user ID

	// The versions of the lists, by which the next read sees what has not changed.
	AssetsVersionID      string `json:"assetsVersionId,omitzero"`
	AssignmentsVersionID string `json:"assignmentsVersionId,omitzero"`
	UsersVersionID       string `json:"usersVersionId,omitzero"`
}

// Snapshot reads the whole location. With last, the Snapshot taken before (nil if there is none), it
// costs one request for each list that has not changed, and what changed for the users, with whom the
// assignments are read again; the result shares memory with last, so do not modify either. Without, or
// of another location, it costs a request for each page. All of it is in memory: reckon with some hundred bytes for each assignment.
//
// Errors are as with [Client.Assets]: either everything was read, or nothing is returned.
func (c *Client) Snapshot(ctx context.Context, last *Snapshot) (*Snapshot, error) {
	if last == nil || last.UID == "" || c.UID() != "" && last.UID != c.UID() {
		last = new(Snapshot)
	}
	next := &Snapshot{Taken: time.Now().UTC()}
	for _, read := range []func(context.Context, *Client, *Snapshot) error{
		next.readAssets, next.readUsers, next.readAssignments,
	} {
		if err := read(ctx, c, last); err != nil {
			return nil, err
		}
		if next.UID = c.UID(); last.UID != "" && next.UID != last.UID {
			return c.Snapshot(ctx, nil) // what was kept is of another location
		}
	}
	return next, nil
}

func (s *Snapshot) readAssets(ctx context.Context, c *Client, last *Snapshot) error {
	all, version, same, err := collect(c.AssetPages(ctx, AssetFilter{}), last.AssetsVersionID)
	if same {
		all = last.Assets
	}
	s.Assets, s.AssetsVersionID = sorted(all, (*Asset).Key, compareAssets), version
	return err
}

// readAssignments reads everything unless nothing has changed: Apple does not say how assignments
// that ended would show among the changes. They tell how their users are, so it must not be they who
// have changed, either.
func (s *Snapshot) readAssignments(ctx context.Context, c *Client, last *Snapshot) error {
	known := ""
	if s.UsersVersionID == last.UsersVersionID {
		known = last.AssignmentsVersionID
	}
	all, version, same, err := collect(c.AssignmentPages(ctx, AssignmentFilter{IncludeUserState: true}), known)
	if same {
		s.Assignments, s.AssignmentsVersionID = last.Assignments, version
		return nil
	}
	slices.SortStableFunc(all, func(a, b Assignment) int { return cmp.Compare(rank(&a), rank(&b)) })
	s.Assignments, s.AssignmentsVersionID = sorted(all, (*Assignment).Key, compareAssignments), version
	return err
}

// rank orders assignments of one key: of what retired users have kept, and the active user of the
// same ID has too, the latter counts.
func rank(a *Assignment) int {
	if a.ClientUserID == "" || a.UserStatus.Active() {
		return 1
	}
	return 0
}

// readUsers reads what has changed since last, and everything if that does not tell enough.
func (s *Snapshot) readUsers(ctx context.Context, c *Client, last *Snapshot) error {
	filter := UserFilter{SinceVersionID: last.UsersVersionID}
	for {
		read, delta, err := s.readUserPages(ctx, c, filter)
		if err != nil {
			return err
		}
		var known []User
		if delta {
			known = last.Users
		}
		users, clear := activeUsers(known, read)
		if clear {
			s.Users = users
			return nil
		}
		filter.SinceVersionID = ""
	}
}

func (s *Snapshot) readUserPages(ctx context.Context, c *Client, filter UserFilter) (read []User, delta bool, err error) {
	for p, err := range c.UserPages(ctx, filter) {
		if err != nil {
			return nil, false, err
		}
		if p.Begins {
			read, delta, s.UsersVersionID = nil, p.Delta, p.VersionID
		}
		read = append(read, p.Items...)
	}
	return read, delta, nil
}

// collect returns the items of all pages and their version, or only that it is still known.
func collect[T any](pages iter.Seq2[*Page[T], error], known string) (all []T, version string, same bool, err error) {
	for p, err := range pages {
		if err != nil {
			return nil, "", false, err
		}
		if p.Begins {
			if p.VersionID != "" && p.VersionID == known {
				return nil, known, true, nil
			}
			all = make([]T, 0, len(p.Items))
		}
		all, version = append(all, p.Items...), p.VersionID
	}
	return all, version, false, nil
}

// sorted returns the items by key, each key once: the last one counts.
func sorted[T any, K comparable](items []T, key func(*T) K, compare func(a, b K) int) []T {
	byKey := make(map[K]T, len(items))
	for i := range items {
		byKey[key(&items[i])] = items[i]
	}
	all := make([]T, 0, len(byKey))
	for _, k := range slices.SortedFunc(maps.Keys(byKey), compare) {
		all = append(all, byKey[k])
	}
	return all
}

func compareAssets(a, b AssetKey) int {
	return cmp.Or(cmp.Compare(a.AdamID, b.AdamID), cmp.Compare(a.PricingParam, b.PricingParam))
}

func compareAssignments(a, b AssignmentKey) int {
	return cmp.Or(compareAssets(a.Asset, b.Asset), cmp.Compare(a.ClientUserID, b.ClientUserID),
		cmp.Compare(a.SerialNumber, b.SerialNumber))
}

// Diff is what is different between two Snapshots, each list by key.
type Diff struct {
	Assets      []Change[Asset]
	Assignments []Change[Assignment]
	Users       []Change[User]
}

// Empty reports whether nothing is different.
func (d *Diff) Empty() bool { return len(d.Assets)+len(d.Assignments)+len(d.Users) == 0 }

// Change is one thing that is different: Before is nil if it was not there, After if it is no more.
// They point into the Snapshots.
type Change[T any] struct {
	Before, After *T
}

// Diff returns what is different in after. Values are compared with all their members, those in
// Unknown too.
func (s *Snapshot) Diff(after *Snapshot) *Diff {
	return &Diff{
		Assets:      changes(s.Assets, after.Assets, (*Asset).Key, compareAssets),
		Assignments: changes(s.Assignments, after.Assignments, (*Assignment).Key, compareAssignments),
		Users:       changes(s.Users, after.Users, userKey, cmp.Compare[string]),
	}
}

func userKey(u *User) string { return u.ClientUserID }

func changes[T any, K comparable](before, after []T, key func(*T) K, compare func(a, b K) int) []Change[T] {
	found := make(map[K]Change[T])
	for i := range before {
		found[key(&before[i])] = Change[T]{Before: &before[i]}
	}
	for i := range after {
		k := key(&after[i])
		old := found[k].Before
		if old != nil && same(old, &after[i]) {
			delete(found, k)
			continue
		}
		found[k] = Change[T]{Before: old, After: &after[i]}
	}
	all := make([]Change[T], 0, len(found))
	for _, k := range slices.SortedFunc(maps.Keys(found), compare) {
		all = append(all, found[k])
	}
	return all
}

// same compares what Apple said, members without a field too.
func same[T any](a, b *T) bool {
	one, err1 := json.Marshal(a, json.Deterministic(true))
	two, err2 := json.Marshal(b, json.Deterministic(true))
	return err1 == nil && err2 == nil && string(one) == string(two)
}

// activeUsers returns those who are active after what was read, by client user ID, when those of
// known were before, and whether that is clear. It is not when a record of a known user says that it
// is retired, but not whether it is the one known or another of the same ID. Deleted records are
// never the active one.
func activeUsers(known, read []User) (active []User, clear bool) {
	byID := make(map[string]User, len(known)+len(read))
	for _, u := range known {
		byID[u.ClientUserID] = u
	}
	seen := make(map[string]bool) // to be active
	for _, u := range read {
		if u.Status.Active() {
			byID[u.ClientUserID], seen[u.ClientUserID] = u, true
		}
	}
	for _, u := range read {
		old, is := byID[u.ClientUserID]
		if u.Status.Active() || u.Status == UserDeleted || !is || seen[u.ClientUserID] {
			continue
		}
		if old.IDHash == "" || old.IDHash != u.IDHash {
			return nil, false
		}
		delete(byID, u.ClientUserID)
	}
	active = make([]User, 0, len(byID))
	for _, id := range slices.Sorted(maps.Keys(byID)) {
		active = append(active, byID[id])
	}
	return active, true
}
