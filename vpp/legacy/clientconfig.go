package legacy

import (
	"context"
	"fmt"
	"time"

	"github.com/applemdm/applemdm/vpp"
)

// ClientConfig is what the service knows of an account and of those who manage it.
//
// https://developer.apple.com/documentation/devicemanagement/vppclientconfigresponse
type ClientConfig struct {
	UID                string        `json:"uId,omitzero"`                // Apple's number of the location
	AppleID            string        `json:"appleId,omitzero"`            // who downloaded the token, if Apple tells
	Email              string        `json:"email,omitzero"`              //
	CountryCode        string        `json:"countryCode,omitzero"`        // of the store, e.g. "DE"
	DefaultPlatform    string        `json:"defaultPlatform,omitzero"`    // "enterprisestore" or, in education, "volumestore"
	OrganizationID     string        `json:"organizationId,omitzero"`     // a number
	OrganizationIDHash string        `json:"organizationIdHash,omitzero"` //
	Location           Location      `json:"location,omitzero"`           // zero with a token of the old kind, of a person
	ClientContext      ClientContext `json:"clientContext,omitzero"`      // who manages the account
	NotificationToken  vpp.Secret    `json:"apnToken,omitzero"`           // with which Apple pushes

	// When the token ends: ExpirationMillis, in milliseconds since 1970, is the earlier of its own
	// expiry and that of its owner's password. TokenExpDate comes in the last 15 days only.
	ExpirationMillis int64    `json:"expirationMillis,omitzero"`
	TokenExpDate     vpp.Time `json:"tokenExpDate,omitzero"`

	Unknown vpp.Unknown `json:",embed"`
}

// Location is what version 1 calls the location of a token.
type Location struct {
	ID      int64       `json:"locationId,omitzero"`
	Name    string      `json:"locationName,omitzero"` // not unique
	Unknown vpp.Unknown `json:",embed"`
}

// Expires returns when the token ends, as far as Apple tells; the zero time if it does not.
func (c *ClientConfig) Expires() time.Time {
	if c.ExpirationMillis == 0 {
		return c.TokenExpDate.Time()
	}
	return time.UnixMilli(c.ExpirationMillis).UTC()
}

// clientConfigAnswer tells of the client context also when there is none.
type clientConfigAnswer struct {
	Status count `json:"status"`
	ClientConfig
}

func (a *clientConfigAnswer) common() envelope {
	return envelope{Status: a.Status, UID: a.UID, ClientContext: &a.ClientContext}
}

func (a *clientConfigAnswer) partial() bool { return false }

// clientConfigRequest changes what it names and leaves the rest.
type clientConfigRequest struct {
	ClientContext     *ClientContext `json:"clientContext,omitzero"`
	NotificationToken string         `json:"notificationToken,omitzero"`
	Verbose           bool           `json:"verbose,omitzero"`
}

const opClientConfig = "read the client configuration"

// ClientConfig reads the configuration of the account: one request that changes nothing, which makes
// it a cheap test of a token. It works whoever has claimed the account.
//
// https://developer.apple.com/documentation/devicemanagement/client-configuration
func (c *Client) ClientConfig(ctx context.Context) (*ClientConfig, error) {
	return c.callConfig(ctx, opClientConfig, clientConfigRequest{Verbose: true}, true)
}

// SetNotificationToken gives Apple the token with which it pushes notifications of this service. That
// is a mechanism of its own, older than the notifications of version 2, of which Apple documents
// nothing else.
//
// https://developer.apple.com/documentation/devicemanagement/client-configuration
func (c *Client) SetNotificationToken(ctx context.Context, token vpp.Secret) (*ClientConfig, error) {
	if token.IsZero() {
		return nil, &vpp.InputError{Field: "token", Rule: "must not be empty"}
	}
	return c.callConfig(ctx, "set the notification token", clientConfigRequest{NotificationToken: token.Reveal()}, false)
}

