package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/applemdm/applemdm/dep"
)

// stage is where the story takes place: Apple, the database, and the processes.
type stage struct {
	apple    *simApple
	db       *database
	database string
	account  string
	began    time.Time

	mu      sync.Mutex
	out     io.Writer
	workers map[string]*worker
	lost    int // leases, by replicas that were alive to say so
}

// noLonger is what a replica says that has lost its lease.
const noLonger = "follows the list no longer"

// newStage makes an organisation with devices, and puts its token into the database.
func newStage(ctx context.Context, database string, out io.Writer) (*stage, error) {
	db, err := openDatabase(ctx, database)
	if err != nil {
		return nil, err
	}
	apple, err := newSimApple()
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	s := &stage{
		apple: apple, db: db, database: database, account: apple.Token().ConsumerKey,
		began: time.Now(), out: out, workers: map[string]*worker{},
	}
	token, err := dep.ParseToken(apple.Token().JSON())
	if err == nil {
		err = (tokens{db, s.account}).store(ctx, token)
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// close ends the processes first.
func (s *stage) close() {
	for _, name := range s.names() {
		s.worker(name).kill()
	}
	s.apple.close()
	_ = s.db.Close()
}

// worker is a process, or was one.
type worker struct {
	cmd  *exec.Cmd
	once sync.Once

	mu   sync.Mutex
	said []string
}

// start starts a replica: this program again. The database comes in the environment, because others can
// see the flags of a process.
func (s *stage) start(name string) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	w := &worker{cmd: exec.Command(program, "-worker", name, "-account", s.account, "-base", s.apple.url,
		"-interval", "100ms", "-check", "100ms", "-lease", simLease.String(), "-page", strconv.Itoa(simPageSize))}
	w.cmd.Env = append(os.Environ(), "DATABASE_URL="+s.database, childMark+"=1")
	output := &lines{take: func(line string) { s.hear(name, w, line) }}
	w.cmd.Stdout, w.cmd.Stderr = output, output
	s.mu.Lock()
	defer s.mu.Unlock()
	s.workers[name] = w
	return w.cmd.Start()
}

// childMark is in the environment of the processes that were started here.
const childMark = "REPLICAS_CHILD"

func (s *stage) worker(name string) *worker {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.workers[name]
}

func (s *stage) names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.workers))
}

// hear takes in a line that a replica printed.
func (s *stage) hear(name string, w *worker, line string) {
	s.say("%s: %s", name, line)
	w.mu.Lock()
	w.said = append(w.said, line)
	w.mu.Unlock()
	if strings.HasPrefix(line, noLonger) {
		s.mu.Lock()
		s.lost++
		s.mu.Unlock()
	}
}

// say tells what happens.
func (s *stage) say(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.out, "%5.2fs  %s\n", time.Since(s.began).Seconds(), fmt.Sprintf(format, args...))
}

// says waits until the replica has said something that begins so.
func (w *worker) says(ctx context.Context, beginning string) error {
	for {
		w.mu.Lock()
		said := slices.ContainsFunc(w.said, func(line string) bool { return strings.HasPrefix(line, beginning) })
		w.mu.Unlock()
		if said {
			return nil
		}
		if err := wait(ctx, simPoll); err != nil {
			return err
		}
	}
}

// kill ends the process on the spot, as a machine that loses its power does.
func (w *worker) kill() {
	w.once.Do(func() {
		_ = w.cmd.Process.Kill()
		_ = w.cmd.Wait() // tells that it was killed
	})
}

// inStep waits until the database has what Apple has.
func (s *stage) inStep(ctx context.Context) error {
	for {
		n, err := s.differences(ctx)
		if n == 0 || err != nil {
			return err
		}
		if err := wait(ctx, simPoll); err != nil {
			return fmt.Errorf("%d devices differ: %w", n, err)
		}
	}
}

// lines hands every line that is written to it to a function.
type lines struct {
	take func(line string)
	rest string
}

func (l *lines) Write(p []byte) (int, error) {
	l.rest += string(p)
	for {
		line, rest, ok := strings.Cut(l.rest, "\n")
		if !ok {
			return len(p), nil
		}
		l.take(line)
		l.rest = rest
	}
}

func receive[T any](ctx context.Context, c <-chan T) (v T, err error) {
	select {
	case v = <-c:
		return v, nil
	case <-ctx.Done():
		return v, context.Cause(ctx)
	}
}
