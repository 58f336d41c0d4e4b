package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/micromdm/nanomdm/mdm"
	"github.com/micromdm/plist"
	"github.com/smallstep/pkcs7"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/applemdm/applemdm/apns/apnstest"
)

// simDevice is a device as the server sees it.
type simDevice struct {
	serial, udid string
	world        *world
	builtin      signer // since it was made

	// since it enrolled last
	identity    signer
	serverURL   string
	push        mdm.Push
	line        *apnstest.Device // to APNs
	wokenBefore int              // times, when it was last asked
}

type signer struct {
	certificate *x509.Certificate
	key         crypto.PrivateKey
}

func (s signer) sign(content []byte, detached bool) ([]byte, error) {
	signed, err := pkcs7.NewSignedData(content)
	if err != nil {
		return nil, err
	}
	signed.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	if err := signed.AddSigner(s.certificate, s.key, pkcs7.SignerInfoConfig{}); err != nil {
		return nil, err
	}
	if detached {
		signed.Detach()
	}
	return signed.Finish()
}

// buyAndEnrol has devices bought for the organisation, waits until they have the profile, and turns
// them on.
func (w *world) buyAndEnrol(ctx context.Context, serials ...string) ([]*simDevice, error) {
	w.portal.AddSerials(serials...)
	w.server.devices.syncer.SyncNow() // it would come within half an hour
	var devices []*simDevice
	for _, serial := range serials {
		d, err := w.makeDevice(serial)
		if err != nil {
			return nil, err
		}
		if err := d.enrol(ctx); err != nil {
			return nil, err
		}
		devices = append(devices, d)
	}
	return devices, nil
}

func (w *world) makeDevice(serial string) (*simDevice, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(randomBytes(8)), Subject: pkix.Name{CommonName: serial},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(authorityLife),
	}, w.factoryCert, key.Public(), w.factoryKey)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	return &simDevice{serial: serial, udid: uuid.NewString(), world: w, builtin: signer{certificate, key}}, err
}

// enrol goes through Setup Assistant: ask Apple where to enrol, get the enrolment profile there, and
// check in.
func (d *simDevice) enrol(ctx context.Context) error {
	enrolAt, err := d.askApple(ctx)
	if err != nil {
		return err
	}
	if err := d.install(ctx, enrolAt); err != nil {
		return err
	}
	d.push.PushMagic, d.push.Token = uuid.NewString(), randomBytes(32)
	d.line, d.wokenBefore = d.world.apple.AddToken(d.push.Topic, d.tokenHex(), d.push.PushMagic), 0
	enrollment := mdm.Enrollment{UDID: d.udid}
	if _, err := d.checkIn(ctx, &mdm.Authenticate{
		Enrollment: enrollment, MessageType: mdm.MessageType{MessageType: "Authenticate"},
		Topic: d.push.Topic, SerialNumber: d.serial,
	}); err != nil {
		return err
	}
	_, err = d.checkIn(ctx, &mdm.TokenUpdate{
		Enrollment: enrollment, MessageType: mdm.MessageType{MessageType: "TokenUpdate"}, Push: d.push,
	})
	return err
}

// askApple waits until there is a profile for the device, fetches it, and returns its URL.
func (d *simDevice) askApple(ctx context.Context) (string, error) {
	var profileUUID string
	err := eventually(ctx, "a profile is assigned to "+d.serial, func() bool {
		device, _ := d.world.portal.Device(d.serial)
		profileUUID = device.ProfileUUID
		return profileUUID != ""
	})
	if err != nil {
		return "", err
	}
	d.world.portal.PushProfile(d.serial)
	profile, ok := d.world.portal.Profile(profileUUID)
	if !ok {
		return "", fmt.Errorf("%s has a profile that does not exist", d.serial)
	}
	var enrolAt string
	err = json.Unmarshal([]byte(profile["url"]), &enrolAt)
	return enrolAt, err
}

// install gets the enrolment profile and takes from it what the device needs.
func (d *simDevice) install(ctx context.Context, enrolAt string) error {
	text, err := d.requestProfile(ctx, enrolAt)
	if err != nil {
		return err
	}
	var profile struct {
		PayloadContent []struct {
			PayloadType             string
			PayloadUUID             string
			PayloadContent          []byte
			Password                string
			ServerURL               string
			Topic                   string
			IdentityCertificateUUID string
		}
	}
	if err := plist.Unmarshal(text, &profile); err != nil {
		return err
	}
	identities := map[string]signer{}
	var identity string
	for _, payload := range profile.PayloadContent {
		switch payload.PayloadType {
		case "com.apple.security.pkcs12":
			key, certificate, err := pkcs12.Decode(payload.PayloadContent, payload.Password)
			if err != nil {
				return err
			}
			identities[payload.PayloadUUID] = signer{certificate, key}
		case "com.apple.mdm":
			d.serverURL, d.push.Topic, identity = payload.ServerURL, payload.Topic, payload.IdentityCertificateUUID
		}
	}
	var ok bool
	if d.identity, ok = identities[identity]; !ok || d.serverURL == "" {
		return errors.New("the enrolment profile has no identity or no server")
	}
	return nil
}

func (d *simDevice) requestProfile(ctx context.Context, enrolAt string) ([]byte, error) {
	info, err := plist.Marshal(machineInfo{Serial: d.serial, UDID: d.udid, Product: "iPad14,1", Version: "23A341"})
	if err != nil {
		return nil, err
	}
	body, err := d.builtin.sign(info, false)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, enrolAt, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/pkcs7-signature")
	return d.world.send(request)
}

// checkIn sends a message to the server, signed with the identity.
func (d *simDevice) checkIn(ctx context.Context, message any) ([]byte, error) {
	return d.put(ctx, "application/x-apple-aspen-mdm-checkin", message)
}

func (d *simDevice) put(ctx context.Context, contentType string, message any) ([]byte, error) {
	body, err := plist.Marshal(message)
	if err != nil {
		return nil, err
	}
	signature, err := d.identity.sign(body, true)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, d.serverURL, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("Mdm-Signature", base64.StdEncoding.EncodeToString(signature))
	return d.world.send(request)
}

// awaitWake waits for a push since the last call.
func (d *simDevice) awaitWake(ctx context.Context) error {
	err := eventually(ctx, d.serial+" is woken", func() bool { return d.line.Woken() > d.wokenBefore })
	d.wokenBefore = d.line.Woken()
	return err
}

// connect asks the server for commands, acknowledges each, and returns their UUIDs.
func (d *simDevice) connect(ctx context.Context) (answered []string, err error) {
	report := mdm.CommandResults{Enrollment: mdm.Enrollment{UDID: d.udid}, Status: "Idle"}
	for {
		text, err := d.put(ctx, "application/x-apple-aspen-mdm", &report)
		if err != nil {
			return answered, err
		}
		if len(text) == 0 {
			if len(answered) == 0 {
				err = fmt.Errorf("there was no command for %s", d.serial)
			}
			return answered, err
		}
		command, err := mdm.DecodeCommand(text)
		if err != nil {
			return answered, err
		}
		answered = append(answered, command.CommandUUID)
		report.Status, report.CommandUUID = "Acknowledged", command.CommandUUID
	}
}

func (d *simDevice) tokenHex() string { return hex.EncodeToString(d.push.Token) }
