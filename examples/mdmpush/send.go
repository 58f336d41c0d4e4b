package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/applemdm/applemdm/apns"
)

// summary is what APNs said.
type summary struct {
	total    int
	took     time.Duration
	verdicts map[verdict]int
	drop     []apns.Result
}

// verdict is a line of the summary.
type verdict struct {
	disposition apns.Disposition
	words       string
}

// sendAll pushes to all and counts.
func sendAll(ctx context.Context, client *apns.Client, pushes []apns.Push) *summary {
	s := &summary{total: len(pushes), verdicts: map[verdict]int{}}
	bar := progressbar.Default(int64(len(pushes)), "pushing")
	start := time.Now()
	for result := range client.PushAll(ctx, slices.Values(pushes)) {
		bar.Add(1)
		s.count(result)
	}
	bar.Exit()
	s.took = time.Since(start)
	return s
}

func (s *summary) count(result apns.Result) {
	v := verdict{disposition: result.Disposition()}
	if result.Err != nil {
		v.words = words(result.Err)
	}
	s.verdicts[v]++
	if v.disposition == apns.DropToken {
		s.drop = append(s.drop, result)
	}
}

// words says what an error is, without what differs from push to push.
func words(err error) string {
	if e, ok := err.(*apns.Error); ok {
		if e.Err != nil {
			return e.Err.Error()
		}
		return fmt.Sprintf("status %d %s", e.StatusCode, e.Reason)
	}
	return err.Error()
}

// print writes the summary, and the tokens to drop to a file or after it.
func (s *summary) print(dropFile string) error {
	rate := float64(s.total) / max(s.took.Seconds(), 0.001)
	fmt.Printf("\n%d pushes in %v, %.0f a second\n\n", s.total, s.took.Round(time.Millisecond), rate)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	order := slices.SortedFunc(maps.Keys(s.verdicts), func(a, b verdict) int { return s.verdicts[b] - s.verdicts[a] })
	for _, v := range order {
		fmt.Fprintf(w, "%d\t%s\t%s\n", s.verdicts[v], v.disposition, v.words)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(s.drop) == 0 {
		return nil
	}
	if dropFile == "" {
		fmt.Printf("\ntokens to drop, unless a TokenUpdate came after the time given:\n")
		return s.printDrop(os.Stdout)
	}
	out, err := os.Create(dropFile)
	if err != nil {
		return err
	}
	if err := s.printDrop(out); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}

func (s *summary) printDrop(out io.Writer) error {
	for _, r := range s.drop {
		since := ""
		if e, ok := r.Err.(*apns.Error); ok && !e.Since.IsZero() {
			since = e.Since.Format(time.RFC3339)
		}
		if _, err := fmt.Fprintf(out, "%s,%v,%s\n", r.Push.Token, r.Push.Key, since); err != nil {
			return err
		}
	}
	return nil
}
