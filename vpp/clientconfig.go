package vpp

import (
	"context"
	"fmt"
	"net/http"
	"unicode/utf8"

	"github.com/applemdm/applemdm/internal/rest"
)

// MDMInfo names the device-management server that has claimed a location.
//
// https://developer.apple.com/documentation/devicemanagement/mdminfo
type MDMInfo struct {
	ID       string `json:"id,omitzero"`       // by which servers tell each other apart; at most [Limits.MaxMDMIDLength]
	Name     string `json:"name,omitzero"`     // of the product, for people; at most [Limits.MaxMDMNameLength]
	Metadata string `json:"metadata,omitzero"` // whatever helps, a host name say; at most [Limits.MaxMDMMetadataLength]
}

// IsZero reports whether it names nobody.
func (m MDMInfo) IsZero() bool { return m == MDMInfo{} }

// ClientConfig is what the service knows of a location and of those who manage it.
//
// https://developer.apple.com/documentation/devicemanagement/clientconfigresponse
type ClientConfig struct {
	UID                 string  `json:"uId,omitzero"`              // Apple's number of the location
	LocationName        string  `json:"locationName,omitzero"`     // not unique
	CountryCode         string  `json:"countryISO2ACode,omitzero"` // of the store, e.g. "DE"
	DefaultPlatform     string  `json:"defaultPlatform,omitzero"`  // "enterprisestore" or, in education, "volumestore"
	WebsiteURL          string  `json:"websiteURL,omitzero"`       // of the portal
	MDMInfo             MDMInfo `json:"mdmInfo,omitzero"`          // who has claimed the location
	TokenExpirationDate Time    `json:"tokenExpirationDate,omitzero"`

	NotificationURL             string             `json:"notificationUrl,omitzero"`
	NotificationAuthToken       Secret             `json:"notificationAuthToken,omitzero"`
	SubscribedNotificationTypes []NotificationType `json:"subscribedNotificationTypes,omitzero"`

	Unknown Unknown `json:",embed"`
}

func (c *ClientConfig) common() envelope {
	return envelope{UID: c.UID, MDMInfo: c.MDMInfo, TokenExpirationDate: c.TokenExpirationDate}
}

// ClientConfig reads the configuration of the location: one request that changes nothing, which
// makes it a cheap test of a token.
//
// https://developer.apple.com/documentation/devicemanagement/client-config-4szk1
func (c *Client) ClientConfig(ctx context.Context) (*ClientConfig, error) {
	config := new(ClientConfig)
	err := c.call(ctx, request{
		op: "read the client configuration", method: http.MethodGet, url: URLClientConfig,
		path: rest.Path{"client", "config"}, repeatable: true, secret: true,
	}, config)
	if err != nil {
		return nil, err
	}
	return config, nil
}

// Claim makes [Options.MDM] the manager of the location, unless another server has claimed it: then
// it does nothing and returns a [*ClaimedError], which is [ErrClaimedByOther]. Ask an administrator,
// and call [Client.TakeOver] with the consent. It costs one request if the claim is there already,
// two otherwise. Apple compares nothing, so of two servers that claim at the same moment the last
// one wins; the other learns it from its next answer.
//
// https://developer.apple.com/documentation/devicemanagement/client-config-71glv
func (c *Client) Claim(ctx context.Context) (*ClientConfig, error) {
	if err := c.checkMDM(ctx); err != nil {
		return nil, err
	}
	config, err := c.ClientConfig(ctx)
	switch {
	case err != nil:
		return nil, err
	case c.isOther(config.MDMInfo):
		return nil, fmt.Errorf("%s: %w", opClaim, &ClaimedError{By: config.MDMInfo})
	case config.MDMInfo == c.opts.MDM:
		return config, nil
	}
	return c.postClaim(ctx)
}

// TakeOver makes [Options.MDM] the manager of the location, whoever has claimed it. The other server
// must have been disconnected by then: see [ErrClaimedByOther]. It changes nothing else, so
// notifications still go where they went.
//
// https://developer.apple.com/documentation/devicemanagement/client-config-71glv
func (c *Client) TakeOver(ctx context.Context) (*ClientConfig, error) {
	if err := c.checkMDM(ctx); err != nil {
		return nil, err
	}
	return c.postClaim(ctx)
}

const opClaim = "claim the location"

// checkMDM holds against the limits of the service who claims.
func (c *Client) checkMDM(ctx context.Context) error {
	m := c.opts.MDM
	if m.IsZero() {
		return &InputError{Field: "Options.MDM", Rule: "must be set to claim a location"}
	}
	config, err := c.currentConfig(ctx)
	if err != nil {
		return err
	}
	limits := config.config.Limits
	for _, f := range []struct {
		name, value string
		most        int
	}{
		{"ID", m.ID, limits.MaxMDMIDLength},
		{"Name", m.Name, limits.MaxMDMNameLength},
		{"Metadata", m.Metadata, limits.MaxMDMMetadataLength},
	} {
		if n := utf8.RuneCountInString(f.value); n > f.most {
			return &InputError{Field: "Options.MDM." + f.name, Rule: fmt.Sprintf("has %d characters; Apple allows %d", n, f.most)}
		}
	}
	return nil
}

// clientConfigRequest changes what it names and leaves the rest.
type clientConfigRequest struct {
	MDMInfo MDMInfo `json:"mdmInfo,omitzero"`
}

func (c *Client) postClaim(ctx context.Context) (*ClientConfig, error) {
	config := new(ClientConfig)
	err := c.exchange(ctx, request{
		op: opClaim, method: http.MethodPost, url: URLClientConfig, path: rest.Path{"client", "config"},
		body: clientConfigRequest{MDMInfo: c.opts.MDM}, repeatable: true, secret: true,
	}, config)
	if err == nil && c.isOther(config.MDMInfo) {
		err = fmt.Errorf("%s: %w", opClaim, &ClaimedError{By: config.MDMInfo})
	}
	if err == nil {
		c.location.claimedNow(c.opts.MDM)
	}
	c.noteOutcome(err)
	if err != nil {
		return nil, err
	}
	return config, nil
}
