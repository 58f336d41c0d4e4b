package vpp

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/applemdm/applemdm/internal/pace"
	"github.com/applemdm/applemdm/internal/published"
	"github.com/applemdm/applemdm/internal/rest"
)

// ServiceConfig is what the service publishes about itself.
//
// https://developer.apple.com/documentation/devicemanagement/serviceconfigresponse
type ServiceConfig struct {
	Limits            Limits             `json:"limits,omitzero"`
	URLs              map[string]string  `json:"urls,omitzero"` // by the names that the constants URL… have
	NotificationTypes []NotificationType `json:"notificationTypes,omitzero"`
	ErrorCodes        []ErrorCode        `json:"errorCodes,omitzero"`
	Unknown           Unknown            `json:",embed"`
}

// Limits bound what one request may carry. 0 is a limit that the service does not publish.
//
// https://developer.apple.com/documentation/devicemanagement/service-config
type Limits struct {
	MaxAssets                    int `json:"maxAssets,omitzero"`              // to associate or disassociate, as are the next two
	MaxClientUserIDs             int `json:"maxClientUserIds,omitzero"`       //
	MaxSerialNumbers             int `json:"maxSerialNumbers,omitzero"`       //
	MaxRevokeClientUserIDs       int `json:"maxRevokeClientUserIds,omitzero"` // to take everything back from
	MaxRevokeSerialNumbers       int `json:"maxRevokeSerialNumbers,omitzero"` // to take everything back from
	MaxUsers                     int `json:"maxUsers,omitzero"`               // to create, update or retire
	MaxSubscriptions             int `json:"maxSubscriptions,omitzero"`       // to associate or disassociate, as is the next
	MaxSubscriptionClientUserIDs int `json:"maxSubscriptionClientUserIds,omitzero"`
	MaxNotificationLength        int `json:"maxNotificationLength,omitzero"` // characters of the URL, and of the token
	MaxMDMIDLength               int `json:"maxMdmIdLength,omitzero"`        // characters, as are the next two
	MaxMDMNameLength             int `json:"maxMdmNameLength,omitzero"`
	MaxMDMMetadataLength         int `json:"maxMdmMetadataLength,omitzero"`
	MaxRequestPerSecond          int `json:"maxRequestPerSecond,omitzero"` // of one location

	Unknown Unknown `json:",embed"`
}

// withDefaults fills what is not published with the values that Apple's documentation shows.
func (l Limits) withDefaults() Limits {
	for _, d := range []struct {
		limit *int
		value int
	}{
		{&l.MaxAssets, 25}, {&l.MaxClientUserIDs, 1000}, {&l.MaxSerialNumbers, 1000},
		{&l.MaxRevokeClientUserIDs, 100}, {&l.MaxRevokeSerialNumbers, 100}, {&l.MaxUsers, 100},
		{&l.MaxSubscriptions, 25}, {&l.MaxSubscriptionClientUserIDs, 1000},
		{&l.MaxNotificationLength, 512}, {&l.MaxMDMIDLength, 100}, {&l.MaxMDMNameLength, 100},
		{&l.MaxMDMMetadataLength, 255}, {&l.MaxRequestPerSecond, pace.DefaultRate},
	} {
		if *d.limit <= 0 {
			*d.limit = d.value
		}
	}
	return l
}

// ErrorCode is an error that the service may answer.
//
// https://developer.apple.com/documentation/devicemanagement/responseerrorcode
type ErrorCode struct {
	Number  Number  `json:"errorNumber"`
	Message string  `json:"errorMessage,omitzero"`
	Unknown Unknown `json:",embed"`
}

// The names under which the service publishes its URLs. It names none for subscriptions.
const (
	URLClientConfig          = "clientConfig"
	URLGetAssets             = "getAssets"
	URLGetAssignments        = "getAssignments"
	URLAssociateAssets       = "associateAssets"
	URLDisassociateAssets    = "disassociateAssets"
	URLRevokeAssets          = "revokeAssets"
	URLGetUsers              = "getUsers"
	URLCreateUsers           = "createUsers"
	URLUpdateUsers           = "updateUsers"
	URLRetireUsers           = "retireUsers"
	URLEventStatus           = "eventStatus"
	URLContentMetadataLookup = "contentMetadataLookup"
	URLInvitationEmail       = "invitationEmail" // see [ServiceConfig.InvitationURL]
)

