package vpptest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// lookup is the legacy contentMetadataLookup. Wrong queries, wrong tokens and unknown content all
// get the same empty results. Each answer has the other of the two shapes that Apple shows: with
// identifiers as texts and artwork as one object, then with numbers and a list.
func lookup(c *call) *reply {
	k := &c.s.catalog
	cc := strings.ToLower(c.query.Get("cc"))
	front, known := k.storefront(cc)
	for name, want := range map[string]string{"version": "2", "p": "mdm-lockup", "caller": "MDM"} {
		if c.query.Get(name) != want {
			c.note("query parameter %q is not %q", name, want)
			known = false
		}
	}
	if !slices.Contains([]string{"enterprisestore", "volumestore", "macappstore", "itunes", "ipad", "iphone", "atv",
		"macbookstore", "volumepurchasestore"}, c.query.Get("platform")) {
		c.note("platform is %q", c.query.Get("platform"))
		known = false
	}
	ids := strings.Split(c.query.Get("id"), ",")
	if len(ids) > 1 {
		c.note("a list of identifiers, for which Apple gives no syntax")
	}
	owner, _ := c.owner()
	results := object{}
	for _, id := range ids {
		content := k.find("", id, cc)
		if known && content != nil && content.Type != InApps && (!content.Custom && !content.Withdrawn || owner.owns(content)) {
			results[id] = content.lookupResult(k.lookups%2 == 1, cc)
		}
	}
	version := 2 - k.lookups%2
	k.lookups++
	return &reply{status: http.StatusOK, body: encode(object{
		"results": results, "version": version, "isAuthenticated": false,
		"meta": object{
			"storefront": object{"id": front.StorefrontID, "cc": strings.ToUpper(cc)},
			"language":   object{"tag": strings.ToLower(front.Language)},
		},
	})}
}

func (content *Content) lookupResult(numbers bool, cc string) object {
	picture := "https://img.example/" + content.ID + "/{w}x{h}bb.{f}"
	o := object{
		"id": content.ID, "name": content.Name, "nameRaw": content.Name, "artistName": content.Artist,
		"artistId": "500000001", "kind": "iosSoftware", "deviceFamilies": content.DeviceFamilies,
		"url":              "https://apps.apple.com/" + cc + "/app/id" + content.ID,
		"artwork":          object{"width": 1024, "height": 1024, "url": picture, "bgColor": "ffffff", "hasP3": false},
		"minimumOSVersion": "16.0", "requiredCapabilities": "arm64 ",
		"isB2BCustomApp": content.Custom, "isVppDeviceBasedLicensingEnabled": true,
		"releaseDate": "2024-05-06", "latestVersionReleaseDate": "Dec 19, 2025",
		"description":  object{"standard": "About " + content.Name},
		"softwareInfo": object{"seller": content.Artist, "privacyPolicyUrl": nil},
		"offers": []object{{
			"type": offerType(content.Price), "price": content.Price, "priceFormatted": priceText(content.Price),
			"version": object{"display": content.Version, "externalId": content.versionNumber()},
			"assets":  []object{{"flavor": "iosSoftware", "size": 123456}},
		}},
	}
	switch {
	case content.Type == Books:
		o["kind"] = "ebook"
		delete(o, "deviceFamilies")
	case content.BundleID != "":
		o["bundleId"] = content.BundleID
	}
	if numbers {
		o["id"], _ = strconv.Atoi(content.ID)
		o["artistId"] = 500000001
		o["artwork"] = []object{{"width": 100, "height": 100, "url": strings.NewReplacer("{w}", "100", "{h}", "100", "{f}", "png").Replace(picture)}}
	}
	return o
}

func offerType(price float64) string {
	if price > 0 {
		return "buy"
	}
	return "get"
}

func priceText(price float64) string { return "$" + strconv.FormatFloat(price, 'f', 2, 64) }
