package legacy

import (
	"bytes"
	"errors"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/applemdm/applemdm/vpp"
)

// Numbers of errors that only version 1 has. Package vpp has the others.
//
// https://developer.apple.com/documentation/devicemanagement/interpreting-error-codes
const (
	NumberMissingArgument  vpp.Number = 9600 // a required argument is missing: fix it. [vpp.ErrInvalidRequest]
	NumberNotFound         vpp.Number = 9604 // nothing was found. [ErrNotFound]
	NumberStorefront       vpp.Number = 9605 // wrong storefront for the account: the administrator acts. [ErrOwner]
	NumberTokenNotBuilt    vpp.Number = 9606 // a token could not be made; Apple does not say which
	NumberIrrevocable      vpp.Number = 9607 // books stay with whom they were given to. [vpp.ErrNotRevocable]
	NumberNoAnswer         vpp.Number = 9608 // an internal service gave no answer: repeat. [vpp.ErrServer]
	NumberNoLicense        vpp.Number = 9610 // none is available: buy more, or take some back. [vpp.ErrNotEnoughLicenses]
	NumberAdminNotFound    vpp.Number = 9611 // no such admin user: the administrator acts. [ErrOwner]
	NumberClaimJob         vpp.Number = 9612 // could not be begun: repeat. [vpp.ErrServer]
	NumberUnclaimJob       vpp.Number = 9613 // could not be begun: repeat. [vpp.ErrServer]
	NumberDate             vpp.Number = 9614 // no date: fix it. [vpp.ErrInvalidRequest]
	NumberCountry          vpp.Number = 9615 // the organisation has no country: the administrator acts. [ErrOwner]
	NumberAlreadyAssigned  vpp.Number = 9616 // has it already, which is what was asked for. [ErrAlreadyAssigned]
	NumberMoved            vpp.Number = 9617 // elsewhere now; the client looks where. [ErrMoved]
	NumberUserRetired      vpp.Number = 9618 // retired already. [ErrUserRetired]
	NumberNotAssigned      vpp.Number = 9619 // nothing to take back. [ErrNotAssigned]
	NumberUserDeleted      vpp.Number = 9620 // a tombstone: forget it. [ErrUserDeleted]
	NumberLicenseRefunded  vpp.Number = 9624 // the licence is gone: forget it. [ErrLicenseRefunded]
	NumberLicenseTaken     vpp.Number = 9626 // went to another user: try again. [ErrLicenseTaken]
	NumberReassigned       vpp.Number = 9627 // assigned too often to be taken back: wait. [ErrTooOften]
	NumberNotForDevices    vpp.Number = 9628 // for users only: assign it to a user. [vpp.ErrNotDeviceAssignable]
	NumberForeignBatch     vpp.Number = 9629 // the list is of another token: read it anew. [ErrBatchLost]
	NumberStillAssigned    vpp.Number = 9630 // 9616 again and again: stop repeating. [ErrAlreadyAssigned]
	NumberStillNoLicense   vpp.Number = 9631 // 9610 again and again: stop repeating. [vpp.ErrNotEnoughLicenses]
	NumberRepeated         vpp.Number = 9632 // the same request again and again: stop repeating. [ErrTooOften]
	NumberBatchLost        vpp.Number = 9633 // the list is lost: read it anew. [ErrBatchLost]
	NumberNoUser           vpp.Number = 9636 // no such user: register it. [vpp.ErrUserNotFound]
	NumberNoOrganization   vpp.Number = 9638 // the owner's account is of no organisation: the administrator acts. [ErrOwner]
	NumberFacilitator      vpp.Number = 9639 // no such member of a facilitator: the administrator acts. [ErrOwner]
	NumberFacilitatorJob   vpp.Number = 9640 // the member could not be looked up: the administrator acts. [ErrOwner]
	NumberTermsNotAccepted vpp.Number = 9642 // the Apple Account has to accept the terms. [ErrTermsNotAccepted]
	NumberLicenseLocked    vpp.Number = 9643 // the licence is being moved: try again later. [ErrLicenseLocked]
	NumberManagedByApple   vpp.Number = 9645 // of Apple's own device management: stop writing. [ErrManagedByApple]
)

