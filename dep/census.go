package dep

import (
	"hash/maphash"
	"iter"
	"slices"
	"strconv"
	"strings"
)

// census compares a full list with what the caller knew when it began. For each device it keeps a
// hash of the known members instead of the members, so that it stays small.
type census struct {
	seed    maphash.Seed
	size    int // devices known at the beginning
	devices map[string]censusEntry
	upTo    string // the cursor behind the last batch that was seen
}

// censusEntry is about one serial number.
type censusEntry struct {
	sum  uint64 // of the members in mask
	mask uint32 // which members are known
	seen bool   // the full list has it
}

// takeCensus reads the inventory.
func takeCensus(inventory iter.Seq2[Device, error]) (*census, error) {
	c := &census{seed: maphash.MakeSeed(), devices: map[string]censusEntry{}}
	for d, err := range inventory {
		if err != nil {
			return nil, err
		}
		if d.SerialNumber == "" {
			return nil, &InputError{Field: "Inventory", Rule: "has a device without a serial number"}
		}
		c.devices[d.SerialNumber] = c.entry(&d)
	}
	c.size = len(c.devices)
	return c, nil
}

// differences returns the events of a batch of the full list that the caller needs to know: what is
// new, what changed, and what is as it was but needs a profile.
func (c *census) differences(events []Event) []Event {
	kept := events[:0]
	for _, e := range events {
		known, ok := c.devices[e.Device.SerialNumber]
		switch {
		case !ok:
			e.Kind = EventAdded
		case c.sum(&e.Device, known.mask) != known.sum:
			e.Kind = EventModified
		case !e.NeedsProfile():
			continue
		}
		kept = append(kept, e)
	}
	return kept
}

// see notes that the full list has the devices of a batch, as they are.
func (c *census) see(batch *Batch) {
	c.upTo = batch.Cursor.Value
	for i := range batch.Devices {
		if d := &batch.Devices[i]; d.SerialNumber != "" {
			entry := c.entry(d)
			entry.seen = true
			c.devices[d.SerialNumber] = entry
		}
	}
}

// unseen returns the removal of every known device that the list did not have, by serial number.
// last is the last batch of the list.
func (c *census) unseen(last []Device) []Event {
	present := make(map[string]bool, len(last))
	for i := range last {
		present[last[i].SerialNumber] = true
	}
	var removed []Event
	for serial, entry := range c.devices {
		if !entry.seen && !present[serial] {
			removed = append(removed, Event{Kind: EventRemoved, Device: Device{SerialNumber: serial}})
		}
	}
	slices.SortFunc(removed, func(a, b Event) int {
		return strings.Compare(a.Device.SerialNumber, b.Device.SerialNumber)
	})
	return removed
}

// entry remembers the members of d that are set.
func (c *census) entry(d *Device) censusEntry {
	var mask uint32
	for i, member := range comparedMembers(d) {
		if member != "" {
			mask |= 1 << i
		}
	}
	return censusEntry{mask: mask, sum: c.sum(d, mask)}
}

// sum hashes the members of d that are in mask.
func (c *census) sum(d *Device, mask uint32) uint64 {
	var h maphash.Hash
	h.SetSeed(c.seed)
	for i, member := range comparedMembers(d) {
		if mask&(1<<i) != 0 {
			h.WriteString(member)
			h.WriteByte(0)
		}
	}
	return h.Sum64()
}

// comparedMembers returns the members that make a difference, as text; "" is not set.
func comparedMembers(d *Device) [20]string {
	replacement := ""
	if d.IsReplacementDevice {
		replacement = strconv.FormatBool(true)
	}
	return [20]string{
		d.Model, d.Description, d.Color, d.AssetTag,
		strings.ToLower(string(d.ProfileStatus)), normalUUID(d.ProfileUUID),
		comparedTime(d.ProfileAssignTime), comparedTime(d.ProfilePushTime),
		comparedTime(d.DeviceAssignedDate), d.DeviceAssignedBy,
		string(d.OS), string(d.DeviceFamily), comparedTime(d.MDMMigrationDeadline),
		strings.Join(d.IMEI, ","), strings.Join(d.MEID, ","), d.EID,
		d.WiFiMACAddress, d.BluetoothMACAddress, d.EthernetMACAddress, replacement,
	}
}

// comparedTime writes a time in one way, to the second, so that two spellings of it are equal.
func comparedTime(t Time) string {
	if parsed := t.Time(); !parsed.IsZero() {
		return strconv.FormatInt(parsed.Unix(), 36)
	}
	return string(t)
}
