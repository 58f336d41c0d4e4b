package deptest_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/applemdm/applemdm/dep/deptest"
)

const (
	humanCode = "000H4-0R40M-30F2-0918-5HR3-8F17"
	escrow    = "c5ced1d0c51459c1a887866a5868dd3e9e6f4fc4a8c244f3f9eb9383c0f8aecb"
)

func TestActivationLock(t *testing.T) {
	c := newClient(t, nil)
	c.srv.AddSerials("A", "B", "C")
	c.srv.AddDevices(deptest.Device{SerialNumber: "TV", Model: "Apple TV", DeviceFamily: "AppleTV"})
	lock := func(body, want string) {
		t.Helper()
		c.want("POST", "/device/activationlock", body, 200, want)
	}
	lock(`{"device":"A","escrow_key":"`+strings.ToUpper(escrow)+`","lost_message":"m"}`, `{"serial_number":"A","response_status":"SUCCESS"}`)
	if l, ok := c.srv.Lock("A"); !ok || l.EscrowKey != escrow || l.LostMessage != "m" {
		t.Errorf("lock %+v", l)
	}
	lock(`{"device":"A"}`, `{"serial_number":"A","response_status":"DEVICE_ALREADY_LOCKED"}`)
	lock(`{"device":"X"}`, `{"serial_number":"X","response_status":"NOT_ACCESSIBLE"}`)
	lock(`{"device":"TV"}`, `{"serial_number":"TV","response_status":"DEVICE_NOT_SUPPORTED"}`)
	c.srv.LockByUser("B")
	lock(`{"device":"B"}`, `{"serial_number":"B","response_status":"DEVICE_ALREADY_LOCKED"}`)
	c.srv.SetOutcome("C", deptest.Failed)
	lock(`{"device":"C"}`, `{"serial_number":"C","response_status":"FAILED"}`)
	c.srv.SetOutcome("C", "")
	c.srv.UpdateAccount(func(a *deptest.Account) { a.OrgVersion = "v1" })
	lock(`{"device":"C"}`, `{"serial_number":"C","response_status":"ORG_NOT_SUPPORTED"}`)
	c.wantNoViolations()
	for _, body := range []string{`{}`, `{"device":["A"]}`, `{"devices":["A"]}`, `{"device":"C","escrow_key":"` + humanCode + `"}`, `{"device":"C","escrow_key":"abcd"}`} {
		c.want("POST", "/device/activationlock", body, 400, "MALFORMED_REQUEST_BODY")
	}
}

