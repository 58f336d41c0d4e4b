package axmtest_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/applemdm/applemdm/axm/axmtest"
)

// certificate makes a certificate as DER.
func certificate(t *testing.T, key crypto.Signer) []byte {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "lab"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func rsaCertificate(t *testing.T) []byte {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return certificate(t, key)
}

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func serverText(id, attributes string) string {
	if id != "" {
		id = fmt.Sprintf(`"id":%q,`, id)
	}
	return `{"data":{"type":"mdmServers",` + id + `"attributes":{` + attributes + `}}}`
}

func certText(data string) string {
	return fmt.Sprintf(`"serverCertificate":{"name":"lab.pem","data":%q}`, data)
}

func TestServerLifecycle(t *testing.T) {
	c := start(t, nil)
	der := rsaCertificate(t)
	a := c.want("POST", "mdmServers", serverText("", `"serverName":"Lab MDM","enableMdmDisownFlag":true,`+certText(b64(der))), 201, "")
	made := decode[struct{ Data item }](t, a).Data
	if made.Type != "mdmServers" || len(made.ID) != 32 || made.ID != strings.ToUpper(made.ID) || made.Links["self"] != c.srv.URL+"/v1/mdmServers/"+made.ID {
		t.Errorf("%+v", made)
	}
	const all = "serverName serverType status deviceCount enableMdmDisownFlag defaultProductFamilies lastConnectedDateTime lastConnectedIp"
	if got := made.attributes(strings.Fields(all)...); got != `"Lab MDM" "MDM" null 0 absent [] null null` {
		t.Error(got)
	}
	path := "mdmServers/" + made.ID
	if got := c.one(path).attributes(strings.Fields(all)...); got != `"Lab MDM" "MDM" null 0 true [] null null` {
		t.Error(got)
	}
	// PEM inside the base64 does as well, and what is absent stays as it is.
	other := rsaCertificate(t)
	file := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: other})
	c.want("PATCH", path, serverText(made.ID, certText(b64(file))), 200, "")
	c.want("PATCH", path, serverText(made.ID, `"serverName":"Lab 2"`), 200, "")
	c.want("PATCH", path, serverText(made.ID, `"enableMdmDisownFlag":false,"defaultProductFamilies":["IPAD","MAC"]`), 200, "")
	m, ok := c.org.Server(made.ID)
	if !ok || m.Name != "Lab 2" || m.CanDisown || fmt.Sprint(m.DefaultFamilies) != "[IPAD MAC]" || m.CertificateName != "lab.pem" || !m.Certificate.Equal(parse(t, other)) {
		t.Errorf("%+v", m)
	}
	c.wantNoViolations()
	c.want("PATCH", path, serverText(made.ID, ``), 200, "")
	c.wantViolation("nothing to change")
	c.want("POST", "mdmServers", serverText("X", `"serverName":"B","defaultProductFamilies":["IPAD"],`+certText(b64(der))), 201, "")
	if v := fmt.Sprint(c.srv.Violations()); !strings.Contains(v, "an id in the body") || !strings.Contains(v, "by PATCH only") {
		t.Error(v)
	}

	// Nothing with families or devices is deleted.
	c.org.AddSerials("A")
	c.org.AssignDevices(made.ID, "A")
	c.wantError("DELETE", path, "", "409 STATE_ERROR")
	c.want("PATCH", path, serverText(made.ID, `"defaultProductFamilies":[]`), 200, "")
	c.wantError("DELETE", path, "", "409 STATE_ERROR")
	c.org.AssignDevices("", "A")
	c.want("DELETE", path, "", 204, "")
	c.wantError("DELETE", path, "", "404 NOT_FOUND")
	c.wantError("PATCH", path, serverText(made.ID, ``), "404 NOT_FOUND")
	if n := len(c.org.Servers()); n != 1 {
		t.Errorf("%d servers", n)
	}
}

