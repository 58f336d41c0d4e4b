package dep

import (
	"context"
	"net/http"
	"strings"

	"github.com/applemdm/applemdm/internal/field"
	"github.com/applemdm/applemdm/internal/rest"
)

// LockStatus is what became of a request to lock a device.
type LockStatus string

// What Apple answers. Compare with [LockStatus.Is].
const (
	LockSuccess            LockStatus = "SUCCESS"
	LockNotAccessible      LockStatus = "NOT_ACCESSIBLE"        // unknown, or not assigned to this server
	LockOrgNotSupported    LockStatus = "ORG_NOT_SUPPORTED"     // the organisation is not in Apple Business or School Manager
	LockDeviceNotSupported LockStatus = "DEVICE_NOT_SUPPORTED"  // devices of this kind cannot be locked
	LockAlreadyLocked      LockStatus = "DEVICE_ALREADY_LOCKED" // by its user or by an earlier call
	LockFailed             LockStatus = "FAILED"                // try again, then ask Apple
)

// Is reports whether both are the same, whatever their case.
func (s LockStatus) Is(other LockStatus) bool { return strings.EqualFold(string(s), string(other)) }

// LockRequest asks for the Activation Lock of one device.
//
// https://developer.apple.com/documentation/devicemanagement/activationlockrequest
type LockRequest struct {
	SerialNumber string

	// BypassCode unlocks the device later: keep it ([BypassCode.RevealHuman]) before the call. Without
	// one, the device is locked to the person who made the server entry in the portal.
	BypassCode BypassCode

	LostMessage string // shown on the device
}

// LockActivation turns on the Activation Lock of a device. The error is for calls that got no
// status; every status of Apple's, LockSuccess and the others, is the result. It is repeated by
// itself only when Apple surely did not process it.
//
// https://developer.apple.com/documentation/devicemanagement/activation-lock-devices
func (c *Client) LockActivation(ctx context.Context, lock LockRequest) (LockStatus, error) {
	if err := field.Serial("LockRequest.SerialNumber", lock.SerialNumber); err != nil {
		return "", err
	}
	type body struct {
		Device      string `json:"device"`
		EscrowKey   string `json:"escrow_key,omitzero"`
		LostMessage string `json:"lost_message,omitzero"`
	}
	type lockAnswer struct {
		SerialNumber   string     `json:"serial_number"`
		ResponseStatus LockStatus `json:"response_status"`
	}
	sent := body{Device: lock.SerialNumber, LostMessage: lock.LostMessage}
	if !lock.BypassCode.IsZero() {
		key, err := lock.BypassCode.EscrowKey()
		if err != nil {
			return "", err
		}
		sent.EscrowKey = key.Reveal()
	}
	r := request{op: "lock the device", method: http.MethodPost, path: rest.Path{"device", "activationlock"}, body: sent}
	answer, err := call[lockAnswer](ctx, c, r)
	if err != nil {
		return "", err
	}
	if answer.ResponseStatus == "" {
		return "", incomplete(r.op, "it has no response_status")
	}
	return answer.ResponseStatus, nil
}
