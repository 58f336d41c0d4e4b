package apns

import (
	"fmt"

	"github.com/applemdm/applemdm/internal/field"
)

// The check-in messages from which push data comes, or which make it void.
const (
	messageAuthenticate = "Authenticate"
	messageTokenUpdate  = "TokenUpdate"
	messageCheckOut     = "CheckOut"
)

// Checkin is a check-in message: [*Authenticate], [*TokenUpdate], [*CheckOut], or [*OtherCheckin] for
// all that have nothing to do with pushes.
type Checkin interface {
	// Sender says who sent the message.
	Sender() Identity

	checkin()
}

// Authenticate is the first message of a new enrolment, from the device. It has no push data, and it
// makes what was stored for this device and for its users void: do not push to them until the
// TokenUpdate comes. Answer 200 with an empty body to accept the enrolment.
//
// https://developer.apple.com/documentation/devicemanagement/authenticaterequest
type Authenticate struct {
	Identity

	Topic string // of the enrolment

	// What the device says about itself. Any may be empty, in User Enrollment most are.
	OSVersion    string
	BuildVersion string
	ProductName  string
	SerialNumber string
	IMEI         string
	MEID         string
	DeviceName   string
	Model        string
	ModelName    string
}

// TokenUpdate brings the push data of a device or of one of its users. An enrolment is complete, and
// can be pushed to, from the first one on.
//
//   - Store [TokenUpdate.Target] under Enrollment.ID, replacing topic, token and magic in one step.
//     Later messages may come at any time, with other values and of other sizes.
//   - Answer 200 only when it is stored for good. The message may never be sent again, and a device
//     whose token is lost must be enrolled again.
//   - Keep a stored UnlockToken when the message has none.
//   - Never answer 401 because of a failure of your own: the device removes its MDM profile.
//
// https://developer.apple.com/documentation/devicemanagement/tokenupdaterequest
type TokenUpdate struct {
	Identity

	// Target is what a push needs; it is complete and valid.
	Target Target

	// UnlockToken, in bytes, lets the server clear the passcode of the device. Empty means that the
	// message has none, not that there is none.
	UnlockToken Secret

	// NotOnConsole: the user of a Mac is logged in remotely.
	NotOnConsole bool

	// AwaitingConfiguration: the device waits in Setup Assistant for the command DeviceConfigured,
	// the user of a Shared iPad for UserConfigured.
	AwaitingConfiguration bool
}

// CheckOut says that somebody removed the MDM profile. Drop the push data of the device and of its
// users. Devices try only once to send it, and only if the profile asks for it, so its absence means
// nothing.
//
// https://developer.apple.com/documentation/devicemanagement/checkoutrequest
type CheckOut struct {
	Identity

	Topic string // of the enrolment
}

// OtherCheckin is a message that does not concern pushes, such as DeclarativeManagement or
// SetBootstrapToken. Only its type and sender are read.
type OtherCheckin struct {
	Identity

	MessageType string
}

func (*Authenticate) checkin() {}
func (*TokenUpdate) checkin()  {}
func (*CheckOut) checkin()     {}
func (*OtherCheckin) checkin() {}

// ParseCheckin reads the body of a check-in request: the PUT with a content type that begins with
// application/x-apple-aspen-mdm-checkin. Verify who sent it before; this function does not look at
// signatures.
//
// The body is a property list in XML of at most 1 MiB. Keys that have no field here are ignored, so
// keep the body if they matter. Errors are [*InputError], naming the key, and quote neither tokens
// nor unknown values.
func ParseCheckin(body []byte) (Checkin, error) {
	keys, err := parsePlist(body)
	if err != nil {
		return nil, err
	}
	kind, err := keys.required("MessageType")
	if err != nil {
		return nil, err
	}
	switch kind {
	case messageAuthenticate:
		return checkinOf(authenticateFrom(keys))
	case messageTokenUpdate:
		return checkinOf(tokenUpdateFrom(keys))
	case messageCheckOut:
		return checkinOf(checkOutFrom(keys))
	}
	identity, err := identityFrom(keys)
	if err != nil {
		return nil, err
	}
	return &OtherCheckin{Identity: identity, MessageType: kind}, nil
}

