package axmtest

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"net/http"
	"slices"
)

// serverAttributes are what clients write.
type serverAttributes struct {
	Name        *string `json:"serverName"`
	Certificate *struct {
		Name string `json:"name"`
		Data string `json:"data"`
	} `json:"serverCertificate"`
	CanDisown *bool     `json:"enableMdmDisownFlag"`
	Families  *[]string `json:"defaultProductFamilies"`
}

func productFamilies() []string {
	return []string{"APPLE_TV", "IPAD", "IPHONE", "IPOD", "MAC", "VISION", "WATCH"}
}

// createServer is POST /v1/mdmServers.
func createServer(c *call) *reply {
	body, rep := decodeData[serverAttributes, none](c, mdmServers)
	if rep != nil {
		return rep
	}
	attrs := &body.Data.Attributes
	if rep := checkName("serverName", attrs.Name, true, isText); rep != nil {
		return rep
	}
	if attrs.Certificate == nil {
		return missing("serverCertificate")
	}
	if attrs.Families != nil {
		c.note("defaultProductFamilies can be set by PATCH only")
	}
	m := &mdmServer{MDMServer{
		ID: upperHexOf("server", c.org.id, c.s.next()), Type: TypeMDM, Created: c.now, Updated: c.now,
	}}
	if rep := m.write(attrs); rep != nil {
		return rep
	}
	c.org.servers.put(m.ID, m)
	r := m.resource(c, true)
	// The flag is not reliably told here; those who want to know it read the server.
	r.extra = map[string]any{"enableMdmDisownFlag": Absent}
	return c.created(r)
}

// updateServer is PATCH /v1/mdmServers/{id}.
func updateServer(c *call) *reply {
	m, ok := c.org.servers.get(c.id)
	if !ok {
		return notFound(mdmServers, c.id)
	}
	body, rep := decodeData[serverAttributes, none](c, mdmServers)
	if rep != nil {
		return rep
	}
	attrs := &body.Data.Attributes
	if *attrs == (serverAttributes{}) {
		c.note("nothing to change")
	}
	if rep := checkName("serverName", attrs.Name, false, isText); rep != nil {
		return rep
	}
	changed := &mdmServer{m.clone()}
	if attrs.Families != nil {
		if rep := c.org.setFamilies(changed, *attrs.Families); rep != nil {
			return rep
		}
	}
	if rep := changed.write(attrs); rep != nil {
		return rep
	}
	changed.Updated = c.now
	c.org.servers.put(m.ID, changed)
	return c.one(changed.resource(c, true))
}

// write takes over what a client has written, the families excepted.
func (m *mdmServer) write(attrs *serverAttributes) *reply {
	if up := attrs.Certificate; up != nil {
		cert, rep := readCertificate(up.Name, up.Data)
		if rep != nil {
			return rep
		}
		m.CertificateName, m.Certificate = up.Name, cert
	}
	replace(&m.Name, attrs.Name)
	replace(&m.CanDisown, attrs.CanDisown)
	return nil
}

// readCertificate reads what a client has uploaded: base64 of DER or of a PEM file. The service
// takes RSA only.
func readCertificate(name, text string) (*x509.Certificate, *reply) {
	const at = "serverCertificate"
	bad := func(detail string) (*x509.Certificate, *reply) {
		return nil, fail(http.StatusBadRequest, problem{code: codeParamInvalid, pointer: attribute(at + "/data"), detail: detail})
	}
	switch {
	case name == "":
		return nil, missing(at + "/name")
	case text == "":
		return nil, missing(at + "/data")
	}
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return bad("The certificate is not base64.")
	}
	if block, _ := pem.Decode(der); block != nil {
		der = block.Bytes
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return bad("The data is not an X.509 certificate.")
	}
	if _, isRSA := cert.PublicKey.(*rsa.PublicKey); !isRSA {
		return bad("The certificate has no RSA key.")
	}
	return cert, nil
}

// setFamilies makes a server the default one for exactly these families. Each can belong to one
// server: whoever has it must give it up first.
func (o *Org) setFamilies(m *mdmServer, families []string) *reply {
	const at = "defaultProductFamilies"
	if len(families) == 0 && len(m.DefaultFamilies) == 0 {
		return fail(http.StatusBadRequest, problem{code: codeParamInvalid, pointer: attribute(at), detail: "There are no families to remove."})
	}
	for i, f := range families {
		if !slices.Contains(productFamilies(), f) || slices.Contains(families[:i], f) {
			return conflict(codeAttrInvalid, attribute(at), "'"+f+"' is not a family, or is there twice.")
		}
		for _, other := range o.servers.values() {
			if other.ID != m.ID && slices.Contains(other.DefaultFamilies, f) {
				return conflict(codeAttrInvalid, attribute(at), "Another device management service is the default for '"+f+"'.")
			}
		}
	}
	m.DefaultFamilies = slices.Clone(families)
	return nil
}

// deleteServer is DELETE /v1/mdmServers/{id}.
func deleteServer(c *call) *reply {
	m, ok := c.org.servers.get(c.id)
	if !ok {
		return notFound(mdmServers, c.id)
	}
	if len(m.DefaultFamilies) > 0 {
		return conflict(codeState, "", "The device management service is the default for product families.")
	}
	for _, d := range c.org.devices.values() {
		if d.isOurs() && d.ServerID == m.ID {
			return conflict(codeState, "", "Devices are assigned to the device management service.")
		}
	}
	c.org.servers.remove(m.ID)
	return noContent()
}
