package legacy

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/applemdm/applemdm/internal/published"
	"github.com/applemdm/applemdm/internal/rest"
	"github.com/applemdm/applemdm/vpp"
)

// Apple's names of the services.
const (
	serviceConfig       = "VPPServiceConfigSrv"
	serviceClientConfig = "VPPClientConfigSrv"
	serviceRegisterUser = "registerVPPUserSrv"
	serviceGetUser      = "getVPPUserSrv"
	serviceGetUsers     = "getVPPUsersSrv"
	serviceEditUser     = "editVPPUserSrv"
	serviceRetireUser   = "retireVPPUserSrv"
	serviceAssets       = "getVPPAssetsSrv"
	serviceAssignments  = "getAssignments"
	serviceLicenses     = "getVPPLicensesSrv"
	serviceManage       = "manageVPPLicensesByAdamIdSrv"
)

// ServiceConfig is what the service publishes about itself: where its services are, and how many
// entries one request may have.
//
// https://developer.apple.com/documentation/devicemanagement/vppserviceconfigresponse
type ServiceConfig struct {
	RegisterUserURL   string `json:"registerUserSrvUrl,omitzero"`
	EditUserURL       string `json:"editUserSrvUrl,omitzero"`
	GetUserURL        string `json:"getUserSrvUrl,omitzero"`
	GetUsersURL       string `json:"getUsersSrvUrl,omitzero"`
	RetireUserURL     string `json:"retireUserSrvUrl,omitzero"`
	GetAssetsURL      string `json:"getVPPAssetsSrvUrl,omitzero"`
	GetLicensesURL    string `json:"getLicensesSrvUrl,omitzero"`
	ManageLicensesURL string `json:"manageVPPLicensesByAdamIdSrvUrl,omitzero"`
	ClientConfigURL   string `json:"clientConfigSrvUrl,omitzero"`

	InvitationEmailURL       string `json:"invitationEmailUrl,omitzero"` // see [ServiceConfig.InvitationURL]
	ContentMetadataLookupURL string `json:"contentMetadataLookupUrl,omitzero"`
	WebsiteURL               string `json:"vppWebsiteUrl,omitzero"` // of the portal

	// How many entries one request to manage licences may have; 10 where nothing is published.
	MaxBatchAssociate    int `json:"maxBatchAssociateLicenseCount,omitzero"`
	MaxBatchDisassociate int `json:"maxBatchDisassociateLicenseCount,omitzero"`

	ErrorCodes ErrorCodes `json:"errorCodes,omitzero"`

	Unknown vpp.Unknown `json:",embed"`
}

// ErrorCodes are the errors that the service may answer. Apple documents one of them and answers a
// list, so both are read.
type ErrorCodes []vpp.ErrorCode

// UnmarshalJSONFrom takes one in the place of a list.
func (e *ErrorCodes) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() != jsontext.KindBeginObject {
		return json.UnmarshalDecode(dec, (*[]vpp.ErrorCode)(e))
	}
	*e = make(ErrorCodes, 1)
	return json.UnmarshalDecode(dec, &(*e)[0])
}

// urls returns the published URLs of the services that are called. Apple publishes none for
// getAssignments.
func (s *ServiceConfig) urls() map[string]string {
	return map[string]string{
		serviceClientConfig: s.ClientConfigURL,
		serviceRegisterUser: s.RegisterUserURL,
		serviceGetUser:      s.GetUserURL,
		serviceGetUsers:     s.GetUsersURL,
		serviceEditUser:     s.EditUserURL,
		serviceRetireUser:   s.RetireUserURL,
		serviceAssets:       s.GetAssetsURL,
		serviceLicenses:     s.GetLicensesURL,
		serviceManage:       s.ManageLicensesURL,
	}
}

// InvitationURL returns the address at which the user with that invite code ([User.InviteCode])
// accepts the invitation, or "" if the service publishes none. Apple sends no mail: send the address
// yourself, or with the MDM command InviteToProgram. [User.InviteURL] is the same, ready made.
//
// https://developer.apple.com/documentation/devicemanagement/associating-an-apple-id-with-a-vpp-user
func (s *ServiceConfig) InvitationURL(inviteCode string) string {
	return published.Invitation(s.InvitationEmailURL, inviteCode)
}