func (c *Client) callConfig(ctx context.Context, op string, body clientConfigRequest, always bool) (*ClientConfig, error) {
	answer := new(clientConfigAnswer)
	r := request{op: op, service: serviceClientConfig, body: body, always: always, secret: true}
	if err := c.call(ctx, r, answer); err != nil {
		return nil, err
	}
	return &answer.ClientConfig, nil
}

// Claim makes [Options.MDM] the manager of the account, unless another server has claimed it: then it
// changes nothing and returns a [*ClaimedError], which is [vpp.ErrClaimedByOther]. Ask an
// administrator, and call [Client.TakeOver] with the consent. What else is kept in the client context
// stays there.
//
// It costs one request if the claim is there already, two otherwise. Apple compares nothing, so of
// two servers that claim at the same moment the last one wins; the other learns it from its next
// answer, and its calls fail from then on.
//
// https://developer.apple.com/documentation/devicemanagement/protecting-your-vpp-account
func (c *Client) Claim(ctx context.Context) (*ClientConfig, error) {
	config, err := c.readClaim(ctx)
	if err != nil {
		return nil, err
	}
	context := config.ClientContext
	if by, _ := context.MDM(); by == c.opts.MDM {
		return config, nil
	}
	if c.isOther(context) {
		return nil, fmt.Errorf("%s: %w", opClaim, claimedBy(context))
	}
	next := contextOf(c.opts.MDM, context)
	if len(next) > maxContext {
		rule := fmt.Sprintf("is too long: with what else is kept in the client context it has %d bytes; Apple keeps %d", len(next), maxContext)
		return nil, &vpp.InputError{Field: "Options.MDM", Rule: rule}
	}
	return c.postContext(ctx, opClaim, next)
}

// TakeOver makes [Options.MDM] the manager of the account, whoever has claimed it, version 2 of the
// service included. The other server must have been disconnected by then. What else is kept in the
// client context stays there if there is room for it. It costs two requests.
//
// https://developer.apple.com/documentation/devicemanagement/protecting-your-vpp-account
func (c *Client) TakeOver(ctx context.Context) (*ClientConfig, error) {
	config, err := c.readClaim(ctx)
	if err != nil {
		return nil, err
	}
	next := contextOf(c.opts.MDM, config.ClientContext)
	if len(next) > maxContext {
		next = contextOf(c.opts.MDM, "")
	}
	return c.postContext(ctx, opClaim, next)
}

// Release ends the claim of [Options.MDM], for a server that is being disconnected: the client context
// is empty then. What another server has claimed is left alone, as with [Client.Claim]. It costs two
// requests, one if there is no claim.
//
// https://developer.apple.com/documentation/devicemanagement/protecting-your-vpp-account
func (c *Client) Release(ctx context.Context) (*ClientConfig, error) {
	config, err := c.readClaim(ctx)
	switch {
	case err != nil:
		return nil, err
	case config.ClientContext == "":
		return config, nil
	case c.isOther(config.ClientContext):
		return nil, fmt.Errorf("%s: %w", opRelease, claimedBy(config.ClientContext))
	}
	return c.postContext(ctx, opRelease, "")
}

const (
	opClaim   = "claim the account"
	opRelease = "release the account"
)

func (c *Client) readClaim(ctx context.Context) (*ClientConfig, error) {
	if c.opts.MDM.GUID == "" {
		return nil, &vpp.InputError{Field: "Options.MDM", Rule: "must be set to claim an account"}
	}
	return c.ClientConfig(ctx)
}

// postContext writes the client context and looks whether it stands.
func (c *Client) postContext(ctx context.Context, op string, text ClientContext) (*ClientConfig, error) {
	config, err := c.callConfig(ctx, op, clientConfigRequest{ClientContext: &text, Verbose: true}, true)
	if err != nil {
		return nil, err
	}
	if c.isOther(config.ClientContext) {
		return nil, fmt.Errorf("%s: %w", op, claimedBy(config.ClientContext))
	}
	c.account.claimedNow(text)
	return config, nil
}