// NotificationType is what a notification is about.
type NotificationType string

// The types that Apple documents. All but NotificationTest can be subscribed to.
const (
	NotificationTest                   NotificationType = "TEST_NOTIFICATION"       // sent when notifications are set up
	NotificationAssetCount             NotificationType = "ASSET_COUNT"             // bought, moved or refunded
	NotificationAssetManagement        NotificationType = "ASSET_MANAGEMENT"        // what became of an event about assets
	NotificationUserManagement         NotificationType = "USER_MANAGEMENT"         // what became of an event about users
	NotificationUserAssociated         NotificationType = "USER_ASSOCIATED"         // an invitation was accepted
	NotificationSubscriptionManagement NotificationType = "SUBSCRIPTION_MANAGEMENT" // what became of an event about subscriptions
	NotificationSubscriptionCount      NotificationType = "SUBSCRIPTION_COUNT"      // bought, or ended
	NotificationUnlimitedAsset         NotificationType = "UNLIMITED_ASSET"         // Apple does not say what it holds
)

// InvitationURL returns the address at which the user with that invite code ([User.InviteCode])
// accepts the invitation to the location, or "" if the service publishes none. Apple sends no mail:
// send the address yourself, or with the MDM command InviteToProgram.
//
// https://developer.apple.com/documentation/devicemanagement/managing-users
func (s *ServiceConfig) InvitationURL(inviteCode string) string {
	return published.Invitation(s.URLs[URLInvitationEmail], inviteCode)
}

// ServiceConfig returns what the service publishes about itself, not older than five minutes: at
// most one request. Limits that are not published have the documented values. The caller owns it.
//
// When it cannot be read again, the one read last stays good.
//
// https://developer.apple.com/documentation/devicemanagement/service-config
func (c *Client) ServiceConfig(ctx context.Context) (*ServiceConfig, error) {
	cached, err := c.currentConfig(ctx)
	if err != nil {
		return nil, err
	}
	own := *cached.config
	own.URLs = maps.Clone(own.URLs)
	own.NotificationTypes = slices.Clone(own.NotificationTypes)
	own.ErrorCodes = slices.Clone(own.ErrorCodes)
	return &own, nil
}

const (
	configLife  = 5 * time.Minute
	configRetry = time.Minute // after a failure to read it again
)

// publishedConfig is a service configuration with what follows from it.
type publishedConfig struct {
	config  *ServiceConfig
	targets map[string]target // by the name of the URL; without those that must not be followed
	due     time.Time         // to be read again
}

const opConfig = "read the service configuration"

// currentConfig returns the service configuration, reading it if it is due.
func (c *Client) currentConfig(ctx context.Context) (*publishedConfig, error) {
	config, err := c.config.Fresh(ctx, func(p *publishedConfig) bool { return !time.Now().Before(p.due) })
	if err != nil {
		return nil, rest.OwnError[Error](ctx, rest.Request{Op: opConfig, Method: http.MethodGet, Path: rest.Path{"service", "config"}}, err)
	}
	return config, nil
}

// readConfig is what the lease calls for a service configuration.
func (c *Client) readConfig(ctx context.Context, last *publishedConfig) (*publishedConfig, error) {
	config, err := c.askConfig(ctx)
	if err == nil {
		c.pace.Publish(config.Limits.MaxRequestPerSecond)
		return &publishedConfig{config: config, targets: c.targets(config.URLs), due: time.Now().Add(configLife)}, nil
	}
	if last == nil || ctx.Err() != nil {
		return nil, err
	}
	if c.opts.Logger != nil {
		c.opts.Logger.WarnContext(ctx, "the service configuration could not be read again", "error", err)
	}
	return &publishedConfig{config: last.config, targets: last.targets, due: time.Now().Add(configRetry)}, nil
}

func (c *Client) askConfig(ctx context.Context) (*ServiceConfig, error) {
	resp, err := c.do(ctx, c.engine, rest.Request{
		Op: opConfig, Method: http.MethodGet, Path: rest.Path{"service", "config"}, Repeatable: true,
	})
	if err != nil {
		return nil, err
	}
	config := new(ServiceConfig)
	if err := decodeAnswer(opConfig, resp, config); err != nil {
		return nil, err
	}
	config.Limits = config.Limits.withDefaults()
	return config, nil
}
