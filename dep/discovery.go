package dep

import (
	"context"
	"net/http"
	"net/url"

	"github.com/applemdm/applemdm/internal/rest"
)

// DiscoveryURL is where devices find the server for account-driven enrolment when the domain of the
// user's e-mail address does not say.
//
// https://developer.apple.com/documentation/devicemanagement/fetch-account-driven-enrollment-profile
type DiscoveryURL struct {
	URL         string  `json:"mdm_service_discovery_url,omitzero"`
	LastUpdated Time    `json:"last_updated_timestamp,omitzero"`
	Unknown     Unknown `json:",embed"`
}

// discovery is the request of all calls for account-driven enrolment.
func discovery(op, method string, body any) request {
	return request{
		op: op, method: method, path: rest.Path{"account-driven-enrollment", "profile"}, body: body, repeatable: true,
	}
}

// SetDiscoveryURL registers an https URL that serves the discovery document for account-driven
// enrolment, in the place of the one registered before.
//
// https://developer.apple.com/documentation/devicemanagement/assign-account-driven-enrollment-profile
func (c *Client) SetDiscoveryURL(ctx context.Context, discoveryURL string) error {
	u, err := url.Parse(discoveryURL)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return &InputError{Field: "discoveryURL", Rule: "must be a URL that begins with https://"}
	}
	_, err = c.send(ctx, discovery("set the discovery URL", http.MethodPost, DiscoveryURL{URL: discoveryURL}))
	return err
}

// DiscoveryURL reads the URL registered for account-driven enrolment. [ErrNotFound] means that
// there is none.
//
// https://developer.apple.com/documentation/devicemanagement/fetch-account-driven-enrollment-profile
func (c *Client) DiscoveryURL(ctx context.Context) (*DiscoveryURL, error) {
	return call[DiscoveryURL](ctx, c, discovery("read the discovery URL", http.MethodGet, nil))
}

// RemoveDiscoveryURL removes the URL registered for account-driven enrolment.
//
// https://developer.apple.com/documentation/devicemanagement/remove-account-driven-enrollment-profile
func (c *Client) RemoveDiscoveryURL(ctx context.Context) error {
	_, err := c.send(ctx, discovery("remove the discovery URL", http.MethodDelete, nil))
	return err
}
