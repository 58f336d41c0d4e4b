package deptest

import (
	"strings"
	"time"
)

// pageRequest is the body of every call that reads page by page.
type pageRequest struct {
	Cursor *string `json:"cursor"`
	Limit  *int32  `json:"limit"`
}

// page reads the request for a page: its cursor, "" for none, and how many entries it may have.
func (c *call) page(defaultLimit int) (cursor string, limit int, rep *reply) {
	var req pageRequest
	if rep := c.decode(&req); rep != nil {
		return "", 0, rep
	}
	if req.Cursor != nil {
		cursor = *req.Cursor
		if cursor == "" {
			c.note("cursor is empty; a request without one has no such member")
		}
	}
	limit = min(defaultLimit, c.s.opts.MaxLimit)
	if req.Limit != nil {
		limit = min(int(*req.Limit), c.s.opts.MaxLimit)
	}
	switch {
	case limit < 0:
		c.note("limit is negative")
		return "", 0, errMalformed
	case limit == 0:
		c.note("limit is 0")
		limit = min(defaultLimit, c.s.opts.MaxLimit)
	}
	return cursor, limit, nil
}

// fetchDevices answers POST /server/devices.
func fetchDevices(c *call) *reply {
	cursor, limit, rep := c.page(c.s.opts.DefaultLimit)
	if rep != nil {
		return rep
	}
	f := &c.s.fleet
	pos := position{bound: len(f.order), seq: f.end()}
	if cursor != "" {
		if pos, rep = f.cursors.find(cursor, c.now, c.s.opts.CursorLife, f.base); rep != nil {
			return rep
		}
		if pos.done {
			return badRequest("EXHAUSTED_CURSOR")
		}
	} else {
		clear(f.hidden)
	}
	return c.fetchPage(cursor, pos, limit)
}

// fetchPage writes the devices from pos on, without operations: they are simply there.
func (c *call) fetchPage(cursor string, pos position, limit int) *reply {
	f := &c.s.fleet
	p := newPage(min(limit, pos.bound-pos.index))
	for pos.index < pos.bound && p.count < limit {
		if sl := f.order[pos.index]; sl != nil {
			p.begin(sl.device.DeviceAssignedDate)
			p.body = append(appendDevice(p.body, sl.device, c.view()), '}')
		}
		pos.index++
	}
	for pos.index < pos.bound && f.order[pos.index] == nil {
		pos.index++
	}
	pos.done = pos.index == pos.bound
	return c.finishPage(p, cursor, pos, !pos.done)
}

// syncDevices answers POST /devices/sync.
func syncDevices(c *call) *reply {
	cursor, limit, rep := c.page(c.s.opts.DefaultLimit)
	if rep != nil {
		return rep
	}
	if cursor == "" {
		return badRequest("CURSOR_REQUIRED")
	}
	f := &c.s.fleet
	pos, rep := f.cursors.find(cursor, c.now, c.s.opts.CursorLife, f.base)
	if rep != nil {
		return rep
	}
	if !pos.done {
		c.note("sync with the cursor of a fetch that is not finished would lose devices")
		return badRequest("INVALID_CURSOR")
	}
	return c.syncPage(cursor, pos, limit)
}

// syncPage writes the events from pos on.
func (c *call) syncPage(cursor string, pos position, limit int) *reply {
	f := &c.s.fleet
	p := newPage(min(limit, f.end()-pos.seq))
	for pos.seq < f.end() && p.count < limit {
		if e := f.events[pos.seq-f.base]; !c.s.hides(e.device.SerialNumber, c.now) {
			p.begin(e.date)
			p.body = append(appendEvent(p.body, e, c.view()), '}')
		}
		pos.seq++
	}
	return c.finishPage(p, cursor, pos, pos.seq < f.end())
}

// hides reports whether sync leaves a device out.
func (s *Server) hides(serial string, now time.Time) bool {
	return s.fleet.hidden[serial] || s.opts.HideThrottled && s.outcomes.throttled(serial, now) > 0
}

// appendEvent appends the members of a record of sync. A deleted device is only a name.
func appendEvent(b []byte, e event, v view) []byte {
	if e.op == opDeleted {
		b = appendString(b, "serial_number", e.device.SerialNumber)
		b = appendOptional(b, "model", e.device.Model)
		b = appendOptional(b, "description", e.device.Description)
		b = appendOptional(b, "color", e.device.Color)
		if v.version >= 2 {
			b = appendOptional(b, "os", osName(e.device.OS, v.version))
			b = appendOptional(b, "device_family", e.device.DeviceFamily)
		}
		if v.version >= 10 && e.released {
			b = appendBool(b, "released_by_replacement", true)
		}
	} else {
		b = appendDevice(b, e.device, v)
	}
	b = appendString(b, "op_type", e.op)
	return appendTime(b, "op_date", e.date)
}

// devicePage is an answer of fetch or sync in the making.
type devicePage struct {
	body  []byte
	count int
	until time.Time // the latest operation on the page
}

// newPage begins a page with room for so many devices.
func newPage(expected int) *devicePage {
	const perDevice = 600 // bytes, generously
	p := &devicePage{body: make([]byte, 0, expected*perDevice+256)}
	p.body = append(p.body, `{"devices":[`...)
	return p
}

// begin opens the next record.
func (p *devicePage) begin(operation time.Time) {
	if p.count > 0 {
		p.body = append(p.body, ',')
	}
	p.body = append(p.body, '{')
	p.count++
	if operation.After(p.until) {
		p.until = operation
	}
}

// finishPage closes the list and says how the client goes on.
func (c *call) finishPage(p *devicePage, cursor string, pos position, more bool) *reply {
	f := &c.s.fleet
	until := c.now
	if more {
		until = p.until
	}
	next := cursor
	if cursor != "" && f.repeat != 0 {
		if f.repeat > 0 {
			f.repeat--
		}
		more = true
	} else {
		pos.issued = c.now
		next = f.cursors.issue(pos, c.s.deviceCursor)
	}
	b := append(p.body, ']')
	b = appendString(b, "cursor", next)
	switch f.until {
	case UntilRight:
		b = appendTime(b, "fetched_until", until)
	case UntilZero:
		b = appendTime(b, "fetched_until", time.Time{})
	}
	return success(append(appendBool(b, "more_to_follow", more), '}'))
}

// deviceList is the body of the calls that take serial numbers.
type deviceList struct {
	Devices []string `json:"devices"`
}

// checkSerials refuses a list of serial numbers that is empty, or longer than max if that is not
// negative.
func (c *call) checkSerials(serials []string, max int) *reply {
	for _, serial := range serials {
		if strings.TrimSpace(serial) != serial || serial == "" {
			c.note("serial number %q", serial)
		}
	}
	switch {
	case len(serials) == 0:
		return badRequest("DEVICE_ID_REQUIRED")
	case max >= 0 && len(serials) > max:
		c.note("%d devices in one request", len(serials))
		return errMalformed
	case len(serials) > maxSerials:
		c.note("%d devices in one request, more than %d", len(serials), maxSerials)
	}
	return nil
}
