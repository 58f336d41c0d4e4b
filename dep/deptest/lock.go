package deptest

import (
	"encoding/hex"
	"strings"
	"time"
)

// Lock is the activation lock that a call has put on a device.
type Lock struct {
	EscrowKey   string // lower-case hex; "" locks to the person who made the server entry
	LostMessage string
	Time        time.Time
}

// Outcomes of an activation lock besides those of all calls. Success, NotAccessible,
// DeviceAlreadyLocked, DeviceNotSupported (for an Apple TV) and OrgNotSupported (for an account of
// org_version v1) come by themselves; [Server.SetOutcome] gives any of them for a device.
const (
	OrgNotSupported     = "ORG_NOT_SUPPORTED"
	DeviceNotSupported  = "DEVICE_NOT_SUPPORTED"
	DeviceAlreadyLocked = "DEVICE_ALREADY_LOCKED"
)

// activationLock answers POST /device/activationlock.
func activationLock(c *call) *reply {
	var req struct {
		Device      string `json:"device"`
		EscrowKey   string `json:"escrow_key"`
		LostMessage string `json:"lost_message"`
	}
	if rep := c.decode(&req); rep != nil {
		return rep
	}
	key := strings.ToLower(req.EscrowKey)
	if raw, err := hex.DecodeString(key); err != nil || key != "" && len(raw) != 32 {
		c.note("escrow_key is not 64 hex digits")
		return errMalformed
	}
	if req.Device == "" {
		c.note("device is missing")
		return errMalformed
	}
	status := c.outcome(req.Device, func(serial string) string {
		return c.lock(serial, Lock{EscrowKey: key, LostMessage: req.LostMessage, Time: c.now})
	})
	b := appendString([]byte{'{'}, "serial_number", req.Device)
	return success(append(appendString(b, "response_status", status), '}'))
}

// lock locks an existing device if it can be.
func (c *call) lock(serial string, l Lock) string {
	if c.s.opts.Account.OrgVersion == "v1" {
		return OrgNotSupported
	}
	if c.s.fleet.get(serial).DeviceFamily == "AppleTV" {
		return DeviceNotSupported
	}
	if _, locked := c.s.locks[serial]; locked {
		return DeviceAlreadyLocked
	}
	c.s.locks[serial] = l
	return Success
}

// Lock returns the activation lock of a device, if it has one.
func (s *Server) Lock(serial string) (Lock, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, ok := s.locks[serial]
	return l, ok
}

// LockByUser puts a lock on a device as its user does, without a call. A later call finds
// DEVICE_ALREADY_LOCKED.
func (s *Server) LockByUser(serial string) {
	s.set(func() { s.locks[serial] = Lock{Time: time.Now()} })
}
