package vpptest

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// catalogBase is where the metadata service for organizations is, below api.ent.apple.com and
// api.edu.apple.com and here.
const catalogBase = "/v1/"

// answerCatalog answers a request of the metadata services.
func (s *Server) answerCatalog(c *call) *reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case c.r.Method != http.MethodGet:
		return catalogError(http.StatusMethodNotAllowed, "Method Not Allowed")
	case s.state.unavailable:
		return catalogError(http.StatusServiceUnavailable, "Service Unavailable")
	case c.r.URL.Path == lookupPath:
		return lookup(c)
	}
	if why := s.catalog.developer.check(c.r, c.now); why != "" {
		c.note("%s", why)
		return &reply{status: http.StatusUnauthorized, body: []byte("{}")}
	}
	return c.catalogRoute(strings.Split(strings.TrimPrefix(c.r.URL.Path, catalogBase), "/"))
}

// catalogError answers with the errors of this service, whose code is the status and two digits.
func catalogError(status int, detail string) *reply {
	text := strconv.Itoa(status)
	return &reply{status: status, body: encode(object{"errors": []object{{
		"id": strings.ToUpper(hexOf(13, "error", status, detail)), "title": http.StatusText(status), "detail": detail,
		"status": text, "code": text + "00",
	}}})}
}

// CatalogFault returns a fault that answers the next request of the metadata service for
// organizations with an error of its own, 429 say. Set Path to "/v1/*" and the like as needed.
func CatalogFault(status int) Fault {
	return Fault{Kind: Answer, Status: status, Body: string(catalogError(status, http.StatusText(status)).body)}
}

func (c *call) catalogRoute(path []string) *reply {
	switch {
	case len(path) == 1 && path[0] == "test":
		return &reply{status: http.StatusOK}
	case path[0] == "storefronts" && len(path) <= 2:
		return c.storefrontList(path[1:])
	case path[0] != "catalog" || len(path) < 3:
		c.note("unknown path")
		return catalogError(http.StatusNotFound, "No such resource")
	}
	if _, known := c.s.catalog.storefront(path[1]); !known {
		return catalogError(http.StatusNotFound, "No such storefront")
	}
	front, kind, rest := path[1], path[2], path[3:]
	if kind != "genres" && c.query.Get("platform") == "" {
		return catalogError(http.StatusBadRequest, "No platform")
	}
	for _, name := range append(c.commas("additionalPlatforms"), c.query.Get("platform")) {
		if name != "" && !slices.Contains([]string{"appletv", "ipad", "iphone", "mac", "realityDevice", "web"}, name) {
			return catalogError(http.StatusBadRequest, "Unknown platform")
		}
	}
	owned, isOwned := strings.CutPrefix(kind, "stoken-authenticated-")
	switch {
	case isOwned && len(rest) == 0 && slices.Contains([]string{Apps, Books, "purchases"}, owned):
		return c.ownedContent(front, owned)
	case kind == "search" && len(rest) == 0:
		return c.search(front)
	case kind == "genres" && len(rest) <= 1:
		return c.genreList(front, rest)
	case kind == Apps || kind == Books:
		return c.contentList(front, kind, rest)
	}
	c.note("unknown path")
	return catalogError(http.StatusNotFound, "No such resource")
}

// commas reads a query parameter that is a list.
func (c *call) commas(name string) []string {
	if text := c.query.Get(name); text != "" {
		return strings.Split(text, ",")
	}
	return nil
}

func data(list []object) *reply {
	return &reply{status: http.StatusOK, body: encode(object{"data": list})}
}

// ownedContent is the three stoken-authenticated lists: only what the location of the cookie owns.
// A bad token and missing identifiers get the same 403.
func (c *call) ownedContent(front, kind string) *reply {
	byType := map[string][]string{kind: c.commas("ids")}
	if kind == "purchases" {
		byType = map[string][]string{}
		for _, t := range []string{Apps, Books, InApps} {
			byType[t] = c.commas("ids[" + t + "]")
		}
	}
	l, _ := c.owner()
	given := 0
	for _, ids := range byType {
		given += len(ids)
	}
	if l == nil || given == 0 {
		return catalogError(http.StatusForbidden, "Invalid Stoken or Empty/Null ids Request Parameter")
	}
	list := []object{}
	for _, t := range []string{Apps, Books, InApps} {
		for _, id := range byType[t] {
			if content := c.s.catalog.find(t, id, front); content != nil && l.owns(content) {
				list = append(list, c.resource(content, front))
			}
		}
	}
	return data(list)
}

