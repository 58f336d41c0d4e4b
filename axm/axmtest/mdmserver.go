package axmtest

import (
	"crypto/x509"
	"maps"
	"slices"
	"time"
)

const mdmServers = "mdmServers"

// Values of MDMServer.Type.
const (
	TypeMDM               = "MDM"
	TypeAppleConfigurator = "APPLE_CONFIGURATOR"
	TypeAppleMDM          = "APPLE_MDM"
)

// MDMServer is a device management service of an organisation.
type MDMServer struct {
	ID              string // default invented, 32 hex digits in capitals
	Name            string
	Type            string // TypeMDM is the default
	Status          string // ACTIVE, INACTIVE, DELETED or "" for null
	CanDisown       bool   // enableMdmDisownFlag
	DefaultFamilies []string
	LastConnected   time.Time
	LastIP          string
	Created         time.Time // default now
	Updated         time.Time // default Created
	Extra           map[string]any

	// CertificateName and Certificate are what clients of the API have uploaded; nothing tells them.
	CertificateName string
	Certificate     *x509.Certificate
}

type mdmServer struct{ MDMServer }

func (m MDMServer) clone() MDMServer {
	m.DefaultFamilies = slices.Clone(m.DefaultFamilies)
	m.Extra = maps.Clone(m.Extra)
	return m
}

// AddServer adds a device management service and returns its id. One of that id is replaced.
func (o *Org) AddServer(m MDMServer) string {
	o.look(func(now time.Time) {
		m = m.clone()
		or(&m.ID, upperHexOf("server", o.id, o.s.next()))
		or(&m.Type, TypeMDM)
		or(&m.Status, "ACTIVE")
		or(&m.Created, now)
		or(&m.Updated, m.Created)
		o.servers.put(m.ID, &mdmServer{m})
	})
	return m.ID
}

// ModifyServer changes a server; its id stays. change must not call methods of the Server or the
// Org. It reports whether there is one.
func (o *Org) ModifyServer(id string, change func(*MDMServer)) (ok bool) {
	o.look(func(time.Time) {
		var m *mdmServer
		if m, ok = o.servers.get(id); ok {
			m.MDMServer = m.clone()
			change(&m.MDMServer)
			m.ID = id
		}
	})
	return ok
}

// RemoveServer deletes a server, as somebody in the portal does; its devices are unassigned. It
// reports whether there was one.
func (o *Org) RemoveServer(id string) (ok bool) {
	o.look(func(now time.Time) {
		for _, d := range o.devices.values() {
			if d.ServerID == id && d.isOurs() {
				o.assign(d, "", now)
			}
		}
		ok = o.servers.remove(id)
	})
	return ok
}

// Servers returns the servers in the order of their addition.
func (o *Org) Servers() []MDMServer {
	var out []MDMServer
	o.look(func(time.Time) {
		for _, m := range o.servers.values() {
			out = append(out, m.clone())
		}
	})
	return out
}

// Server returns a server.
func (o *Org) Server(id string) (m MDMServer, ok bool) {
	o.look(func(time.Time) {
		if found, there := o.servers.get(id); there {
			m, ok = found.clone(), true
		}
	})
	return m, ok
}

func (o *Org) serverName(id string) string {
	if m, ok := o.servers.get(id); ok {
		return m.Name
	}
	return ""
}

// resource is the server as the API tells it; alone as the answer to a request for it alone, which
// tells more than lists do.
func (m *mdmServer) resource(c *call, alone bool) resource {
	asked := c.views[mdmServers] != nil
	attributes := object{
		{"serverName", m.Name},
		{"serverType", m.Type},
		{"status", stringOrNull(m.Status)},
		{"deviceCount", c.org.count(m.ID, c.now)},
		{"enableMdmDisownFlag", m.CanDisown},
	}
	if alone {
		attributes = append(attributes, member{"defaultProductFamilies", list(m.DefaultFamilies)})
	}
	if alone || asked {
		attributes = append(attributes,
			member{"lastConnectedDateTime", dateOrNull(m.LastConnected)}, member{"lastConnectedIp", stringOrNull(m.LastIP)})
	}
	attributes = append(attributes,
		member{"createdDateTime", formatTime(m.Created)}, member{"updatedDateTime", formatTime(m.Updated)})
	return resource{
		kind: mdmServers, id: m.ID, extra: m.Extra, attributes: attributes,
		relationships: object{{"devices", object{{"links", object{
			{"self", c.url(mdmServers, m.ID, "relationships", "devices")},
			{"related", c.url(mdmServers, m.ID, "devices")}, // which does not work
		}}}}},
	}
}

func listServers(c *call) *reply {
	return page(c, c.org.servers.all(nil), func(m *mdmServer) object { return c.show(m.resource(c, false)) })
}

func getServer(c *call) *reply {
	m, ok := c.org.servers.get(c.id)
	if !ok {
		return notFound(mdmServers, c.id)
	}
	return c.one(m.resource(c, true))
}

func listServerDevices(c *call) *reply {
	if !c.org.servers.has(c.id) {
		return notFound(mdmServers, c.id)
	}
	lag := c.s.opts.Lag
	assigned := c.org.devices.all(func(d *device) bool { return d.isOurs() && d.server(c.now, lag) == c.id })
	return page(c, assigned, func(d *device) object { return linkage(orgDevices, d.SerialNumber) })
}
