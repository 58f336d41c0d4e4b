package dep_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/applemdm/applemdm/dep"
	"github.com/applemdm/applemdm/dep/deptest"
)

// memoryStore is a SessionStore whose steps a test can watch and spoil.
type memoryStore struct {
	mu         sync.Mutex
	stored     dep.Secret
	loads      int
	loadErr    error
	swapErr    error
	beforeSwap func()
}

func (s *memoryStore) LoadSession(context.Context) (dep.Secret, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loads++
	return s.stored, s.loadErr
}

func (s *memoryStore) SwapSession(_ context.Context, old, next dep.Secret) (bool, error) {
	if hook := s.takeHook(); hook != nil {
		hook()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.swapErr != nil {
		return false, s.swapErr
	}
	if !s.stored.Equal(old) {
		return false, nil
	}
	s.stored = next
	return true, nil
}

func (s *memoryStore) takeHook() func() {
	s.mu.Lock()
	defer s.mu.Unlock()
	hook := s.beforeSwap
	s.beforeSwap = nil
	return hook
}

func (s *memoryStore) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// replicas returns an organisation and n clients that share a store. All ends when no secret shows.
func replicas(t *testing.T, n int, server *deptest.Options) (*org, *memoryStore, []*dep.Client) {
	o := newOrg(t, server, nil)
	t.Cleanup(func() { o.hides(t, o.secrets()) })
	store := new(memoryStore)
	clients := make([]*dep.Client, n)
	for i := range clients {
		clients[i] = o.newClient(t, depToken(t, o.Token()), func(opts *dep.Options) { opts.Sessions = store })
	}
	return o, store, clients
}

func mustReadAccount(t *testing.T, clients ...*dep.Client) {
	t.Helper()
	for i, c := range clients {
		if _, err := c.Account(t.Context()); err != nil {
			t.Errorf("client %d: %v", i, err)
		}
	}
}

func TestReplicasShareOneLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, store, clients := replicas(t, 3, nil)
		for range 3 {
			mustReadAccount(t, clients...)
		}
		if o.Logins() != 1 || store.loads != 3 {
			t.Errorf("%d logins, %d loads; want 1 and 3", o.Logins(), store.loads)
		}
		o.ExpireSessions()
		mustReadAccount(t, clients...)
		if o.Logins() != 2 {
			t.Errorf("%d logins after all sessions ended, want 2", o.Logins())
		}
		if used := o.sessionsUsed("/account"); store.stored.Reveal() != used[len(used)-1] {
			t.Error("the session in use is not the stored one")
		}
	})
}

// One replica slept while the others logged in, and the session that it finds has ended too.
func TestAStoredSessionThatHasEndedIsNotTheLastTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, _, clients := replicas(t, 2, nil)
		mustReadAccount(t, clients...)
		o.ExpireSessions()
		mustReadAccount(t, clients[0])
		o.ExpireSessions()
		mustReadAccount(t, clients[1])
		if o.Logins() != 3 {
			t.Errorf("%d logins, want 3", o.Logins())
		}
	})
}

func TestReplaysAreBoundedWithAStoreToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, store, clients := replicas(t, 1, nil)
		mustReadAccount(t, clients...)
		store.set(func() { store.stored = dep.NewSecret("stale") })
		o.ResetReceived()
		o.Fail(deptest.Fault{Path: "/account", Kind: deptest.Answer, Status: 401, Body: "UNAUTHORIZED", Count: -1})
		_, err := clients[0].Account(t.Context())
		if !errors.Is(err, dep.ErrUnauthorized) || o.Count("", "/account") != 3 || o.logins() != 1 {
			t.Errorf("err = %v after %d requests and %d logins, want 3 and 1", err, o.Count("", "/account"), o.logins())
		}
	})
}

func TestALostRaceToStoreTakesTheWinner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, store, clients := replicas(t, 2, nil)
		store.beforeSwap = func() { mustReadAccount(t, clients[1]) }
		mustReadAccount(t, clients[0])
		if used := o.sessionsUsed("/account"); o.Logins() != 2 || used[0] != used[1] || store.stored.Reveal() != used[0] {
			t.Errorf("%d logins, sessions used: %q", o.Logins(), used)
		}
	})
}

// The login that lost the race has ended the session that won it.
func TestALostRaceWhereOnlyOneSessionLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, store, clients := replicas(t, 2, &deptest.Options{SingleSession: true})
		mustReadAccount(t, clients...)
		o.ExpireSessions()
		store.beforeSwap = func() { mustReadAccount(t, clients[1]) }
		o.Fail(deptest.Fault{Path: "/session", Kind: deptest.Late, Skip: 1}) // both have logged in before either swaps
		mustReadAccount(t, clients[0])
		mustReadAccount(t, clients...)
		if used := o.sessionsUsed("/account"); store.stored.Reveal() != used[len(used)-1] {
			t.Error("the session in use is not the stored one")
		}
	})
}

