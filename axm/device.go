package axm

import (
	"context"
	"errors"
	"iter"
	"net/http"

	"github.com/go-json-experiment/json"

	"github.com/applemdm/applemdm/internal/field"
	"github.com/applemdm/applemdm/internal/rest"
)

// kindDevices is the type of devices in documents and paths.
const kindDevices = "orgDevices"

// Device is a device of the organisation. Every member may be missing, and the enumerated ones may
// have values that are not listed here.
//
// https://developer.apple.com/documentation/applebusinessapi/orgdevice
type Device struct {
	ID            string        `json:"id,omitzero"` // the serial number
	SerialNumber  string        `json:"serialNumber,omitzero"`
	Status        DeviceStatus  `json:"status,omitzero"`
	DeviceModel   string        `json:"deviceModel,omitzero"` // marketing name
	ProductFamily ProductFamily `json:"productFamily,omitzero"`
	ProductType   string        `json:"productType,omitzero"` // such as "iPad13,18"
	Capacity      string        `json:"deviceCapacity,omitzero"`
	PartNumber    string        `json:"partNumber,omitzero"`
	Color         string        `json:"color,omitzero"`

	AddedToOrg      Time `json:"addedToOrgDateTime,omitzero"`
	ReleasedFromOrg Time `json:"releasedFromOrgDateTime,omitzero"` // in the answer of [Client.Device] only
	Updated         Time `json:"updatedDateTime,omitzero"`

	// Who released it. Some versions of Apple's pages name these among the fields only.
	ReleaserID         string            `json:"releaserId,omitzero"`
	ReleaserEntityType ReleaseEntityType `json:"releaserEntityType,omitzero"`

	OrderNumber        string             `json:"orderNumber,omitzero"`
	OrderDate          Time               `json:"orderDateTime,omitzero"`
	PurchaseSourceType PurchaseSourceType `json:"purchaseSourceType,omitzero"`
	PurchaseSourceID   string             `json:"purchaseSourceId,omitzero"`

	IMEI                []string `json:"imei,omitzero"`
	MEID                []string `json:"meid,omitzero"`
	EID                 string   `json:"eid,omitzero"`
	WiFiMACAddress      string   `json:"wifiMacAddress,omitzero"`
	BluetoothMACAddress string   `json:"bluetoothMacAddress,omitzero"`
	EthernetMACAddress  []string `json:"ethernetMacAddress,omitzero"`

	// The move to another device management service, without erasing the device. Apple does not name
	// these among the fields that can be asked for: leave ListOptions.Fields empty to get them.
	IsMDMMigrationCapable bool            `json:"isMdmMigrationCapable,omitzero"`
	MDMMigrationStatus    MigrationStatus `json:"mdmMigrationStatus,omitzero"`
	MDMMigrationDeadline  Time            `json:"mdmMigrationDeadlineDateTime,omitzero"`

	Unknown Unknown `json:",embed"`
}

// DeviceStatus says whether a device is assigned to a device management service.
type DeviceStatus string

// The statuses that Apple names.
const (
	DeviceAssigned   DeviceStatus = "ASSIGNED"
	DeviceUnassigned DeviceStatus = "UNASSIGNED"
)

// ProductFamily is the product family of a device. Default assignments name them otherwise: see
// [DefaultFamily].
type ProductFamily string

// The families that Apple names.
const (
	FamilyIPhone  ProductFamily = "iPhone"
	FamilyIPad    ProductFamily = "iPad"
	FamilyMac     ProductFamily = "Mac"
	FamilyAppleTV ProductFamily = "AppleTV"
	FamilyWatch   ProductFamily = "Watch"
	FamilyVision  ProductFamily = "Vision"
)

// PurchaseSourceType says where a device came from.
type PurchaseSourceType string

// The sources that Apple names.
const (
	PurchasedFromApple    PurchaseSourceType = "APPLE"
	PurchasedFromReseller PurchaseSourceType = "RESELLER"
	ManuallyAdded         PurchaseSourceType = "MANUALLY_ADDED"
)

// MigrationStatus says how far a device is on its way to another device management service; "" is
// not on its way.
type MigrationStatus string

