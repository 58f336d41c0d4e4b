package dep

// EventKind is what happened to a device, as a device-management server should see it.
type EventKind string

const (
	// EventPresent: the device is in the full list. Fetches do not say since when.
	EventPresent EventKind = "present"

	// EventAdded: the device was assigned to this server.
	EventAdded EventKind = "added"

	// EventModified: something about the device changed. Apple often reports a device that was
	// moved here from another server, or assigned here again, in this way: see [Event.NeedsProfile].
	EventModified EventKind = "modified"

	// EventRemoved: the device is no longer assigned to this server. It may be added again.
	EventRemoved EventKind = "removed"
)

// Event is what happened to one device within a page.
type Event struct {
	Kind   EventKind
	Device Device // the latest record

	// Records has every record of the device in the page, in Apple's order, unchanged. It shares
	// memory with the page. It is empty for what a full list did not mention.
	Records []Device
}

// NeedsProfile reports whether the device is here without a profile, so that one should be
// assigned: it is new, in the full list or modified, and its profile status is empty or removed.
func (e *Event) NeedsProfile() bool {
	return e.Kind != EventRemoved && e.Device.NeedsProfile()
}

// Moved reports whether the device came as modified with its profile removed, which is how Apple
// reports devices that were moved here from another server or assigned here again.
func (e *Event) Moved() bool {
	return e.Kind == EventModified && e.Device.ProfileStatus.Is(ProfileStatusRemoved)
}

// Events returns what happened to each device in the items of one page: one Event for each serial
// number. Of several records the one with the newest OpDate counts, and the later one of equals.
// The events are in the order of the records that count. Records without a serial number, which
// cannot be told apart, have no event.
//
// It keeps no copy of the records: the events share memory with devices.
func Events(devices []Device) []Event {
	latest := make(map[string]int, len(devices)) // by serial number: index of the record that counts
	repeated := map[string][]Device{}
	for i := range devices {
		serial := devices[i].SerialNumber
		if serial == "" {
			continue
		}
		before, again := latest[serial]
		if !again {
			latest[serial] = i
			continue
		}
		if repeated[serial] == nil {
			repeated[serial] = []Device{devices[before]}
		}
		repeated[serial] = append(repeated[serial], devices[i])
		if !older(&devices[i], &devices[before]) {
			latest[serial] = i
		}
	}

	events := make([]Event, 0, len(latest))
	for i := range devices {
		d := &devices[i]
		if at, ok := latest[d.SerialNumber]; !ok || at != i {
			continue
		}
		records := repeated[d.SerialNumber]
		if records == nil {
			records = devices[i : i+1 : i+1]
		}
		events = append(events, Event{Kind: kindOf(d), Device: *d, Records: records})
	}
	return events
}

// older reports whether a is surely from before b. Without both times the order of the page, which is
// that of the operations, is all there is.
func older(a, b *Device) bool {
	at, bt := a.OpDate.Time(), b.OpDate.Time()
	return !at.IsZero() && !bt.IsZero() && at.Before(bt)
}

// kindOf returns the kind of a record. An operation that Apple adds one day counts as modified:
// the device is here, and something happened.
func kindOf(d *Device) EventKind {
	switch {
	case d.OpType == "":
		return EventPresent
	case d.OpType.Is(OpAdded):
		return EventAdded
	case d.OpType.Is(OpDeleted):
		return EventRemoved
	}
	return EventModified
}
