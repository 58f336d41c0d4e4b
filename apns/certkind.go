package apns

import (
	"crypto/x509"
	"encoding/asn1"
	"slices"
	"strings"

	"github.com/applemdm/applemdm/internal/sniff"
)

// Kinds of certificates that people have at hand when a push certificate is asked for.
const (
	kindVendor    FileKind = "vendor's certificate for signing push certificate requests (MDM CSR), not what the push portal issued"
	kindAppPush   FileKind = "push certificate of an app, not of device management"
	kindMailPush  FileKind = "push certificate of macOS Server (mail, calendar or contacts), not of device management"
	kindAppleUID  FileKind = "certificate from Apple with another UID than com.apple.mgmt.…"
	kindServer    FileKind = "certificate of a TLS server"
	kindAuthority FileKind = "certificate of a certification authority"
	kindSelfMade  FileKind = "self-signed certificate, such as the one for server tokens"
)

var (
	oidUserID = asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 1}
	// oidAppPush is the arc of extensions in which app push certificates name their environment and
	// their topics.
	oidAppPush = asn1.ObjectIdentifier{1, 2, 840, 113635, 100, 6, 3}
)

// pushTopic returns the UID of the subject that is an MDM topic, or "". It reads the attributes, for
// the printed form of a subject shows this one as numbers.
func pushTopic(leaf *x509.Certificate) string {
	for _, uid := range userIDs(leaf) {
		if strings.HasPrefix(uid, topicPrefix) {
			return uid
		}
	}
	return ""
}

func userIDs(leaf *x509.Certificate) []string {
	var ids []string
	for _, attribute := range leaf.Subject.Names {
		if id, ok := attribute.Value.(string); ok && attribute.Type.Equal(oidUserID) {
			ids = append(ids, id)
		}
	}
	return ids
}

// kindOf says what a certificate without an MDM topic is, the most telling trait first.
func kindOf(leaf *x509.Certificate) FileKind {
	ids := userIDs(leaf)
	switch {
	case isVendor(leaf):
		return kindVendor
	case slices.ContainsFunc(ids, isMacServer):
		return kindMailPush
	case hasAppPush(leaf):
		return kindAppPush
	case slices.ContainsFunc(ids, func(id string) bool { return strings.HasPrefix(id, "com.apple.") }):
		return kindAppleUID
	case leaf.IsCA:
		return kindAuthority
	case slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageServerAuth), len(leaf.DNSNames) > 0:
		return kindServer
	case isSelfIssued(leaf):
		return kindSelfMade
	}
	return sniff.Certificate
}

func isVendor(leaf *x509.Certificate) bool {
	return strings.HasPrefix(leaf.Subject.CommonName, "MDM Vendor:")
}

func isMacServer(id string) bool {
	return strings.HasPrefix(id, "com.apple.") && strings.Contains(id, ".XServer.")
}

func hasAppPush(leaf *x509.Certificate) bool {
	for _, extension := range leaf.Extensions {
		if len(extension.Id) > len(oidAppPush) && extension.Id[:len(oidAppPush)].Equal(oidAppPush) {
			return true
		}
	}
	for _, name := range []string{"Apple Push Services:", "Push Services:", "Pass Type ID:", "Website Push ID:", "VoIP Services:"} {
		if strings.Contains(leaf.Subject.CommonName, name) {
			return true
		}
	}
	return false
}