// contentList is apps and books by identifier, one or several, and the genres of one.
func (c *call) contentList(front, kind string, rest []string) *reply {
	public := func(id string) *Content {
		if content := c.s.catalog.find(kind, id, front); content != nil && !content.Custom && !content.Withdrawn {
			return content
		}
		return nil
	}
	if len(rest) > 0 {
		content := public(rest[0])
		switch {
		case content == nil:
			return catalogError(http.StatusNotFound, "No such resource")
		case len(rest) == 1:
			return data([]object{c.resource(content, front)})
		case len(rest) == 2 && rest[1] == "genres":
			return data(c.genresOf(content, front))
		}
		return catalogError(http.StatusNotFound, "No such relationship")
	}
	ids := c.commas("ids")
	if limit := map[string]int{Apps: 100, Books: 150}[kind]; len(ids) == 0 || len(ids) > limit {
		return catalogError(http.StatusBadRequest, "ids has to have 1 to "+strconv.Itoa(limit)+" values")
	}
	list := []object{}
	for _, id := range ids {
		if content := public(id); content != nil {
			list = append(list, c.resource(content, front))
		}
	}
	return data(list)
}

// search finds the term in names.
func (c *call) search(front string) *reply {
	term, types := strings.ToLower(c.query.Get("term")), c.commas("types")
	if term == "" || len(types) == 0 {
		return catalogError(http.StatusBadRequest, "term and types are needed")
	}
	list := []object{}
	for _, content := range c.s.catalog.contents {
		if content.soldIn(front) && !content.Custom && !content.Withdrawn && slices.Contains(types, content.Type) &&
			strings.Contains(strings.ToLower(content.Name), term) && c.inGenre(content) {
			list = append(list, c.resource(content, front))
		}
	}
	return &reply{status: http.StatusOK, body: encode(object{"results": object{"contents": list}})}
}

func (c *call) inGenre(content *Content) bool {
	wanted := c.commas("filter[genre]")
	return len(wanted) == 0 || slices.ContainsFunc(content.GenreIDs, func(id string) bool { return slices.Contains(wanted, id) })
}

func (c *call) genreList(front string, rest []string) *reply {
	ids := c.commas("ids")
	if len(rest) > 0 {
		ids = rest
	}
	list := c.genreObjects(ids, front)
	if len(rest) > 0 && len(list) == 0 {
		return catalogError(http.StatusNotFound, "No such resource")
	}
	return data(list)
}

func (c *call) genresOf(content *Content, front string) []object {
	return c.genreObjects(content.GenreIDs, front)
}

func (c *call) genreObjects(ids []string, front string) []object {
	list := []object{}
	for _, g := range c.s.catalog.genres {
		if !slices.Contains(ids, g.ID) {
			continue
		}
		attributes := object{"name": g.Name, "url": "https://apps.apple.com/" + front + "/genre/id" + g.ID}
		if g.ParentID != "" {
			attributes["parentId"], attributes["parentName"] = g.ParentID, g.ParentName
		}
		list = append(list, object{
			"id": g.ID, "type": "genres", "href": "/v1/catalog/" + front + "/genres/" + g.ID, "attributes": attributes,
		})
	}
	return list
}

// storefrontList is all storefronts, some, or one.
func (c *call) storefrontList(rest []string) *reply {
	ids := c.commas("ids")
	if len(rest) > 0 {
		ids = rest
	}
	list := []object{}
	for _, f := range c.s.catalog.storefronts {
		if len(ids) == 0 || slices.Contains(ids, f.ID) {
			list = append(list, object{"id": f.ID, "type": "storefronts", "href": "/v1/storefronts/" + f.ID, "attributes": object{
				"name": f.Name, "defaultLanguageTag": f.Language, "supportedLanguageTags": f.Languages,
			}})
		}
	}
	if len(rest) > 0 && len(list) == 0 {
		return catalogError(http.StatusNotFound, "No such resource")
	}
	offset, err := strconv.Atoi(cmp.Or(c.query.Get("offset"), "0"))
	limit, err2 := strconv.Atoi(cmp.Or(c.query.Get("limit"), strconv.Itoa(len(list))))
	if err != nil || err2 != nil || offset < 0 || limit < 0 {
		return catalogError(http.StatusBadRequest, "Invalid limit or offset")
	}
	list = list[min(offset, len(list)):]
	return data(list[:min(limit, len(list))])
}
