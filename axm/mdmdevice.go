package axm

import (
	"context"
	"iter"
	"net/http"

	"github.com/applemdm/applemdm/internal/rest"
)

// The types of enrolled devices and of their details.
const (
	kindMDMDevices       = "mdmDevices"
	kindMDMDeviceDetails = "mdmDeviceDetails"
)

// MDMDevice is a device that is enrolled in the device management that Apple has built in. Every
// member may be missing. Devices that other services manage are not among them: see [Device].
//
// https://developer.apple.com/documentation/applebusinessapi/mdmdevice
type MDMDevice struct {
	ID             string  `json:"id,omitzero"` // not the serial number
	SerialNumber   string  `json:"serialNumber,omitzero"`
	DeviceName     string  `json:"deviceName,omitzero"`
	ProductFamily  string  `json:"productFamily,omitzero"`
	EnrolledUserID string  `json:"enrolledUserId,omitzero"` // for [Client.User]
	Unknown        Unknown `json:",embed"`
}

func (d *MDMDevice) flatten(id string) { d.ID = id }
func (d *MDMDevice) unknown() *Unknown { return &d.Unknown }

// MDMDeviceDetails is what an enrolled device has told of itself. Every member may be missing, and
// the enumerated ones may have values that are not listed here.
//
// https://developer.apple.com/documentation/applebusinessapi/mdmdevicedetail
type MDMDeviceDetails struct {
	ID           string `json:"id,omitzero"` // of the [MDMDevice]
	SerialNumber string `json:"serialNumber,omitzero"`
	DeviceName   string `json:"deviceName,omitzero"`
	DeviceModel  string `json:"deviceModel,omitzero"`
	OSVersion    string `json:"osVersion,omitzero"`
	Platform     string `json:"platform,omitzero"` // such as "iPadOS"

	IMEI                []string `json:"imei,omitzero"`
	MEID                []string `json:"meid,omitzero"`
	WiFiMACAddress      string   `json:"wifiMacAddress,omitzero"`
	BluetoothMACAddress string   `json:"bluetoothMacAddress,omitzero"`
	EthernetMACAddress  []string `json:"ethernetMacAddress,omitzero"` // of one as of several

	LastCheckIn Time `json:"lastCheckInDateTime,omitzero"`

	// Nil if Apple does not say, as of devices that have no such thing.
	IsFirewallEnabled    *bool  `json:"isFirewallEnabled,omitzero"`
	IsFileVaultEnabled   *bool  `json:"isFileVaultEnabled,omitzero"`
	StorageFreeCapacity  *int64 `json:"storageFreeCapacity,omitzero"`  // bytes
	StorageTotalCapacity *int64 `json:"storageTotalCapacity,omitzero"` // bytes

	DeviceLockStatus  DeviceLockStatus  `json:"deviceLockStatus,omitzero"`
	DeviceEraseStatus DeviceEraseStatus `json:"deviceEraseStatus,omitzero"`
	LostModeStatus    LostModeStatus    `json:"lostModeStatus,omitzero"`

	Unknown Unknown `json:",embed"`
}

// DeviceLockStatus says whether an enrolled device was locked by a command.
type DeviceLockStatus string

// The statuses that Apple names.
const (
	DeviceLocked   DeviceLockStatus = "LOCKED"
	DeviceUnlocked DeviceLockStatus = "UNLOCKED"
)

// DeviceEraseStatus says whether an enrolled device was erased by a command.
type DeviceEraseStatus string

// The statuses that Apple names.
const (
	DeviceErased    DeviceEraseStatus = "ERASED"
	DeviceNotErased DeviceEraseStatus = "NOT_ERASED"
)

// LostModeStatus says whether an enrolled device is in Lost Mode.
type LostModeStatus string

// The statuses that Apple names.
const (
	LostModeEnabled  LostModeStatus = "ENABLED"
	LostModeDisabled LostModeStatus = "DISABLED"
)

func (d *MDMDeviceDetails) flatten(id string) { d.ID = id }
func (d *MDMDeviceDetails) unknown() *Unknown { return &d.Unknown }

// MDMDevices returns an iterator over the devices that are enrolled in the device management that
// Apple has built in. It is read as [Client.Devices] is. Apple Business only.
//
// https://developer.apple.com/documentation/applebusinessapi/get-apple-mdm-enrolled-devices
func (c *Client) MDMDevices(ctx context.Context, options ListOptions) iter.Seq2[MDMDevice, error] {
	return items(c.MDMDevicePages(ctx, options))
}

// MDMDevicePages is [Client.MDMDevices] by the page.
func (c *Client) MDMDevicePages(ctx context.Context, options ListOptions) iter.Seq2[*Page[MDMDevice], error] {
	return pages(ctx, c, businessList[MDMDevice]("read enrolled devices", kindMDMDevices, options))
}

// MDMDeviceDetails reads the details of the enrolled device with this [MDMDevice.ID]. It costs a
// request for each device; Apple has no such call for many. With fields given, Apple sends these
// attributes only. Apple Business only.
//
// https://developer.apple.com/documentation/applebusinessapi/get-the-details-for-apple-mdm-enrolled-device
func (c *Client) MDMDeviceDetails(ctx context.Context, id string, fields ...string) (*MDMDeviceDetails, error) {
	if err := checkID("id", id); err != nil {
		return nil, err
	}
	query, err := fieldsQuery(kindMDMDeviceDetails, fields)
	if err != nil {
		return nil, err
	}
	return call[MDMDeviceDetails](ctx, c, request{
		op: "read details of enrolled device", method: http.MethodGet, path: rest.Path{kindMDMDevices, id, "details"},
		query: query, businessOnly: true,
	})
}
