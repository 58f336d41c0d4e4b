package vpp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/applemdm/applemdm/internal/rest"
)

const (
	opSubscribe   = "subscribe to notifications"
	opUnsubscribe = "unsubscribe from notifications"
)

// Subscribe has Apple post notifications of these types to address, with token as the bearer: in the
// place of all that was subscribed before. Without types, they are all that the service publishes
// ([ServiceConfig.NotificationTypes]); name those that it does not publish yet.
//
// The address is a URL of https with host and path only, one for each location. Before it answers,
// Apple posts a test there and takes the address only if that is answered with 2xx, so the
// [Receiver] must be reachable from the internet and accept token already. Any 32 random bytes make
// a token, crypto/rand.Text one that needs no encoding. To change it, let the Receiver accept both,
// subscribe with the new one, and drop the old one when five minutes have passed, the time that
// Apple takes for its attempts.
//
// Subscribe changes nothing, at the cost of one request, where address, token and types are set
// already; it is cheap enough to be called at each start. Otherwise it costs two. It refuses to
// overwrite the subscription of another server ([ErrClaimedByOther]): without [Options.MDM], that of
// any server that has claimed the location. [Client.Claim] first. [ErrNotification] is what all
// refusals of the address are. [ErrUnexpectedAnswer] says that Apple took it and does not confirm a
// type that was named.
//
// The ClientConfig that it returns holds token; it does not print.
//
// https://developer.apple.com/documentation/devicemanagement/client-config-71glv
func (c *Client) Subscribe(ctx context.Context, address string, token Secret, types ...NotificationType) (*ClientConfig, error) {
	service, err := c.currentConfig(ctx)
	if err != nil {
		return nil, err
	}
	if err := checkSubscription(address, token, types, service.config.Limits.MaxNotificationLength); err != nil {
		return nil, err
	}
	want := hook{address, token, wantedTypes(types, service.config.NotificationTypes)}
	config, err := c.ownConfig(ctx, opSubscribe)
	if err != nil || want.isSet(config) {
		return config, err
	}
	if config, err = c.setHook(ctx, opSubscribe, want); err != nil {
		return nil, err
	}
	if lack := want.lack(config, types); lack != "" {
		return nil, incomplete(opSubscribe, lack)
	}
	return config, nil
}

// Unsubscribe ends notifications. How that is done Apple does not say; the address and the types are
// emptied, and the configuration is read to see that it worked: three requests, or one where nothing
// was subscribed. If Apple refuses that, or keeps the address ([ErrUnexpectedAnswer]), subscribe to an
// address of yours that answers 200 instead; an address that nobody answers is what Apple asks not
// to leave behind. As [Client.Subscribe], it leaves the subscription of another server alone.
//
// https://developer.apple.com/documentation/devicemanagement/client-config-71glv
func (c *Client) Unsubscribe(ctx context.Context) error {
	config, err := c.ownConfig(ctx, opUnsubscribe)
	if err != nil || !subscribed(config) {
		return err
	}
	if _, err := c.setHook(ctx, opUnsubscribe, hook{types: []NotificationType{}}); err != nil {
		return err
	}
	if config, err = c.ClientConfig(ctx); err != nil {
		return err
	}
	if subscribed(config) {
		return incomplete(opUnsubscribe, "the address is still set")
	}
	return nil
}

// subscribed reports whether Apple has where to send something, and what.
func subscribed(config *ClientConfig) bool {
	return config.NotificationURL != "" && len(config.SubscribedNotificationTypes) > 0
}

// hook is the part of the client configuration that is about notifications.
type hook struct {
	url   string
	token Secret
	types []NotificationType
}

// hookRequest is a hook as it is sent.
type hookRequest struct {
	NotificationURL       string             `json:"notificationUrl"`
	NotificationAuthToken string             `json:"notificationAuthToken"`
	NotificationTypes     []NotificationType `json:"notificationTypes"`
}

// ownConfig reads the client configuration and fails if another server has claimed the location.
func (c *Client) ownConfig(ctx context.Context, op string) (*ClientConfig, error) {
	config, err := c.ClientConfig(ctx)
	if err != nil {
		return nil, err
	}
	if by := config.MDMInfo; by.ID != "" && by.ID != c.opts.MDM.ID {
		return nil, fmt.Errorf("%s: %w", op, &ClaimedError{By: by})
	}
	return config, nil
}

