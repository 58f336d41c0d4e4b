package dep

import (
	"crypto/sha256"
	"encoding/asn1"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
)

// Validate returns every rule that p breaks and that Apple would refuse it for, or that can only be
// a mistake, as [*InputError]s joined into one error, or nil. It does no I/O. [Client.DefineProfile] calls it.
//
// It does not judge the skip keys, which change with each OS, nor combinations that Apple accepts
// although a device ignores them.
func (p *Profile) Validate() error {
	if p == nil {
		return &InputError{Field: "Profile", Rule: "must not be nil"}
	}
	var v violations
	v.length("ProfileName", p.ProfileName, 1, 125)
	v.webURL("URL", p.URL, "https", "http")
	if p.ConfigurationWebURL != "" {
		v.webURL("ConfigurationWebURL", p.ConfigurationWebURL, "https")
	}
	if p.IsMDMRemovable != nil && !*p.IsMDMRemovable && !p.IsSupervised {
		v.add("IsMDMRemovable", "false needs IsSupervised")
	}
	v.length("Department", p.Department, 0, 125)
	v.length("SupportPhoneNumber", p.SupportPhoneNumber, 0, 50)
	v.length("SupportEmailAddress", p.SupportEmailAddress, 0, 250)
	v.length("OrgMagic", p.OrgMagic, 0, 256)
	v.pattern("Language", p.Language, `^[a-z]{2,3}$`, "must be two or three lower-case letters of ISO 639")
	v.pattern("Region", p.Region, `^[A-Z]{2}$`, "must be two upper-case letters of ISO 3166-1")
	v.certificates("AnchorCerts", p.AnchorCerts)
	v.certificates("SupervisingHostCerts", p.SupervisingHostCerts)
	for i, key := range p.SkipSetupItems {
		if key == "" {
			v.add(fmt.Sprintf("SkipSetupItems[%d]", i), "must not be empty")
		}
	}
	return errors.Join(v...)
}

// ValidateForMigration returns every rule of [Profile.Validate] and those that Apple adds for devices with
// an MDMMigrationDeadline.
//
// https://developer.apple.com/documentation/devicemanagement/migrating-managed-devices
func (p *Profile) ValidateForMigration() error {
	if p == nil {
		return p.Validate()
	}
	var v violations
	if !p.AwaitDeviceConfigured {
		v.add("AwaitDeviceConfigured", "must be true for a device that migrates")
	}
	if p.IsMultiUser {
		v.add("IsMultiUser", "must be false for a device that migrates")
	}
	if p.IsReturnToService {
		v.add("IsReturnToService", "must be false for a device that migrates")
	}
	return errors.Join(append(violations{p.Validate()}, v...)...)
}

// Digest returns a hash of what p asks for, the devices and its own UUID left out, as 64 hex
// digits. Keep it with the UUID of a defined profile: while it stays the same, there is no need to
// define the profile anew.
func (p *Profile) Digest() (string, error) {
	if p == nil {
		return "", p.Validate()
	}
	content := *p
	content.Devices, content.ProfileUUID = nil, ""
	data, err := json.Marshal(&content, json.Deterministic(true))
	if err != nil {
		return "", &InputError{Field: "Profile", Rule: "cannot be encoded: " + err.Error()}
	}
	return fmt.Sprintf("%x", sha256.Sum256(data)), nil
}

// violations collects the rules that a profile breaks.
type violations []error

func (v *violations) add(field, rule string) {
	*v = append(*v, &InputError{Field: "Profile." + field, Rule: rule})
}

func (v *violations) length(field, text string, least, most int) {
	switch n := utf8.RuneCountInString(text); {
	case !utf8.ValidString(text):
		v.add(field, "is not UTF-8")
	case n < least:
		v.add(field, "must not be empty")
	case n > most:
		v.add(field, fmt.Sprintf("has %d characters; at most %d are allowed", n, most))
	}
}

// maxURLLength is Apple's limit, counted after encoding.
const maxURLLength = 2000

func (v *violations) webURL(field, text string, schemes ...string) {
	if text == "" {
		v.add(field, "must not be empty")
		return
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		v.add(field, "must be a URL with a scheme and a host")
		return
	}
	if strings.ContainsFunc(text, notInURL) {
		v.add(field, "must be percent-encoded: RFC 2396 allows neither spaces, nor any of \"<>\\^`{|}, nor characters outside of ASCII")
	}
	if n := len(u.String()); n > maxURLLength {
		v.add(field, fmt.Sprintf("has %d characters when encoded; at most %d are allowed", n, maxURLLength))
	}
	for _, scheme := range schemes {
		if u.Scheme == scheme {
			return
		}
	}
	v.add(field, "must begin with https://")
}

func notInURL(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\"<>\\^`{|}", r) }

func (v *violations) pattern(field, text, pattern, rule string) {
	if text != "" && !regexp.MustCompile(pattern).MatchString(text) {
		v.add(field, rule)
	}
}

// certificates looks at the outside only: crypto/x509 refuses certificates, such as those with a
// negative serial number, that Apple may accept.
func (v *violations) certificates(field string, certs [][]byte) {
	for i, der := range certs {
		var certificate asn1.RawValue
		rest, err := asn1.Unmarshal(der, &certificate)
		if err != nil || len(rest) > 0 || certificate.Tag != asn1.TagSequence {
			v.add(fmt.Sprintf("%s[%d]", field, i), "is no certificate in DER")
		}
	}
}