func TestUnlock(t *testing.T) {
	c := newClient(t, nil)
	c.srv.AddSerials("A", "B")
	lockA := func() {
		c.want("POST", "/device/activationlock", `{"device":"A","escrow_key":"`+escrow+`"}`, 200, "")
	}
	lockA()
	u := c.srv.StartUnlock()
	defer u.Close()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pushCert := tls.Certificate{Certificate: [][]byte{selfSigned(key, &key.PublicKey).Raw}, PrivateKey: key}
	http1 := u.Client(pushCert)
	post := func(path, query, contentType, body string) int {
		t.Helper()
		resp, err := http1.Post("https://deviceservices-external.apple.com"+path+"?"+query, contentType, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if b, _ := io.ReadAll(resp.Body); len(b) > 0 {
			t.Errorf("body %q", b)
		}
		return resp.StatusCode
	}
	const path, query, form = deptest.UnlockPath, "serial=A&productType=iPhone18,1", "application/x-www-form-urlencoded"
	const who = "orgName=Example&guid=me&escrowKey="
	for _, tc := range []struct {
		name, path, query, contentType, body string
		want                                 int
	}{
		{"another path", "/x", query, form, who + humanCode, 404},
		{"no serial", path, "productType=x", form, who + humanCode, 400},
		{"no product type", path, "serial=A", form, who + humanCode, 400},
		{"another parameter", path, query + "&udid=1", form, who + humanCode, 400},
		{"parameter twice", path, query + "&serial=B", form, who + humanCode, 400},
		{"broken query", path, query + "&imei=%zz", form, who + humanCode, 400},
		{"JSON", path, query, "application/json", `{}`, 400},
		{"no organisation", path, query, form, "guid=me&escrowKey=" + humanCode, 400},
		{"no person", path, query, form, "orgName=x&escrowKey=" + humanCode, 400},
		{"no code", path, query, form, "orgName=x&guid=me", 400},
		{"the escrow key instead of the code", path, query, form, who + escrow, 400},
		{"without dashes", path, query, form, who + strings.ReplaceAll(humanCode, "-", ""), 400},
		{"a symbol that is none", path, query, form, who + "B" + humanCode[1:], 400},
		{"more than 128 bits", path, query, form, who + humanCode[:30] + "8", 400},
		{"another code", path, query, form, who + "00000-00000-0000-0000-0000-0000", 403},
		{"another device", path, "serial=B&productType=x", form, who + humanCode, 404},
		{"right", path, query + "&imei=1&imei2=2&meid=3", form + "; charset=utf-8", who + humanCode, 200},
		{"again", path, query, form, who + humanCode, 404},
	} {
		if got := post(tc.path, tc.query, tc.contentType, tc.body); got != tc.want {
			t.Errorf("%s: %d, want %d", tc.name, got, tc.want)
		}
	}
	if _, locked := c.srv.Lock("A"); locked {
		t.Error("A is still locked")
	}
	if got := len(u.Received()); got != 18 {
		t.Errorf("%d requests received", got)
	}
	c.wantViolation("POST " + path + ": the code is not that of the lock")
	if resp, err := http1.Get(u.URL + path); err != nil || resp.StatusCode != 405 {
		t.Errorf("GET: %v, %v", resp, err)
	}
	if _, err := u.Client(tls.Certificate{}).Post(u.URL+path+"?"+query, form, nil); err == nil {
		t.Error("a client without a certificate was answered")
	}
	// On a server that does not ask for certificates the handler itself refuses.
	rec := httptest.NewRecorder()
	c.srv.UnlockHandler().ServeHTTP(rec, httptest.NewRequest("POST", path+"?"+query, strings.NewReader(who+humanCode)))
	if rec.Code != 403 {
		t.Errorf("without TLS: %d", rec.Code)
	}
}

// All published codes belong to their escrow keys.
func TestBypassCodeVectors(t *testing.T) {
	c := newClient(t, nil)
	u := c.srv.StartUnlock()
	defer u.Close()
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	hc := u.Client(tls.Certificate{Certificate: [][]byte{selfSigned(key, &key.PublicKey).Raw}, PrivateKey: key})
	for code, escrow := range map[string]string{
		"00000-00000-0000-0000-0000-0000": "deab860d28deb5b7121d6d8fcf0f78e1471756d1b2c566c03277c23ea8930b4f",
		"3UM43-PUYVY-QYD1-UVCC-HEHJ-FKA4": "6ab40d5eabe7218ec04182f461005600c7e3426bddd82cdb405bde9a1e0014b5",
		"TF27L-31WN1-E6FH-DMAM-52X5-NFV0": "23cf8b7873425fd8efe31dc5b6ab9c357eb98a2a59c82ea1084ca8af58cc480a",
		humanCode:                         escrow,
	} {
		c.srv.AddSerials("A")
		c.want("POST", "/device/activationlock", `{"device":"A","escrow_key":"`+escrow+`"}`, 200, `{"serial_number":"A","response_status":"SUCCESS"}`)
		resp, err := hc.Post(u.URL+deptest.UnlockPath+"?serial=A&productType=x", "application/x-www-form-urlencoded", strings.NewReader("orgName=o&guid=g&escrowKey="+code))
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("%s: %v, %v", code, resp, err)
		}
		resp.Body.Close()
	}
}
