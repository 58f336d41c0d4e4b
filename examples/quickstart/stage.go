package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/schollz/progressbar/v3"
)

// stage is where the story is shown: on a terminal with progress bars, elsewhere in plain lines.
type stage struct {
	out      io.Writer
	terminal bool
	rows     []row
	lines    []*line // to Apple: see wire.go
}

// row is one line of the table at the end.
type row struct{ what, result string }

func newStage(out *os.File) *stage {
	info, err := out.Stat()
	return &stage{out: out, terminal: err == nil && info.Mode()&os.ModeCharDevice != 0}
}

// say tells what happens.
func (s *stage) say(format string, args ...any) { fmt.Fprintf(s.out, format+"\n", args...) }

// note keeps a result for the table.
func (s *stage) note(what, format string, args ...any) {
	s.rows = append(s.rows, row{what, fmt.Sprintf(format, args...)})
}

// progress shows how far something is that has total steps. Close it.
func (s *stage) progress(what string, total int) *progress {
	if !s.terminal {
		return &progress{stage: s, what: what, total: total}
	}
	bar := progressbar.NewOptions(total,
		progressbar.OptionSetWriter(s.out),
		progressbar.OptionSetDescription(fmt.Sprintf("  %-28s", what)),
		progressbar.OptionShowCount(),
		progressbar.OptionSetWidth(40),
		progressbar.OptionThrottle(50*time.Millisecond),
		progressbar.OptionSetPredictTime(false),
	)
	return &progress{stage: s, what: what, total: total, bar: bar}
}

// progress is a bar, or without a terminal the line that stands for it.
type progress struct {
	stage       *stage
	what        string
	done, total int
	bar         *progressbar.ProgressBar
}

func (p *progress) add(n int) {
	p.done += n
	if p.bar != nil {
		p.bar.Add(n)
	}
}

// set shows that done steps are done in all.
func (p *progress) set(done int) { p.add(done - p.done) }

func (p *progress) close() {
	if p.bar == nil {
		p.stage.say("  %-28s %d of %d", p.what, p.done, p.total)
		return
	}
	p.bar.Exit()
	fmt.Fprintln(p.stage.out)
}

// watch waits for an operation of Apple's and shows meanwhile how much of it is done.
func watch[R any](ctx context.Context, bar *progress, done func() int, wait func(context.Context) (R, error)) (R, error) {
	defer bar.close()
	ended := make(chan func() (R, error), 1)
	go func() {
		result, err := wait(ctx)
		ended <- func() (R, error) { return result, err }
	}()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			bar.set(done())
		case end := <-ended:
			bar.set(done())
			return end()
		}
	}
}

// table shows the results.
func (s *stage) table(took time.Duration) error {
	s.say("\nThe day in figures")
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	for _, r := range s.rows {
		fmt.Fprintf(w, "  %s\t%s\n", r.what, r.result)
	}
	fmt.Fprintf(w, "  time\t%v\n", took.Round(100*time.Millisecond))
	return w.Flush()
}
