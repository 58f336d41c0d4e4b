package axmtest

import (
	"maps"
	"slices"
	"time"
)

// Kinds of software.
const (
	apps     = "apps"
	packages = "packages"
)

// App is an app of an organisation.
type App struct {
	ID          string // the App Store's; default invented
	Name        string
	BundleID    string
	WebsiteURL  string
	Version     string
	SupportedOS []string // SUPPORTED_OS_IOS and the like
	Custom      bool
	AppStoreURL string
	Extra       map[string]any
}

func (a *App) ident() *string     { return &a.ID }
func (a *App) complete(time.Time) {}

func (a *App) clone() App {
	out := *a
	out.SupportedOS, out.Extra = slices.Clone(a.SupportedOS), maps.Clone(a.Extra)
	return out
}

func (a *App) resource(*call, bool) resource {
	return resource{kind: apps, id: a.ID, extra: a.Extra, attributes: object{
		{"name", a.Name},
		{"bundleId", a.BundleID},
		{"version", a.Version},
		{"supportedOS", list(a.SupportedOS)},
		{"isCustomApp", a.Custom},
		{"appStoreUrl", a.AppStoreURL},
		{"websiteUrl", a.WebsiteURL},
	}}
}

// Package is a package of an organisation.
type Package struct {
	ID          string // default invented
	Name        string
	URL         string
	Hash        string
	BundleIDs   []string
	Description string
	Version     string
	Created     time.Time // default now
	Updated     time.Time // default Created
	Extra       map[string]any
}

func (p *Package) ident() *string { return &p.ID }

func (p *Package) complete(now time.Time) {
	or(&p.Created, now)
	or(&p.Updated, p.Created)
}

func (p *Package) clone() Package {
	out := *p
	out.BundleIDs, out.Extra = slices.Clone(p.BundleIDs), maps.Clone(p.Extra)
	return out
}

func (p *Package) resource(*call, bool) resource {
	return resource{kind: packages, id: p.ID, extra: p.Extra, attributes: object{
		{"name", p.Name},
		{"url", p.URL},
		{"hash", p.Hash},
		{"bundleIds", list(p.BundleIDs)},
		{"version", p.Version},
		{"description", p.Description},
		{"createdDateTime", formatTime(p.Created)},
		{"updatedDateTime", formatTime(p.Updated)},
	}}
}
