package content

import (
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/applemdm/applemdm/vpp"
)

// Artwork is an icon, a cover or a screenshot.
//
// https://developer.apple.com/documentation/devicemanagement/artwork
type Artwork struct {
	TemplateURL string `json:"url,omitzero"`    // with places for the size and the format; see [Artwork.URL]
	Width       int    `json:"width,omitzero"`  // in pixels, at most
	Height      int    `json:"height,omitzero"` // in pixels, at most

	BgColor    string `json:"bgColor,omitzero"` // rrggbb, as are the next four
	TextColor1 string `json:"textColor1,omitzero"`
	TextColor2 string `json:"textColor2,omitzero"`
	TextColor3 string `json:"textColor3,omitzero"`
	TextColor4 string `json:"textColor4,omitzero"`

	HasP3                bool `json:"hasP3,omitzero"` // wide colour
	HasAlpha             bool `json:"hasAlpha,omitzero"`
	SupportsLayeredImage bool `json:"supportsLayeredImage,omitzero"`

	Unknown vpp.Unknown `json:",embed"`
}

// URL returns where the picture is to be had in a size, given in pixels, and a format such as "png",
// "jpg" or "webp". A size beyond the largest there is becomes that, in proportion. The picture is
// public: get it without any credential. Without a picture it is "".
func (a Artwork) URL(width, height int, format string) string {
	if a.Width > 0 && width > a.Width {
		width, height = a.Width, max(1, height*a.Width/width)
	}
	if a.Height > 0 && height > a.Height {
		width, height = max(1, width*a.Height/height), a.Height
	}
	return strings.NewReplacer(
		"{w}", strconv.Itoa(width), "{h}", strconv.Itoa(height), "{c}", "bb", "{f}", format,
	).Replace(a.TemplateURL)
}

// isTemplate reports whether the picture is to be had in any size.
func (a Artwork) isTemplate() bool { return strings.Contains(a.TemplateURL, "{w}") }

// Artworks is one picture, or the same picture in several fixed sizes: the legacy lookup tells either.
type Artworks []Artwork

// UnmarshalJSONFrom takes one picture also without a list around it.
func (a *Artworks) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() != jsontext.KindBeginObject {
		return json.UnmarshalDecode(dec, (*[]Artwork)(a))
	}
	*a = Artworks{{}}
	return json.UnmarshalDecode(dec, &(*a)[0])
}

// URL returns where the picture is to be had in a size, given in pixels, and a format: see
// [Artwork.URL]. Of fixed sizes it is the smallest that is large enough, or else the largest.
func (a Artworks) URL(width, height int, format string) string {
	var best Artwork
	for _, one := range a {
		enough := one.Width >= width && one.Height >= height
		bestEnough := best.Width >= width && best.Height >= height
		switch {
		case one.isTemplate():
			return one.URL(width, height, format)
		case best.TemplateURL == "", enough && !bestEnough,
			enough == bestEnough && (one.Width < best.Width) == enough:
			best = one
		}
	}
	return best.TemplateURL
}
