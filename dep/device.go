package dep

import (
	"context"
	"iter"
	"net/http"
	"slices"
	"strings"

	"github.com/applemdm/applemdm/internal/field"
	"github.com/applemdm/applemdm/internal/rest"
)

// Device is what Apple knows of a device of the organisation that is assigned to this server.
// Every member may be missing, and the enumerated ones may have values that are not listed here.
//
// https://developer.apple.com/documentation/devicemanagement/device
type Device struct {
	SerialNumber string `json:"serial_number,omitzero"`
	Model        string `json:"model,omitzero"` // marketing name
	Description  string `json:"description,omitzero"`
	Color        string `json:"color,omitzero"`
	AssetTag     string `json:"asset_tag,omitzero"`

	ProfileStatus     ProfileStatus `json:"profile_status,omitzero"`
	ProfileUUID       string        `json:"profile_uuid,omitzero"` // may still be set when the status is removed
	ProfileAssignTime Time          `json:"profile_assign_time,omitzero"`
	ProfilePushTime   Time          `json:"profile_push_time,omitzero"` // when the device fetched the profile

	DeviceAssignedDate Time   `json:"device_assigned_date,omitzero"` // to this server
	DeviceAssignedBy   string `json:"device_assigned_by,omitzero"`   // an e-mail address; also seen: "system_user", "-1"

	OS           OS           `json:"os,omitzero"`
	DeviceFamily DeviceFamily `json:"device_family,omitzero"`

	// In the answers of a sync only.
	OpType OpType `json:"op_type,omitzero"`
	OpDate Time   `json:"op_date,omitzero"`

	// MDMMigrationDeadline says that the next enrolment is a migration from another server. The
	// profile then needs AwaitDeviceConfigured, and neither IsMultiUser nor IsReturnToService.
	MDMMigrationDeadline Time `json:"mdm_migration_deadline,omitzero"`

	IMEI                []string `json:"imei,omitzero"`
	MEID                []string `json:"meid,omitzero"`
	EID                 string   `json:"eid,omitzero"`
	WiFiMACAddress      string   `json:"wifi_mac_address,omitzero"` // Apple does not say how MAC addresses are written
	BluetoothMACAddress string   `json:"bluetooth_mac_address,omitzero"`
	EthernetMACAddress  string   `json:"ethernet_mac_address,omitzero"`

	IsReplacementDevice   bool `json:"is_replacement_device,omitzero"`   // see [Client.ReplacementDetails]
	ReleasedByReplacement bool `json:"released_by_replacement,omitzero"` // with OpType deleted only

	// ResponseStatus is set by [Client.DeviceDetails] only; Apple does not document it.
	ResponseStatus Status `json:"response_status,omitzero"`

	Unknown Unknown `json:",embed"`
}

// ProfileStatus says how far the profile of a device has come.
type ProfileStatus string

// The statuses that Apple names. Compare with [ProfileStatus.Is].
const (
	ProfileStatusEmpty    ProfileStatus = "empty"    // none assigned
	ProfileStatusAssigned ProfileStatus = "assigned" // the device has not fetched it yet
	ProfileStatusPushed   ProfileStatus = "pushed"   // the device has fetched it
	ProfileStatusRemoved  ProfileStatus = "removed"  // taken away, by this server or by moving the device
)

// Is reports whether both are the same, whatever their case.
func (s ProfileStatus) Is(other ProfileStatus) bool {
	return strings.EqualFold(string(s), string(other))
}

// OS is an operating system.
type OS string

// The operating systems that Apple names. Before protocol version 7 an iPad is IOS.
const (
	IOS      OS = "iOS"
	IPadOS   OS = "iPadOS"
	MacOS    OS = "OSX"
	TVOS     OS = "tvOS"
	VisionOS OS = "visionOS"

	// Of beta tokens only.
	WatchOS   OS = "watchOS"
	HomePodOS OS = "homePodOS"
)

// DeviceFamily is the product family of a device.
type DeviceFamily string

// The families that Apple names.
const (
	FamilyIPad    DeviceFamily = "iPad"
	FamilyIPhone  DeviceFamily = "iPhone"
	FamilyIPod    DeviceFamily = "iPod"
	FamilyMac     DeviceFamily = "Mac"
	FamilyAppleTV DeviceFamily = "AppleTV"
	FamilyVision  DeviceFamily = "Vision"
)

// OpType is what happened to a device.
type OpType string