// A store that is down costs sharing and nothing else: each client logs in once, for itself.
func TestAStoreThatFails(t *testing.T) {
	down := errors.New("the database is down")
	for name, test := range map[string]struct {
		spoil func(*memoryStore)
		log   string
	}{
		"loading":  {func(s *memoryStore) { s.loadErr = down }, "the shared session could not be read"},
		"storing":  {func(s *memoryStore) { s.swapErr = down }, "a new session could not be stored"},
		"anything": {func(s *memoryStore) { s.loadErr, s.swapErr = down, down }, "the shared session could not be read"},
		"loading the winner of a race": {func(s *memoryStore) {
			s.beforeSwap = func() { s.set(func() { s.stored, s.loadErr = dep.NewSecret("another's"), down }) }
		}, "the shared session could not be read"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o, store, clients := replicas(t, 2, nil)
				store.set(func() { test.spoil(store) })
				for range 3 {
					mustReadAccount(t, clients...)
				}
				if o.Logins() != 2 || o.Count("", "/account") != 6 {
					t.Errorf("%d logins, %d requests; want one for each client and 6", o.Logins(), o.Count("", "/account"))
				}
				if s := clients[0].State(); s.Kind != dep.StateOK {
					t.Errorf("state %q", s.Kind)
				}
				if log := o.shown.Log(); !strings.Contains(log, test.log) || !strings.Contains(log, down.Error()) {
					t.Errorf("the log does not tell: %s", log)
				}

				store.set(func() { store.loadErr, store.swapErr, store.stored = nil, nil, dep.Secret{} })
				o.ExpireSessions()
				mustReadAccount(t, clients...)
				if o.Logins() != 3 {
					t.Errorf("%d logins, want 3: the two share again", o.Logins())
				}
			})
		})
	}
}

func TestAStoreThatFailsNeedsNoLogger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, nil, nil)
		store := &memoryStore{loadErr: errors.New("down")}
		mustReadAccount(t, o.newClient(t, depToken(t, o.Token()), func(opts *dep.Options) { opts.Sessions, opts.Logger = store, nil }))
	})
}

func TestARotationThatCannotBeStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, store, clients := replicas(t, 1, &deptest.Options{DropRotated: true})
		mustReadAccount(t, clients[0])
		store.set(func() { store.swapErr = errors.New("the database is down") })
		o.RotateSessions(1)
		mustReadAccount(t, clients[0], clients[0], clients[0]) // goes on with the new session all the same
		if !strings.Contains(o.shown.Log(), "a rotated session could not be stored") || o.Logins() != 1 {
			t.Errorf("%d logins; the log: %s", o.Logins(), o.shown.Log())
		}
	})
}

func TestAStoreThatForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, store, clients := replicas(t, 2, nil)
		mustReadAccount(t, clients[0])
		store.set(func() { store.stored = dep.Secret{} })
		mustReadAccount(t, clients...)
		if o.Logins() != 2 {
			t.Errorf("%d logins, want 2", o.Logins())
		}
	})
}

// deafStore claims that another replica was quicker, but has nothing to show for it.
type deafStore struct{ memoryStore }

func (*deafStore) SwapSession(context.Context, dep.Secret, dep.Secret) (bool, error) {
	return false, nil
}

func TestAStoreThatKeepsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrg(t, nil, nil)
		client := o.newClient(t, depToken(t, o.Token()), func(opts *dep.Options) { opts.Sessions = new(deafStore) })
		mustReadAccount(t, client, client)
		if o.Logins() != 1 {
			t.Errorf("%d logins, want 1", o.Logins())
		}
	})
}

func TestRotationIsStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, store, clients := replicas(t, 2, &deptest.Options{DropRotated: true})
		o.RotateSessions(1)
		for range 4 {
			mustReadAccount(t, clients...)
		}
		if o.Logins() != 1 {
			t.Errorf("%d logins, want 1", o.Logins())
		}
		used := o.sessionsUsed("/account")
		if store.stored.Reveal() == used[len(used)-1] {
			t.Error("the session of the last answer is not stored")
		}
	})
}

// Whatever is stored may belong to the token that was to be left behind.
func TestResetSessionWithAStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, store, clients := replicas(t, 2, nil)
		mustReadAccount(t, clients...)
		for i, client := range clients {
			client.ResetSession()
			mustReadAccount(t, client, client)
			used := o.sessionsUsed("/account")
			if o.Logins() != i+2 || store.stored.Reveal() != used[len(used)-1] {
				t.Errorf("%d logins after %d resets, or the new session is not the stored one", o.Logins(), i+1)
			}
		}
	})
}

// A process that has just started has no session to forget, but the store has.
func TestResetSessionForgetsAStoredOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, store, clients := replicas(t, 2, nil)
		mustReadAccount(t, clients[0])
		before := store.stored

		clients[1].ResetSession()
		o.Fail(deptest.Fault{Path: "/session", Kind: deptest.Empty, Count: 4})
		if _, err := clients[1].Account(t.Context()); !errors.Is(err, dep.ErrServer) {
			t.Errorf("the login failed with %v", err)
		}
		mustReadAccount(t, clients[1]) // the reset still counts
		used := o.sessionsUsed("/account")
		if o.Logins() != 2 || store.stored.Equal(before) || store.stored.Reveal() != used[1] {
			t.Errorf("%d logins, sessions used: %q", o.Logins(), used)
		}

		o.ExpireSessions()
		mustReadAccount(t, clients...) // once only: what one finds now, the other shares
		if o.Logins() != 3 {
			t.Errorf("%d logins, want 3", o.Logins())
		}
	})
}

// While this one logs in after a reset, another one stores a session of the old token.
func TestResetSessionIsNotTalkedOutOfItsSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, store, clients := replicas(t, 1, nil)
		clients[0].ResetSession()
		store.beforeSwap = func() { store.set(func() { store.stored = dep.NewSecret("of the old token") }) }
		mustReadAccount(t, clients[0])
		if used := o.sessionsUsed("/account"); len(used) != 1 || used[0] == "of the old token" {
			t.Errorf("sessions used: %q", used)
		}
	})
}
