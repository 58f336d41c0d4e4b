package deptest

import (
	"slices"
	"sort"
	"time"
)

// Values of op_type.
const (
	opAdded    = "added"
	opModified = "modified"
	opDeleted  = "deleted"
)

// event is one entry of the journal: what happened to a device and how it was afterwards.
type event struct {
	op       string
	at       time.Time // when it was entered; the journal is in this order
	date     time.Time // op_date
	device   *Device   // as it was then; never changed
	released bool      // deleted because another unit replaces it
}

// slot is the place of a device in the order of the fetch.
type slot struct {
	device *Device // replaced, never changed: events and pages share it
	index  int     // in fleet.order
}

// fleet is the devices and what happened to them.
//
// A fetch walks through order, in which a device keeps its place for as long as it exists, up to
// the length that order had when the fetch began. So every device that exists throughout comes
// exactly once, whatever changes in the meantime; the changes are in the journal, which the sync
// reads from where it ended when the fetch began.
type fleet struct {
	slots  map[string]*slot // by serial number
	order  []*slot          // in the order of addition; nil where a device was removed
	events []event
	base   int             // sequence number of events[0]
	hidden map[string]bool // serials that sync leaves out until the next full fetch

	replaced map[string]replacement // by the serial number of the new device
	repeat   int                    // pages that hand back their own cursor; negative is all
	until    FetchedUntil
	cursors  cursors
	added    int // random devices made so far
}

type replacement struct {
	original string
	date     time.Time
}

func (f *fleet) init() {
	f.slots = make(map[string]*slot)
	f.hidden = make(map[string]bool)
	f.replaced = make(map[string]replacement)
	f.cursors.init()
}

// end is the sequence number of the next event.
func (f *fleet) end() int { return f.base + len(f.events) }

// get returns the device, or nil.
func (f *fleet) get(serial string) *Device {
	if sl := f.slots[serial]; sl != nil {
		return sl.device
	}
	return nil
}

// put stores d, at the end of the order if it is new, and enters op.
func (f *fleet) put(d *Device, op string, now time.Time) {
	sl := f.slots[d.SerialNumber]
	if sl == nil {
		sl = &slot{index: len(f.order)}
		f.slots[d.SerialNumber] = sl
		f.order = append(f.order, sl)
	}
	sl.device = d
	date := now
	if op == opAdded {
		date = d.DeviceAssignedDate // the two are the same by Apple's definition
	}
	f.enter(event{op: op, at: now, date: date, device: d})
}

// change puts a changed copy of an existing device. It reports whether there is one.
func (f *fleet) change(serial string, now time.Time, edit func(*Device)) bool {
	old := f.get(serial)
	if old == nil {
		return false
	}
	d := old.clone()
	edit(&d)
	d.SerialNumber = serial
	f.put(&d, opModified, now)
	return true
}

// remove takes a device out. It reports whether there was one.
func (f *fleet) remove(serial string, now time.Time, released bool) bool {
	sl := f.slots[serial]
	if sl == nil {
		return false
	}
	delete(f.slots, serial)
	f.order[sl.index] = nil
	f.enter(event{op: opDeleted, at: now, date: now, device: sl.device, released: released})
	return true
}

// keepEvents is how long the journal goes back. Cursors live 7 days by default, and one that asks
// for more finds itself expired.
const keepEvents = 30 * 24 * time.Hour

func (f *fleet) enter(e event) {
	f.events = append(f.events, e)
	if f.end()%1024 == 0 {
		f.trim(e.at.Add(-keepEvents))
	}
}

// trim forgets the events before t.
func (f *fleet) trim(t time.Time) {
	n := sort.Search(len(f.events), func(i int) bool { return !f.events[i].at.Before(t) })
	if n > 0 {
		f.events = slices.Clone(f.events[n:])
		f.base += n
	}
}

// AddDevices adds devices, as assigning them to this server in the portal does. Only SerialNumber
// has to be set; a device without model and system becomes an iPhone. One that is there already is
// replaced, which clients see as "modified". An added device's op_date is its DeviceAssignedDate,
// by default now.
func (s *Server) AddDevices(devices ...Device) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range devices {
		s.addDevice(d, time.Now())
	}
}

