package axm

import (
	"context"
	"iter"
	"net/http"
	"strings"

	"github.com/applemdm/applemdm/internal/rest"
)

// kindConfigurations is the type of configurations in documents and paths.
const kindConfigurations = "configurations"

// Configuration is what the device management which Apple has built in can set on devices. Every
// member may be missing, and the enumerated ones may have values that are not listed here.
//
// https://developer.apple.com/documentation/applebusinessapi/configuration
type Configuration struct {
	ID                     string            `json:"id,omitzero"`
	Type                   ConfigurationType `json:"type,omitzero"`
	Name                   string            `json:"name,omitzero"`
	ConfiguredForPlatforms []Platform        `json:"configuredForPlatforms,omitzero"`

	// CustomSettingsValues is the profile of a configuration of type [ConfigurationCustomSetting]. It
	// is nil for other types, and in lists: only [Client.Configuration] reads it.
	CustomSettingsValues *CustomSettingsValues `json:"customSettingsValues,omitzero"`

	Created Time    `json:"createdDateTime,omitzero"`
	Updated Time    `json:"updatedDateTime,omitzero"`
	Unknown Unknown `json:",embed"`
}

// CustomSettingsValues is a configuration profile and its name. A profile may hold passwords: this
// package shows nothing of it in errors and logs, but whoever prints or stores one should think of
// that.
type CustomSettingsValues struct {
	ConfigurationProfile string  `json:"configurationProfile,omitzero"` // the text of the .mobileconfig
	Filename             string  `json:"filename,omitzero"`
	Unknown              Unknown `json:",embed"`
}

// Platform is a kind of devices that a configuration is for.
type Platform string

// The platforms that Apple names.
const (
	PlatformMacOS    Platform = "PLATFORM_MACOS"
	PlatformIOS      Platform = "PLATFORM_IOS"
	PlatformTVOS     Platform = "PLATFORM_TVOS"
	PlatformVisionOS Platform = "PLATFORM_VISIONOS"
)

// ConfigurationType says what a configuration sets.
type ConfigurationType string

// The types that Apple names. Only the first can be made and changed here; the others are made in the
// portal.
const (
	ConfigurationCustomSetting            ConfigurationType = "CUSTOM_SETTING" // by a profile of one's own
	ConfigurationAirDrop                  ConfigurationType = "AIR_DROP"
	ConfigurationAirPrint                 ConfigurationType = "AIR_PRINT"
	ConfigurationAppAccess                ConfigurationType = "APP_ACCESS"
	ConfigurationAppleIntelligenceSiri    ConfigurationType = "APPLE_INTELLIGENCE_SIRI"
	ConfigurationApplicationLayerFirewall ConfigurationType = "APPLICATION_LAYER_FIREWALL"
	ConfigurationAuthenticationScreenLock ConfigurationType = "AUTHENTICATION_SCREEN_LOCK"
	ConfigurationCertificate              ConfigurationType = "CERTIFICATE"
	ConfigurationConferenceRoomDisplay    ConfigurationType = "CONFERENCE_ROOM_DISPLAY"
	ConfigurationContentCaching           ConfigurationType = "CONTENT_CACHING"
	ConfigurationCustomProfile            ConfigurationType = "CUSTOM_PROFILE"
	ConfigurationDataManagement           ConfigurationType = "DATA_MANAGEMENT"
	ConfigurationEnergySaver              ConfigurationType = "ENERGY_SAVER"
	ConfigurationFileVault                ConfigurationType = "FILE_VAULT"
	ConfigurationGateKeeper               ConfigurationType = "GATE_KEEPER"
	ConfigurationICloud                   ConfigurationType = "ICLOUD"
	ConfigurationLoginWindow              ConfigurationType = "LOGIN_WINDOW"
	ConfigurationMediaManagement          ConfigurationType = "MEDIA_MANAGEMENT"
	ConfigurationSoftwareUpdate           ConfigurationType = "SOFTWARE_UPDATE"
	ConfigurationVPN                      ConfigurationType = "VPN"
	ConfigurationWebClip                  ConfigurationType = "WEB_CLIP"
	ConfigurationWebFilter                ConfigurationType = "WEB_FILTER"
	ConfigurationWiFi                     ConfigurationType = "WIFI"
)

func (f *Configuration) flatten(id string) { f.ID = id }
func (f *Configuration) unknown() *Unknown { return &f.Unknown }

// Configurations returns an iterator over the configurations of the organisation, without their
// profiles. It is read as [Client.Devices] is. Apple Business only.
//
// https://developer.apple.com/documentation/applebusinessapi/get-configurations
func (c *Client) Configurations(ctx context.Context, options ListOptions) iter.Seq2[Configuration, error] {
	return items(c.ConfigurationPages(ctx, options))
}

// ConfigurationPages is [Client.Configurations] by the page.
func (c *Client) ConfigurationPages(ctx context.Context, options ListOptions) iter.Seq2[*Page[Configuration], error] {
	return pages(ctx, c, businessList[Configuration]("read configurations", kindConfigurations, options))
}

