package content

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/applemdm/applemdm/vpp"
)

// Platform is a sort of device for which apps and books are described.
type Platform string

// The platforms that Apple documents.
const (
	PlatformIPhone        Platform = "iphone"
	PlatformIPad          Platform = "ipad"
	PlatformMac           Platform = "mac"
	PlatformAppleTV       Platform = "appletv"
	PlatformRealityDevice Platform = "realityDevice" // Apple Vision
	PlatformWeb           Platform = "web"
)

// Extension is an attribute of apps that is told on demand only.
//
// https://developer.apple.com/documentation/devicemanagement/fetching-resources-with-extended-attributes
type Extension string

// The extensions that Apple documents.
const (
	ExtendDescription                Extension = "description"
	ExtendFileSizeByDevice           Extension = "fileSizeByDevice"
	ExtendLanguageList               Extension = "languageList"
	ExtendLatestVersionInfo          Extension = "latestVersionInfo"
	ExtendPrivacyPolicyURL           Extension = "privacyPolicyUrl"
	ExtendRequirementsByDeviceFamily Extension = "requirementsByDeviceFamily"
	ExtendScreenshotsByType          Extension = "screenshotsByType"
	ExtendSupportURLForLanguage      Extension = "supportURLForLanguage"
	ExtendVersionHistory             Extension = "versionHistory"
	ExtendWebsiteURL                 Extension = "websiteUrl"
)

// Query says where to look and what to tell. The zero value is right for most; a field that a call
// does not know must be zero, which the call checks.
type Query struct {
	// Storefront is where to look: that of the client by default, see [Options.Storefront].
	Storefront string

	// Platform is what to describe things for, and AdditionalPlatforms what else: apps have
	// attributes of their own for each. Without Platform, all platforms that have apps are asked
	// for, the iPhone first; purchases and storefronts are asked for as on the web.
	Platform            Platform
	AdditionalPlatforms []Platform

	// Extend asks for more attributes of apps.
	Extend []Extension

	// Include asks for related things with their attributes, and Relate for their identifiers, by
	// the name of the relationship: "genres", say.
	Include, Relate []string

	// Language is the tag of the language to answer in: that of [Options.Language] by default.
	Language string
}

// knows is a set of fields of a Query that a call has parameters for.
type knows uint8

const (
	knowsPlatform knows = 1 << iota
	knowsMore           // AdditionalPlatforms
	knowsExtend
	knowsRelations
)

// values returns the parameters of a call. Its errors are about the fields that the call does not
// know.
func (q Query) values(opts *Options, op string, known knows, byDefault ...Platform) (url.Values, error) {
	storefront := q.Storefront
	if err := checkCountry("Query.Storefront", &storefront); err != nil {
		return nil, err
	}
	if q.Platform == "" && len(q.AdditionalPlatforms) > 0 {
		return nil, &vpp.InputError{Field: "Query.AdditionalPlatforms", Rule: "must be empty without Query.Platform"}
	}
	if q.Platform == "" && known&knowsPlatform != 0 {
		q.Platform, q.AdditionalPlatforms = byDefault[0], byDefault[1:]
	}
	values := url.Values{}
	for _, p := range []struct {
		field, name string
		list        []string
		known       bool
	}{
		{"Query.Platform", "platform", list(q.Platform), known&knowsPlatform != 0},
		{"Query.AdditionalPlatforms", "additionalPlatforms", list(q.AdditionalPlatforms...), known&knowsMore != 0},
		{"Query.Extend", "extend[apps]", list(q.Extend...), known&knowsExtend != 0},
		{"Query.Include", "include", q.Include, known&knowsRelations != 0},
		{"Query.Relate", "relate", q.Relate, known&knowsRelations != 0},
		{"Query.Language", "l", list(q.language(opts)), true},
	} {
		if err := put(values, p.name, p.field, p.list); err != nil {
			return nil, err
		}
		if !p.known && len(p.list) > 0 {
			return nil, &vpp.InputError{Field: p.field, Rule: "must be zero to " + op}
		}
	}
	return values, nil
}

// everywhere is the platforms that have apps.
func everywhere() []Platform {
	return []Platform{PlatformIPhone, PlatformIPad, PlatformMac, PlatformAppleTV, PlatformRealityDevice}
}

func (q Query) language(opts *Options) string {
	if q.Language != "" {
		return q.Language
	}
	return opts.Language
}

// list returns the elements as strings; one that is alone and empty is none.
func list[T ~string](elements ...T) []string {
	var texts []string
	for _, e := range elements {
		if e != "" || len(elements) > 1 {
			texts = append(texts, string(e))
		}
	}
	return texts
}

// put adds a parameter that is a list, which Apple separates with commas.
func put(values url.Values, name, field string, elements []string) error {
	for i, e := range elements {
		if e == "" || strings.ContainsAny(e, ", \t\r\n") {
			return &vpp.InputError{Field: field, Rule: fmt.Sprintf("must not be empty or have a comma or a blank, as in element %d", i)}
		}
	}
	if len(elements) > 0 {
		values.Set(name, strings.Join(elements, ","))
	}
	return nil
}