func (s *Server) addDevice(d Device, now time.Time) {
	d = d.clone()
	d.complete(&s.opts.Account, now)
	op := opAdded
	if s.fleet.get(d.SerialNumber) != nil {
		op = opModified
	}
	s.fleet.put(&d, op, now)
}

// AddSerials is [Server.AddDevices] for iPhones of which only the serial numbers matter.
func (s *Server) AddSerials(serials ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, serial := range serials {
		s.addDevice(Device{SerialNumber: serial}, time.Now())
	}
}

// AddRandomDevices adds n devices of all sorts and returns their serial numbers. Every server makes
// the same ones in the same order.
func (s *Server) AddRandomDevices(n int) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	serials := make([]string, 0, n)
	now := time.Now()
	for len(serials) < n {
		d := randomDevice(s.fleet.added)
		s.fleet.added++
		if s.fleet.get(d.SerialNumber) != nil {
			continue
		}
		s.addDevice(d, now)
		serials = append(serials, d.SerialNumber)
	}
	return serials
}

// ModifyDevice changes a device in place; clients see "modified". The serial number cannot be
// changed. It reports whether there is such a device.
func (s *Server) ModifyDevice(serial string, edit func(*Device)) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fleet.change(serial, time.Now(), edit)
}

// PushProfile lets devices fetch their assigned profile from Apple, as they do when they are
// activated: profile_status becomes "pushed". Devices without a profile stay as they are.
func (s *Server) PushProfile(serials ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for _, serial := range serials {
		if d := s.fleet.get(serial); d != nil && d.ProfileStatus == StatusAssigned {
			s.fleet.change(serial, now, func(d *Device) {
				d.ProfileStatus, d.ProfilePushTime = StatusPushed, now
			})
		}
	}
}

// RemoveDevices takes devices away from this server: released, or assigned to another one.
// Clients see "deleted". A removed device can be added again.
func (s *Server) RemoveDevices(serials ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, serial := range serials {
		s.fleet.remove(serial, time.Now(), false)
	}
}

// ReplaceDevice is what happens when Apple replaces a unit: the old one is deleted with
// released_by_replacement, the new one is added with is_replacement_device, and
// GET /device/replacementDetails links them. It reports whether there is such an old device.
func (s *Server) ReplaceDevice(oldSerial, newSerial string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.fleet.get(oldSerial)
	if old == nil || oldSerial == newSerial {
		return false
	}
	now := time.Now()
	s.fleet.remove(oldSerial, now, true)
	s.addDevice(Device{
		SerialNumber: newSerial, Model: old.Model, Description: old.Description, Color: old.Color,
		OS: old.OS, DeviceFamily: old.DeviceFamily, IsReplacementDevice: true,
	}, now)
	s.fleet.replaced[newSerial] = replacement{original: oldSerial, date: now}
	return true
}

// MoveDevice makes devices arrive as Apple often reports those that were assigned to this server
// before: as "modified", never "added", with profile_status "removed" and whatever profile_uuid
// they had.
func (s *Server) MoveDevice(serials ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for _, serial := range serials {
		d := Device{SerialNumber: serial}
		if old := s.fleet.get(serial); old != nil {
			d = old.clone()
		}
		d.ProfileStatus, d.DeviceAssignedDate = StatusRemoved, now
		d.complete(&s.opts.Account, now)
		s.fleet.put(&d, opModified, now)
	}
}

// HideFromSync keeps what happens to devices out of every sync until a client begins a full fetch.
func (s *Server) HideFromSync(serials ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, serial := range serials {
		s.fleet.hidden[serial] = true
	}
}

// Devices returns the devices as they are now, in the order in which they were added.
func (s *Server) Devices() []Device {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Device, 0, len(s.fleet.slots))
	for _, sl := range s.fleet.order {
		if sl != nil {
			out = append(out, sl.device.clone())
		}
	}
	return out
}

// Device returns one device as it is now.
func (s *Server) Device(serial string) (Device, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.fleet.get(serial); d != nil {
		return d.clone(), true
	}
	return Device{}, false
}
