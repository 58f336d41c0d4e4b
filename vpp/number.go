package vpp

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Number is Apple's number of an error. One number may come with several texts, so compare numbers,
// or use the sentinels that [Error] has for those which callers act on.
//
// https://developer.apple.com/documentation/devicemanagement/handling-error-responses
type Number int

// Errors about the token and the service as a whole.
const (
	NumberLoginRequired          Number = 9601 // no token, or one that is none: get a new one. [ErrTokenInvalid]
	NumberInternal               Number = 9603 // Apple failed: repeat; after five times wait for minutes. [ErrServer]
	NumberTokenExpired           Number = 9621 // the token is older than a year: get a new one. [ErrTokenExpired]
	NumberTokenMalformed         Number = 9622 // the token cannot be read (older services): get a new one. [ErrTokenInvalid]
	NumberTokenRevoked           Number = 9625 // the token was revoked: get a new one. [ErrTokenRevoked]
	NumberServiceRemoved         Number = 9634 // the endpoint is gone: stop calling it. [ErrServiceRemoved]
	NumberForbidden              Number = 9637 // the owner of the token may not do this. [ErrForbidden]
	NumberMaintenance            Number = 9644 // maintenance: repeat later. [ErrMaintenance]
	NumberTooManyRequests        Number = 9646 // too many requests: slow down. [ErrTooManyRequests]
	NumberNotLocationToken       Number = 9647 // a token of the old kind, of a person: get one of a location. [ErrNotLocationToken]
	NumberAuthorizationMalformed Number = 9722 // the Authorization header is malformed: fix the token. [ErrTokenInvalid]
	NumberUnavailable            Number = 9729 // down for a while: repeat later. [ErrMaintenance]
)

// Errors about the form of a request.
const (
	NumberInvalidArgument   Number = 9602 // some argument: fix it. [ErrInvalidRequest]
	NumberPushToken         Number = 9623 // an Apple push token, of a member that is no longer used: fix it. [ErrInvalidRequest]
	NumberPageIndex         Number = 9650 // there is no such page: begin again with the first. [ErrPageIndex]
	NumberTooManyAssets     Number = 9700 // more than [Limits.MaxAssets]: split. [ErrTooMany]
	NumberTooManyClientIDs  Number = 9701 // more than [Limits.MaxClientUserIDs]: split. [ErrTooMany]
	NumberTooManySerials    Number = 9702 // more than [Limits.MaxSerialNumbers]: split. [ErrTooMany]
	NumberDuplicateAssets   Number = 9703 // an asset twice: send it once. [ErrDuplicate]
	NumberDuplicateClientID Number = 9704 // a client user ID twice: send it once. [ErrDuplicate]
	NumberDuplicateSerial   Number = 9705 // a serial number twice: send it once. [ErrDuplicate]
	NumberTooManyUsers      Number = 9714 // more than [Limits.MaxUsers]: split. [ErrTooMany]
	NumberDuplicateUsers    Number = 9715 // a user twice: send it once. [ErrDuplicate]
	NumberEmail             Number = 9717 // no e-mail address: fix it. [ErrInvalidRequest]
	NumberAssetsMissing     Number = 9718 // no assets: fix it. [ErrInvalidRequest]
	NumberTargetsMissing    Number = 9719 // neither client user IDs nor serial numbers: fix it. [ErrInvalidRequest]
	NumberUsersMissing      Number = 9720 // no users: fix it. [ErrInvalidRequest]
	NumberVersion           Number = 9721 // Apple does not know the version: read everything. [ErrVersion]
	NumberMethod            Number = 9726 // wrong HTTP method: fix it. [ErrInvalidRequest]
	NumberContentType       Number = 9727 // wrong Content-Type: fix it. [ErrInvalidRequest]
)

