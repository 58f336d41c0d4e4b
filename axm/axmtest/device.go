package axmtest

import (
	"maps"
	"slices"
	"time"
)

// Device is a device of an organisation. Only SerialNumber has to be set. Times that are zero are
// null in answers, lists that are nil are empty.
type Device struct {
	SerialNumber       string
	DeviceModel        string // default that of an iPad, with family, type and capacity
	ProductFamily      string // iPhone, iPad, Mac, AppleTV, Watch, Vision
	ProductType        string
	DeviceCapacity     string
	PartNumber         string
	OrderNumber        string
	Color              string
	IMEI, MEID         []string
	EID                string
	WiFiMAC            string
	BluetoothMAC       string
	EthernetMAC        []string
	PurchaseSourceType string // APPLE, RESELLER (default), MANUALLY_ADDED
	PurchaseSourceID   string
	Added, Ordered     time.Time // default now
	Updated            time.Time // default Added
	Released           time.Time // zero while the device belongs to the organisation

	// ServerID is the device management service that the device is assigned to; "" is none.
	ServerID string

	MigrationCapable  bool
	MigrationStatus   string // REQUESTED, STARTED, SUCCESS, FAILED or "" for null
	MigrationDeadline time.Time

	// ActivationLock is the lockType: MDM, USER or NONE (default). Any other value is an internal
	// state, which answers 500.
	ActivationLock string

	Coverage []Coverage // of AppleCare

	// Extra are further attributes. One with the name of an attribute takes its place, in whatever
	// form, and [Absent] takes it out.
	Extra map[string]any
}

// Coverage is a warranty or an AppleCare plan of a device.
type Coverage struct {
	ID              string
	Status          string // ACTIVE (default), INACTIVE
	PaymentType     string // ABE_SUBSCRIPTION, PAID_UP_FRONT, SUBSCRIPTION, NONE (default)
	Description     string // default "Limited Warranty"
	AgreementNumber string // "" is null
	Start, End      time.Time
	Renewable       bool
	Canceled        bool
	ContractCancel  time.Time
	Extra           map[string]any // as in [Device]
}

// device is a Device and what of it is visible.
type device struct {
	Device
	before  string    // the server before the last change
	changed time.Time // when ServerID became what it is
}

// clone copies what d refers to, so that the caller's copy and ours do not share it.
func (d Device) clone() Device {
	d.IMEI, d.MEID = slices.Clone(d.IMEI), slices.Clone(d.MEID)
	d.EthernetMAC, d.Coverage = slices.Clone(d.EthernetMAC), slices.Clone(d.Coverage)
	d.Extra = maps.Clone(d.Extra)
	return d
}

// complete fills in what a device needs to be one.
func (d *Device) complete(now time.Time) {
	if d.DeviceModel == "" && d.ProductFamily == "" {
		d.DeviceModel, d.ProductFamily, d.ProductType, d.DeviceCapacity = "iPad (A16)", "iPad", "iPad15,7", "128GB"
	}
	or(&d.PurchaseSourceType, "RESELLER")
	or(&d.ActivationLock, "NONE")
	or(&d.Added, now)
	or(&d.Ordered, d.Added)
	or(&d.Updated, d.Added)
}

// server is the server that is visible at a time.
func (d *device) server(now time.Time, lag time.Duration) string {
	if now.Sub(d.changed) < lag {
		return d.before
	}
	return d.ServerID
}

// assign changes the server at a time that may be past.
func (d *device) assign(serverID string, at time.Time, lag time.Duration) {
	d.before = d.server(at, lag)
	d.ServerID, d.changed, d.Updated = serverID, at, at
}

func (d *device) isOurs() bool { return d.Released.IsZero() }

// ours finds a device that was not released.
func (o *Org) ours(serial string) (*device, bool) {
	d, ok := o.devices.get(serial)
	return d, ok && d.isOurs()
}

// AddDevices adds devices to the organisation. One that is there already is replaced in its place.
func (o *Org) AddDevices(devices ...Device) {
	o.look(func(now time.Time) {
		for _, d := range devices {
			o.addDevice(d, now)
		}
	})
}

func (o *Org) addDevice(d Device, now time.Time) {
	d = d.clone()
	d.complete(now)
	o.census.counts = nil
	o.devices.put(d.SerialNumber, &device{Device: d, before: d.ServerID})
	o.happened(now, "DEVICE_ADDED_TO_ORG", deviceSubject(d.SerialNumber), object{
		{"serialNumber", d.SerialNumber}, {"purchaseSourceType", d.PurchaseSourceType}, {"purchaseSourceId", d.PurchaseSourceID},
	})
}

func deviceSubject(serial string) subject { return subject{"DEVICE", serial, serial} }

// AddSerials is [Org.AddDevices] for iPads of which only the serial numbers matter.
func (o *Org) AddSerials(serials ...string) {
	o.look(func(now time.Time) {
		for _, serial := range serials {
			o.addDevice(Device{SerialNumber: serial}, now)
		}
	})
}