// The statuses that Apple names.
const (
	MigrationRequested MigrationStatus = "REQUESTED"
	MigrationStarted   MigrationStatus = "STARTED"
	MigrationSuccess   MigrationStatus = "SUCCESS"
	MigrationFailed    MigrationStatus = "FAILED"
)

func (d *Device) flatten(id string) {
	d.ID = id
	const name, other = "purchaseSourceId", "purchaseSourceUid" // as Apple's own sample has it
	raw, is := d.Unknown[other]
	_, odd := d.Unknown[name]
	var uid string
	if is && !odd && d.PurchaseSourceID == "" && json.Unmarshal(raw, &uid) == nil {
		d.PurchaseSourceID = uid
		delete(d.Unknown, other)
	}
}

func (d *Device) unknown() *Unknown { return &d.Unknown }

// Devices returns an iterator over the devices of the organisation. It costs a request for each page
// and keeps two pages in memory, whatever the length of the list. Each range starts afresh; an error
// comes once, last, with the zero Device. When Apple forgets the cursor on the way, the list begins
// again, once, and devices come twice; [Client.DevicePages] shows where.
//
// https://developer.apple.com/documentation/applebusinessapi/get-org-devices
func (c *Client) Devices(ctx context.Context, options ListOptions) iter.Seq2[Device, error] {
	return items(c.DevicePages(ctx, options))
}

// DevicePages is [Client.Devices] by the page, for reads that are resumed.
func (c *Client) DevicePages(ctx context.Context, options ListOptions) iter.Seq2[*Page[Device], error] {
	return pages(ctx, c, list[Device]{
		op: "read devices", path: rest.Path{kindDevices}, kind: kindDevices, options: options, decode: resourcePage[Device],
	})
}

// Device reads one device, also one that was released: see [Device.ReleasedFromOrg]. With fields
// given, Apple sends these attributes only, as with [ListOptions.Fields]. A device that never was one
// of the organisation is [ErrNotFound].
//
// https://developer.apple.com/documentation/applebusinessapi/get-orgdevice-information
func (c *Client) Device(ctx context.Context, serial string, fields ...string) (*Device, error) {
	r, err := aboutDevice("read device", kindDevices, fields, serial)
	if err != nil {
		return nil, err
	}
	return call[Device](ctx, c, r)
}

// aboutDevice returns the request for what is below a device.
func aboutDevice(op, kind string, fields []string, serial string, below ...string) (request, error) {
	if err := field.Serial("serial", serial); err != nil {
		return request{}, err
	}
	query, err := fieldsQuery(kind, fields)
	if err != nil {
		return request{}, err
	}
	path := append(rest.Path{kindDevices, serial}, below...)
	return request{op: op, method: http.MethodGet, path: path, query: query}, nil
}

// AssignedServer reads which device management service a device is assigned to: nil, without an
// error, if to none. Apple answers for a device that it does not know as for one that is not
// assigned. With fields given, it sends these attributes of the server only.
//
// After an assignment the answer lags behind, by some 15 seconds or more.
//
// https://developer.apple.com/documentation/applebusinessapi/get-the-assigned-server-information-for-an-orgdevice
func (c *Client) AssignedServer(ctx context.Context, serial string, fields ...string) (*Server, error) {
	r, err := aboutDevice("read assigned server", kindServers, fields, serial, "assignedServer")
	if err != nil {
		return nil, err
	}
	resp, err := c.send(ctx, r)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if namesNone(resp.Body) {
		return nil, nil
	}
	return decodeOne[Server](r.op, resp)
}

// AssignedServerID is [Client.AssignedServer] for the ID alone, "" for none.
//
// https://developer.apple.com/documentation/applebusinessapi/get-the-assigned-server-id-for-an-orgdevice
func (c *Client) AssignedServerID(ctx context.Context, serial string) (string, error) {
	r, err := aboutDevice("read assigned server ID", "", nil, serial, "relationships", "assignedServer")
	if err != nil {
		return "", err
	}
	resp, err := c.send(ctx, r)
	if errors.Is(err, ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return decodeLinkage(r.op, resp)
}
