package axm

import (
	"context"
	"iter"
)

// kindPackages is the type of packages in documents and paths.
const kindPackages = "packages"

// Package is a macOS installer package that the device management which Apple has built in can
// install. Every member may be missing.
//
// https://developer.apple.com/documentation/applebusinessapi/package
type Package struct {
	ID          string   `json:"id,omitzero"`
	Name        string   `json:"name,omitzero"`
	URL         string   `json:"url,omitzero"` // where devices load it from
	Hash        string   `json:"hash,omitzero"`
	BundleIDs   []string `json:"bundleIds,omitzero"`
	Description string   `json:"description,omitzero"`
	Version     string   `json:"version,omitzero"`
	Created     Time     `json:"createdDateTime,omitzero"`
	Updated     Time     `json:"updatedDateTime,omitzero"`
	Unknown     Unknown  `json:",embed"`
}

func (p *Package) flatten(id string) { p.ID = id }
func (p *Package) unknown() *Unknown { return &p.Unknown }

// Packages returns an iterator over the packages of the organisation. It is read as [Client.Devices]
// is. Apple Business only.
//
// https://developer.apple.com/documentation/applebusinessapi/get-packages
func (c *Client) Packages(ctx context.Context, options ListOptions) iter.Seq2[Package, error] {
	return items(c.PackagePages(ctx, options))
}

// PackagePages is [Client.Packages] by the page.
func (c *Client) PackagePages(ctx context.Context, options ListOptions) iter.Seq2[*Page[Package], error] {
	return pages(ctx, c, businessList[Package]("read packages", kindPackages, options))
}

// Package reads one package. With fields given, Apple sends these attributes only. Apple Business only.
//
// https://developer.apple.com/documentation/applebusinessapi/get-package-information
func (c *Client) Package(ctx context.Context, id string, fields ...string) (*Package, error) {
	return businessOne[Package](ctx, c, "read package", kindPackages, id, fields)
}
