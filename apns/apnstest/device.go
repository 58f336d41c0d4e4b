package apnstest

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// longest is how long APNs stores a push at most, and one without an expiration.
const longest = 30 * 24 * time.Hour

// Device is a device, or a user of one, as the holder of a token. APNs keeps one push for it while
// it is offline, the newest.
type Device struct {
	srv   *Server
	token string

	// What follows is guarded by srv.mu.
	topic, magic string
	state        state
	since        time.Time // when the token became what state says
	patience     time.Time // pushes before are too many
	offline      bool
	stored       *Delivery
	storedUntil  time.Time
	received     ring[Delivery]
	woken        int
	spanStart    time.Time // of TokenLimit
	spanPushes   int
}

// state is whether a token is active.
type state int

const (
	active state = iota
	unregistered
	expired
)

// Delivery is a push that reached a device, or waits for it.
type Delivery struct {
	Topic string
	Magic string // "" if the body was not {"mdm":"..."}
	ID    string // apns-id
	When  time.Time

	// Ignored says that the device did not react, because the magic is not that of its enrolment.
	Ignored bool
}

// AddToken makes a device that is enrolled: its token (hex) is active for topic, and it reacts to
// magic. If the token is there already, the device has enrolled anew, or updated its token: topic
// and magic are replaced, and an inactive token is active again. It panics when token is not hex.
func (s *Server) AddToken(topic, token, magic string) *Device {
	token = strings.ToLower(token)
	if !isToken(token) {
		panic(fmt.Sprintf("apnstest: a token of %d characters that is not the hex of whole bytes", len(token)))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.devices[token]
	if d == nil {
		d = &Device{srv: s, token: token}
		d.received.keep = s.opts.KeepPushes
		s.devices[token] = d
	}
	if d.topic != topic {
		d.stored = nil
	}
	d.topic, d.magic = topic, magic
	d.state, d.since = active, time.Time{}
	return d
}

// Device returns the device with that token (hex), or nil.
func (s *Server) Device(token string) *Device {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.devices[strings.ToLower(token)]
}

// Unregister ends a token: pushes are answered 410 Unregistered with since, as with a device that was
// erased or has removed its profile. It panics when the token was not added.
func (s *Server) Unregister(token string, since time.Time) { s.deactivate(token, unregistered, since) }

// Expire ends a token now: pushes are answered 410 ExpiredToken. It panics when the token was not
// added.
func (s *Server) Expire(token string) { s.deactivate(token, expired, time.Now()) }

func (s *Server) deactivate(token string, to state, since time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.known(token)
	d.state, d.since, d.stored = to, since, nil
}

// Throttle answers pushes to a token with 429 TooManyRequests for so long. It panics when the token
// was not added.
func (s *Server) Throttle(token string, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known(token).patience = time.Now().Add(d)
}

func (s *Server) known(token string) *Device {
	d := s.devices[strings.ToLower(token)]
	if d == nil {
		panic("apnstest: a token that was not added")
	}
	return d
}

// Online connects the device to APNs or disconnects it; a new one is online. A device that comes
// online receives what is stored for it and not expired.
func (d *Device) Online(online bool) {
	d.srv.mu.Lock()
	defer d.srv.mu.Unlock()
	d.offline = !online
	if online && d.stored != nil {
		if time.Now().Before(d.storedUntil) {
			late := *d.stored
			late.When = time.Now()
			d.receive(late)
		}
		d.stored = nil
	}
}

// Received returns the last pushes that reached the device; see [Options.KeepPushes].
func (d *Device) Received() []Delivery {
	d.srv.mu.Lock()
	defer d.srv.mu.Unlock()
	return d.received.last()
}

// Woken returns how many pushes with the right magic have reached the device.
func (d *Device) Woken() int {
	d.srv.mu.Lock()
	defer d.srv.mu.Unlock()
	return d.woken
}

// Stored returns the push that waits for the device, if one does. When is the time it was accepted.
func (d *Device) Stored() (push Delivery, ok bool) {
	d.srv.mu.Lock()
	defer d.srv.mu.Unlock()
	if d.stored == nil || !time.Now().Before(d.storedUntil) {
		return Delivery{}, false
	}
	return *d.stored, true
}

// String does not show the token.
func (d *Device) String() string {
	return fmt.Sprintf("apnstest.Device(%d-byte token)", len(d.token)/2)
}

// deliver does what APNs does with a push in good form. The caller holds srv.mu.
func (s *Server) deliver(r *request, id string) *refusal {
	d := s.devices[r.token]
	if d == nil {
		if s.opts.AcceptAnyToken {
			return nil
		}
		return badRequest("BadDeviceToken")
	}
	now := time.Now()
	if no := d.refuse(r.topic, now); no != nil {
		return no
	}
	push := Delivery{Topic: r.topic, Magic: r.magic, ID: id, When: now, Ignored: r.bad != "" || r.magic != d.magic}
	if d.offline {
		d.store(push, r, now)
	} else {
		d.receive(push)
	}
	return nil
}

// refuse tells whether pushes to the device are refused.
func (d *Device) refuse(topic string, now time.Time) *refusal {
	switch {
	case d.topic != topic:
		return badRequest("DeviceTokenNotForTopic")
	case d.state == unregistered:
		return &refusal{status: http.StatusGone, reason: "Unregistered", stamp: d.since.UnixMilli()}
	case d.state == expired:
		return &refusal{status: http.StatusGone, reason: "ExpiredToken", stamp: d.since.UnixMilli()}
	case now.Before(d.patience) || d.overLimit(now):
		return &refusal{status: http.StatusTooManyRequests, reason: "TooManyRequests"}
	}
	return nil
}

// overLimit counts the push and reports whether it is one too many.
func (d *Device) overLimit(now time.Time) bool {
	limit := d.srv.opts.TokenLimit
	if limit.Pushes <= 0 {
		return false
	}
	if now.Sub(d.spanStart) >= limit.Per {
		d.spanStart, d.spanPushes = now, 0
	}
	d.spanPushes++
	return d.spanPushes > limit.Pushes
}

// receive gives the device a push.
func (d *Device) receive(push Delivery) {
	push.Ignored = push.Ignored || push.Magic != d.magic // which may have changed since
	d.received.add(push)
	d.srv.stats.Delivered++
	if !push.Ignored {
		d.woken++
	}
}

// store keeps a push for a device that is offline, in place of an older one.
func (d *Device) store(push Delivery, r *request, now time.Time) {
	until := now.Add(longest)
	if r.has&hasExpiration != 0 {
		seconds := expirationSeconds(r.expiration)
		if seconds == 0 {
			return
		}
		if at := time.Unix(seconds, 0); at.Before(until) {
			until = at
		}
	} else if d.srv.opts.DropUndated {
		return
	}
	if now.Before(until) {
		d.stored, d.storedUntil = &push, until
	}
}
