package dep

import (
	"context"
	"net/http"
	"net/url"

	"github.com/applemdm/applemdm/internal/field"
	"github.com/applemdm/applemdm/internal/rest"
)

// ReplacementDetails links a device that Apple handed out as a replacement to the one it replaces.
//
// https://developer.apple.com/documentation/devicemanagement/get-replacement-details
type ReplacementDetails struct {
	SerialNumber               string  `json:"serial_number,omitzero"` // of the replacement
	OriginalDeviceSerialNumber string  `json:"original_device_serial_number,omitzero"`
	ReplacementDate            Time    `json:"replacement_date,omitzero"` // a day, in UTC
	Unknown                    Unknown `json:",embed"`
}

// ReplacementDetails reads which device the given one replaces. Call it for devices with
// IsReplacementDevice only: for others, and for those out of reach, the error is
// [ErrDeviceNotFound]. It needs protocol version 10.
//
// https://developer.apple.com/documentation/devicemanagement/get-replacement-details
func (c *Client) ReplacementDetails(ctx context.Context, serial string) (*ReplacementDetails, error) {
	if err := field.Serial("serial", serial); err != nil {
		return nil, err
	}
	return call[ReplacementDetails](ctx, c, request{
		op: "read replacement details", method: http.MethodGet, path: rest.Path{"device", "replacementDetails"},
		query: url.Values{"device": {serial}}, repeatable: true,
	})
}