// Errors about assets, users and events.
const (
	NumberUserNotFound        Number = 9609 // no such user: create or look it up again. [ErrUserNotFound]
	NumberAccountUnusable     Number = 9635 // the Apple Account cannot be this user's: take the right one. [ErrAccountUnusable]
	NumberAccountTaken        Number = 9641 // the Apple Account is another user's: find the double. [ErrAccountTaken]
	NumberNotRevocable        Number = 9706 // books stay with whom they were given to: leave it out. [ErrNotRevocable]
	NumberNotDeviceAssignable Number = 9707 // the asset is for users only: assign it to a user. [ErrNotDeviceAssignable]
	NumberEvent               Number = 9708 // no such event, or not any more: read what became of it. [ErrEvent]
	NumberNotEnoughLicenses   Number = 9709 // buy more, or take some back. [ErrNotEnoughLicenses]
	NumberUserExists          Number = 9716 // there is an active user of that ID: use it. [ErrUserExists]
)

// Errors about the configuration of a client.
const (
	NumberNotificationIncomplete  Number = 9710 // URL and token go together: send both. [ErrNotificationIncomplete]
	NumberNotificationTooLong     Number = 9711 // longer than [Limits.MaxNotificationLength]. [ErrNotificationTooLong]
	NumberNotificationURL         Number = 9712 // no https URL: fix it. [ErrNotificationURL]
	NumberMDMMetadataTooLong      Number = 9713 // longer than [Limits.MaxMDMMetadataLength]. [ErrInvalidRequest]
	NumberMDMInfoIncomplete       Number = 9723 // ID, name and metadata go together: send all. [ErrInvalidRequest]
	NumberMDMIDTooLong            Number = 9724 // longer than [Limits.MaxMDMIDLength]. [ErrInvalidRequest]
	NumberMDMNameTooLong          Number = 9725 // longer than [Limits.MaxMDMNameLength]. [ErrInvalidRequest]
	NumberNotificationUnreachable Number = 9728 // Apple's test did not reach the URL: fix the receiver. [ErrNotificationUnreachable]
)

// Errors about subscriptions.
const (
	NumberSubscriptionRequest Number = 9811 // the request is not valid: fix it. [ErrInvalidRequest]
	NumberCursor              Number = 9812 // Apple does not take the cursor: begin again. [ErrCursor]
	NumberAdamID              Number = 9813 // no such product: fix it. [ErrInvalidRequest]
	NumberUserNotAssociated   Number = 9814 // the user has accepted no invitation yet. [ErrUserNotAssociated]
	NumberNoSubscription      Number = 9815 // the user does not have it: nothing to take back. [ErrNoSubscription]
	NumberTooManySubscription Number = 9816 // more than [Limits.MaxSubscriptions] or [Limits.MaxSubscriptionClientUserIDs]: split. [ErrTooMany]
	NumberSubscriptionByGroup Number = 9817 // the user has it through a group already. [ErrSubscriptionByGroup]
	NumberSubscriptionsExist  Number = 9818 // subscriptions cannot be turned off while there are some. [ErrSubscriptionsExist]
)

// String returns the number and what it means, if that is known.
func (n Number) String() string {
	if known, ok := numbers[n]; ok {
		return fmt.Sprintf("%d (%s)", int(n), known.meaning)
	}
	return strconv.Itoa(int(n))
}

// UnmarshalJSONFrom takes the number also in quotes.
func (n *Number) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	value, err := dec.ReadValue()
	if err != nil || value.Kind() == 'n' {
		return err
	}
	number, err := strconv.ParseInt(strings.Trim(string(value), `"`), 10, 32)
	*n = Number(number)
	return err
}

