package dep

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// bubbleStart is what the clock of a synctest bubble says at its beginning.
var bubbleStart = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// scriptedStep is one question that a feed is expected to ask, and the answer to it. The items are
// the words of the text.
type scriptedStep struct {
	ask    string // phase and cursor: "fetch", "sync c1"
	items  string
	cursor string
	more   bool
	err    error
}

// scriptedFeed answers in the order of its steps and notes what it was asked. The last step answers
// whatever comes after it, so that a feed which does not stop is seen as one that asks too often.
type scriptedFeed struct {
	steps []scriptedStep
	asked []string
}

func (s *scriptedFeed) ask(_ context.Context, from Cursor) (*feedAnswer[string], error) {
	step := s.steps[min(len(s.asked), len(s.steps)-1)]
	s.asked = append(s.asked, strings.TrimSpace(from.Phase.String()+" "+from.Value))
	if step.err != nil {
		return nil, step.err
	}
	return &feedAnswer[string]{
		Items: strings.Fields(step.items), feedTail: feedTail{Cursor: step.cursor, MoreToFollow: step.more},
	}, nil
}

func (s *scriptedFeed) open(cursor Cursor) *feed[string] {
	return &feed[string]{op: "read words", ask: s.ask, cursor: cursor}
}

func (s *scriptedFeed) expected() []string {
	var asks []string
	for _, step := range s.steps {
		asks = append(asks, step.ask)
	}
	return asks
}

// cursorError is a refusal as the client makes it.
func cursorError(sentinel error) error {
	return &Error{Op: "fetch devices", StatusCode: 400, Err: sentinel}
}

// pageText sums up a page: phase, items, cursor, marks.
func pageText(p *Page[string]) string {
	text := p.Phase.String() + " [" + strings.Join(p.Items, " ") + "] " + p.Cursor.Phase.String() + " " + p.Cursor.Value
	if p.Begins {
		text += " begins"
	}
	if p.Completes {
		text += " completes"
	}
	return text
}