// sentinels says what callers see of each number. It is never written to.
var sentinels = map[vpp.Number]error{
	NumberMissingArgument:     vpp.ErrInvalidRequest,
	vpp.NumberLoginRequired:   vpp.ErrTokenInvalid,
	vpp.NumberInvalidArgument: vpp.ErrInvalidRequest,
	vpp.NumberInternal:        vpp.ErrServer,
	NumberNotFound:            ErrNotFound,
	NumberStorefront:          ErrOwner,
	NumberIrrevocable:         vpp.ErrNotRevocable,
	NumberNoAnswer:            vpp.ErrServer,
	vpp.NumberUserNotFound:    vpp.ErrUserNotFound,
	NumberNoLicense:           vpp.ErrNotEnoughLicenses,
	NumberAdminNotFound:       ErrOwner,
	NumberClaimJob:            vpp.ErrServer,
	NumberUnclaimJob:          vpp.ErrServer,
	NumberDate:                vpp.ErrInvalidRequest,
	NumberCountry:             ErrOwner,
	NumberAlreadyAssigned:     ErrAlreadyAssigned,
	NumberMoved:               ErrMoved,
	NumberUserRetired:         ErrUserRetired,
	NumberNotAssigned:         ErrNotAssigned,
	NumberUserDeleted:         ErrUserDeleted,
	vpp.NumberTokenExpired:    vpp.ErrTokenExpired,
	vpp.NumberTokenMalformed:  vpp.ErrTokenInvalid,
	vpp.NumberPushToken:       vpp.ErrInvalidRequest,
	NumberLicenseRefunded:     ErrLicenseRefunded,
	vpp.NumberTokenRevoked:    vpp.ErrTokenRevoked,
	NumberLicenseTaken:        ErrLicenseTaken,
	NumberReassigned:          ErrTooOften,
	NumberNotForDevices:       vpp.ErrNotDeviceAssignable,
	NumberForeignBatch:        ErrBatchLost,
	NumberStillAssigned:       ErrAlreadyAssigned,
	NumberStillNoLicense:      vpp.ErrNotEnoughLicenses,
	NumberRepeated:            ErrTooOften,
	NumberBatchLost:           ErrBatchLost,
	vpp.NumberServiceRemoved:  vpp.ErrServiceRemoved,
	vpp.NumberAccountUnusable: vpp.ErrAccountUnusable,
	NumberNoUser:              vpp.ErrUserNotFound,
	vpp.NumberForbidden:       vpp.ErrForbidden,
	NumberNoOrganization:      ErrOwner,
	NumberFacilitator:         ErrOwner,
	NumberFacilitatorJob:      ErrOwner,
	vpp.NumberAccountTaken:    vpp.ErrAccountTaken,
	NumberTermsNotAccepted:    ErrTermsNotAccepted,
	NumberLicenseLocked:       ErrLicenseLocked,
	vpp.NumberMaintenance:     vpp.ErrMaintenance,
	NumberManagedByApple:      ErrManagedByApple,
	vpp.NumberTooManyRequests: vpp.ErrTooManyRequests,
	vpp.NumberUnavailable:     vpp.ErrMaintenance,
}

// tolerant reads numbers that come as texts, and the other way round: version 1 does both, and its
// documentation and its examples differ.
var tolerant = json.JoinUnmarshalers(
	json.UnmarshalFromFunc(func(dec *jsontext.Decoder, v *int) error { return readNumber(dec, v) }),
	json.UnmarshalFromFunc(func(dec *jsontext.Decoder, v *int64) error { return readNumber(dec, v) }),
	json.UnmarshalFromFunc(func(dec *jsontext.Decoder, v *string) error {
		if dec.PeekKind() != jsontext.KindNumber {
			return errors.ErrUnsupported
		}
		value, err := dec.ReadValue()
		*v = string(value)
		return err
	}),
)

func readNumber[N int | int64](dec *jsontext.Decoder, v *N) error {
	if dec.PeekKind() != jsontext.KindString {
		return errors.ErrUnsupported
	}
	value, err := dec.ReadValue()
	if err != nil {
		return err
	}
	n, err := strconv.ParseInt(string(bytes.Trim(value, `"`)), 10, 64)
	*v = N(n)
	return err
}

// count is a number that comes as a text in some answers. It is there for information, so an odd one
// is none.
type count int

func (n *count) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	value, err := dec.ReadValue()
	if err != nil {
		return err
	}
	number, err := strconv.ParseInt(string(bytes.Trim(value, `"`)), 10, 32)
	if err != nil {
		number = 0
	}
	*n = count(number)
	return nil
}
