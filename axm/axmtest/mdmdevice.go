package axmtest

import (
	"maps"
	"slices"
	"time"
)

// Kinds of devices that Apple's built-in device management has.
const (
	mdmDevices       = "mdmDevices"
	mdmDeviceDetails = "mdmDeviceDetails"
)

// MDMDevice is a device that is enrolled in Apple's built-in device management. What comes after
// EnrolledUserID is told as its details.
type MDMDevice struct {
	ID             string // default invented
	SerialNumber   string
	DeviceName     string
	ProductFamily  string
	EnrolledUserID string

	DeviceModel     string
	OSVersion       string
	Platform        string
	IMEI, MEID      []string
	WiFiMAC         string
	BluetoothMAC    string
	EthernetMAC     string
	LastCheckIn     time.Time // null if zero
	Firewall        bool
	FileVault       bool
	StorageFree     int64  // bytes
	StorageTotal    int64  // bytes
	LockStatus      string // LOCKED, UNLOCKED (default)
	EraseStatus     string // NOT_ERASED (default), ERASED
	LostModeStatus  string // ENABLED, DISABLED (default)
	Extra           map[string]any
	DetailsExtra    map[string]any
	DetailsNotFound bool // answers 404 for the details
}

func (d *MDMDevice) ident() *string { return &d.ID }

func (d *MDMDevice) complete(time.Time) {
	or(&d.LockStatus, "UNLOCKED")
	or(&d.EraseStatus, "NOT_ERASED")
	or(&d.LostModeStatus, "DISABLED")
}

func (d *MDMDevice) clone() MDMDevice {
	out := *d
	out.IMEI, out.MEID = slices.Clone(d.IMEI), slices.Clone(d.MEID)
	out.Extra, out.DetailsExtra = maps.Clone(d.Extra), maps.Clone(d.DetailsExtra)
	return out
}

func (d *MDMDevice) resource(c *call, _ bool) resource {
	return resource{kind: mdmDevices, id: d.ID, extra: d.Extra, attributes: object{
		{"serialNumber", d.SerialNumber},
		{"deviceName", d.DeviceName},
		{"productFamily", d.ProductFamily},
		{"enrolledUserId", d.EnrolledUserID},
	}, relationships: object{{"details", object{{"links", object{{"related", c.url(mdmDevices, d.ID, "details")}}}}}}}
}

func (d *MDMDevice) details() resource {
	return resource{kind: mdmDeviceDetails, id: d.ID, extra: d.DetailsExtra, attributes: object{
		{"serialNumber", d.SerialNumber},
		{"deviceName", d.DeviceName},
		{"deviceModel", d.DeviceModel},
		{"osVersion", d.OSVersion},
		{"platform", d.Platform},
		{"imei", list(d.IMEI)},
		{"meid", list(d.MEID)},
		{"wifiMacAddress", d.WiFiMAC},
		{"bluetoothMacAddress", d.BluetoothMAC},
		{"ethernetMacAddress", d.EthernetMAC},
		{"lastCheckInDateTime", dateOrNull(d.LastCheckIn)},
		{"isFirewallEnabled", d.Firewall},
		{"isFileVaultEnabled", d.FileVault},
		{"storageFreeCapacity", d.StorageFree},
		{"storageTotalCapacity", d.StorageTotal},
		{"deviceLockStatus", d.LockStatus},
		{"deviceEraseStatus", d.EraseStatus},
		{"lostModeStatus", d.LostModeStatus},
	}}
}

// getDetails is GET /v1/mdmDevices/{id}/details.
func getDetails(c *call) *reply {
	d, ok := c.org.MDMDevices.table.get(c.id)
	if !ok || d.DetailsNotFound {
		return notFound(mdmDeviceDetails, c.id)
	}
	return c.one(d.details())
}
