package dep

import (
	"cmp"
	"context"
	"crypto/tls"
	"log/slog"
	"net/http"
	"net/url"

	"github.com/applemdm/applemdm/internal/field"
	"github.com/applemdm/applemdm/internal/rest"
)

// DefaultUnlockURL is the host of the service that unlocks devices.
const DefaultUnlockURL = "https://deviceservices-external.apple.com"

// UnlockOptions of an [Unlocker]. The fields are those of [Options].
type UnlockOptions struct {
	// HTTPClient sends the requests. Its transport must be nil or an *http.Transport without a
	// DialTLS function of its own. It is copied, and the copy shows the push certificate.
	HTTPClient *http.Client
	BaseURL    string // DefaultUnlockURL by default
	UserAgent  string
	Logger     *slog.Logger
	Trace      func(Attempt)
	Retry      Retry
}

// maxUnlockAnswer bounds what is read of an answer: none is known to have a body.
const maxUnlockAnswer = 1 << 20 // bytes

// Unlocker turns off the Activation Lock of devices. It talks to another service than [Client], which
// knows the server by its push certificate. It is safe for concurrent use.
type Unlocker struct {
	engine *rest.Engine
}

// UnlockRequest asks to turn off the Activation Lock of one device.
//
// https://developer.apple.com/documentation/devicemanagement/creating-and-using-bypass-codes
type UnlockRequest struct {
	SerialNumber string
	ProductType  string // e.g. "iPhone18,1"
	IMEI, IMEI2  string // of the first and the second slot, if any
	MEID         string

	// OrgName and GUID go into Apple's records: the organisation, and who asked (an e-mail address,
	// a directory id, a name). Both are required.
	OrgName, GUID string

	// BypassCode is the code that the server locked the device with, DeviceCode the one that the
	// device itself reported, sent as it is; give one of them. Both may exist, and the server cannot
	// know which counts: try both.
	BypassCode BypassCode
	DeviceCode Secret
}

// NewUnlocker returns an Unlocker that shows pushCertificate, the APNs certificate of the server,
// with its key. A nil opts means defaults. It does no I/O; its errors are [*InputError].
func NewUnlocker(pushCertificate tls.Certificate, opts *UnlockOptions) (*Unlocker, error) {
	if len(pushCertificate.Certificate) == 0 || pushCertificate.PrivateKey == nil {
		return nil, &InputError{Field: "pushCertificate", Rule: "must have a certificate and its key"}
	}
	var o UnlockOptions
	if opts != nil {
		o = *opts
	}
	client, err := withCertificate(o.HTTPClient, pushCertificate)
	if err != nil {
		return nil, err
	}
	engine, err := rest.New(rest.Config{
		HTTPClient: client,
		BaseURL:    cmp.Or(o.BaseURL, DefaultUnlockURL),
		Header: http.Header{
			"Content-Type": {"application/x-www-form-urlencoded"},
			"User-Agent":   {cmp.Or(o.UserAgent, DefaultUserAgent)},
		},
		Logger: o.Logger, Trace: o.Trace, Retry: o.Retry, MaxBody: maxUnlockAnswer,
		RequestIDHeader: "X-Apple-Request-UUID",
	})
	if err != nil {
		return nil, err
	}
	return &Unlocker{engine: engine}, nil
}

// withCertificate returns a copy of client whose connections show the certificate, whatever
// authorities the service names: crypto/tls would pick none of Certificates that does not fit those.
func withCertificate(client *http.Client, certificate tls.Certificate) (*http.Client, error) {
	var copied http.Client
	if client != nil {
		copied = *client
	}
	base, ok := cmp.Or[http.RoundTripper](copied.Transport, http.DefaultTransport).(*http.Transport)
	if !ok {
		return nil, &InputError{Field: "UnlockOptions.HTTPClient", Rule: "must have a transport of type *http.Transport"}
	}
	//lint:ignore SA1019 the deprecated field must not be set either
	if base.DialTLSContext != nil || base.DialTLS != nil {
		return nil, &InputError{Field: "UnlockOptions.HTTPClient", Rule: "must not have a DialTLS function, which would not show the certificate"}
	}
	transport := base.Clone()
	if transport.TLSClientConfig == nil {
		transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	transport.TLSClientConfig.Certificates = nil
	transport.TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return &certificate, nil
	}
	copied.Transport = transport
	return &copied, nil
}

// Unlock turns off the Activation Lock of a device. Apple documents no answer but success, so nil
// means status 200, and anything else is an [*Error] with the body as it came.
//
// Like [Client.LockActivation] it is repeated by itself only when Apple surely did not process it:
// what Apple answers for a device that was unlocked by an attempt whose answer got lost is not known,
// and should not be taken for a wrong code. The Sent of a [*TransportError] tells.
func (u *Unlocker) Unlock(ctx context.Context, unlock UnlockRequest) error {
	if err := unlock.check(); err != nil {
		return err
	}
	const op = "unlock the device"
	resp, err := u.engine.Do(ctx, rest.Request{
		Op: op, Method: http.MethodPost, Path: rest.Path{"deviceservicesworkers", "escrowKeyUnlock"},
		Query: unlock.query(), Body: []byte(unlock.form().Encode()),
	})
	if err != nil {
		return err
	}
	if resp.Status != http.StatusOK {
		return refusal(op, resp)
	}
	return nil
}

func (r *UnlockRequest) check() error {
	if err := field.Serial("UnlockRequest.SerialNumber", r.SerialNumber); err != nil {
		return err
	}
	for _, required := range []struct{ name, value string }{
		{"ProductType", r.ProductType}, {"OrgName", r.OrgName}, {"GUID", r.GUID},
	} {
		if required.value == "" {
			return &InputError{Field: "UnlockRequest." + required.name, Rule: "must not be empty"}
		}
	}
	if r.BypassCode.IsZero() == r.DeviceCode.IsZero() {
		return &InputError{Field: "UnlockRequest.BypassCode", Rule: "must be given, or DeviceCode, and not both"}
	}
	return nil
}

func (r *UnlockRequest) query() url.Values {
	query := url.Values{"serial": {r.SerialNumber}, "productType": {r.ProductType}}
	for name, value := range map[string]string{"imei": r.IMEI, "imei2": r.IMEI2, "meid": r.MEID} {
		if value != "" {
			query.Set(name, value)
		}
	}
	return query
}

// form has the code as people read it: the service calls that the escrow key, unlike the call that
// locks.
func (r *UnlockRequest) form() url.Values {
	code := r.DeviceCode.Reveal()
	if code == "" {
		code = r.BypassCode.RevealHuman()
	}
	return url.Values{"orgName": {r.OrgName}, "guid": {r.GUID}, "escrowKey": {code}}
}
