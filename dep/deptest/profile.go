package deptest

import (
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// profile is a defined profile: the members as the client sent them.
type profile struct {
	uuid    string
	members map[string]jsontext.Value
}

// newProfileUUID is in the manner's form.
func (s *Server) newProfileUUID() string {
	if s.opts.Manner == Depsim {
		return upperHex(8)
	}
	return upperHex(16)
}

// defineProfile answers POST /profile.
func defineProfile(c *call) *reply {
	members, rep := c.profileMembers()
	if rep != nil {
		return rep
	}
	if rep := c.checkProfile(members); rep != nil {
		return rep
	}
	var serials []string
	if list, ok := members["devices"]; ok {
		_ = json.Unmarshal(list, &serials) // its type was checked
	}
	if limit := c.s.opts.MaxSerials; limit >= 0 && len(serials) > limit {
		c.note("%d devices in one request", len(serials))
		return errMalformed
	}
	delete(members, "devices")
	p := &profile{uuid: c.s.newProfileUUID(), members: members}
	c.s.profiles[p.uuid] = p

	outcomes := c.each(serials, func(serial string) string {
		if c.s.outcomes.throttled(serial, c.now) > 0 {
			return Failed // THROTTLED is a word of the assign call only
		}
		c.assign(serial, p.uuid)
		return Success
	})
	b := appendString([]byte{'{'}, "profile_uuid", p.uuid)
	return success(append(appendOutcomes(b, outcomes), '}'))
}

// fetchProfile answers GET /profile.
func fetchProfile(c *call) *reply {
	uuid := c.r.URL.Query().Get("profile_uuid")
	if uuid == "" {
		return badRequest("PROFILE_UUID_REQUIRED")
	}
	p := c.s.profiles[uuid]
	switch {
	case p != nil:
		return success(p.append(c.version))
	case c.s.opts.ProfileNotFound404:
		return refusal(http.StatusNotFound, "PROFILE_NOT_FOUND")
	case c.s.opts.Manner == Depsim:
		return badRequest("PROFILE_NOT_FOUND")
	}
	return badRequest("NOT_FOUND")
}

// append writes the profile as GET /profile shows it to a client of that version.
func (p *profile) append(version int) []byte {
	b := appendString([]byte{'{'}, "profile_uuid", p.uuid)
	for _, name := range slices.Sorted(maps.Keys(p.members)) {
		if profileFields()[name].since <= version {
			b = append(appendName(b, name), p.members[name]...)
		}
	}
	return append(b, '}')
}

// assignProfile answers PUT and POST /profile/devices.
func assignProfile(c *call) *reply {
	var req struct {
		ProfileUUID string   `json:"profile_uuid"`
		Devices     []string `json:"devices"`
	}
	if rep := c.decode(&req); rep != nil {
		return rep
	}
	if req.ProfileUUID == "" {
		return badRequest("PROFILE_UUID_REQUIRED")
	}
	if rep := c.checkSerials(req.Devices, c.s.opts.MaxSerials); rep != nil {
		return rep
	}
	if c.s.profiles[req.ProfileUUID] == nil {
		if c.s.opts.Manner == Depsim {
			return badRequest("PROFILE_NOT_FOUND")
		}
		return refusal(http.StatusNotFound, "PROFILE_NOT_FOUND")
	}
	return c.assignAll(req.ProfileUUID, req.Devices)
}

// assignAll assigns to every device that is not throttled.
func (c *call) assignAll(uuid string, serials []string) *reply {
	retryAfter := 0
	outcomes := c.each(serials, func(serial string) string {
		wait := c.s.outcomes.throttled(serial, c.now)
		switch {
		case wait > 0 && c.version < 9:
			return Failed
		case wait > 0:
			retryAfter = max(retryAfter, secondsUp(wait))
			return Throttled
		}
		c.assign(serial, uuid)
		return Success
	})
	b := appendString([]byte{'{'}, "profile_uuid", uuid)
	b = appendOutcomes(b, outcomes)
	if c.version >= 10 && retryAfter > 0 {
		b = appendInt(b, "retry_after_seconds", retryAfter)
	}
	return success(append(b, '}'))
}

// assign gives the profile to an existing device.
func (c *call) assign(serial, uuid string) {
	c.s.fleet.change(serial, c.now, func(d *Device) {
		d.ProfileStatus, d.ProfileUUID = StatusAssigned, uuid
		d.ProfileAssignTime, d.ProfilePushTime = c.now, time.Time{}
	})
}

// clearProfile answers DELETE /profile/devices.
func clearProfile(c *call) *reply {
	var req struct {
		ProfileUUID string   `json:"profile_uuid"` // without effect
		Devices     []string `json:"devices"`
	}
	if rep := c.decode(&req); rep != nil {
		return rep
	}
	if rep := c.checkSerials(req.Devices, c.s.opts.MaxSerials); rep != nil {
		return rep
	}
	outcomes := c.each(req.Devices, func(serial string) string {
		c.clear(serial)
		return Success
	})
	return success(append(appendOutcomes([]byte{'{'}, outcomes), '}'))
}

// clear takes the profile from an existing device, if it has one.
func (c *call) clear(serial string) {
	if c.s.fleet.get(serial).ProfileUUID == "" {
		return
	}
	c.s.fleet.change(serial, c.now, func(d *Device) {
		d.ProfileStatus, d.ProfileUUID = StatusRemoved, ""
		d.ProfileAssignTime, d.ProfilePushTime = time.Time{}, time.Time{}
	})
}

// Profile returns a defined profile as the client sent it, member by member in raw JSON, without
// its list of devices.
func (s *Server) Profile(uuid string) (map[string]string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.profiles[uuid]
	if p == nil {
		return nil, false
	}
	out := make(map[string]string, len(p.members))
	for name, value := range p.members {
		out[name] = string(value)
	}
	return out, true
}

// AddProfile defines a profile without a call, and returns its identifier.
func (s *Server) AddProfile(name, url string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	quote := func(text string) jsontext.Value {
		b, _ := jsontext.AppendQuote(nil, text)
		return b
	}
	p := &profile{uuid: s.newProfileUUID(), members: map[string]jsontext.Value{
		"profile_name": quote(name), "url": quote(url),
	}}
	s.profiles[p.uuid] = p
	return p.uuid
}
