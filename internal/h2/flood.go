package h2

import "time"

const (
	floodLimit  = 10_000
	floodWindow = 10 * time.Second
)

// flood bounds the frames that serve no call: PING, SETTINGS, empty DATA, CONTINUATION without end
// and the like, of which none is wrong by itself. The answer to a call sets the count to zero.
type flood struct {
	count int
	since time.Time
}

// useful takes one frame off the count: it brought data, or let data go.
func (f *flood) useful() { f.count = max(f.count-1, 0) }

func (f *flood) reset() { f.count = 0 }

// check counts a frame.
func (f *flood) check(now time.Time) error {
	if f.count == 0 || now.Sub(f.since) > floodWindow {
		f.count, f.since = 0, now
	}
	if f.count++; f.count > floodLimit {
		return protocolError(CodeEnhanceYourCalm, "too many frames that serve no call")
	}
	return nil
}
