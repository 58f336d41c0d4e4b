package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/applemdm/applemdm/dep"
	"github.com/applemdm/applemdm/dep/deptest"
)

// The processes that a test starts are this program again: they do not test.
func TestMain(m *testing.M) {
	if os.Getenv(childMark) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// onEach runs a test with SQLite and, if DATABASE_URL says where, with PostgreSQL too.
func onEach(t *testing.T, test func(t *testing.T, name string)) {
	t.Run("SQLite", func(t *testing.T) { test(t, filepath.Join(t.TempDir(), "replicas.db")) })
	if url := os.Getenv("DATABASE_URL"); url != "" {
		t.Run("PostgreSQL", func(t *testing.T) { test(t, url) })
	}
}

func openTest(t *testing.T, name string) *database {
	t.Helper()
	db, err := openDatabase(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func TestThreeProcessesShareAnAccount(t *testing.T) {
	onEach(t, func(t *testing.T, name string) {
		var told strings.Builder
		r, err := story(t.Context(), name, &told)
		t.Log(told.String())
		if err != nil {
			t.Fatal(err)
		}
		r.print(t.Output())
		if err := r.check(); err != nil {
			t.Error(err)
		}
		// 500 devices, and twice 40 changes (once where nobody can be put to sleep), each delivered once.
		if changes := r.Events - simDevices; changes != 80 && (canSleep || changes != 40) || r.Terms < 2 || len(r.Calls) != 3 {
			t.Errorf("%+v", r)
		}
		if canSleep && (r.Lost < 1 || r.Terms < 3) {
			t.Errorf("%d terms, of which %d were lost by who was alive", r.Terms, r.Lost)
		}
	})
}

func TestReportFindsWhatIsWrong(t *testing.T) {
	good := report{Logins: 2, Tokens: 2, Devices: 3, AtApple: 3}
	if err := good.check(); err != nil {
		t.Error(err)
	}
	for name, spoil := range map[string]func(*report){
		"a login too many": func(r *report) { r.Logins++ },
		"a double sync":    func(r *report) { r.Doubles++ },
		"a lost device":    func(r *report) { r.Devices--; r.Different++ },
		"a violation":      func(r *report) { r.Violations = []string{"x"} },
	} {
		bad := good
		if spoil(&bad); bad.check() == nil {
			t.Errorf("%s went unnoticed", name)
		}
	}
}

// A holder that sleeps until another has taken over may still believe that it holds the lease: what it
// writes then is refused, all of it.
func TestASleeperWritesNothing(t *testing.T) {
	onEach(t, func(t *testing.T, name string) {
		db, account := openTest(t, name), rand.Text()
		sleeper := takeLease(t, db, account, "one", 50*time.Millisecond)
		if other := tryLease(t, db, account, "two", time.Minute); other != nil {
			t.Fatal("two took a lease that one has")
		}
		time.Sleep(100 * time.Millisecond)
		successor := takeLease(t, db, account, "two", time.Minute)
		if successor.number != sleeper.number+1 {
			t.Errorf("term %d follows term %d", successor.number, sleeper.number)
		}

		batch := func(f *follower) error {
			return f.handle(t.Context(), &dep.Batch{
				Events: []dep.Event{{Kind: dep.EventAdded, Device: dep.Device{SerialNumber: f.term.lease.worker}}},
				Cursor: dep.Cursor{Value: f.term.lease.worker},
			})
		}
		if err := batch(&follower{term: successor}); err != nil {
			t.Fatal(err)
		}
		if err := batch(&follower{term: sleeper}); !errors.Is(err, errLeaseLost) {
			t.Errorf("the sleeper wrote: %v", err)
		}
		if err := (&follower{term: sleeper}).SaveCursor(t.Context(), dep.Cursor{Value: "late"}); !errors.Is(err, errLeaseLost) {
			t.Errorf("the sleeper kept a cursor: %v", err)
		}
		if ours, err := sleeper.renew(t.Context()); ours || err != nil {
			t.Errorf("the sleeper renewed a lease that is lost: %v", err)
		}
		cursor, err := (&follower{term: successor}).LoadCursor(t.Context())
		if serials := serialsOf(t, db, account); err != nil || cursor.Value != "two" || strings.Join(serials, " ") != "two" {
			t.Errorf("devices %v, cursor %q: %v", serials, cursor.Value, err)
		}
	})
}

// While a batch is being written, nobody takes over: the lease may have ended meanwhile.
func TestNobodyTakesOverInTheMiddleOfABatch(t *testing.T) {
	onEach(t, func(t *testing.T, name string) {
		db, account := openTest(t, name), rand.Text()
		writer := takeLease(t, db, account, "one", 50*time.Millisecond)
		var takenOver time.Time
		var other sync.WaitGroup
		err := writer.write(t.Context(), func(*sql.Tx) error {
			time.Sleep(100 * time.Millisecond) // past the end of the lease
			other.Go(func() { takeLease(t, db, account, "two", time.Minute); takenOver = time.Now() })
			time.Sleep(200 * time.Millisecond)
			return nil
		})
		committed := time.Now()
		other.Wait()
		if early := committed.Sub(takenOver); err != nil || early > 50*time.Millisecond {
			t.Errorf("another took over %v before the commit: %v", early, err)
		}
	})
}

func TestALeaseEndsWithItsHolderAndWithItsDatabase(t *testing.T) {
	onEach(t, func(t *testing.T, name string) {
		db, account := openTest(t, name), rand.Text()
		first := takeLease(t, db, account, "one", time.Minute)
		first.serve(t.Context(), func(context.Context, *term) {})
		second := takeLease(t, db, account, "two", 400*time.Millisecond) // at once

		own := openTest(t, name)
		second.lease.db = own
		var why error
		begin := time.Now()
		second.serve(t.Context(), func(ctx context.Context, _ *term) {
			select {
			case <-ctx.Done():
				t.Error("the lease ended although it can be renewed")
			case <-time.After(2 * second.lease.life):
			}
			begin = time.Now()
			own.Close()
			<-ctx.Done()
			why = context.Cause(ctx)
		})
		if took := time.Since(begin); !errors.Is(why, errLeaseLost) || took > 3*time.Second {
			t.Errorf("ended after %v without a database: %v", took, why)
		}
	})
}

// However many find out at once that the session has ended, one logs in.
func TestOneLoginForAll(t *testing.T) {
	onEach(t, func(t *testing.T, name string) {
		db := openTest(t, name)
		apple := deptest.NewServer(nil)
		defer apple.Close()
		source := tokens{db, apple.Token().ConsumerKey}
		if err := source.store(t.Context(), parseToken(t, apple.Token())); err != nil {
			t.Fatal(err)
		}
		clients := make([]*dep.Client, 5)
		for i := range clients {
			clients[i] = replica(t, apple, db, source, rand.Text())
		}
		for round := range 4 {
			var calls sync.WaitGroup
			for _, client := range clients {
				calls.Go(func() {
					if _, err := client.Account(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			calls.Wait()
			if apple.Logins() != round+1 {
				t.Fatalf("%d logins in round %d", apple.Logins(), round+1)
			}
			if err := source.store(t.Context(), parseToken(t, apple.RenewToken())); err != nil {
				t.Fatal(err)
			}
			apple.ExpireSessions()
		}
	})
}

// One that dies while it logs in keeps the others waiting for as long as its claim lasts.
func TestAClaimOfTheDeadRunsOut(t *testing.T) {
	onEach(t, func(t *testing.T, name string) {
		db, account := openTest(t, name), rand.Text()
		dead, err := newSessions(t.Context(), db, account, "dead")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := dead.LoadSession(t.Context()); err != nil { // has the claim now
			t.Fatal(err)
		}
		alive, err := newSessions(t.Context(), db, account, "alive")
		if err != nil {
			t.Fatal(err)
		}
		short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		if _, err := alive.LoadSession(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("did not wait for the login of another: %v", err)
		}
		if _, err := db.ExecContext(t.Context(), `UPDATE sessions SET login_until = login_until - 11 WHERE account = $1`, account); err != nil {
			t.Fatal(err)
		}
		if session, err := alive.LoadSession(t.Context()); err != nil || !session.IsZero() {
			t.Errorf("was not told to log in: %v", err)
		}
	})
}

func TestTokensOfAnotherServerAreRefused(t *testing.T) {
	onEach(t, func(t *testing.T, name string) {
		source := tokens{openTest(t, name), rand.Text()}
		if _, err := source.Token(t.Context()); err == nil || !strings.Contains(err.Error(), "has no token") {
			t.Errorf("err = %v", err)
		}
		for i, want := range []error{nil, dep.ErrConsumerKeyChanged} {
			apple := deptest.NewServer(nil)
			defer apple.Close()
			if err := source.store(t.Context(), parseToken(t, apple.Token())); !errors.Is(err, want) {
				t.Errorf("token %d: %v", i, err)
			}
		}
	})
}

// Devices that a full list does not have any more go when it ends.
func TestAFullListTakesAwayWhatItLacks(t *testing.T) {
	onEach(t, func(t *testing.T, name string) {
		db := openTest(t, name)
		apple := deptest.NewServer(nil)
		defer apple.Close()
		apple.AddSerials("A", "B", "C")
		account := apple.Token().ConsumerKey
		source := tokens{db, account}
		if err := source.store(t.Context(), parseToken(t, apple.Token())); err != nil {
			t.Fatal(err)
		}
		f := &follower{term: takeLease(t, db, account, "one", time.Minute)}
		syncer, err := dep.NewSyncer(replica(t, apple, db, source, "one"), f.handle, &dep.SyncerOptions{Cursors: f, HandlerSavesCursor: true})
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range []string{"A B C", "B C", "C"} {
			if err := syncer.Sync(t.Context()); err != nil {
				t.Fatal(err)
			}
			if have := strings.Join(serialsOf(t, db, account), " "); have != want {
				t.Errorf("run %d: %s, want %s", i, have, want)
			}
			if i == 1 { // a removal that the stream does not tell of
				apple.HideFromSync("B")
				syncer.Resync()
			}
			apple.RemoveDevices([]string{"A", "B", "-"}[i])
		}
	})
}

func TestRunChecksItsFlags(t *testing.T) {
	for want, s := range map[string]settings{
		"-lease":               {lease: time.Millisecond, check: time.Hour},
		"-check":               {lease: time.Second},
		"prepare the database": {lease: time.Second, check: time.Hour, database: filepath.Join(t.TempDir(), "none", "x.db")},
	} {
		if err := run(t.Context(), s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func tryLease(t *testing.T, db *database, account, worker string, life time.Duration) *term {
	l, err := newLease(t.Context(), db, account, worker, life)
	if err != nil {
		t.Error(err)
		return nil
	}
	taken, err := l.take(t.Context())
	if err != nil {
		t.Error(err)
	}
	if taken != nil {
		taken.end = func(error) {}
	}
	return taken
}

func takeLease(t *testing.T, db *database, account, worker string, life time.Duration) *term {
	taken := tryLease(t, db, account, worker, life)
	if taken == nil {
		t.Errorf("%s did not get the lease", worker)
	}
	return taken
}

func replica(t *testing.T, apple *deptest.Server, db *database, source tokens, worker string) *dep.Client {
	t.Helper()
	shared, err := newSessions(t.Context(), db, source.account, worker)
	if err != nil {
		t.Fatal(err)
	}
	client, err := dep.New(source, &dep.Options{HTTPClient: apple.Client(), BaseURL: apple.URL, Sessions: shared})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func parseToken(t *testing.T, token deptest.Token) *dep.Token {
	t.Helper()
	parsed, err := dep.ParseToken(token.JSON())
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func serialsOf(t *testing.T, db *database, account string) (serials []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), `SELECT serial FROM devices WHERE account = $1 ORDER BY serial`, account)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var serial string
		if err := rows.Scan(&serial); err != nil {
			t.Fatal(err)
		}
		serials = append(serials, serial)
	}
	return serials
}
