package axm

import (
	"context"
	"iter"
)

// kindApps is the type of apps in documents and paths.
const kindApps = "apps"

// App is an app that the device management which Apple has built in can install. Every member may be
// missing. How many licences there are, package vpp tells.
//
// https://developer.apple.com/documentation/applebusinessapi/app
type App struct {
	ID          string        `json:"id,omitzero"` // the number of the app in the App Store ("Adam ID")
	Name        string        `json:"name,omitzero"`
	BundleID    string        `json:"bundleId,omitzero"`
	Version     string        `json:"version,omitzero"`
	SupportedOS []SupportedOS `json:"supportedOS,omitzero"`
	IsCustomApp bool          `json:"isCustomApp,omitzero"`
	AppStoreURL string        `json:"appStoreUrl,omitzero"`
	WebsiteURL  string        `json:"websiteUrl,omitzero"`
	Unknown     Unknown       `json:",embed"`
}

// SupportedOS is an operating system on which an app runs. There may be others than those listed here.
type SupportedOS string

// The operating systems that Apple names.
const (
	SupportedOSUnspecified SupportedOS = "SUPPORTED_OS_UNSPECIFIED"
	SupportedOSiOS         SupportedOS = "SUPPORTED_OS_IOS"
	SupportedOSiPadOS      SupportedOS = "SUPPORTED_OS_IPADOS"
	SupportedOSmacOS       SupportedOS = "SUPPORTED_OS_MACOS"
	SupportedOStvOS        SupportedOS = "SUPPORTED_OS_TVOS"
	SupportedOSwatchOS     SupportedOS = "SUPPORTED_OS_WATCHOS"
	SupportedOSvisionOS    SupportedOS = "SUPPORTED_OS_VISIONOS"
)

func (a *App) flatten(id string) { a.ID = id }
func (a *App) unknown() *Unknown { return &a.Unknown }

// Apps returns an iterator over the apps of the organisation. It is read as [Client.Devices] is. Apple
// Business only.
//
// https://developer.apple.com/documentation/applebusinessapi/get-apps
func (c *Client) Apps(ctx context.Context, options ListOptions) iter.Seq2[App, error] {
	return items(c.AppPages(ctx, options))
}

// AppPages is [Client.Apps] by the page.
func (c *Client) AppPages(ctx context.Context, options ListOptions) iter.Seq2[*Page[App], error] {
	return pages(ctx, c, businessList[App]("read apps", kindApps, options))
}

// App reads one app. With fields given, Apple sends these attributes only. Apple Business only.
//
// https://developer.apple.com/documentation/applebusinessapi/get-app-information
func (c *Client) App(ctx context.Context, id string, fields ...string) (*App, error) {
	return businessOne[App](ctx, c, "read app", kindApps, id, fields)
}
