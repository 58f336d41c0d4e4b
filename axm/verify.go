package axm

import (
	"context"
	"time"

	"github.com/applemdm/applemdm/internal/poll"
)

// How devices are read until what was done shows. 15 seconds and more have been seen.
const (
	verifyPatience = 2 * time.Minute
	mostVerify     = 30 * time.Second
)

// VerifyAssigned reads whether devices are assigned to a server, or to none if serverID is "", and
// returns an outcome for each: [StatusDone] or [StatusUnverified]. What does not show yet is read again
// for two minutes, with growing pauses, since Apple's answers lag behind what was done by some 15
// seconds or more. When the deadline of ctx leaves no time for another look, the outcomes are those of
// the last one. An error means that Apple could not be asked, or that ctx ended.
//
// Each look takes the way that costs fewer requests: one for each device that is not confirmed yet, or
// the pages of the list of the server's devices (of all devices, for none). Apple answers for a device
// that it does not know as for one that is not assigned.
func (c *Client) VerifyAssigned(ctx context.Context, serverID string, serials []string) (Outcomes, error) {
	kind := ActivityUnassignDevices
	if serverID != "" {
		kind = ActivityAssignDevices
	}
	o, err := newOrder(kind, serverID, time.Time{}, serials)
	if err != nil {
		return nil, err
	}
	all := o.whole().devices
	found, err := confirm(ctx, all, all, newOperation(c, o).asWanted)
	if err != nil {
		return nil, err
	}
	outcomes := make(Outcomes, len(o.serials))
	for i, serial := range o.serials {
		outcomes[i] = Outcome{SerialNumber: serial, Status: StatusDone}
		if f := found[i]; !f.is {
			outcomes[i].Status, outcomes[i].Err = StatusUnverified, f.err
		}
	}
	return outcomes, nil
}

// Verify reads back what the operation was to bring about, and returns its outcomes as they are then:
// [StatusDone] for what is as it was asked for, also where Apple said otherwise (it fails for devices
// that are assigned already), and [StatusUnverified] for what Apple said is done and is not. What is to
// be confirmed is read again for two minutes until it shows; that costs requests as
// [Client.VerifyAssigned] does. What was not sent is not read.
//
// Of devices that were to move, the server is read; of other deadlines, the deadline; of migrations
// that were called off, that none is under way.
func (op *Operation) Verify(ctx context.Context) (*Result, error) {
	r := op.Result()
	var all, expected []int
	for i, o := range r.Outcomes {
		if op.order.kind.canTell(o.Status) {
			all = append(all, i)
		}
		if o.Status == StatusDone {
			expected = append(expected, i)
		}
	}
	found, err := confirm(ctx, all, expected, op.asWanted)
	if err != nil {
		return nil, err
	}
	for _, i := range all {
		o := &r.Outcomes[i]
		switch f := found[i]; {
		case f.is:
			o.Status, o.Err = StatusDone, nil
		case o.Status == StatusDone:
			o.Status, o.Err = StatusUnverified, f.err
		}
	}
	return r, nil
}

// canTell reports whether reading a device tells more than its outcome does. A device that Apple does
// not know reads as one that is in no way what it should not be.
func (t ActivityType) canTell(status Status) bool {
	switch status {
	case StatusNotSent:
		return false
	case StatusMissing:
		return t.needsServer() || t.needsDeadline()
	case StatusFailed:
		return t != ActivityCancelMigration // it may have ended otherwise
	}
	return true
}

// finding is what was read of one device.
type finding struct {
	is  bool  // as it was asked for
	err error // why that cannot be read of this device
}

// confirm reads all of the devices, and those that are expected to be as they were asked for again
// until they are, for a while.
func confirm(ctx context.Context, all, expected []int, read func(context.Context, []int) (map[int]finding, error)) (map[int]finding, error) {
	begun := time.Now()
	found, err := read(ctx, all)
	for n := 0; err == nil; n++ {
		expected = unconfirmed(expected, found)
		pause := max(firstPoll, poll.Backoff{Min: firstPoll, Max: mostVerify}.Delay(n))
		next := time.Now().Add(pause)
		deadline, ok := ctx.Deadline()
		if len(expected) == 0 || next.After(begun.Add(verifyPatience)) || ok && !next.Before(deadline) {
			return found, nil
		}
		if err = poll.Wait(ctx, pause); err != nil {
			break
		}
		var again map[int]finding
		again, err = read(ctx, expected)
		for i, f := range again {
			found[i] = f
		}
	}
	return nil, err
}

// unconfirmed returns those that are not found to be as they were asked for.
func unconfirmed(expected []int, found map[int]finding) (left []int) {
	for _, i := range expected {
		if !found[i].is {
			left = append(left, i)
		}
	}
	return left
}

// asWanted reads which of the devices are as the operation was to make them.
func (op *Operation) asWanted(ctx context.Context, devices []int) (map[int]finding, error) {
	o := op.order
	var bySerial map[string]finding
	var err error
	switch serials := o.serialsOf(devices); {
	case len(devices) == 0:
	case o.kind.needsServer():
		bySerial, err = op.client.onServer(ctx, o.serverID, serials)
	default:
		bySerial, err = op.client.devicesAre(ctx, serials, o.fields(), o.fits)
	}
	if err != nil {
		return nil, err
	}
	found := make(map[int]finding, len(devices))
	for _, i := range devices {
		found[i] = bySerial[o.serials[i]]
	}
	return found, nil
}

// fields are what [order.fits] looks at, as far as it can be asked for by name.
func (o *order) fields() []string {
	if o.kind == ActivityUnassignDevices || o.kind == ActivityReleaseDevices {
		return []string{"status"}
	}
	return nil
}

// fits reports whether a device, nil for one that is not of the organisation, is as the order was to
// make it.
func (o *order) fits(d *Device) bool {
	switch o.kind {
	case ActivityUnassignDevices:
		return d == nil || d.Status != DeviceAssigned
	case ActivityReleaseDevices:
		return d == nil || d.ReleasedFromOrg != ""
	case ActivityUpdateMigrationDeadline:
		return d != nil && d.MDMMigrationDeadline.Time().Truncate(time.Second).Equal(o.deadline)
	}
	return d != nil && d.MDMMigrationStatus == "" // called off
}

// byServer reads which server each of the devices is assigned to, and makes a part of those of each.
func (c *Client) byServer(ctx context.Context, serials []string) (parts []*part, err error) {
	at := make(map[string]int, len(serials))
	for i, serial := range serials {
		at[serial] = i
	}
	for rest := serials; len(rest) > 0; {
		p := &part{devices: []int{at[rest[0]]}}
		if p.serverID, err = c.AssignedServerID(ctx, rest[0]); err != nil {
			return nil, err
		}
		found, err := c.assignedTo(ctx, p.serverID, rest[1:])
		if err != nil {
			return nil, err
		}
		var others []string
		for _, serial := range rest[1:] {
			if f := found[serial]; f.err != nil {
				return nil, f.err
			} else if f.is {
				p.devices = append(p.devices, at[serial])
			} else {
				others = append(others, serial)
			}
		}
		parts, rest = append(parts, p), others
	}
	return parts, nil
}

// assignedTo reads which of the devices are assigned to a server, or to none.
func (c *Client) assignedTo(ctx context.Context, serverID string, serials []string) (map[string]finding, error) {
	switch {
	case len(serials) == 0:
		return nil, nil
	case serverID != "":
		return c.onServer(ctx, serverID, serials)
	}
	none := order{kind: ActivityUnassignDevices}
	return c.devicesAre(ctx, serials, none.fields(), none.fits)
}
