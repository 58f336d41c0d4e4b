package dep_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/dep"
	"github.com/applemdm/applemdm/dep/deptest"
	"github.com/applemdm/applemdm/internal/memhttp"
)

// newPushCertificate makes what stands for the APNs certificate of the server, issued by itself.
func newPushCertificate(t testing.TB) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "APSP:demo"},
		NotBefore: time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2190, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// locked returns an organisation with the device faultPhone locked, its unlock service, and the
// request that unlocks it.
func locked(t *testing.T) (*org, *deptest.UnlockServer, dep.UnlockRequest) {
	t.Helper()
	o := newOrg(t, nil, nil)
	unlock := o.StartUnlock()
	t.Cleanup(unlock.Close)
	o.AddSerials(faultPhone)
	if status := lockRaw(t, o, faultPhone, faultEscrowKey); status != 200 {
		t.Fatalf("status %d", status)
	}
	code, err := dep.ParseBypassCode(faultCode)
	if err != nil {
		t.Fatal(err)
	}
	return o, unlock, dep.UnlockRequest{
		SerialNumber: faultPhone, ProductType: "iPhone18,1", OrgName: "Example & Org", GUID: "admin@example.org",
		BypassCode: code,
	}
}

// anonymous returns a client of the service that shows no certificate by itself.
func anonymous(unlock *deptest.UnlockServer) *http.Client {
	client := unlock.Client(tls.Certificate{})
	client.Transport.(*http.Transport).TLSClientConfig.Certificates = nil
	return client
}

func newUnlocker(t *testing.T, o *org, client *http.Client, baseURL string) *dep.Unlocker {
	t.Helper()
	unlocker, err := dep.NewUnlocker(newPushCertificate(t), &dep.UnlockOptions{
		HTTPClient: client, BaseURL: baseURL, UserAgent: "demomdm/1.2", Logger: o.shown.Logger(), Trace: o.trace,
	})
	if err != nil {
		t.Fatal(err)
	}
	return unlocker
}

func TestUnlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, unlock, request := locked(t)
		request.IMEI, request.IMEI2, request.MEID = "35 1", "352", "A1"
		unlocker := newUnlocker(t, o, anonymous(unlock), unlock.URL)
		if err := unlocker.Unlock(t.Context(), request); err != nil {
			t.Fatal(err)
		}
		if _, still := o.Lock(faultPhone); still {
			t.Error("the device is still locked")
		}
		sent := unlock.Received()
		if len(sent) != 1 {
			t.Fatalf("%d requests", len(sent))
		}
		wantQuery := url.Values{
			"serial": {faultPhone}, "productType": {"iPhone18,1"}, "imei": {"35 1"}, "imei2": {"352"}, "meid": {"A1"},
		}
		if diff := cmp.Diff(wantQuery, sent[0].Query); diff != "" {
			t.Errorf("query: %s", diff)
		}
		const wantBody = "escrowKey=3UM43-PUYVY-QYD1-UVCC-HEHJ-FKA4&guid=admin%40example.org&orgName=Example+%26+Org"
		if got := string(sent[0].Body); got != wantBody {
			t.Errorf("body:\n got %s\nwant %s", got, wantBody)
		}
		wantHeader := map[string]string{
			"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "demomdm/1.2",
			"X-Adm-Auth-Session": "", "X-Server-Protocol-Version": "", "Authorization": "",
		}
		for name, want := range wantHeader {
			if got := sent[0].Header.Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		if v := o.Violations(); v != nil {
			t.Error(v)
		}
		o.hides(t, []string{faultCode, faultRawCode, faultEscrowKey, faultPhone, "35 1", "admin@example.org"})
	})
}

func TestUnlockRefusals(t *testing.T) {
	wrong := dep.NewBypassCode()
	for name, test := range map[string]struct {
		change func(*org, *dep.UnlockRequest)
		status int
	}{
		"wrong code":         {func(_ *org, r *dep.UnlockRequest) { r.BypassCode = wrong }, 403},
		"no lock":            {func(o *org, r *dep.UnlockRequest) { o.AddSerials("C02FREE"); r.SerialNumber = "C02FREE" }, 404},
		"locked by its user": {func(o *org, r *dep.UnlockRequest) { o.LockByUser("C02USER"); r.SerialNumber = "C02USER" }, 403},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o, unlock, request := locked(t)
				test.change(o, &request)
				err := newUnlocker(t, o, anonymous(unlock), unlock.URL).Unlock(t.Context(), request)
				e, ok := errors.AsType[*dep.Error](err)
				if !ok || e.StatusCode != test.status || e.Op != "unlock the device" || e.Code != "" {
					t.Errorf("err = %#v, want status %d", err, test.status)
				}
				if _, still := o.Lock(faultPhone); !still || len(unlock.Received()) != 1 {
					t.Errorf("locked: %v after %d requests", still, len(unlock.Received()))
				}
				o.hides(t, []string{faultCode, wrong.RevealHuman(), string(wrong.RevealBytes()), faultEscrowKey}, err)
			})
		})
	}
}

func TestUnlockChecksItsInput(t *testing.T) {
	for field, change := range map[string]func(*dep.UnlockRequest){
		"UnlockRequest.SerialNumber": func(r *dep.UnlockRequest) { r.SerialNumber = "" },
		"UnlockRequest.ProductType":  func(r *dep.UnlockRequest) { r.ProductType = "" },
		"UnlockRequest.OrgName":      func(r *dep.UnlockRequest) { r.OrgName = "" },
		"UnlockRequest.GUID":         func(r *dep.UnlockRequest) { r.GUID = "" },
		"UnlockRequest.BypassCode":   func(r *dep.UnlockRequest) { r.BypassCode = dep.BypassCode{} },
	} {
		t.Run(field, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o, unlock, request := locked(t)
				change(&request)
				err := newUnlocker(t, o, anonymous(unlock), unlock.URL).Unlock(t.Context(), request)
				if e, ok := errors.AsType[*dep.InputError](err); !ok || e.Field != field {
					t.Errorf("err = %v", err)
				}
				if n := len(unlock.Received()); n != 0 {
					t.Errorf("%d requests", n)
				}
			})
		})
	}
}

