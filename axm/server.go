package axm

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"iter"
	"net/http"

	"github.com/applemdm/applemdm/internal/keypem"
	"github.com/applemdm/applemdm/internal/rest"
	"github.com/applemdm/applemdm/internal/sniff"
)

// kindServers is the type of servers in documents and paths.
const kindServers = "mdmServers"

// Server is a device management service: an MDM server of the organisation, Apple Configurator, or
// the one that Apple has built in. Every member may be missing, and the enumerated ones may have
// values that are not listed here.
//
// https://developer.apple.com/documentation/applebusinessapi/mdmserver
type Server struct {
	ID         string       `json:"id,omitzero"`
	ServerName string       `json:"serverName,omitzero"`
	ServerType ServerType   `json:"serverType,omitzero"`
	Status     ServerStatus `json:"status,omitzero"`

	DeviceCount *int `json:"deviceCount,omitzero"` // nil if Apple does not say

	// EnableMDMDisownFlag lets the server release devices. Nil if Apple does not say.
	EnableMDMDisownFlag *bool `json:"enableMdmDisownFlag,omitzero"`

	// DefaultProductFamilies are those whose new devices are assigned to this server. Apple tells them
	// in the answers of [Client.Server] and [Client.UpdateServer] only, which have an empty list if
	// there are none; elsewhere it is nil.
	DefaultProductFamilies []DefaultFamily `json:"defaultProductFamilies,omitzero"`

	LastConnected   Time   `json:"lastConnectedDateTime,omitzero"`
	LastConnectedIP string `json:"lastConnectedIp,omitzero"`
	Created         Time   `json:"createdDateTime,omitzero"`
	Updated         Time   `json:"updatedDateTime,omitzero"`

	Unknown Unknown `json:",embed"`
}

// ServerType is the kind of a device management service.
type ServerType string

// The kinds that Apple names.
const (
	ServerMDM          ServerType = "MDM"
	ServerConfigurator ServerType = "APPLE_CONFIGURATOR"
	ServerAppleMDM     ServerType = "APPLE_MDM" // built into Apple Business
)

// ServerStatus is the condition of a device management service.
type ServerStatus string

// The conditions that Apple names.
const (
	ServerActive   ServerStatus = "ACTIVE"
	ServerInactive ServerStatus = "INACTIVE"
	ServerDeleted  ServerStatus = "DELETED"
)

// DefaultFamily is a product family as default assignments name it, which is not how devices do.
type DefaultFamily string

// The families that Apple names.
const (
	DefaultAppleTV DefaultFamily = "APPLE_TV"
	DefaultIPad    DefaultFamily = "IPAD"
	DefaultIPhone  DefaultFamily = "IPHONE"
	DefaultIPod    DefaultFamily = "IPOD"
	DefaultMac     DefaultFamily = "MAC"
	DefaultVision  DefaultFamily = "VISION"
	DefaultWatch   DefaultFamily = "WATCH"
)

func (s *Server) flatten(id string) { s.ID = id }
func (s *Server) unknown() *Unknown { return &s.Unknown }

// Servers returns an iterator over the device management services. It is read as [Client.Devices] is.
// Apple sends less of each than [Client.Server] does.
//
// https://developer.apple.com/documentation/applebusinessapi/get-mdm-servers
func (c *Client) Servers(ctx context.Context, options ListOptions) iter.Seq2[Server, error] {
	return items(c.ServerPages(ctx, options))
}

// ServerPages is [Client.Servers] by the page.
func (c *Client) ServerPages(ctx context.Context, options ListOptions) iter.Seq2[*Page[Server], error] {
	return pages(ctx, c, list[Server]{
		op: "read servers", path: rest.Path{kindServers}, kind: kindServers, options: options, decode: resourcePage[Server],
	})
}

// allServerFields is what a server of Apple Business has. Without being asked for by name, some of it
// has been seen to be missing.
var allServerFields = [...]string{
	"serverName", "enableMdmDisownFlag", "defaultProductFamilies", "status", "serverType", "deviceCount",
	"lastConnectedDateTime", "lastConnectedIp", "createdDateTime", "updatedDateTime",
}

// Server reads one device management service. With fields given, Apple sends these attributes only;
// without, all that there are.
//
// https://developer.apple.com/documentation/applebusinessapi/get-mdmserver-information
func (c *Client) Server(ctx context.Context, id string, fields ...string) (*Server, error) {
	if err := checkID("id", id); err != nil {
		return nil, err
	}
	if len(fields) == 0 {
		api, err := c.API(ctx)
		if err != nil {
			return nil, err
		}
		if api == APIBusiness { // a school's page names fewer
			fields = allServerFields[:]
		}
	}
	query, err := fieldsQuery(kindServers, fields)
	if err != nil {
		return nil, err
	}
	return call[Server](ctx, c, request{
		op: "read server", method: http.MethodGet, path: rest.Path{kindServers, id}, query: query,
	})
}

// ServerDevices returns an iterator over the serial numbers of the devices that are assigned to a
// server. It is read as [Client.Devices] is; there are no fields to choose.
//
// https://developer.apple.com/documentation/applebusinessapi/get-all-device-ids-for-an-mdmserver
func (c *Client) ServerDevices(ctx context.Context, serverID string, options ListOptions) iter.Seq2[string, error] {
	return items(c.ServerDevicePages(ctx, serverID, options))
}

// ServerDevicePages is [Client.ServerDevices] by the page.
func (c *Client) ServerDevicePages(ctx context.Context, serverID string, options ListOptions) iter.Seq2[*Page[string], error] {
	return pages(ctx, c, linkageList("read devices of server", options, "serverID", kindServers, serverID, "devices"))
}

