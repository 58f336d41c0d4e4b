package deptest

import (
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Outcomes of one device in a call for many.
const (
	Success       = "SUCCESS"
	NotAccessible = "NOT_ACCESSIBLE"
	Failed        = "FAILED"
	Throttled     = "THROTTLED"
)

// outcomes is what was scripted for single devices.
type outcomes struct {
	fixed   map[string]string
	until   map[string]time.Time // throttled until then
	dropped map[string]bool
}

func (o *outcomes) init() {
	o.fixed = make(map[string]string)
	o.until = make(map[string]time.Time)
	o.dropped = make(map[string]bool)
}

// throttled returns how much longer a device is throttled.
func (o *outcomes) throttled(serial string, now time.Time) time.Duration {
	return max(0, o.until[serial].Sub(now))
}

// SetOutcome makes calls that act on a device (define, assign, clear, disown, activation lock)
// answer outcome for it and leave the device alone; "" ends that.
func (s *Server) SetOutcome(serial, outcome string) {
	s.set(func() {
		s.outcomes.fixed[serial] = outcome
		if outcome == "" {
			delete(s.outcomes.fixed, serial)
		}
	})
}

// Throttle makes assigning a profile to a device answer THROTTLED for d, with the remaining time
// in retry_after_seconds. Clients below version 10 do not see that time, those below 9 see FAILED.
// A d of 0 ends it.
func (s *Server) Throttle(serial string, d time.Duration) {
	s.set(func() { s.outcomes.until[serial] = time.Now().Add(d) })
}

// DropFromAnswer leaves devices out of the answers that tell an outcome for each device, although
// they are acted upon. Without arguments nothing is dropped any more.
func (s *Server) DropFromAnswer(serials ...string) {
	s.set(func() {
		if len(serials) == 0 {
			clear(s.outcomes.dropped)
		}
		for _, serial := range serials {
			s.outcomes.dropped[serial] = true
		}
	})
}

// act does something to one accessible device and returns its outcome.
type act func(serial string) string

// each applies do to the serials and returns the outcomes by serial number.
func (c *call) each(serials []string, do act) map[string]string {
	out := make(map[string]string, len(serials))
	for _, serial := range serials {
		if _, twice := out[serial]; twice {
			continue
		}
		out[serial] = c.outcome(serial, do)
	}
	for serial := range c.s.outcomes.dropped {
		delete(out, serial)
	}
	return out
}

func (c *call) outcome(serial string, do act) string {
	if fixed := c.s.outcomes.fixed[serial]; fixed != "" {
		return fixed
	}
	if c.s.fleet.get(serial) == nil {
		return NotAccessible
	}
	return do(serial)
}

// appendOutcomes appends "devices":{serial: outcome}.
func appendOutcomes(b []byte, outcomes map[string]string) []byte {
	b = appendName(b, "devices")
	object, err := json.Marshal(outcomes, json.Deterministic(true), jsontext.AllowInvalidUTF8(true))
	if err != nil {
		object = []byte("{}") // strings always marshal
	}
	return append(b, object...)
}