func TestFeedWalk(t *testing.T) {
	expired, invalid := cursorError(ErrCursorExpired), cursorError(ErrCursorInvalid)
	exhausted, required := cursorError(ErrCursorExhausted), cursorError(ErrCursorRequired)
	for _, test := range []struct {
		name      string
		from      Cursor
		fetchOnly bool
		steps     []scriptedStep
		pages     []string
		err       error
	}{
		{
			name: "the last cursor of the fetch is the first of the sync",
			steps: []scriptedStep{
				{ask: "fetch", items: "a b", cursor: "c1", more: true},
				{ask: "fetch c1", items: "c", cursor: "c2"},
				{ask: "sync c2", items: "d", cursor: "c3", more: true},
				{ask: "sync c3", cursor: "c4"},
			},
			pages: []string{"fetch [a b] fetch c1 begins", "fetch [c] sync c2 completes", "sync [d] sync c3", "sync [] sync c4"},
		},
		{
			name: "one page of everything, and nothing since",
			steps: []scriptedStep{
				{ask: "fetch", cursor: "c1"},
				{ask: "sync c1", cursor: "c1"},
			},
			pages: []string{"fetch [] sync c1 begins completes", "sync [] sync c1"},
		},
		{
			name: "the full list alone", fetchOnly: true,
			steps: []scriptedStep{
				{ask: "fetch", items: "a", cursor: "c1", more: true},
				{ask: "fetch c1", items: "b", cursor: "c2"},
			},
			pages: []string{"fetch [a] fetch c1 begins", "fetch [b] sync c2 completes"},
		},
		{
			name: "resumed in the middle of the full list", from: Cursor{Value: "c1"},
			steps: []scriptedStep{
				{ask: "fetch c1", items: "b", cursor: "c2"},
				{ask: "sync c2", cursor: "c3"},
			},
			pages: []string{"fetch [b] sync c2 completes", "sync [] sync c3"},
		},
		{
			name: "resumed in the changes", from: Cursor{Value: "c2", Phase: PhaseSync},
			steps: []scriptedStep{{ask: "sync c2", items: "d", cursor: "c3"}},
			pages: []string{"sync [d] sync c3"},
		},
		{
			name: "exhausted: the cursor of a list that was fetched to its end", from: Cursor{Value: "c2"},
			steps: []scriptedStep{
				{ask: "fetch c2", err: exhausted},
				{ask: "sync c2", items: "d", cursor: "c3"},
			},
			pages: []string{"fetch [] sync c2 completes", "sync [d] sync c3"},
		},
		{
			name: "exhausted although more was to follow: the list is complete all the same",
			steps: []scriptedStep{
				{ask: "fetch", items: "a", cursor: "c1", more: true},
				{ask: "fetch c1", err: exhausted},
				{ask: "sync c1", cursor: "c2"},
			},
			pages: []string{"fetch [a] fetch c1 begins", "fetch [] sync c1 completes", "sync [] sync c2"},
		},
		{
			name: "exhausted in the full list alone", fetchOnly: true,
			steps: []scriptedStep{
				{ask: "fetch", items: "a", cursor: "c1", more: true},
				{ask: "fetch c1", err: exhausted},
			},
			pages: []string{"fetch [a] fetch c1 begins", "fetch [] sync c1 completes"},
		},
		{
			name: "exhausted without a cursor", steps: []scriptedStep{{ask: "fetch", err: exhausted}}, err: ErrCursorExhausted,
		},
		{
			name: "exhausted in a sync", from: Cursor{Value: "c2", Phase: PhaseSync},
			steps: []scriptedStep{{ask: "sync c2", err: exhausted}}, err: ErrCursorExhausted,
		},
		{
			name: "expired once", from: Cursor{Value: "old", Phase: PhaseSync},
			steps: []scriptedStep{
				{ask: "sync old", err: expired},
				{ask: "fetch", items: "a", cursor: "c1"},
				{ask: "sync c1", cursor: "c2"},
			},
			pages: []string{"fetch [a] sync c1 begins completes", "sync [] sync c2"},
		},
		{
			name: "expired in the middle of the full list",
			steps: []scriptedStep{
				{ask: "fetch", items: "a", cursor: "c1", more: true},
				{ask: "fetch c1", err: expired},
				{ask: "fetch", items: "a", cursor: "c2"},
				{ask: "sync c2", cursor: "c3"},
			},
			pages: []string{"fetch [a] fetch c1 begins", "fetch [a] sync c2 begins completes", "sync [] sync c3"},
		},
		{
			name: "a cursor is required", from: Cursor{Value: "c1", Phase: PhaseSync},
			steps: []scriptedStep{
				{ask: "sync c1", err: required},
				{ask: "fetch", cursor: "c2"},
				{ask: "sync c2", cursor: "c3"},
			},
			pages: []string{"fetch [] sync c2 begins completes", "sync [] sync c3"},
		},
		{
			name: "invalid for ever ends after one restart", from: Cursor{Value: "old", Phase: PhaseSync},
			steps: []scriptedStep{{ask: "sync old", err: invalid}, {ask: "fetch", err: invalid}},
			err:   ErrCursorInvalid,
		},
		{
			name: "one restart in a walk, not one for each page",
			steps: []scriptedStep{
				{ask: "fetch", items: "a", cursor: "c1", more: true},
				{ask: "fetch c1", err: expired},
				{ask: "fetch", items: "a", cursor: "c2", more: true},
				{ask: "fetch c2", err: expired},
			},
			pages: []string{"fetch [a] fetch c1 begins", "fetch [a] fetch c2 begins"},
			err:   ErrCursorExpired,
		},
		{
			name:  "invalid without a cursor is not asked twice",
			steps: []scriptedStep{{ask: "fetch", err: invalid}}, err: ErrCursorInvalid,
		},
		{
			name: "same cursor in a sync", from: Cursor{Value: "c1", Phase: PhaseSync},
			steps: []scriptedStep{{ask: "sync c1", items: "d", cursor: "c1", more: true}},
			pages: []string{"sync [d] sync c1"}, err: ErrSameCursor,
		},
		{
			name: "same cursor in a fetch",
			steps: []scriptedStep{
				{ask: "fetch", items: "a", cursor: "c1", more: true},
				{ask: "fetch c1", items: "b", cursor: "c1", more: true},
			},
			pages: []string{"fetch [a] fetch c1 begins", "fetch [b] fetch c1"}, err: ErrSameCursor,
		},
		{
			name: "five pages whose cursors do move", from: Cursor{Value: "c0", Phase: PhaseSync},
			steps: []scriptedStep{
				{ask: "sync c0", items: "a", cursor: "c1", more: true},
				{ask: "sync c1", items: "b", cursor: "c2", more: true},
				{ask: "sync c2", items: "c", cursor: "c3", more: true},
				{ask: "sync c3", items: "d", cursor: "c4", more: true},
				{ask: "sync c4", items: "e", cursor: "c5"},
			},
			pages: []string{"sync [a] sync c1", "sync [b] sync c2", "sync [c] sync c3", "sync [d] sync c4", "sync [e] sync c5"},
		},
		{
			name: "same cursor at the end is its end", from: Cursor{Value: "c1", Phase: PhaseSync},
			steps: []scriptedStep{{ask: "sync c1", cursor: "c1"}},
			pages: []string{"sync [] sync c1"},
		},
		{
			name:  "no cursor in the answer",
			steps: []scriptedStep{{ask: "fetch", items: "a"}}, err: ErrUnexpectedAnswer,
		},
		{
			name:  "another failure is not mended",
			steps: []scriptedStep{{ask: "fetch", err: cursorError(ErrTermsNotSigned)}}, err: ErrTermsNotSigned,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				script := &scriptedFeed{steps: test.steps}
				seq := walk(t.Context(), test.from, script.open)
				if test.fetchOnly {
					seq = fullList(t.Context(), script.open)
				}
				var pages []string
				var failure error
				for p, err := range seq {
					if err != nil {
						if p != nil {
							t.Errorf("the error comes with the page %v", p)
						}
						failure = err
						continue
					}
					pages = append(pages, pageText(p))
				}
				if diff := cmp.Diff(test.pages, pages); diff != "" {
					t.Errorf("pages (-want +got):\n%s", diff)
				}
				if !errors.Is(failure, test.err) || test.err == nil && failure != nil {
					t.Errorf("error %v, want %v", failure, test.err)
				}
				if diff := cmp.Diff(script.expected(), script.asked); diff != "" {
					t.Errorf("questions (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// A restart takes place in one range; the next one begins where the caller asked for.
func TestFeedRangesStartAfresh(t *testing.T) {
	script := &scriptedFeed{steps: []scriptedStep{
		{ask: "sync old", err: cursorError(ErrCursorExpired)},
		{ask: "fetch", items: "a", cursor: "c1"},
		{ask: "sync c1", cursor: "c2"},
		{ask: "sync old", err: cursorError(ErrCursorExpired)},
		{ask: "fetch", items: "a b", cursor: "c3"},
		{ask: "sync c3", cursor: "c4"},
	}}
	seq := walk(t.Context(), Cursor{Value: "old", Phase: PhaseSync}, script.open)
	if len(script.asked) > 0 {
		t.Error("asked before the first range")
	}
	for i, want := range []int{1, 2} {
		n := 0
		for p, err := range seq {
			if err != nil {
				t.Fatal(err)
			}
			n += len(p.Items)
		}
		if n != want {
			t.Errorf("range %d has %d items, want %d", i+1, n, want)
		}
	}
	if diff := cmp.Diff(script.expected(), script.asked); diff != "" {
		t.Errorf("questions (-want +got):\n%s", diff)
	}
}

// Each page can be the last one that a caller kept: going on from its cursor must lose nothing.
func TestFeedResumesAfterEveryPage(t *testing.T) {
	whole := []scriptedStep{
		{ask: "fetch", items: "a", cursor: "c1", more: true},
		{ask: "fetch c1", items: "b", cursor: "c2", more: true},
		{ask: "fetch c2", items: "c", cursor: "c3"},
		{ask: "sync c3", items: "d", cursor: "c4", more: true},
		{ask: "sync c4", items: "e", cursor: "c5"},
	}
	for kept := 1; kept < len(whole); kept++ {
		t.Run(fmt.Sprint(kept, " pages kept"), func(t *testing.T) {
			var items []string
			var text string // the cursor as it is stored
			pages := 0
			for p, err := range walk(t.Context(), Cursor{}, (&scriptedFeed{steps: whole}).open) {
				if err != nil {
					t.Fatal(err)
				}
				items, text = append(items, p.Items...), p.Cursor.String()
				if pages++; pages == kept {
					break
				}
			}
			cursor, err := ParseCursor(text)
			if err != nil {
				t.Fatal(err)
			}
			rest := &scriptedFeed{steps: whole[kept:]}
			for p, err := range walk(t.Context(), cursor, rest.open) {
				if err != nil {
					t.Fatal(err)
				}
				items = append(items, p.Items...)
				if p.Begins {
					t.Error("a resumed list says that it begins")
				}
			}
			if got := strings.Join(items, ""); got != "abcde" {
				t.Errorf("items %q", got)
			}
			if diff := cmp.Diff(rest.expected(), rest.asked); diff != "" {
				t.Errorf("questions (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFeedStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		script := &scriptedFeed{steps: []scriptedStep{
			{ask: "fetch", items: "a", cursor: "c1", more: true},
			{ask: "fetch c1", items: "b", cursor: "c2"},
			{ask: "sync c2", cursor: "c3"},
		}}
		f := script.open(Cursor{})
		var started []time.Time
		for more := true; more; {
			var p *Page[string]
			var err error
			if p, more, err = f.next(t.Context()); err != nil {
				t.Fatal(err)
			}
			started = append(started, p.Cursor.Started)
			time.Sleep(time.Hour)
		}
		if diff := cmp.Diff([]time.Time{bubbleStart, bubbleStart, bubbleStart}, started); diff != "" {
			t.Errorf("every cursor tells when its full list began (-want +got):\n%s", diff)
		}

		restarted := (&scriptedFeed{steps: []scriptedStep{
			{ask: "sync old", err: cursorError(ErrCursorExpired)},
			{ask: "fetch", items: "a", cursor: "c1"},
		}}).open(Cursor{Value: "old", Phase: PhaseSync, Started: bubbleStart})
		p, _, err := restarted.next(t.Context())
		if err != nil || !p.Cursor.Started.Equal(bubbleStart.Add(3*time.Hour)) {
			t.Errorf("after a restart the list began at %v, error %v", p.Cursor.Started, err)
		}
	})
}

// endlessFeed invents a new cursor for every page and never ends.
func endlessFeed(items func(page int) []string) (*feed[string], *int) {
	asked := new(int)
	return &feed[string]{op: "read words", ask: func(context.Context, Cursor) (*feedAnswer[string], error) {
		*asked++
		return &feedAnswer[string]{
			Items: items(*asked), feedTail: feedTail{Cursor: fmt.Sprint("c", *asked), MoreToFollow: true},
		}, nil
	}}, asked
}

func TestFeedCaps(t *testing.T) {
	word := []string{"w"}
	for _, test := range []struct {
		name  string
		items func(page int) []string
		asked int
	}{
		{"empty pages", func(int) []string { return nil }, 100},
		{"empty pages after an item", func(page int) []string { return word[:max(0, 1-page/8)] }, 107},
		{"an item now and then resets the count", func(page int) []string {
			if page%99 == 0 && page < 1000 {
				return word
			}
			return nil
		}, 9*99 + 99 + 100},
		{"pages", func(int) []string { return word }, 100_000},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, asked := endlessFeed(test.items)
			pages := 0
			var err error
			for more := true; more && err == nil; {
				if _, more, err = f.next(t.Context()); err == nil {
					pages++
				}
			}
			if !errors.Is(err, ErrPageCap) {
				t.Errorf("error %v", err)
			}
			if pages != test.asked || *asked != test.asked {
				t.Errorf("%d questions and %d pages, want %d", *asked, pages, test.asked)
			}
		})
	}
}

func TestFeedRefusesBadCursorsBeforeAsking(t *testing.T) {
	for name, cursor := range map[string]Cursor{
		"too long":               {Value: strings.Repeat("c", 1001)},
		"a sync from nowhere":    {Phase: PhaseSync},
		"the same, with a start": {Phase: PhaseSync, Started: bubbleStart},
	} {
		t.Run(name, func(t *testing.T) {
			script := &scriptedFeed{steps: []scriptedStep{{cursor: "c1"}}}
			_, _, err := script.open(cursor).next(t.Context())
			if _, ok := errors.AsType[*InputError](err); !ok || len(script.asked) != 0 {
				t.Errorf("error %v after %d questions", err, len(script.asked))
			}
		})
	}
	script := &scriptedFeed{steps: []scriptedStep{{cursor: "c1"}}}
	if _, _, err := script.open(Cursor{Value: strings.Repeat("c", 1000)}).next(t.Context()); err != nil {
		t.Errorf("a cursor of 1000 characters: %v", err)
	}
}

func TestFeedItems(t *testing.T) {
	script := &scriptedFeed{steps: []scriptedStep{
		{ask: "fetch", items: "a b", cursor: "c1", more: true},
		{ask: "fetch c1", cursor: "c2", more: true},
		{ask: "fetch c2", err: cursorError(ErrTermsNotSigned)},
	}}
	var got []string
	var failure error
	for item, err := range items(fullList(t.Context(), script.open)) {
		if err != nil {
			failure = err
			item = "-" + item
		}
		got = append(got, item)
	}
	if diff := cmp.Diff([]string{"a", "b", "-"}, got, cmpopts.EquateEmpty()); diff != "" || !errors.Is(failure, ErrTermsNotSigned) {
		t.Errorf("error %v, items (-want +got):\n%s", failure, diff)
	}
}
