package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/applemdm/applemdm/dep"
)

// work is the life of one replica: it uses the service, and follows the list while it has the lease.
func work(ctx context.Context, s settings) error {
	db, err := openDatabase(ctx, s.database)
	if err != nil {
		return err
	}
	defer db.Close()
	source := tokens{db, s.account}
	if s.token != "" {
		if err := storeToken(ctx, source, s.token); err != nil {
			return err
		}
	}
	shared, err := newSessions(ctx, db, s.account, s.worker)
	if err != nil {
		return err
	}
	client, err := dep.New(source, &dep.Options{
		BaseURL: s.baseURL, UserAgent: userAgent(s.worker), Sessions: shared, PageSize: s.pageSize,
	})
	if err != nil {
		return err
	}
	l, err := newLease(ctx, db, s.account, s.worker, s.lease)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	checked := make(chan struct{})
	go func() {
		defer close(checked)
		checkAccount(ctx, client, s.check)
	}()
	defer func() { stop(); <-checked }()
	return l.hold(ctx, func(ctx context.Context, t *term) { follow(ctx, client, t, s.interval) })
}

func storeToken(ctx context.Context, source tokens, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	token, err := dep.ParseToken(text)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return source.store(ctx, token)
}

// userAgent is how a replica shows itself to the service.
func userAgent(worker string) string { return "replicas/1.0 (" + worker + ")" }

// checkAccount reads the account now and then, as any replica may have something to ask, whoever follows
// the list.
func checkAccount(ctx context.Context, client *dep.Client, every time.Duration) {
	for {
		if _, err := client.Account(ctx); err != nil && ctx.Err() == nil {
			fmt.Println("could not read the account:", err)
		}
		if wait(ctx, every) != nil {
			return
		}
	}
}

// follow follows the list for a term. Each term has a Syncer of its own, which begins with what the
// database has and not with what this process remembers.
func follow(ctx context.Context, client *dep.Client, t *term, interval time.Duration) {
	fmt.Printf("follows the list (term %d)\n", t.number)
	f := &follower{term: t}
	syncer, err := dep.NewSyncer(client, f.handle, &dep.SyncerOptions{
		Cursors: f, HandlerSavesCursor: true, Interval: interval, OnRun: func(run dep.Run) { reportRun(ctx, run) },
	})
	if err == nil {
		err = syncer.Run(ctx)
	}
	if errors.Is(err, errLeaseLost) {
		fmt.Printf("%s: %v\n", noLonger, err)
	}
}

func reportRun(ctx context.Context, run dep.Run) {
	switch {
	case errors.Is(run.Err, dep.ErrHandler) && errors.Is(run.Err, errLeaseLost):
		fmt.Println("came too late with a batch, and wrote nothing")
	case run.Err != nil && ctx.Err() == nil:
		fmt.Println("a run failed:", run.Err)
	case run.Events > 0:
		fmt.Printf("wrote %d events in %d batches\n", run.Events, run.Batches)
	}
}