// AddRandomDevices adds n devices of several kinds, unassigned, and returns their serial numbers.
// They are the same in each run.
func (o *Org) AddRandomDevices(n int) []string {
	serials := make([]string, n)
	o.look(func(now time.Time) {
		for i := range serials {
			o.s.randoms++
			d := randomDevice(o.s.randoms)
			serials[i] = d.SerialNumber
			o.addDevice(d, now)
		}
	})
	return serials
}

// ModifyDevice changes a device; its serial number stays. A change of ServerID is visible at once.
// change must not call methods of the server. It reports whether there is one.
func (o *Org) ModifyDevice(serial string, change func(*Device)) (ok bool) {
	o.look(func(now time.Time) {
		var d *device
		if d, ok = o.devices.get(serial); !ok {
			return
		}
		was := d.ServerID
		d.Device = d.told(now)
		change(&d.Device)
		d.SerialNumber = serial
		if d.ServerID != was {
			d.before, d.changed = d.ServerID, time.Time{}
		}
		o.census.counts = nil
	})
	return ok
}

// AssignDevices assigns devices to a server, or to none, as somebody in the portal does. Unknown
// serial numbers are left out. Clients see it after [Options.Lag].
func (o *Org) AssignDevices(serverID string, serials ...string) {
	o.look(func(now time.Time) {
		for _, serial := range serials {
			if d, ok := o.ours(serial); ok {
				o.assign(d, serverID, now)
			}
		}
	})
}

// assign changes the server of a device and tells of it.
func (o *Org) assign(d *device, serverID string, at time.Time) {
	d.assign(serverID, at, o.s.opts.Lag)
	o.census.counts = nil
	if serverID == "" {
		o.happened(at, "DEVICE_UNASSIGNED_FROM_SERVER", deviceSubject(d.SerialNumber), object{{"serialNumber", d.SerialNumber}})
		return
	}
	o.happened(at, "DEVICE_ASSIGNED_TO_SERVER", deviceSubject(d.SerialNumber), object{
		{"serialNumber", d.SerialNumber}, {"targetServerName", o.serverName(serverID)},
	})
}

// ReleaseDevices takes devices out of the organisation. What was released is not listed any more,
// but still told about when asked for by its serial number.
func (o *Org) ReleaseDevices(serials ...string) {
	o.look(func(now time.Time) {
		for _, serial := range serials {
			if d, ok := o.ours(serial); ok {
				o.release(d, now, "USER")
			}
		}
	})
}

func (o *Org) release(d *device, at time.Time, by string) {
	d.assign("", at, 0)
	d.Released = at
	o.census.counts = nil
	o.forget(orgDevices, d.SerialNumber)
	d.MigrationStatus, d.MigrationDeadline = "", time.Time{}
	o.happened(at, "DEVICE_REMOVED_FROM_ORG", deviceSubject(d.SerialNumber), object{
		{"serialNumber", d.SerialNumber}, {"releaseEntityId", o.id}, {"releaseEntityType", by},
	})
}

// Devices returns the devices as they really are, in the order of their addition, without those
// that were released.
func (o *Org) Devices() []Device {
	var out []Device
	o.look(func(now time.Time) {
		for _, d := range o.devices.values() {
			if d.isOurs() {
				out = append(out, d.told(now))
			}
		}
	})
	return out
}

// Device returns a device as it really is, also one that was released.
func (o *Org) Device(serial string) (d Device, ok bool) {
	o.look(func(now time.Time) {
		if found, there := o.devices.get(serial); there {
			d, ok = found.told(now), true
		}
	})
	return d, ok
}

// migration is the state of the migration at a time: it starts by itself when the deadline is over,
// as the user cannot put it off any longer.
func (d *device) migration(now time.Time) string {
	if d.MigrationStatus == migrationRequested && !d.MigrationDeadline.After(now) {
		return migrationStarted
	}
	return d.MigrationStatus
}

// told is a copy of the device at a time.
func (d *device) told(now time.Time) Device {
	out := d.clone()
	out.MigrationStatus = d.migration(now)
	return out
}

// FinishMigration ends the migration of a device, well or not. It reports whether there was one.
func (o *Org) FinishMigration(serial string, ok bool) (migrating bool) {
	o.look(func(now time.Time) {
		d, there := o.ours(serial)
		if migrating = there && d.isMigrating(); !migrating {
			return
		}
		d.MigrationStatus, d.Updated = "FAILED", now
		if ok {
			d.MigrationStatus = "SUCCESS"
		}
	})
	return migrating
}

// States of a migration that is not over.
const (
	migrationRequested = "REQUESTED"
	migrationStarted   = "STARTED"
)

func (d *device) isMigrating() bool {
	return d.MigrationStatus == migrationRequested || d.MigrationStatus == migrationStarted
}