// ServiceConfig returns what the service publishes about itself, not older than five minutes: at
// most one request, which needs no token. The caller owns it.
//
// When it cannot be read again, the one read last stays good.
//
// https://developer.apple.com/documentation/devicemanagement/service-configuration
func (c *Client) ServiceConfig(ctx context.Context) (*ServiceConfig, error) {
	cached, err := c.currentConfig(ctx)
	if err != nil {
		return nil, err
	}
	own := *cached.config
	own.ErrorCodes = slices.Clone(own.ErrorCodes)
	own.Unknown = maps.Clone(own.Unknown)
	return &own, nil
}

const (
	configLife  = 5 * time.Minute
	configRetry = time.Minute // after a failure to read it again

	defaultBatch = 10 // entries, where the service publishes no limit
)

// publishedConfig is a service configuration with what follows from it.
type publishedConfig struct {
	config  *ServiceConfig
	targets map[string]target // by service; without those that must not be followed
	due     time.Time         // to be read again

	// movedAssignments says that getAssignments is not at its documented address. Apple publishes no
	// other, so it is looked for next to its siblings.
	movedAssignments atomic.Bool
}

const opConfig = "read the service configuration"

// currentConfig returns the service configuration, reading it if it is due.
func (c *Client) currentConfig(ctx context.Context) (*publishedConfig, error) {
	config, err := c.config.Fresh(ctx, func(p *publishedConfig) bool { return !time.Now().Before(p.due) })
	if err != nil {
		return nil, rest.OwnError[vpp.Error](ctx, rest.Request{Op: opConfig, Method: http.MethodPost, Path: rest.Path{serviceConfig}}, err)
	}
	return config, nil
}

// readAgain returns a newer service configuration than config, in which service, if it is one that
// has moved, may be elsewhere.
func (c *Client) readAgain(ctx context.Context, config *publishedConfig, service string) (*publishedConfig, error) {
	if service == serviceAssignments {
		config.movedAssignments.Store(true)
	}
	c.config.Drop(config)
	return c.currentConfig(ctx)
}

// readConfig is what the lease calls for a service configuration.
func (c *Client) readConfig(ctx context.Context, last *publishedConfig) (*publishedConfig, error) {
	config, err := c.askConfig(ctx)
	life := configLife
	if err != nil {
		if last == nil || ctx.Err() != nil {
			return nil, err
		}
		if c.opts.Logger != nil {
			c.opts.Logger.WarnContext(ctx, "the service configuration could not be read again", "error", err)
		}
		config, life = last.config, configRetry
	}
	next := &publishedConfig{config: config, due: time.Now().Add(life)}
	next.movedAssignments.Store(last != nil && last.movedAssignments.Load())
	next.targets = c.targets(config, next.movedAssignments.Load())
	return next, nil
}

type serviceConfigAnswer struct {
	Status count `json:"status"`
	ServiceConfig
}

func (a *serviceConfigAnswer) common() envelope { return envelope{Status: a.Status} }
func (a *serviceConfigAnswer) partial() bool    { return false }

func (c *Client) askConfig(ctx context.Context) (*ServiceConfig, error) {
	resp, err := c.do(ctx, c.engine, rest.Request{
		Op: opConfig, Path: rest.Path{serviceConfig}, Body: []byte("{}"), Repeatable: true,
	})
	if err != nil {
		return nil, err
	}
	answer := new(serviceConfigAnswer)
	if err := decodeAnswer(opConfig, resp, answer); err != nil {
		return nil, err
	}
	config := &answer.ServiceConfig
	config.MaxBatchAssociate = cmp.Or(max(config.MaxBatchAssociate, 0), defaultBatch)
	config.MaxBatchDisassociate = cmp.Or(max(config.MaxBatchDisassociate, 0), defaultBatch)
	return config, nil
}