// The certificate is shown although the service names an authority that has not issued it, and
// although the caller's client has another one to show.
func TestUnlockAlwaysShowsThePushCertificate(t *testing.T) {
	push, other := newPushCertificate(t), newPushCertificate(t)
	authority := x509.NewCertPool()
	stranger := newPushCertificate(t)
	parsed, err := x509.ParseCertificate(stranger.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	parsed.RawSubject = []byte("\x30\x0d\x31\x0b\x30\x09\x06\x03\x55\x04\x03\x0c\x02CA") // another name
	authority.AddCert(parsed)
	for name, own := range map[string]*tls.Config{
		"nothing of its own":    nil,
		"its own certificate":   {Certificates: []tls.Certificate{other}},
		"its own choice of one": {GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &other, nil }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var shown []byte
				server := memhttp.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					shown = r.TLS.PeerCertificates[0].Raw
				}), &tls.Config{ClientAuth: tls.RequireAnyClientCert, ClientCAs: authority})
				defer server.Close()
				unlocker, err := dep.NewUnlocker(push, &dep.UnlockOptions{HTTPClient: server.ClientWith(own), BaseURL: server.URL})
				if err != nil {
					t.Fatal(err)
				}
				if err := unlocker.Unlock(t.Context(), dep.UnlockRequest{
					SerialNumber: "C02A", ProductType: "iPhone18,1", OrgName: "o", GUID: "g", BypassCode: dep.NewBypassCode(),
				}); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(shown, push.Certificate[0]) {
					t.Error("another certificate was shown")
				}
			})
		})
	}
}

// Without the certificate, which only an Unlocker adds, the service does not even shake hands.
func TestTheCallersClientStaysAsItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, unlock, request := locked(t)
		client := anonymous(unlock)
		transport := client.Transport.(*http.Transport)
		config := transport.TLSClientConfig
		if err := newUnlocker(t, o, client, unlock.URL).Unlock(t.Context(), request); err != nil {
			t.Fatal(err)
		}
		if client.Transport != transport || transport.TLSClientConfig != config || client.CheckRedirect != nil || client.Timeout != 0 ||
			config.Certificates != nil || config.GetClientCertificate != nil {
			t.Error("the caller's client was changed")
		}
		resp, err := client.Post(unlock.URL+deptest.UnlockPath, "text/plain", nil)
		if err == nil {
			resp.Body.Close()
			t.Errorf("the caller's client got status %d without a certificate", resp.StatusCode)
		}
	})
}

func TestNewUnlockerChecksItsInput(t *testing.T) {
	push := newPushCertificate(t)
	dial := func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("not called") }
	for name, test := range map[string]struct {
		certificate tls.Certificate
		opts        dep.UnlockOptions
		field       string
	}{
		"no certificate":  {tls.Certificate{PrivateKey: push.PrivateKey}, dep.UnlockOptions{}, "pushCertificate"},
		"no key":          {tls.Certificate{Certificate: push.Certificate}, dep.UnlockOptions{}, "pushCertificate"},
		"other transport": {push, dep.UnlockOptions{HTTPClient: &http.Client{Transport: http.NewFileTransport(nil)}}, "UnlockOptions.HTTPClient"},
		"its own TLS": {push, dep.UnlockOptions{HTTPClient: &http.Client{Transport: &http.Transport{DialTLSContext: dial}}},
			"UnlockOptions.HTTPClient"},
		"no URL":         {push, dep.UnlockOptions{BaseURL: "deviceservices"}, "BaseURL"},
		"negative tries": {push, dep.UnlockOptions{Retry: dep.Retry{Tries: -1}}, "Retry.Tries"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := dep.NewUnlocker(test.certificate, &test.opts)
			if e, ok := errors.AsType[*dep.InputError](err); !ok || e.Field != test.field {
				t.Errorf("err = %v, want one about %s", err, test.field)
			}
		})
	}
	if _, err := dep.NewUnlocker(push, nil); err != nil {
		t.Errorf("with all defaults: %v", err)
	}
}

// The code that a device reported is sent as it is; exactly one code must be given.
func TestUnlockWithTheCodeOfTheDevice(t *testing.T) {
	var sent string
	service := memhttp.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		sent = r.FormValue("escrowKey")
	}), nil)
	defer service.Close()
	unlocker, err := dep.NewUnlocker(newPushCertificate(t), &dep.UnlockOptions{HTTPClient: service.Client(), BaseURL: service.URL})
	if err != nil {
		t.Fatal(err)
	}
	request := dep.UnlockRequest{SerialNumber: "DEMO1", ProductType: "iPhone18,1", OrgName: "Example Org", GUID: "admin"}
	for _, both := range []bool{false, true} {
		if both {
			request.BypassCode, request.DeviceCode = dep.NewBypassCode(), dep.NewSecret("x")
		}
		if _, ok := errors.AsType[*dep.InputError](unlocker.Unlock(t.Context(), request)); !ok || sent != "" {
			t.Errorf("both codes %v: not refused", both)
		}
	}
	request.BypassCode, request.DeviceCode = dep.BypassCode{}, dep.NewSecret("AB-1 2/3")
	if err := unlocker.Unlock(t.Context(), request); err != nil || sent != "AB-1 2/3" {
		t.Errorf("Unlock = %v, sent %q", err, sent)
	}
}
