package dep

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/applemdm/applemdm/internal/field"
	"github.com/applemdm/applemdm/internal/rest"
)

// Profile says how a device enrols. It cannot be changed once defined: a changed profile is a new
// one, with a UUID of its own.
//
// AllowPairing and IsMDMRemovable are pointers because they are true by default; new(false) turns
// them off.
//
// https://developer.apple.com/documentation/devicemanagement/profile
type Profile struct {
	ProfileName string `json:"profile_name"` // required, at most 125 characters

	// URL is where the device asks for its enrolment profile; required, at most 2000 characters.
	URL string `json:"url"`

	// ConfigurationWebURL is an https page to show before that. Its host must be the one that
	// serves the enrolment profile.
	ConfigurationWebURL string `json:"configuration_web_url,omitzero"`

	// IsSupervised is ignored by iOS 13 and later, which always supervise, but IsMDMRemovable false
	// needs it.
	IsSupervised   bool  `json:"is_supervised,omitzero"`
	IsMDMRemovable *bool `json:"is_mdm_removable,omitzero"` // true by default; false locks the enrolment
	IsMandatory    bool  `json:"is_mandatory,omitzero"`     // iOS 13 and later always behave so
	AllowPairing   *bool `json:"allow_pairing,omitzero"`    // true by default; deprecated since iOS 13

	// SupervisingHostCerts and AnchorCerts are certificates in DER. The former may pair with the
	// device even where pairing is off; the latter replace the built-in roots when the device
	// checks the server's TLS.
	SupervisingHostCerts [][]byte `json:"supervising_host_certs,omitzero"`
	AnchorCerts          [][]byte `json:"anchor_certs,omitzero"`

	AwaitDeviceConfigured bool   `json:"await_device_configured,omitzero"` // the device waits for DeviceConfigured
	AutoAdvanceSetup      bool   `json:"auto_advance_setup,omitzero"`      // tvOS, macOS 11
	Language              string `json:"language,omitzero"`                // ISO 639-1 or 639-2; tvOS, macOS 11
	Region                string `json:"region,omitzero"`                  // ISO 3166-1, two upper-case letters; tvOS, macOS 11
	IsMultiUser           bool   `json:"is_multi_user,omitzero"`           // Shared iPad

	SkipSetupItems []SkipKey `json:"skip_setup_items,omitzero"`

	Department          string `json:"department,omitzero"`            // at most 125 characters
	SupportPhoneNumber  string `json:"support_phone_number,omitzero"`  // at most 50
	SupportEmailAddress string `json:"support_email_address,omitzero"` // at most 250
	OrgMagic            string `json:"org_magic,omitzero"`             // at most 256; tells several services of one organisation apart

	// Devices are serial numbers that get the profile as it is defined. It is not read back.
	Devices []string `json:"devices,omitzero"`

	DoNotUseProfileFromBackup bool `json:"do_not_use_profile_from_backup,omitzero"` // iOS 26, visionOS 26
	IsReturnToService         bool `json:"is_return_to_service,omitzero"`           // iOS 26, visionOS 26

	// ProfileUUID is set in what [Client.Profile] returns, and never sent.
	ProfileUUID string `json:"profile_uuid,omitzero"`

	// Unknown has members that Apple adds one day; they are sent and read like the others.
	Unknown Unknown `json:",embed"`
}

// DefinedProfile is Apple's answer to a definition.
type DefinedProfile struct {
	ProfileUUID string
	Outcomes    Outcomes // of Profile.Devices; empty if there were none

	// AssignError is why some devices are [StatusUncertain] or [StatusNotSent]: the profile was
	// defined, but assigning it to the devices that did not fit into the definition failed.
	AssignError error
}

// DefineProfile defines p and assigns it to p.Devices: the first [MaxBatch] with the definition, the
// rest as [Client.AssignProfile] does. p is validated first and not modified.
//
// Each definition makes a new profile, also of the same content, so it is repeated by itself only
// when Apple surely did not process it. To avoid needless profiles, compare [Profile.Digest] with
// that of the one defined before.
//
// https://developer.apple.com/documentation/devicemanagement/define-profile
func (c *Client) DefineProfile(ctx context.Context, p *Profile) (*DefinedProfile, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	sent := *p
	sent.ProfileUUID = ""
	var more []string
	if len(p.Devices) > 0 {
		serials, err := field.Serials("Profile.Devices", p.Devices)
		if err != nil {
			return nil, err
		}
		first := min(len(serials), MaxBatch)
		sent.Devices, more = serials[:first], serials[first:]
	}
	defined, err := c.define(ctx, &sent)
	if err != nil || len(more) == 0 {
		return defined, err
	}
	assigned, err := c.AssignProfile(ctx, defined.ProfileUUID, more)
	if err != nil {
		defined.AssignError = err
		defined.Outcomes = append(defined.Outcomes, outcomesAfter(more, err)...)
		return defined, nil
	}
	defined.Outcomes = append(defined.Outcomes, assigned.Outcomes...)
	return defined, nil
}

func (c *Client) define(ctx context.Context, p *Profile) (*DefinedProfile, error) {
	const op = "define the profile"
	answer, err := call[statusAnswer](ctx, c, request{op: op, method: http.MethodPost, path: rest.Path{"profile"}, body: p})
	if err != nil {
		return nil, err
	}
	if answer.ProfileUUID == "" {
		return nil, incomplete(op, "it has no profile_uuid")
	}
	return &DefinedProfile{ProfileUUID: answer.ProfileUUID, Outcomes: answer.of(p.Devices)}, nil
}

// Profile reads a profile. Apple does not promise to return every member that was sent.
// [ErrProfileNotFound] means that there is none with that UUID.
//
// https://developer.apple.com/documentation/devicemanagement/fetch-profile
func (c *Client) Profile(ctx context.Context, profileUUID string) (*Profile, error) {
	if err := checkProfileUUID(profileUUID); err != nil {
		return nil, err
	}
	p, err := call[Profile](ctx, c, request{
		op: "read the profile", method: http.MethodGet, path: rest.Path{"profile"},
		query: url.Values{"profile_uuid": {profileUUID}}, repeatable: true,
	})
	return p, profileNotFound(err)
}

func checkProfileUUID(uuid string) error {
	if uuid == "" {
		return &InputError{Field: "profileUUID", Rule: "must not be empty"}
	}
	if strings.ContainsFunc(uuid, func(r rune) bool { return notInCode(r) && r != '-' }) {
		return &InputError{Field: "profileUUID", Rule: "must consist of letters, digits and dashes"}
	}
	return nil
}

// profileNotFound gives err the sentinel of a profile that does not exist: Apple has answered so
// with 400 and with 404, and with several codes that hold the same words. A 404 without such a code
// is not Apple's word on the profile: a gateway that does not find Apple answers it, too.
func profileNotFound(err error) error {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Op == opLogin || e.StatusCode != http.StatusBadRequest && e.StatusCode != http.StatusNotFound {
		return err
	}
	if strings.Contains(strings.ToUpper(e.Code), "NOT_FOUND") && e.Err != ErrDeviceNotFound {
		e.Err = ErrProfileNotFound
	}
	return err
}