// The operations that Apple names. Compare with [OpType.Is].
const (
	OpAdded    OpType = "added"
	OpModified OpType = "modified"
	OpDeleted  OpType = "deleted"
)

// Is reports whether both are the same, whatever their case.
func (o OpType) Is(other OpType) bool { return strings.EqualFold(string(o), string(other)) }

// NeedsProfile reports whether the device is here and has no profile: its status is empty or
// removed (whatever ProfileUUID says), and it was not deleted. A device that was moved here from
// another server often comes so, as modified.
func (d *Device) NeedsProfile() bool {
	if d.OpType.Is(OpDeleted) {
		return false
	}
	return d.ProfileStatus.Is(ProfileStatusEmpty) || d.ProfileStatus.Is(ProfileStatusRemoved)
}

// HasProfile reports whether the profile is assigned to the device or already on it.
func (d *Device) HasProfile(profileUUID string) bool {
	assigned := d.ProfileStatus.Is(ProfileStatusAssigned) || d.ProfileStatus.Is(ProfileStatusPushed)
	return assigned && normalUUID(d.ProfileUUID) == normalUUID(profileUUID)
}

// normalUUID brings the UUID of a profile to the form that Apple answers with: upper case without
// dashes.
func normalUUID(uuid string) string { return strings.ToUpper(strings.ReplaceAll(uuid, "-", "")) }

// Devices returns an iterator over all devices assigned to this server, for a look at the whole
// list; to keep up with it, use [Client.Changes] or a [Syncer]. It costs a request for every
// PageSize devices and keeps two pages in memory, whatever the length of the list. Each range
// starts afresh; an error comes once, last, with the zero Device. When Apple forgets the cursor on the
// way, the list begins again, once, and devices come twice.
//
// https://developer.apple.com/documentation/devicemanagement/fetch-devices
func (c *Client) Devices(ctx context.Context) iter.Seq2[Device, error] {
	return items(fullList(ctx, c.deviceFeed))
}

// DeviceDetails reads the details of devices by serial number, in one request for every [MaxBatch].
// The result has an entry for each distinct serial number, in the order given. Of one that this
// server may not see it has the serial number and ResponseStatus [StatusNotAccessible] only; of one
// that the answer does not mention, [StatusMissing].
//
// When a request fails, the error comes alone, even if requests before it were answered: reading
// again costs nothing but those requests. Whoever wants to keep what was read asks for at most
// MaxBatch devices at a time.
//
// https://developer.apple.com/documentation/devicemanagement/device-details
func (c *Client) DeviceDetails(ctx context.Context, serials []string) ([]Device, error) {
	unique, err := field.Serials("serials", serials)
	if err != nil {
		return nil, err
	}
	details := make([]Device, 0, len(unique))
	for batch := range slices.Chunk(unique, MaxBatch) {
		answer, err := call[deviceDetails](ctx, c, request{
			op: "read device details", method: http.MethodPost, path: rest.Path{"devices"},
			body: deviceList{Devices: batch}, repeatable: true,
		})
		if err != nil {
			return nil, err
		}
		for _, serial := range batch {
			details = append(details, answer.of(serial))
		}
	}
	return details, nil
}

type deviceList struct {
	Devices []string `json:"devices"`
}

type deviceDetails struct {
	Devices map[string]*Device `json:"devices"`
}

// of returns the entry of serial. Entries of devices that are out of reach lack the serial number.
func (d *deviceDetails) of(serial string) Device {
	entry := d.Devices[serial]
	if entry == nil {
		return Device{SerialNumber: serial, ResponseStatus: StatusMissing}
	}
	device := *entry
	if device.ResponseStatus == "" {
		device.ResponseStatus = StatusSuccess
	}
	device.SerialNumber = serial
	return device
}

// Disown releases devices from the organisation, for good: this interface cannot bring them back.
// A device that was released by an earlier attempt, whose answer got lost, shows as
// [StatusNotAccessible]. Batches and errors are as with [Client.AssignProfile].
//
// https://developer.apple.com/documentation/devicemanagement/disown-devices
func (c *Client) Disown(ctx context.Context, serials []string) (Outcomes, error) {
	return outcomesOf(serials, func(batch []string) (*statusAnswer, error) {
		return call[statusAnswer](ctx, c, request{
			op: "disown devices", method: http.MethodPost, path: rest.Path{"devices", "disown"},
			body: deviceList{Devices: batch},
		})
	})
}
