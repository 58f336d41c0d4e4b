package dep

import (
	"context"
	"net/http"
	"slices"

	"github.com/applemdm/applemdm/internal/rest"
)

// Account describes the server entry and its organisation.
//
// https://developer.apple.com/documentation/devicemanagement/accountdetail
type Account struct {
	ServerName    string       `json:"server_name,omitzero"`
	ServerUUID    string       `json:"server_uuid,omitzero"`    // issuer of [KeyPair.ManagedAppleAccountToken]
	AdminID       string       `json:"admin_id,omitzero"`       // the Apple Account that downloaded the token
	FacilitatorID string       `json:"facilitator_id,omitzero"` // old name of AdminID; may vanish
	OrgName       string       `json:"org_name,omitzero"`
	OrgEmail      string       `json:"org_email,omitzero"`
	OrgPhone      string       `json:"org_phone,omitzero"`
	OrgAddress    string       `json:"org_address,omitzero"`
	OrgID         string       `json:"org_id,omitzero"`
	OrgIDHash     string       `json:"org_id_hash,omitzero"` // equals organizationIdHash of Apps and Books
	OrgType       OrgType      `json:"org_type,omitzero"`
	OrgVersion    OrgVersion   `json:"org_version,omitzero"`
	URLs          []AccountURL `json:"urls,omitzero"`
	Unknown       Unknown      `json:",embed"`
}

// OrgType is the kind of an organisation.
type OrgType string

// The kinds of organisations that Apple names.
const (
	OrgTypeEducation  OrgType = "edu"
	OrgTypeBusiness   OrgType = "org"
	OrgTypeTVProvider OrgType = "tvprovider"
)

// OrgVersion is the programme that an organisation is in.
type OrgVersion string

// The programmes that Apple names. Business accounts have been seen with v2 too.
const (
	OrgVersion1 OrgVersion = "v1" // the Deployment Programs of old
	OrgVersion2 OrgVersion = "v2" // Apple School Manager and, as seen, Apple Business
)

// AccountURL is an endpoint that the account may use.
//
// https://developer.apple.com/documentation/devicemanagement/url
type AccountURL struct {
	URI         string   `json:"uri"` // path only
	HTTPMethods []string `json:"http_method,omitzero"`
	Limit       Limit    `json:"limit,omitzero"` // of endpoints with pages; zero elsewhere
	Unknown     Unknown  `json:",embed"`
}

// Limit is how many items a page has when the request does not say, and at most.
//
// https://developer.apple.com/documentation/devicemanagement/limit
type Limit struct {
	Default int     `json:"default,omitzero"`
	Maximum int     `json:"maximum,omitzero"`
	Unknown Unknown `json:",embed"`
}

// Account reads the details of the account: one request that changes nothing, which makes it a
// cheap test of a token. From then on, the client obeys the page limits published there.
//
// https://developer.apple.com/documentation/devicemanagement/account-detail
func (c *Client) Account(ctx context.Context) (*Account, error) {
	account, err := call[Account](ctx, c, request{
		op: "read the account", method: http.MethodGet, path: rest.Path{"account"}, repeatable: true,
	})
	if err != nil {
		return nil, err
	}
	urls := slices.Clone(account.URLs)
	c.urls.Store(&urls)
	return account, nil
}

// pageLimit returns the limit to send to the endpoint at path: the client's page size, or less if
// the account is known to publish a lower maximum.
func (c *Client) pageLimit(path rest.Path) int {
	limit := c.opts.PageSize
	urls := c.urls.Load()
	if urls == nil {
		return limit
	}
	for _, u := range *urls {
		if u.URI == path.String() && u.Limit.Maximum > 0 {
			return min(limit, u.Limit.Maximum)
		}
	}
	return limit
}

// accountURLs returns the published endpoints, reading the account if this client has not yet.
func (c *Client) accountURLs(ctx context.Context) ([]AccountURL, error) {
	if urls := c.urls.Load(); urls != nil {
		return *urls, nil
	}
	account, err := c.Account(ctx)
	if err != nil {
		return nil, err
	}
	return account.URLs, nil
}
