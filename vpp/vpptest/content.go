package vpptest

import (
	"slices"
	"strconv"
	"strings"
)

// Types of content in the metadata services.
const (
	Apps   = "apps"
	Books  = "books"
	InApps = "in-apps"
)

// Content is what the metadata services know of an app, a book or a subscription. The licence
// service knows nothing of it: content can be described without being owned, and owned without being
// described.
type Content struct {
	ID       string // the adamId
	Type     string // Apps (default), Books or InApps
	Name     string
	Artist   string
	BundleID string // of an app
	ISBN     string // of a book
	ParentID string // the app of a subscription
	Version  string // default "1.0"
	Price    float64

	// DeviceFamilies are "iphone", "ipad", "ipod", "mac", "tvos"; default iphone and ipad. MacApp
	// says that there is an app made for the Mac; without it, "mac" means the one for the iPad, on
	// Apple silicon.
	DeviceFamilies []string
	MacApp         bool

	GenreIDs    []string // default "6007", Productivity
	Storefronts []string // country codes in small letters; default all

	// Custom and Withdrawn content is only shown to those who own it.
	Custom, Withdrawn bool
}

// Genre is a genre of the catalog.
type Genre struct{ ID, Name, ParentID, ParentName string }

// Storefront is a country with a store.
type Storefront struct {
	ID, Name     string   // "de", "Germany"
	Language     string   // "de-DE"
	Languages    []string // all of them; default only Language
	StorefrontID string   // "143443", which only the legacy lookup tells
}

// catalog is what the metadata services have.
type catalog struct {
	contents    []*Content
	genres      []Genre
	storefronts []Storefront
	developer   developer
	lookups     int // answers of the legacy lookup
}

func (k *catalog) init() {
	k.genres = []Genre{{ID: "6007", Name: "Productivity", ParentID: "36", ParentName: "App Store"}, {ID: "9031", Name: "Science"}}
	k.storefronts = []Storefront{
		{"us", "United States", "en-US", []string{"en-US", "es-MX"}, "143441"},
		{"de", "Germany", "de-DE", []string{"de-DE", "en-GB"}, "143443"},
		{"gb", "United Kingdom", "en-GB", []string{"en-GB"}, "143444"},
	}
}

// AddContent describes content to the metadata services, or describes it anew.
func (s *Server) AddContent(list ...Content) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, content := range list {
		setDefault(&content.Type, Apps)
		setDefault(&content.Version, "1.0")
		setDefault(&content.Name, "Content "+content.ID)
		setDefault(&content.Artist, "Example Ltd")
		if len(content.DeviceFamilies) == 0 {
			content.DeviceFamilies = []string{"iphone", "ipad"}
		}
		if len(content.GenreIDs) == 0 {
			content.GenreIDs = []string{"6007"}
		}
		same := func(old *Content) bool { return old.ID == content.ID && old.Type == content.Type }
		s.catalog.contents = slices.DeleteFunc(s.catalog.contents, same)
		s.catalog.contents = append(s.catalog.contents, &content)
	}
}

// AddGenres adds genres, or replaces those with the same ID. There is Productivity, 6007, and
// Science, 9031, for books.
func (s *Server) AddGenres(list ...Genre) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range list {
		s.catalog.genres = slices.DeleteFunc(s.catalog.genres, func(old Genre) bool { return old.ID == g.ID })
		s.catalog.genres = append(s.catalog.genres, g)
	}
}

// AddStorefronts adds storefronts, or replaces those with the same ID. There are us, de and gb.
func (s *Server) AddStorefronts(list ...Storefront) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range list {
		if len(f.Languages) == 0 {
			f.Languages = []string{f.Language}
		}
		s.catalog.storefronts = slices.DeleteFunc(s.catalog.storefronts, func(old Storefront) bool { return old.ID == f.ID })
		s.catalog.storefronts = append(s.catalog.storefronts, f)
	}
}

// soldIn reports whether the content is in a storefront.
func (content *Content) soldIn(storefront string) bool {
	return len(content.Storefronts) == 0 || slices.Contains(content.Storefronts, storefront)
}

// find returns content of a type, "" for any, in a storefront.
func (k *catalog) find(kind, id, storefront string) *Content {
	for _, content := range k.contents {
		if content.ID == id && (kind == "" || kind == content.Type) && content.soldIn(storefront) {
			return content
		}
	}
	return nil
}

func (k *catalog) storefront(id string) (Storefront, bool) {
	i := slices.IndexFunc(k.storefronts, func(f Storefront) bool { return f.ID == id })
	if i < 0 {
		return Storefront{}, false
	}
	return k.storefronts[i], true
}

// owns reports whether the location has the content: a licence for it, or seats.
func (l *Location) owns(content *Content) bool {
	if l == nil {
		return false
	}
	for _, pricing := range []string{Standard, Plus} {
		if a := l.assets[assetRef{content.ID, pricing}]; a != nil && a.totalCount() > 0 {
			return true
		}
	}
	id, err := strconv.ParseInt(content.ID, 10, 64)
	return err == nil && l.seats.find(id) != nil
}

// versionNumber is the external identifier of a version.
func (content *Content) versionNumber() int {
	h := hashOf("version", content.ID, content.Version)
	return 80_000_000 + int(h[0])<<16 + int(h[1])<<8 + int(h[2])
}

// owner finds the location whose token the itvt cookie holds, exactly. given says that there is a
// cookie.
func (c *call) owner() (l *Location, given bool) {
	for part := range strings.SplitSeq(c.r.Header.Get("Cookie"), ";") {
		value, ok := strings.CutPrefix(strings.TrimSpace(part), "itvt=")
		if !ok {
			continue
		}
		t := c.s.tokens[value]
		switch {
		case t != nil && t.refusal(c.now) == 0:
			return t.loc, true
		case t == nil:
			if why := c.s.explainToken(value); why != "" {
				c.note("%s", why)
			}
		}
		return nil, true
	}
	return nil, false
}
