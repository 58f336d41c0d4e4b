package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/applemdm/applemdm/dep"
)

const (
	simDevices  = 500
	simPageSize = 50
	simLease    = 2 * time.Second
	simPatience = 2 * time.Minute       // for all of it
	simPoll     = 25 * time.Millisecond // how often is looked whether it has happened
)

// simulated shows the story, in the database of the flags or in a file that goes away afterwards.
func simulated(ctx context.Context, s settings) error {
	if s.database == "" {
		dir, err := os.MkdirTemp("", "replicas")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		s.database = filepath.Join(dir, "replicas.db")
	}
	result, err := story(ctx, s.database, os.Stdout)
	if err != nil {
		return err
	}
	result.print(os.Stdout)
	return result.check()
}

// story lets three replicas follow a simulated organisation, and tells what happens to them.
func story(ctx context.Context, database string, out io.Writer) (*report, error) {
	ctx, cancel := context.WithTimeout(ctx, simPatience)
	defer cancel()
	stage, err := newStage(ctx, database, out)
	if err != nil {
		return nil, err
	}
	defer stage.close()
	for _, act := range []func(context.Context) error{
		stage.killInTheFullList, stage.sleepInTheChanges, stage.renewTheToken,
	} {
		if err := act(ctx); err != nil {
			return nil, err
		}
	}
	return stage.report(ctx)
}

// killInTheFullList starts three replicas at once, and kills the one that follows the list when it has
// asked for the fourth of ten pages.
func (s *stage) killInTheFullList(ctx context.Context) error {
	killed := s.apple.onListRequest(4, func(worker string) {
		s.say("%s asks for page 4 of the full list, and is killed", worker)
		s.worker(worker).kill()
	})
	for _, name := range []string{"one", "two", "three"} {
		if err := s.start(name); err != nil {
			return err
		}
	}
	victim, err := receive(ctx, killed)
	if err != nil {
		return err
	}
	if err := s.inStep(ctx); err != nil {
		return err
	}
	s.say("the database has all devices; %s starts again", victim)
	return s.start(victim)
}

// sleepInTheChanges lets the one that follows the list fall asleep while Apple answers it, for so long
// that another has taken over and written the changes when it wakes up with them in its hands.
func (s *stage) sleepInTheChanges(ctx context.Context) error {
	if !canSleep {
		s.say("(processes cannot be put to sleep on this system)")
		return nil
	}
	var failure error
	slept := s.apple.onListRequest(1, func(worker string) {
		s.apple.change()
		s.say("40 devices have changed at Apple; %s asks for them, and falls asleep", worker)
		failure = s.sleepUntilInStep(ctx, worker)
		s.say("%s wakes up, with Apple's answer", worker)
	})
	sleeper, err := receive(ctx, slept)
	if err := errors.Join(err, failure); err != nil {
		return err
	}
	return s.worker(sleeper).says(ctx, noLonger)
}

// sleepUntilInStep puts a replica to sleep until the others have what Apple has. One that happens to
// sleep within a transaction of SQLite keeps all others out of the database: it is woken for a moment.
func (s *stage) sleepUntilInStep(ctx context.Context, worker string) error {
	process := s.worker(worker).cmd.Process
	for {
		if err := sleep(process); err != nil {
			return err
		}
		short, cancel := context.WithTimeout(ctx, 5*simLease)
		asleep := s.inStep(short)
		cancel()
		if err := wake(process); err != nil || asleep == nil {
			return err
		}
		if err := wait(ctx, simPoll); err != nil {
			return err
		}
	}
}

// renewTheToken puts a new token in the place of the one in the database, once, and ends the sessions.
func (s *stage) renewTheToken(ctx context.Context) error {
	s.say("the token is renewed, and all sessions end")
	token, err := dep.ParseToken(s.apple.RenewToken().JSON())
	if err != nil {
		return err
	}
	if err := (tokens{s.db, s.account}).store(ctx, token); err != nil {
		return err
	}
	s.apple.ExpireSessions()
	s.apple.change()
	if err := s.inStep(ctx); err != nil {
		return err
	}
	return s.apple.allCallAgain(ctx, s.names())
}
