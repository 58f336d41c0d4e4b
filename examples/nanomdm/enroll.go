package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/google/uuid"
	"github.com/micromdm/plist"
	"github.com/smallstep/pkcs7"
)

// enroller gives a device its enrolment profile: the one that Setup Assistant asks for at the URL of
// the profile that Apple has told it. It is given to devices only whose built-in certificate is
// genuine, and of which Apple says that they are assigned to this server.
//
// https://developer.apple.com/documentation/devicemanagement/authenticating-through-web-views
type enroller struct {
	config
	isOurs func(ctx context.Context, serial string) (bool, error)
}

const maxRequest = 1 << 20

func (e *enroller) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	logger := e.logger.With("handler", "enroll")
	machine, err := e.machine(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		logger.Info("msg", "refused", "err", err)
		http.Error(w, "this is not the request of a device", http.StatusForbidden)
		return
	}
	ours, err := e.isOurs(r.Context(), machine.Serial)
	if err != nil {
		logger.Info("msg", "asking Apple", "serial", machine.Serial, "err", err)
		http.Error(w, "try again later", http.StatusServiceUnavailable)
		return
	}
	if !ours {
		logger.Info("msg", "refused: not assigned to this server", "serial", machine.Serial)
		http.Error(w, "the device is not assigned to this server", http.StatusForbidden)
		return
	}
	profile, err := e.profile(machine)
	if err != nil {
		logger.Info("msg", "making the enrolment profile", "serial", machine.Serial, "err", err)
		http.Error(w, "the enrolment profile cannot be made", http.StatusInternalServerError)
		return
	}
	logger.Info("msg", "enrolment profile given", "serial", machine.Serial, "product", machine.Product)
	w.Header().Set("Content-Type", "application/x-apple-aspen-config")
	w.Write(profile)
}

// machineInfo is what the device says of itself.
//
// https://developer.apple.com/documentation/devicemanagement/machineinfo
type machineInfo struct {
	Serial  string `plist:"SERIAL"`
	UDID    string `plist:"UDID"`
	Product string `plist:"PRODUCT"`
	Version string `plist:"VERSION"`
}

// machine reads the request, a property list that the device has signed.
func (e *enroller) machine(body io.Reader) (*machineInfo, error) {
	text, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	signed, err := pkcs7.Parse(text)
	if err != nil {
		return nil, err
	}
	if err := signed.Verify(); err != nil {
		return nil, err
	}
	signer := signed.GetOnlySigner()
	if signer == nil || !slices.ContainsFunc(e.deviceCAs, func(ca *x509.Certificate) bool { return issuedBy(signer, ca) }) {
		return nil, errors.New("the certificate is not that of a device")
	}
	machine := &machineInfo{}
	if err := plist.Unmarshal(signed.Content, machine); err != nil {
		return nil, err
	}
	if machine.Serial == "" {
		return nil, errors.New("there is no serial number")
	}
	return machine, nil
}

// issuedBy checks the signature only. The certificate is in the device for life, whatever becomes of
// that of its authority, and in older devices it is signed with SHA-1.
func issuedBy(cert, ca *x509.Certificate) bool {
	return ca.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature) == nil
}

// payload is what all payloads of a configuration profile have.
type payload struct {
	PayloadType        string
	PayloadVersion     int
	PayloadIdentifier  string
	PayloadUUID        string
	PayloadDisplayName string `plist:",omitempty"`
}

func newPayload(kind, identifier string) payload {
	return payload{PayloadType: kind, PayloadVersion: 1, PayloadIdentifier: "org.nanomdm." + identifier, PayloadUUID: uuid.NewString()}
}

// pkcs12Payload brings the identity.
type pkcs12Payload struct {
	payload
	PayloadContent []byte
	Password       string
}

// mdmPayload makes the device a managed one.
//
// https://developer.apple.com/documentation/devicemanagement/mdm
type mdmPayload struct {
	payload
	ServerURL               string
	Topic                   string
	IdentityCertificateUUID string
	AccessRights            int
	SignMessage             bool
	CheckOutWhenRemoved     bool
	ServerCapabilities      []string
}

// allRights is the sum of all access rights.
const allRights = 8191

func (e *enroller) profile(machine *machineInfo) ([]byte, error) {
	issued, err := e.identities.issue(machine.Serial)
	if err != nil {
		return nil, fmt.Errorf("the identity: %w", err)
	}
	identity := pkcs12Payload{
		payload:        newPayload("com.apple.security.pkcs12", "identity"),
		PayloadContent: issued.file,
		Password:       issued.password,
	}
	management := mdmPayload{
		payload:                 newPayload("com.apple.mdm", "mdm"),
		ServerURL:               e.url + pathMDM,
		Topic:                   e.topic,
		IdentityCertificateUUID: identity.PayloadUUID,
		AccessRights:            allRights,
		SignMessage:             true,
		CheckOutWhenRemoved:     true,
		ServerCapabilities:      []string{"com.apple.mdm.per-user-connections"},
	}
	profile := struct {
		payload
		PayloadContent []any
	}{newPayload("Configuration", "enrolment"), []any{identity, management}}
	profile.PayloadDisplayName = "Device management"
	return plist.MarshalIndent(profile, "\t")
}