// checkinOf keeps a nil pointer from becoming a Checkin that is not nil.
func checkinOf[T Checkin](message T, err error) (Checkin, error) {
	if err != nil {
		return nil, err
	}
	return message, nil
}

// ParseTokenUpdate is [ParseCheckin] for a body that must be a TokenUpdate.
func ParseTokenUpdate(body []byte) (*TokenUpdate, error) {
	return parseMessage(body, messageTokenUpdate, tokenUpdateFrom)
}

// ParseAuthenticate is [ParseCheckin] for a body that must be an Authenticate.
func ParseAuthenticate(body []byte) (*Authenticate, error) {
	return parseMessage(body, messageAuthenticate, authenticateFrom)
}

// ParseCheckOut is [ParseCheckin] for a body that must be a CheckOut.
func ParseCheckOut(body []byte) (*CheckOut, error) {
	return parseMessage(body, messageCheckOut, checkOutFrom)
}

func parseMessage[T any](body []byte, want string, from func(plistKeys) (*T, error)) (*T, error) {
	keys, err := parsePlist(body)
	if err != nil {
		return nil, err
	}
	kind, err := keys.required("MessageType")
	if err != nil {
		return nil, err
	}
	if kind != want {
		return nil, &field.InputError{Field: "MessageType", Rule: fmt.Sprintf("is %q, not %s", shorten(kind, 80), want)}
	}
	return from(keys)
}

func authenticateFrom(keys plistKeys) (*Authenticate, error) {
	identity, topic, err := senderFrom(keys)
	if err != nil {
		return nil, err
	}
	a := &Authenticate{Identity: identity, Topic: topic}
	err = keys.texts(map[string]*string{
		"OSVersion": &a.OSVersion, "BuildVersion": &a.BuildVersion, "ProductName": &a.ProductName,
		"SerialNumber": &a.SerialNumber, "IMEI": &a.IMEI, "MEID": &a.MEID,
		"DeviceName": &a.DeviceName, "Model": &a.Model, "ModelName": &a.ModelName,
	})
	if err != nil {
		return nil, err
	}
	return a, nil
}

func checkOutFrom(keys plistKeys) (*CheckOut, error) {
	identity, topic, err := senderFrom(keys)
	if err != nil {
		return nil, err
	}
	return &CheckOut{Identity: identity, Topic: topic}, nil
}

func tokenUpdateFrom(keys plistKeys) (*TokenUpdate, error) {
	identity, topic, err := senderFrom(keys)
	if err != nil {
		return nil, err
	}
	u := &TokenUpdate{Identity: identity}
	if u.Target, err = targetFrom(keys, topic); err != nil {
		return nil, err
	}
	unlock, err := keys.data("UnlockToken")
	if err != nil {
		return nil, err
	}
	u.UnlockToken = NewSecret(string(unlock))
	if u.NotOnConsole, err = keys.boolean("NotOnConsole"); err != nil {
		return nil, err
	}
	if u.AwaitingConfiguration, err = keys.boolean("AwaitingConfiguration"); err != nil {
		return nil, err
	}
	return u, nil
}

func targetFrom(keys plistKeys, topic string) (Target, error) {
	token, err := keys.data("Token")
	if err != nil {
		return Target{}, err
	}
	magic, err := keys.required("PushMagic")
	if err != nil {
		return Target{}, err
	}
	return NewTarget(topic, token, magic)
}

func senderFrom(keys plistKeys) (Identity, string, error) {
	identity, err := identityFrom(keys)
	if err != nil {
		return Identity{}, "", err
	}
	topic, err := keys.required("Topic")
	if err != nil {
		return Identity{}, "", err
	}
	return identity, topic, checkTopic("Topic", topic)
}

func identityFrom(keys plistKeys) (Identity, error) {
	var i Identity
	err := keys.texts(map[string]*string{
		"UDID": &i.UDID, "EnrollmentID": &i.EnrollmentID, "EnrollmentUserID": &i.EnrollmentUserID,
		"UserID": &i.UserID, "UserShortName": &i.UserShortName, "UserLongName": &i.UserLongName,
	})
	if err != nil {
		return Identity{}, err
	}
	i.Enrollment, err = i.enrollment()
	return i, err
}