// Configuration reads one configuration, with its profile. With fields given, Apple sends these
// attributes only. Apple Business only.
//
// https://developer.apple.com/documentation/applebusinessapi/get-configuration-information
func (c *Client) Configuration(ctx context.Context, id string, fields ...string) (*Configuration, error) {
	return businessOne[Configuration](ctx, c, "read configuration", kindConfigurations, id, fields)
}

// NewConfiguration is what a configuration of type [ConfigurationCustomSetting] is made from.
type NewConfiguration struct {
	Name string // required; may have spaces

	// ConfigurationProfile is the text of a .mobileconfig as it is: XML, neither signed nor encoded,
	// with at least one payload. Required.
	ConfigurationProfile string

	// Filename should end in ".mobileconfig". By default Apple makes one from the ID.
	Filename string

	// ConfiguredForPlatforms must fit the payloads. By default Apple finds out from these.
	ConfiguredForPlatforms []Platform
}

// ConfigurationUpdate is what is to change of a configuration. Nil and empty members leave things as
// they are.
type ConfigurationUpdate struct {
	Name                   string
	ConfigurationProfile   string      // as in NewConfiguration
	Filename               string      // must end in ".mobileconfig"
	ConfiguredForPlatforms *[]Platform // replaces the list
}

// configurationAttributes are those that can be sent.
type configurationAttributes struct {
	Type                   ConfigurationType     `json:"type,omitzero"`
	Name                   string                `json:"name,omitzero"`
	ConfiguredForPlatforms *[]Platform           `json:"configuredForPlatforms,omitzero"`
	CustomSettingsValues   *CustomSettingsValues `json:"customSettingsValues,omitzero"`
}

// CreateConfiguration makes a configuration from a profile and returns it as Apple does. A profile
// that Apple does not take is [ErrInvalidRequest] or [ErrConflict]. The request is not repeated when
// its answer gets lost; look for the name before trying again. Apple Business only.
//
// https://developer.apple.com/documentation/applebusinessapi/create-a-configuration
func (c *Client) CreateConfiguration(ctx context.Context, configuration NewConfiguration) (*Configuration, error) {
	if configuration.Name == "" {
		return nil, &InputError{Field: "Name", Rule: "must not be empty"}
	}
	if err := checkProfile(configuration.ConfigurationProfile); err != nil {
		return nil, err
	}
	attributes := configurationAttributes{
		Type: ConfigurationCustomSetting, Name: configuration.Name,
		CustomSettingsValues: &CustomSettingsValues{
			ConfigurationProfile: configuration.ConfigurationProfile, Filename: configuration.Filename,
		},
	}
	if len(configuration.ConfiguredForPlatforms) > 0 {
		attributes.ConfiguredForPlatforms = &configuration.ConfiguredForPlatforms
	}
	return call[Configuration](ctx, c, request{
		op: "create configuration", method: http.MethodPost, path: rest.Path{kindConfigurations}, businessOnly: true,
		body: outgoing{outgoingResource{Type: kindConfigurations, Attributes: attributes}},
	})
}

// UpdateConfiguration changes a configuration of type [ConfigurationCustomSetting] and returns it as
// it is then. Others are [ErrForbidden] or [ErrConflict]. Apple Business only.
//
// https://developer.apple.com/documentation/applebusinessapi/update-a-configuration
func (c *Client) UpdateConfiguration(ctx context.Context, id string, update ConfigurationUpdate) (*Configuration, error) {
	if err := checkID("id", id); err != nil {
		return nil, err
	}
	if err := update.check(); err != nil {
		return nil, err
	}
	attributes := configurationAttributes{Name: update.Name, ConfiguredForPlatforms: update.ConfiguredForPlatforms}
	if update.ConfigurationProfile != "" || update.Filename != "" {
		attributes.CustomSettingsValues = &CustomSettingsValues{
			ConfigurationProfile: update.ConfigurationProfile, Filename: update.Filename,
		}
	}
	return call[Configuration](ctx, c, request{
		op: "update configuration", method: http.MethodPatch, path: rest.Path{kindConfigurations, id}, businessOnly: true,
		body: outgoing{outgoingResource{Type: kindConfigurations, ID: id, Attributes: attributes}},
	})
}

func (u *ConfigurationUpdate) check() error {
	switch {
	case *u == (ConfigurationUpdate{}):
		return &InputError{Field: "update", Rule: "must change something"}
	case u.Filename != "" && !strings.HasSuffix(u.Filename, ".mobileconfig"):
		return &InputError{Field: "Filename", Rule: `must end in ".mobileconfig"`}
	case u.ConfigurationProfile != "":
		return checkProfile(u.ConfigurationProfile)
	}
	return nil
}

// DeleteConfiguration deletes a configuration. Apple Business only.
//
// https://developer.apple.com/documentation/applebusinessapi/delete-a-configuration
func (c *Client) DeleteConfiguration(ctx context.Context, id string) error {
	if err := checkID("id", id); err != nil {
		return err
	}
	return callNone(ctx, c, request{
		op: "delete configuration", method: http.MethodDelete, path: rest.Path{kindConfigurations, id}, businessOnly: true,
	})
}