func (c *Client) setHook(ctx context.Context, op string, h hook) (*ClientConfig, error) {
	config := new(ClientConfig)
	err := c.call(ctx, request{
		op: op, method: http.MethodPost, url: URLClientConfig, path: rest.Path{"client", "config"},
		body: hookRequest{h.url, h.token.Reveal(), h.types}, repeatable: true, writes: true, secret: true,
	}, config)
	if e, ok := errors.AsType[*Error](err); ok {
		e.Body = nil // it may quote what was sent
	}
	return config, err
}

// isSet reports whether config is what h asks for, in whatever order.
func (h hook) isSet(config *ClientConfig) bool {
	return config.NotificationURL == h.url && config.NotificationAuthToken.Equal(h.token) &&
		len(config.SubscribedNotificationTypes) == len(h.types) && missing(config, h.types) == ""
}

// missing returns a type of these that config does not have.
func missing(config *ClientConfig, types []NotificationType) NotificationType {
	for _, t := range types {
		if !slices.Contains(config.SubscribedNotificationTypes, t) {
			return t
		}
	}
	return ""
}

// lack returns what the answer does not confirm, or "". Of the types, those that were named count.
func (h hook) lack(config *ClientConfig, named []NotificationType) string {
	switch {
	case config.NotificationURL != h.url:
		return "it does not confirm the address"
	case !config.NotificationAuthToken.IsZero() && !config.NotificationAuthToken.Equal(h.token):
		return "it has another token"
	case len(config.SubscribedNotificationTypes) == 0:
		return "it confirms no type"
	}
	if t := missing(config, named); t != "" {
		return fmt.Sprintf("it does not confirm the type %s", t)
	}
	return ""
}

// basicTypes are those that every service has, for one that publishes none.
func basicTypes() []NotificationType {
	return []NotificationType{NotificationAssetCount, NotificationAssetManagement, NotificationUserManagement,
		NotificationUserAssociated}
}

// wantedTypes returns the types to subscribe to, each once.
func wantedTypes(named, published []NotificationType) []NotificationType {
	types := slices.Clone(named)
	if len(types) == 0 {
		types = slices.DeleteFunc(slices.Clone(published), func(t NotificationType) bool { return t == NotificationTest })
	}
	if len(types) == 0 {
		types = basicTypes()
	}
	slices.Sort(types)
	return slices.Compact(types)
}

// checkSubscription checks what can be checked without Apple. Its errors quote neither address nor
// token.
func checkSubscription(address string, token Secret, types []NotificationType, limit int) error {
	if rule := addressRule(address, limit); rule != "" {
		return &InputError{Field: "address", Rule: rule}
	}
	switch text := token.Reveal(); {
	case text == "" || strings.ContainsFunc(text, isUnfit):
		return &InputError{Field: "token", Rule: "must be printable ASCII without blanks, and not empty"}
	case len(text) > limit:
		return &InputError{Field: "token", Rule: fmt.Sprintf("has %d characters; Apple allows %d", len(text), limit)}
	}
	for _, t := range types {
		switch t {
		case "":
			return &InputError{Field: "types", Rule: "must not be empty"}
		case NotificationTest:
			return &InputError{Field: "types", Rule: "must not have " + string(t) + ", which comes by itself"}
		}
	}
	return nil
}

// addressRule returns the rule that address breaks, or "".
func addressRule(address string, limit int) string {
	u, err := url.Parse(address)
	switch {
	case strings.ContainsFunc(address, isUnfit):
		return "must be printable ASCII without blanks"
	case err != nil || u.Scheme != "https" || u.Hostname() == "":
		return "must be a URL of https with a host"
	case u.User != nil || strings.ContainsAny(address, "?#"):
		return "must have host and path only"
	case len(address) > limit:
		return fmt.Sprintf("has %d characters; Apple allows %d", len(address), limit)
	}
	return ""
}

// isUnfit is for what may not be in a header.
func isUnfit(r rune) bool { return r <= ' ' || r > '~' }