// numbers says what each number means, and what callers see of it. It is never written to.
var numbers = map[Number]struct {
	meaning  string
	sentinel error
}{
	NumberLoginRequired:          {"login required", ErrTokenInvalid},
	NumberInternal:               {"internal error", ErrServer},
	NumberTokenExpired:           {"token expired", ErrTokenExpired},
	NumberTokenMalformed:         {"token not valid", ErrTokenInvalid},
	NumberTokenRevoked:           {"token revoked", ErrTokenRevoked},
	NumberServiceRemoved:         {"service removed", ErrServiceRemoved},
	NumberForbidden:              {"operation not allowed", ErrForbidden},
	NumberMaintenance:            {"maintenance", ErrMaintenance},
	NumberTooManyRequests:        {"too many requests", ErrTooManyRequests},
	NumberNotLocationToken:       {"not supported for legacy tokens", ErrNotLocationToken},
	NumberAuthorizationMalformed: {"Authorization header malformed", ErrTokenInvalid},
	NumberUnavailable:            {"temporarily unavailable", ErrMaintenance},

	NumberInvalidArgument:   {"invalid argument", ErrInvalidRequest},
	NumberPushToken:         {"invalid push token", ErrInvalidRequest},
	NumberPageIndex:         {"page index out of range", ErrPageIndex},
	NumberTooManyAssets:     {"too many assets", ErrTooMany},
	NumberTooManyClientIDs:  {"too many client user IDs", ErrTooMany},
	NumberTooManySerials:    {"too many serial numbers", ErrTooMany},
	NumberDuplicateAssets:   {"duplicate assets", ErrDuplicate},
	NumberDuplicateClientID: {"duplicate client user IDs", ErrDuplicate},
	NumberDuplicateSerial:   {"duplicate serial numbers", ErrDuplicate},
	NumberTooManyUsers:      {"too many users", ErrTooMany},
	NumberDuplicateUsers:    {"duplicate users", ErrDuplicate},
	NumberEmail:             {"invalid e-mail address", ErrInvalidRequest},
	NumberAssetsMissing:     {"assets missing", ErrInvalidRequest},
	NumberTargetsMissing:    {"client user IDs or serial numbers missing", ErrInvalidRequest},
	NumberUsersMissing:      {"users missing", ErrInvalidRequest},
	NumberVersion:           {"invalid version ID", ErrVersion},
	NumberMethod:            {"HTTP method not supported", ErrInvalidRequest},
	NumberContentType:       {"Content-Type not supported", ErrInvalidRequest},

	NumberUserNotFound:        {"registered user not found", ErrUserNotFound},
	NumberAccountUnusable:     {"Apple Account cannot be associated", ErrAccountUnusable},
	NumberAccountTaken:        {"Apple Account already associated", ErrAccountTaken},
	NumberNotRevocable:        {"asset not revocable", ErrNotRevocable},
	NumberNotDeviceAssignable: {"asset not device-assignable", ErrNotDeviceAssignable},
	NumberEvent:               {"event not found", ErrEvent},
	NumberNotEnoughLicenses:   {"not enough licenses", ErrNotEnoughLicenses},
	NumberUserExists:          {"active user exists", ErrUserExists},

	NumberNotificationIncomplete:  {"notification URL and token needed together", ErrNotificationIncomplete},
	NumberNotificationTooLong:     {"notification URL or token too long", ErrNotificationTooLong},
	NumberNotificationURL:         {"notification URL not valid", ErrNotificationURL},
	NumberMDMMetadataTooLong:      {"mdmInfo.metadata too long", ErrInvalidRequest},
	NumberMDMInfoIncomplete:       {"mdmInfo incomplete", ErrInvalidRequest},
	NumberMDMIDTooLong:            {"mdmInfo.id too long", ErrInvalidRequest},
	NumberMDMNameTooLong:          {"mdmInfo.name too long", ErrInvalidRequest},
	NumberNotificationUnreachable: {"notification URL unreachable", ErrNotificationUnreachable},

	NumberSubscriptionRequest: {"subscription request not valid", ErrInvalidRequest},
	NumberCursor:              {"cursor not valid", ErrCursor},
	NumberAdamID:              {"Adam ID not valid", ErrInvalidRequest},
	NumberUserNotAssociated:   {"user not associated", ErrUserNotAssociated},
	NumberNoSubscription:      {"user does not have the subscription", ErrNoSubscription},
	NumberTooManySubscription: {"subscription limits exceeded", ErrTooMany},
	NumberSubscriptionByGroup: {"subscription held through a group", ErrSubscriptionByGroup},
	NumberSubscriptionsExist:  {"subscriptions exist", ErrSubscriptionsExist},
}