func parse(t *testing.T, der []byte) *x509.Certificate {
	t.Helper()
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestServerRefusals(t *testing.T) {
	c := start(t, nil)
	elliptic, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := certText(b64(rsaCertificate(t)))
	const at = "/data/attributes/serverCertificate/data"
	for name, tt := range map[string]struct{ body, want string }{
		"EC":               {serverText("", `"serverName":"A",`+certText(b64(certificate(t, elliptic)))), "400 PARAMETER_ERROR.INVALID " + at},
		"not base64":       {serverText("", `"serverName":"A",`+certText("%")), "400 PARAMETER_ERROR.INVALID " + at},
		"no certificate":   {serverText("", `"serverName":"A",`+certText("AAAA")), "400 PARAMETER_ERROR.INVALID " + at},
		"nothing":          {serverText("", `"serverName":"A"`), "409 ENTITY_ERROR.ATTRIBUTE.REQUIRED /data/attributes/serverCertificate"},
		"no data":          {serverText("", `"serverName":"A",`+certText("")), "409 ENTITY_ERROR.ATTRIBUTE.REQUIRED " + at},
		"no file name":     {serverText("", `"serverName":"A",`+strings.Replace(good, "lab.pem", "", 1)), "409 ENTITY_ERROR.ATTRIBUTE.REQUIRED /data/attributes/serverCertificate/name"},
		"no name":          {serverText("", good), "409 ENTITY_ERROR.ATTRIBUTE.REQUIRED /data/attributes/serverName"},
		"blank name":       {serverText("", `"serverName":" ",`+good), "409 ENTITY_ERROR.ATTRIBUTE.INVALID /data/attributes/serverName"},
		"type":             {strings.Replace(serverText("", `"serverName":"A",`+good), "mdmServers", "servers", 1), "409 ENTITY_ERROR.ATTRIBUTE.INVALID /data/type"},
		"array":            {`[]`, "400 ENTITY_INVALID"},
		"type of an value": {serverText("", `"serverName":1`), "400 ENTITY_INVALID"},
	} {
		t.Run(name, func(t *testing.T) {
			clientOf(t, c.srv, c.org).wantError("POST", "mdmServers", tt.body, tt.want)
		})
	}
	if len(c.org.Servers()) != 0 {
		t.Errorf("%+v", c.org.Servers())
	}
	id := c.org.AddServer(axmtest.MDMServer{Name: "A"})
	c.wantError("PATCH", "mdmServers/"+id, serverText("X", `"serverName":"B"`), "409 ENTITY_ERROR.ATTRIBUTE.INVALID /data/id")
	c.wantError("PATCH", "mdmServers/"+id, serverText("", `"serverName":"B"`), "409 ENTITY_ERROR.ATTRIBUTE.INVALID /data/id")
	c.wantError("PATCH", "mdmServers/"+id, serverText(id, `"serverName":""`), "409 ENTITY_ERROR.ATTRIBUTE.INVALID /data/attributes/serverName")
	c.wantError("PATCH", "mdmServers/"+id, serverText(id, `"serverName":"B",`+certText("AAAA")), "400 PARAMETER_ERROR.INVALID "+at)
	c.wantError("PATCH", "mdmServers/"+id, `{"data":`, "400 ENTITY_INVALID")
	if m, _ := c.org.Server(id); m.Name != "A" {
		t.Errorf("a refused PATCH has changed %+v", m)
	}
}

// Who wants a family that another has must wait until that gives it up.
func TestDefaultFamilies(t *testing.T) {
	c := start(t, nil)
	a := c.org.AddServer(axmtest.MDMServer{Name: "A", DefaultFamilies: []string{"IPAD", "MAC"}})
	b := c.org.AddServer(axmtest.MDMServer{Name: "B"})
	const at = " /data/attributes/defaultProductFamilies"
	families := func(list string) string { return `"defaultProductFamilies":` + list }
	c.wantError("PATCH", "mdmServers/"+b, serverText(b, families(`["MAC"]`)), "409 ENTITY_ERROR.ATTRIBUTE.INVALID"+at)
	c.want("PATCH", "mdmServers/"+a, serverText(a, families(`["IPAD"]`)), 200, "")
	c.want("PATCH", "mdmServers/"+b, serverText(b, families(`["MAC"]`)), 200, "")
	c.want("PATCH", "mdmServers/"+b, serverText(b, families(`null`)+`,"serverName":"BB"`), 200, "")
	c.wantError("PATCH", "mdmServers/"+b, serverText(b, families(`["Mac"]`)), "409 ENTITY_ERROR.ATTRIBUTE.INVALID"+at)
	c.wantError("PATCH", "mdmServers/"+b, serverText(b, families(`["MAC","MAC"]`)), "409 ENTITY_ERROR.ATTRIBUTE.INVALID"+at)
	c.want("PATCH", "mdmServers/"+b, serverText(b, families(`[]`)), 200, "")
	c.wantError("PATCH", "mdmServers/"+b, serverText(b, families(`[]`)), "400 PARAMETER_ERROR.INVALID"+at)
	if m, _ := c.org.Server(a); fmt.Sprint(m.DefaultFamilies) != "[IPAD]" {
		t.Errorf("%+v", m)
	}
}

// What lists tell is less than what is told of one server, and depends on fields.
func TestServerViews(t *testing.T) {
	c := start(t, nil)
	at := time.Date(2026, 6, 9, 8, 0, 0, 0, time.UTC)
	id := c.org.AddServer(axmtest.MDMServer{
		Name: "A", Type: axmtest.TypeAppleMDM, DefaultFamilies: []string{"IPAD"}, LastConnected: at, LastIP: "192.0.2.10", Created: at, CanDisown: true,
	})
	c.org.AddServer(axmtest.MDMServer{ID: "B", Extra: map[string]any{"serverName": axmtest.Absent}})
	c.org.AddDevices(axmtest.Device{SerialNumber: "D", ServerID: id})
	names := strings.Fields("serverName serverType status deviceCount enableMdmDisownFlag defaultProductFamilies lastConnectedDateTime lastConnectedIp createdDateTime updatedDateTime")
	const head, tail = `"A" "APPLE_MDM" "ACTIVE" 1 true `, ` "2026-06-09T08:00:00.000Z" "2026-06-09T08:00:00.000Z"`
	const connected = ` "2026-06-09T08:00:00Z" "192.0.2.10"`
	long := "?fields[mdmServers]=" + strings.Join(names, ",")
	for path, want := range map[string]string{
		"mdmServers/" + id:                   head + `["IPAD"]` + connected + tail,
		"mdmServers/" + id + long:            head + `["IPAD"]` + connected + tail,
		"orgDevices/D/assignedServer":        head + `absent absent absent` + tail,
		"orgDevices/D/assignedServer" + long: head + `absent` + connected + tail,
	} {
		if got := c.one(path).attributes(names...); got != want {
			t.Errorf("%s:\n got %s\nwant %s", path, got, want)
		}
	}
	l := c.list("mdmServers")
	if got := l.Data[0].attributes(names...); l.ids() != id+" B" || got != head+`absent absent absent`+tail || l.Data[1].attributes("serverName") != "absent" {
		t.Errorf("%s %s", l.ids(), got)
	}
	if got := c.list("mdmServers" + long).Data[0].attributes(names...); got != head+`absent`+connected+tail {
		t.Error(got)
	}
	if got := c.list("mdmServers?fields[mdmServers]=serverName").Data[0]; len(got.Attributes) != 1 || got.Relationships != nil {
		t.Errorf("%+v", got)
	}
	if !c.org.ModifyServer(id, func(m *axmtest.MDMServer) { m.Status, m.ID = "", "X" }) || c.org.ModifyServer("X", nil) {
		t.Error("ModifyServer")
	}
	if got := c.one("mdmServers/" + id).attributes("status"); got != "null" {
		t.Error(got)
	}
	if !c.org.RemoveServer(id) || c.org.RemoveServer(id) {
		t.Error("RemoveServer")
	}
	if d, _ := c.org.Device("D"); d.ServerID != "" {
		t.Errorf("%+v", d)
	}
	if _, ok := c.org.Server(id); ok {
		t.Error("the server is still there")
	}
}
