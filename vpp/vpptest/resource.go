package vpptest

import "slices"

// resource is content as the metadata service for organizations tells it: what depends on the
// platform is nested, as in all of Apple's examples, though not in the schema.
func (c *call) resource(content *Content, front string) object {
	o := object{
		"id": content.ID, "type": content.Type, "href": "/v1/catalog/" + front + "/" + content.Type + "/" + content.ID,
	}
	switch content.Type {
	case Books:
		o["attributes"] = content.bookAttributes(c, front)
	case InApps:
		o["attributes"] = object{
			"name": content.Name, "artwork": content.artwork(), "subscriptionFamilyName": content.Name,
			"subscriptionFamilyId": "2" + content.ID, "subscriptionFamilyRank": 1,
		}
		if app := c.s.catalog.find(Apps, content.ParentID, front); app != nil {
			o["relationships"] = object{"app": object{"data": []object{c.resource(app, front)}}}
		}
		return o
	default:
		o["attributes"] = c.appAttributes(content, front)
	}
	href, _ := o["href"].(string)
	o["relationships"] = object{"genres": object{"href": href + "/genres", "data": c.genresOf(content, front)}}
	return o
}

func (content *Content) artwork() object {
	return object{"width": 1024, "height": 1024, "url": "https://img.example/" + content.ID + "/{w}x{h}bb.{f}"}
}

func (content *Content) offers(front string) []object {
	currency := map[string]string{"us": "USD", "gb": "GBP"}[front]
	setDefault(&currency, "EUR")
	return []object{{
		"type": offerType(content.Price), "price": content.Price, "priceFormatted": priceText(content.Price),
		"currencyCode": currency, "buyParams": "productType=C&salableAdamId=" + content.ID + "&pricingParameters=STDQ",
	}}
}

func (content *Content) bookAttributes(c *call, front string) object {
	names := []string{}
	for _, g := range c.s.catalog.genres {
		if slices.Contains(content.GenreIDs, g.ID) {
			names = append(names, g.Name)
		}
	}
	o := object{
		"name": content.Name, "artistName": content.Artist, "artwork": content.artwork(), "genreNames": names,
		"offers": content.offers(front), "url": "https://books.apple.com/" + front + "/book/id" + content.ID,
		"userRating": object{"value": 4.5, "ratingCount": 12},
	}
	if content.ISBN != "" {
		o["isbn"] = content.ISBN
	}
	return o
}

// appAttributes has a block for each platform asked for that the app has. A custom app has neither
// ratings nor artwork.
func (c *call) appAttributes(content *Content, front string) object {
	extended := append(c.commas("extend"), c.commas("extend[apps]")...)
	o := object{
		"name": content.Name, "artistName": content.Artist, "deviceFamilies": content.DeviceFamilies,
		"isB2BCustomApp": content.Custom, "isVppDeviceBasedLicensingEnabled": true, "hasEula": false,
		"isFirstPartyHideableApp": false, "isIOSBinaryMacOSCompatible": slices.Contains(content.DeviceFamilies, "mac") && !content.MacApp,
		"offers": content.offers(front), "url": "https://apps.apple.com/" + front + "/app/id" + content.ID,
	}
	if !content.Custom {
		o["userRating"] = object{"value": 4.5, "ratingCount": 1200}
	}
	if slices.Contains(extended, "description") {
		o["description"] = object{"standard": "About " + content.Name}
	}
	blocks := object{}
	for _, platform := range append([]string{c.query.Get("platform")}, c.commas("additionalPlatforms")...) {
		if key := content.platformKey(platform); key != "" {
			blocks[key] = content.platformBlock(key, extended)
		}
	}
	o["platformAttributes"] = blocks
	return o
}

// platformKey is the block that a platform belongs to, "" if the app is not for it. The keys besides
// ios and osx are not known from Apple's examples.
func (content *Content) platformKey(platform string) string {
	has := func(families ...string) bool {
		return slices.ContainsFunc(families, func(f string) bool { return slices.Contains(content.DeviceFamilies, f) })
	}
	switch {
	case platform == "mac" && content.MacApp:
		return "osx"
	case platform == "appletv" && has("tvos"):
		return "appletvos"
	case slices.Contains([]string{"iphone", "ipad", "web"}, platform) && has("iphone", "ipad", "ipod"):
		return "ios"
	case platform == "web" && content.MacApp:
		return "osx"
	}
	return ""
}

func (content *Content) platformBlock(key string, extended []string) object {
	o := object{
		"bundleId": content.BundleID, "externalVersionId": content.versionNumber(), "seller": content.Artist,
		"minimumOSVersion": "16.0", "requiredCapabilities": "arm64 ",
	}
	if key == "osx" {
		delete(o, "requiredCapabilities")
		delete(o, "minimumOSVersion")
		o["minimumMacOSVersion"] = "13.0"
	}
	if !content.Custom {
		o["artwork"] = content.artwork()
	}
	if slices.Contains(extended, "latestVersionInfo") {
		o["latestVersionInfo"] = object{"versionDisplay": content.Version, "releaseDate": "2025-12-19"}
	}
	return o
}
