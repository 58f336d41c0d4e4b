package deptest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Values of Device.ProfileStatus.
const (
	StatusEmpty    = "empty"
	StatusAssigned = "assigned"
	StatusPushed   = "pushed"
	StatusRemoved  = "removed"
)

// Device is a device of the organisation that is assigned to this MDM server. Zero fields are left
// out of answers.
type Device struct {
	SerialNumber         string
	Model                string
	Description          string
	Color                string
	AssetTag             string
	ProfileStatus        string
	ProfileUUID          string
	ProfileAssignTime    time.Time
	ProfilePushTime      time.Time
	DeviceAssignedDate   time.Time
	DeviceAssignedBy     string
	OS                   string // an iPad's is "iPadOS"; clients below version 7 see "iOS"
	DeviceFamily         string
	MDMMigrationDeadline time.Time
	IMEI                 []string
	MEID                 []string
	EID                  string
	WiFiMACAddress       string
	BluetoothMACAddress  string
	EthernetMACAddress   string
	IsReplacementDevice  bool
}

// kind is a sort of device that random devices are made of.
type kind struct {
	model, description, os, family string
	cellular                       bool
}

func kinds() []kind {
	return []kind{
		{"iPhone 17", "IPHONE 17 256GB", "iOS", "iPhone", true},
		{"iPad (A16)", "IPAD (A16) WI-FI 128GB", "iPadOS", "iPad", false},
		{"MacBook Air (M4)", "MBA 13.6 16GB 256GB", "OSX", "Mac", false},
		{"Apple TV 4K", "APPLE TV 4K WI-FI 64GB", "tvOS", "AppleTV", false},
	}
}

// complete fills in what a device needs to be one: at the least a model with its system, an
// assignment and a profile status.
func (d *Device) complete(a *Account, now time.Time) {
	if d.Model == "" && d.OS == "" && d.DeviceFamily == "" {
		k := kinds()[0]
		d.Model, d.Description, d.OS, d.DeviceFamily = k.model, k.description, k.os, k.family
	}
	or(&d.ProfileStatus, StatusEmpty)
	or(&d.DeviceAssignedBy, a.AdminID)
	if d.DeviceAssignedDate.IsZero() {
		d.DeviceAssignedDate = now
	}
}

// clone copies what d refers to, so that the caller's copy and ours do not share it.
func (d Device) clone() Device {
	d.IMEI, d.MEID = slices.Clone(d.IMEI), slices.Clone(d.MEID)
	return d
}

// randomDevice makes the n-th random device: the same one in each run, so that examples can show
// it.
func randomDevice(n int) Device {
	rng := rand.New(rand.NewPCG(uint64(n), 0x41706c65))
	k := kinds()[n%len(kinds())]
	colors := []string{"BLACK", "SILVER", "SPACE GRAY", "WHITE"}
	d := Device{
		SerialNumber:        randomSerial(rng),
		Model:               k.model,
		Description:         k.description,
		Color:               colors[rng.IntN(len(colors))],
		OS:                  k.os,
		DeviceFamily:        k.family,
		WiFiMACAddress:      randomMAC(rng),
		BluetoothMACAddress: randomMAC(rng),
	}
	if k.cellular {
		d.IMEI = []string{randomDigits(rng, "35", 15), randomDigits(rng, "35", 15)}
		d.MEID = []string{d.IMEI[0][:14]}
		d.EID = randomDigits(rng, "89049032", 32)
	} else if k.os != "iPadOS" {
		d.EthernetMACAddress = randomMAC(rng)
	}
	return d
}

// randomSerial is ten characters without vowels, as newer serial numbers are.
func randomSerial(rng *rand.Rand) string {
	const alphabet = "0123456789BCDFGHJKLMNPQRTVWXYZ"
	b := make([]byte, 10)
	for i := range b {
		b[i] = alphabet[rng.IntN(len(alphabet))]
	}
	b[0] = alphabet[10+rng.IntN(20)] // a letter first: never only digits
	return string(b)
}

// randomMAC is a locally administered address: it belongs to no maker.
func randomMAC(rng *rand.Rand) string {
	return fmt.Sprintf("02:00:%02X:%02X:%02X:%02X", rng.IntN(256), rng.IntN(256), rng.IntN(256), rng.IntN(256))
}

func randomDigits(rng *rand.Rand, prefix string, length int) string {
	b := append(make([]byte, 0, length), prefix...)
	for len(b) < length {
		b = append(b, byte('0'+rng.IntN(10)))
	}
	return string(b)
}

// view is how a record shows a device: to a client of some version, and which extras it has.
type view struct {
	version    int
	emptyTimes bool // "" for a time that is not set
}

func (c *call) view() view { return view{version: c.version, emptyTimes: c.s.opts.EmptyTimes} }

// appendDevice appends the members of d, but not the braces. Pages of a thousand devices are
// written by it: by hand, because reflection costs several times as much.
func appendDevice(b []byte, d *Device, v view) []byte {
	b = appendString(b, "serial_number", d.SerialNumber)
	b = appendOptional(b, "model", d.Model)
	b = appendOptional(b, "description", d.Description)
	b = appendOptional(b, "color", d.Color)
	b = appendString(b, "asset_tag", d.AssetTag)
	b = appendOptional(b, "profile_status", d.ProfileStatus)
	b = appendOptional(b, "profile_uuid", d.ProfileUUID)
	b = v.appendTime(b, "profile_assign_time", d.ProfileAssignTime)
	b = v.appendTime(b, "profile_push_time", d.ProfilePushTime)
	b = v.appendTime(b, "device_assigned_date", d.DeviceAssignedDate)
	b = appendOptional(b, "device_assigned_by", d.DeviceAssignedBy)
	if v.version >= 2 {
		b = appendOptional(b, "os", osName(d.OS, v.version))
		b = appendOptional(b, "device_family", d.DeviceFamily)
	}
	if v.version >= 8 && !d.MDMMigrationDeadline.IsZero() {
		b = appendTime(b, "mdm_migration_deadline", d.MDMMigrationDeadline)
	}
	if v.version >= 10 {
		b = appendStrings(b, "imei", d.IMEI)
		b = appendStrings(b, "meid", d.MEID)
		b = appendOptional(b, "eid", d.EID)
		b = appendOptional(b, "wifi_mac_address", d.WiFiMACAddress)
		b = appendOptional(b, "bluetooth_mac_address", d.BluetoothMACAddress)
		b = appendOptional(b, "ethernet_mac_address", d.EthernetMACAddress)
		b = appendBool(b, "is_replacement_device", d.IsReplacementDevice)
	}
	return b
}

// osName is the name of the system for a version: iPads had "iOS" before 7.
func osName(os string, version int) string {
	if os == "iPadOS" && version < 7 {
		return "iOS"
	}
	return os
}

func appendOptional(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return appendString(b, name, value)
}

func (v view) appendTime(b []byte, name string, t time.Time) []byte {
	switch {
	case !t.IsZero():
		return appendTime(b, name, t)
	case v.emptyTimes:
		return appendString(b, name, "")
	}
	return b
}

func appendStrings(b []byte, name string, values []string) []byte {
	if len(values) == 0 {
		return b
	}
	b = append(appendName(b, name), '[')
	for i, value := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b, _ = jsontext.AppendQuote(b, value)
	}
	return append(b, ']')
}

func appendInt(b []byte, name string, value int) []byte {
	return strconv.AppendInt(appendName(b, name), int64(value), 10)
}
