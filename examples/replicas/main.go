// Command replicas follows the device list of one server token with several processes, of which any may
// die at any time. They share the token, the session, the cursor and the devices through a database:
//
//   - one login serves all of them ([sessions]),
//   - one of them at a time follows the list, and another takes over when it falls silent ([lease]),
//   - what it learns is written together with the cursor, and only while its lease lasts ([follower]).
//
// Watch three processes share a simulated organisation, with one being killed and one falling asleep in
// the middle of their work; in a SQLite file, or in PostgreSQL:
//
//	go run . -sim
//	go run . -sim -database postgres:///replicas
//
// With Apple, store a token (go run ./examples/depsync -h tells how to get one) and start as many as you
// like, each with a name of its own, on as many machines as you like. The address of the database may hold
// a password, so it is also read from DATABASE_URL.
//
//	export DATABASE_URL=postgres://mdm@db.example.org/mdm
//	go run . -token token.json -worker one
//	go run . -worker two
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"
)

// settings are the flags.
type settings struct {
	sim      bool
	database string
	account  string
	worker   string
	token    string
	baseURL  string
	interval time.Duration
	check    time.Duration
	lease    time.Duration
	pageSize int
}

func main() {
	var s settings
	host, _ := os.Hostname()
	flags := flag.NewFlagSet("replicas", flag.ExitOnError)
	flags.BoolVar(&s.sim, "sim", false, "run three replicas against a simulator, and end")
	flags.StringVar(&s.database, "database", os.Getenv("DATABASE_URL"), "`URL` of PostgreSQL, or the path of an SQLite file: replicas.db by default")
	flags.StringVar(&s.account, "account", "default", "`name` of the account in the database")
	flags.StringVar(&s.worker, "worker", fmt.Sprintf("%s-%d", host, os.Getpid()), "`name` of this replica, which no other may have")
	flags.StringVar(&s.token, "token", "", "`file` with a server token (JSON) to store for the account")
	flags.StringVar(&s.baseURL, "base", "", "`URL` of the service, if it is not Apple's")
	flags.DurationVar(&s.interval, "interval", 15*time.Minute, "time between runs")
	flags.DurationVar(&s.check, "check", time.Hour, "how often each replica reads the account, with the session that all share")
	flags.DurationVar(&s.lease, "lease", 15*time.Second, "silence after which another replica takes over")
	flags.IntVar(&s.pageSize, "page", 0, "`devices` in a page: as many as Apple gives by default")
	_ = flags.Parse(os.Args[1:]) // exits by itself

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, s); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "replicas:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s settings) error {
	switch {
	case s.sim:
		return simulated(ctx, s)
	case s.lease < time.Second:
		return errors.New("-lease must be a second at least")
	case s.check <= 0:
		return errors.New("-check must be more than nothing")
	case s.database == "":
		s.database = "replicas.db"
	}
	return work(ctx, s)
}
