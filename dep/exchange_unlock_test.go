package dep_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/dep"
	"github.com/applemdm/applemdm/internal/exchange"
	"github.com/applemdm/applemdm/internal/memhttp"
)

// unlockServer returns a server of one exchange of unlock.txt.
func unlockServer(t *testing.T, e exchange.Exchange) *exchange.Server {
	server := exchange.NewServer(t, e)
	server.Headers = func(r *http.Request, _ http.Header) http.Header {
		if name := r.TLS.PeerCertificates[0].Subject.CommonName; name != "com.apple.mgmt.External.demo" {
			t.Errorf("the client shows the certificate of %q", name)
		}
		return http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "User-Agent": {"demo-mdm/1.2.3"}}
	}
	server.Body = func(t testing.TB, want, got string) {
		if diff := cmp.Diff(formValues(t, want), formValues(t, got)); diff != "" {
			t.Errorf("form (-want +got):\n%s", diff)
		}
	}
	return server
}

func formValues(t testing.TB, text string) url.Values {
	values, err := url.ParseQuery(text)
	if err != nil {
		t.Errorf("%q: %v", text, err)
	}
	return values
}

func pushCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(17), Subject: pkix.Name{CommonName: "com.apple.mgmt.External.demo"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// startUnlocker returns an Unlocker of a server that demands a certificate.
func startUnlocker(t *testing.T, handler http.Handler) *dep.Unlocker {
	t.Helper()
	server := memhttp.NewTLSServer(handler, &tls.Config{ClientAuth: tls.RequireAnyClientCert})
	t.Cleanup(server.Close)
	unlocker, err := dep.NewUnlocker(pushCertificate(t), &dep.UnlockOptions{
		HTTPClient: server.Client(), BaseURL: server.URL, UserAgent: "demo-mdm/1.2.3", Retry: dep.Retry{Tries: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	return unlocker
}

func TestUnlockExchanges(t *testing.T) {
	every := dep.UnlockRequest{
		SerialNumber: "DEMO00000001", ProductType: "iPhone18,1", IMEI: "350000000000017", IMEI2: "350000000000025",
		MEID: "35000000000001", OrgName: "Example Org", GUID: "admin@example.org", BypassCode: demoBypassCode(),
	}
	mac := dep.UnlockRequest{
		SerialNumber: "DEMO00000001", ProductType: "Mac16,10", OrgName: "Example Org", GUID: "admin@example.org",
		BypassCode: demoBypassCode(),
	}
	exchanges := exchange.Read(t, "testdata/exchange/unlock.txt")
	for _, test := range []struct {
		exchange string
		request  dep.UnlockRequest
		refused  bool
	}{
		{"unlock/every parameter", every, false},
		{"unlock/required parameters, an answer with a body", mac, false},
		{"unlock/refused", mac, true},
	} {
		e := exchanges.Take(t, test.exchange)
		t.Run(test.exchange, func(t *testing.T) {
			server := unlockServer(t, e)
			err := startUnlocker(t, server).Unlock(t.Context(), test.request)
			body := server.Finish().Body
			if !test.refused {
				if err != nil {
					t.Error(err)
				}
				return
			}
			e, ok := errors.AsType[*dep.Error](err)
			if !ok || e.StatusCode != 400 || e.Code != "" || e.Err != nil || string(e.Body) != body {
				t.Errorf("error %#v", err)
			}
		})
	}
	if left := exchanges.Left(); left != nil {
		t.Errorf("not replayed: %q", left)
	}
}

func TestUnlockRefusesBadInput(t *testing.T) {
	good := dep.UnlockRequest{
		SerialNumber: "DEMO00000001", ProductType: "Mac16,10", OrgName: "Example Org", GUID: "admin", BypassCode: demoBypassCode(),
	}
	for field, spoil := range map[string]func(*dep.UnlockRequest){
		"UnlockRequest.SerialNumber": func(r *dep.UnlockRequest) { r.SerialNumber = "" },
		"UnlockRequest.ProductType":  func(r *dep.UnlockRequest) { r.ProductType = "" },
		"UnlockRequest.OrgName":      func(r *dep.UnlockRequest) { r.OrgName = "" },
		"UnlockRequest.GUID":         func(r *dep.UnlockRequest) { r.GUID = "" },
		"UnlockRequest.BypassCode":   func(r *dep.UnlockRequest) { r.BypassCode = dep.BypassCode{} },
	} {
		t.Run(field, func(t *testing.T) {
			requests := 0
			unlocker := startUnlocker(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests++ }))
			bad := good
			spoil(&bad)
			err := unlocker.Unlock(t.Context(), bad)
			if e, ok := errors.AsType[*dep.InputError](err); !ok || e.Field != field || requests != 0 {
				t.Errorf("error %v after %d requests", err, requests)
			}
			if err := unlocker.Unlock(t.Context(), good); err != nil || requests != 1 {
				t.Errorf("good input: error %v after %d requests", err, requests)
			}
		})
	}
}

func TestNewUnlockerRefusesBadInput(t *testing.T) {
	certificate := pushCertificate(t)
	for name, test := range map[string]struct {
		certificate tls.Certificate
		opts        *dep.UnlockOptions
		field       string
	}{
		"no certificate":    {tls.Certificate{PrivateKey: certificate.PrivateKey}, nil, "pushCertificate"},
		"no key":            {tls.Certificate{Certificate: certificate.Certificate}, nil, "pushCertificate"},
		"another transport": {certificate, &dep.UnlockOptions{HTTPClient: &http.Client{Transport: noTransport{}}}, "UnlockOptions.HTTPClient"},
		"base URL":          {certificate, &dep.UnlockOptions{BaseURL: "ftp://example.org"}, "BaseURL"},
		"retry":             {certificate, &dep.UnlockOptions{Retry: dep.Retry{Tries: -1}}, "Retry.Tries"},
	} {
		_, err := dep.NewUnlocker(test.certificate, test.opts)
		if e, ok := errors.AsType[*dep.InputError](err); !ok || e.Field != test.field {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := dep.NewUnlocker(certificate, nil); err != nil {
		t.Errorf("with defaults: %v", err)
	}
}

type noTransport struct{}

func (noTransport) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("no line")
}