// ServerCertificate is the public certificate of a server, for which Apple encrypts the server token
// of Device Assignment.
type ServerCertificate struct {
	Name string // of the file, such as "lab.pem"

	// Data is the certificate, PEM or DER, with an RSA key: Apple takes no other. A private key in
	// the same PEM is not sent.
	Data []byte
}

// sentCertificate is a certificate as it is sent: Base64 of DER.
type sentCertificate struct {
	Name string `json:"name"`
	Data []byte `json:"data"`
}

func (s *ServerCertificate) check() (*sentCertificate, error) {
	if s.Name == "" {
		return nil, &InputError{Field: "Certificate.Name", Rule: "must not be empty"}
	}
	der := s.Data
	if _, blocks := keypem.Blocks(s.Data); len(blocks) > 0 {
		der = blocks[0].Bytes
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		if kind := sniff.Of(s.Data); kind != sniff.Certificate {
			return nil, &WrongFileError{Want: sniff.Certificate, Got: kind}
		}
		return nil, &InputError{Field: "Certificate.Data", Rule: "cannot be read: " + err.Error()}
	}
	if _, isRSA := certificate.PublicKey.(*rsa.PublicKey); !isRSA {
		return nil, &InputError{Field: "Certificate.Data", Rule: "must have an RSA key; Apple refuses others"}
	}
	return &sentCertificate{Name: s.Name, Data: certificate.Raw}, nil
}

// NewServer is what a server is made from.
type NewServer struct {
	ServerName          string            // required
	Certificate         ServerCertificate // required
	EnableMDMDisownFlag *bool             // nil leaves it to Apple
}

// ServerUpdate is what is to change of a server. Nil members, and an empty name, leave things as they
// are.
type ServerUpdate struct {
	ServerName          string
	Certificate         *ServerCertificate
	EnableMDMDisownFlag *bool

	// DefaultProductFamilies replaces the list; an empty one clears it, which Apple refuses with
	// [ErrInvalidRequest] if there is nothing to clear. A family can be the default of one server
	// only, so taking one that another server has is [ErrConflict]: see [Client.MoveDefaultFamilies].
	DefaultProductFamilies *[]DefaultFamily
}

// serverAttributes are those that can be sent.
type serverAttributes struct {
	ServerName             string           `json:"serverName,omitzero"`
	ServerCertificate      *sentCertificate `json:"serverCertificate,omitzero"`
	EnableMDMDisownFlag    *bool            `json:"enableMdmDisownFlag,omitzero"`
	DefaultProductFamilies *[]DefaultFamily `json:"defaultProductFamilies,omitzero"`
}

// CreateServer makes a device management service and returns it as Apple does, perhaps without
// EnableMDMDisownFlag. Its server token is downloaded in the portal: no API gives it. The request is
// not repeated when its answer gets lost; look for the name before trying again. Apple Business only.
//
// https://developer.apple.com/documentation/applebusinessapi/create-an-mdmserver
func (c *Client) CreateServer(ctx context.Context, server NewServer) (*Server, error) {
	if server.ServerName == "" {
		return nil, &InputError{Field: "ServerName", Rule: "must not be empty"}
	}
	certificate, err := server.Certificate.check()
	if err != nil {
		return nil, err
	}
	return call[Server](ctx, c, request{
		op: "create server", method: http.MethodPost, path: rest.Path{kindServers}, businessOnly: true,
		body: outgoing{outgoingResource{Type: kindServers, Attributes: serverAttributes{
			ServerName: server.ServerName, ServerCertificate: certificate, EnableMDMDisownFlag: server.EnableMDMDisownFlag,
		}}},
	})
}

// UpdateServer changes a device management service and returns it as it is then. Apple Business only.
//
// https://developer.apple.com/documentation/applebusinessapi/update-an-mdmserver
func (c *Client) UpdateServer(ctx context.Context, id string, update ServerUpdate) (*Server, error) {
	if err := checkID("id", id); err != nil {
		return nil, err
	}
	if update == (ServerUpdate{}) {
		return nil, &InputError{Field: "update", Rule: "must change something"}
	}
	attributes := serverAttributes{
		ServerName: update.ServerName, EnableMDMDisownFlag: update.EnableMDMDisownFlag,
		DefaultProductFamilies: update.DefaultProductFamilies,
	}
	if update.Certificate != nil {
		var err error
		if attributes.ServerCertificate, err = update.Certificate.check(); err != nil {
			return nil, err
		}
	}
	families := update.DefaultProductFamilies
	return call[Server](ctx, c, request{
		op: "update server", method: http.MethodPatch, path: rest.Path{kindServers, id}, businessOnly: true,
		once: families != nil && len(*families) == 0, // a second time there would be nothing to clear
		body: outgoing{outgoingResource{Type: kindServers, ID: id, Attributes: attributes}},
	})
}

// DeleteServer deletes a device management service. Apple refuses, with [ErrConflict] or
// [ErrInvalidRequest], while it has devices or default product families: unassign and clear them
// first. Apple Business only.
//
// https://developer.apple.com/documentation/applebusinessapi/delete-an-mdmserver
func (c *Client) DeleteServer(ctx context.Context, id string) error {
	if err := checkID("id", id); err != nil {
		return err
	}
	return callNone(ctx, c, request{
		op: "delete server", method: http.MethodDelete, path: rest.Path{kindServers, id}, businessOnly: true,
	})
}
