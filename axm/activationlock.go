package axm

import "context"

// ActivationLock says whether a device is locked to an account after erasing.
//
// https://developer.apple.com/documentation/applebusinessapi/activationlockstatus
type ActivationLock struct {
	ID       string   `json:"id,omitzero"` // the serial number
	IsLocked bool     `json:"isLocked,omitzero"`
	LockType LockType `json:"lockType,omitzero"`
	Unknown  Unknown  `json:",embed"`
}

// LockType says who has locked a device.
type LockType string

// The types that Apple names.
const (
	LockedByMDM  LockType = "MDM"
	LockedByUser LockType = "USER"
	NotLocked    LockType = "NONE"
)

func (l *ActivationLock) flatten(id string) { l.ID = id }
func (l *ActivationLock) unknown() *Unknown { return &l.Unknown }

const kindActivationLock = "activationLockStatus"

// ActivationLock reads whether a device is locked. A device that the organisation does not manage is
// [ErrNotFound]; a lock of Apple's own has been seen to answer with [ErrServer]. With fields given, Apple
// sends these attributes only. For many devices see [Client.ActivationLocksOf].
//
// https://developer.apple.com/documentation/applebusinessapi/activationlockstatus
func (c *Client) ActivationLock(ctx context.Context, serial string, fields ...string) (*ActivationLock, error) {
	r, err := aboutDevice("read Activation Lock status", kindActivationLock, fields, serial, kindActivationLock)
	if err != nil {
		return nil, err
	}
	return call[ActivationLock](ctx, c, r)
}
