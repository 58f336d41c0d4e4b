package content

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/url"
	"sync"

	"github.com/applemdm/applemdm/internal/page"
	"github.com/applemdm/applemdm/internal/published"
	"github.com/applemdm/applemdm/internal/rest"
	"github.com/applemdm/applemdm/vpp"
)

const (
	// LookupBaseURL is the host of the legacy lookup.
	LookupBaseURL = "https://uclient-api.itunes.apple.com"

	lookupPath = "WebObjects/MZStorePlatform.woa/wa/lookup"
)

// LookupPlatform is the sort of store in which the legacy lookup looks.
type LookupPlatform string

// The platforms that Apple documents for device-management servers.
const (
	PlatformEnterpriseStore LookupPlatform = "enterprisestore" // for businesses
	PlatformVolumeStore     LookupPlatform = "volumestore"     // for schools
	PlatformMacAppStore     LookupPlatform = "macappstore"     // what apps for the Mac have
)

// LookupQuery says where to look.
type LookupQuery struct {
	// Storefront is the country in whose store to look: that of the client by default, see
	// [Options.Storefront].
	Storefront string

	// Platform is the sort of store: by default what the client configuration of [Options.Location]
	// names, or else [PlatformEnterpriseStore]. An app for the iPad that runs on a Mac is told as
	// the iPad's in those for businesses and schools.
	Platform LookupPlatform

	// Language is the tag of the language to answer in: by default that of [Options.Language], or
	// else "en".
	Language string
}

// Lookup is a client of the legacy lookup, which needs no developer token. Apple keeps it for
// device-management servers but calls it legacy, and has let it down at times: use a [Client] if you
// can. It is cheap, and it is safe for concurrent use.
type Lookup struct {
	opts   Options
	tokens *held[*vpp.Token] // nil without a content token
	home   *homeReader
	line   *line

	mu      sync.Mutex
	engines map[string]*rest.Engine // by origin
}

// NewLookup returns a Lookup. tokens is the content token of a location, a [*vpp.Token] for example,
// with which custom and withdrawn apps that the location owns are found too, or nil. A nil opts means
// defaults.
//
// NewLookup does no I/O. Its errors are [*vpp.InputError].
func NewLookup(tokens vpp.TokenSource, opts *Options) (*Lookup, error) {
	o, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	o.BaseURL = cmp.Or(o.BaseURL, LookupBaseURL)
	l := &Lookup{opts: o, tokens: holdTokens(tokens), engines: map[string]*rest.Engine{}}
	l.home, l.line = newHomeReader(&l.opts), newLine(&l.opts)
	if _, err = l.engineFor(o.BaseURL); err != nil {
		return nil, err
	}
	return l, nil
}

const opLookup = "look up apps and books"

// Items reads what the store says of apps and books: one request for each of them, up to 4 at once and
// 15 a second, because Apple documents no way to ask for several. What is missing is unknown, is not sold there,
// or is custom or withdrawn: then the location does not own it, or Apple did not take the content
// token, for this service never says so.
//
// The requests go where [vpp.ServiceConfig] says, if that is a host of Apple's, or the one of
// [Options.BaseURL].
//
// https://developer.apple.com/documentation/devicemanagement/getting-app-and-book-information-legacy
func (l *Lookup) Items(ctx context.Context, ids []vpp.AdamID, q LookupQuery) (*Found[LookupItem, vpp.AdamID], error) {
	wanted, err := unique("ids", ids)
	if err != nil {
		return nil, err
	}
	if err := checkCountry("LookupQuery.Storefront", &q.Storefront); err != nil {
		return nil, err
	}
	spot, err := l.spot(ctx, q)
	if err != nil {
		return nil, ownError(ctx, opLookup, rest.ParsePath(lookupPath), err)
	}
	fetch := func(ctx context.Context, n int) (page.Numbered[*LookupItem], error) {
		item, err := l.find(ctx, spot, wanted[n])
		return page.Numbered[*LookupItem]{Page: item, More: n+1 < len(wanted), Total: len(wanted)}, err
	}
	found := map[vpp.AdamID]LookupItem{}
	number := 0
	for item, err := range page.Parallel(ctx, inFlight, 0, fetch) {
		if err != nil {
			return nil, ownError(ctx, opLookup, spot.path, err)
		}
		if item != nil {
			found[wanted[number]] = *item
		}
		number++
	}
	return inOrder(wanted, found), nil
}

// spot is where to look, and how to ask.
type spot struct {
	engine    *rest.Engine
	path      rest.Path
	countries []string
	query     url.Values
}

// spot fills in what q leaves open.
func (l *Lookup) spot(ctx context.Context, q LookupQuery) (*spot, error) {
	countries, err := l.home.countries(ctx, q.Storefront)
	if err != nil {
		return nil, err
	}
	if q.Platform == "" && l.opts.Location != nil {
		home, err := l.home.read(ctx)
		if err != nil {
			return nil, err
		}
		q.Platform = home.platform
	}
	s := &spot{countries: countries, query: url.Values{
		"version": {"2"}, "p": {"mdm-lockup"}, "caller": {"MDM"},
		"platform": {string(cmp.Or(q.Platform, PlatformEnterpriseStore))},
		"l":        {cmp.Or(q.Language, l.opts.Language, "en")},
	}}
	s.engine, s.path, err = l.target(ctx)
	return s, err
}

// target returns where the lookup is: where the service configuration says, unless the content token
// must not go there.
func (l *Lookup) target(ctx context.Context) (*rest.Engine, rest.Path, error) {
	base, path := l.opts.BaseURL, rest.ParsePath(lookupPath)
	if l.opts.Location != nil {
		config, err := l.opts.Location.ServiceConfig(ctx)
		if err != nil {
			return nil, nil, err
		}
		text := config.URLs[vpp.URLContentMetadataLookup]
		baseURL, below, ok := published.Locate(base, text)
		switch {
		case ok:
			base, path = baseURL, rest.ParsePath(below)
		case text != "" && l.opts.Logger != nil:
			l.opts.Logger.WarnContext(ctx, "a published URL is not used", "name", vpp.URLContentMetadataLookup, "url", text)
		}
	}
	engine, err := l.engineFor(base)
	return engine, path, err
}

// engineFor returns the engine for a base URL.
func (l *Lookup) engineFor(base string) (*rest.Engine, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if engine, ok := l.engines[base]; ok {
		return engine, nil
	}
	engine, err := l.line.newEngine(base)
	if err == nil {
		l.engines[base] = engine
	}
	return engine, err
}

// find looks for one thing in one storefront after the other. Without an error, nil is what none has.
func (l *Lookup) find(ctx context.Context, s *spot, id vpp.AdamID) (*LookupItem, error) {
	for _, country := range s.countries {
		query := maps.Clone(s.query)
		query.Set("id", string(id))
		query.Set("cc", country)
		item, err := l.read(ctx, s.engine, request{op: opLookup, path: s.path, query: query, owned: l.tokens != nil}, id)
		if err != nil {
			return nil, err
		}
		if item != nil {
			item.Storefront = country
			return item, nil
		}
	}
	return nil, nil
}

// read sends r and returns the item in the answer, if there is one.
func (l *Lookup) read(ctx context.Context, engine *rest.Engine, r request, id vpp.AdamID) (*LookupItem, error) {
	resp, err := l.ask(ctx, engine, r)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Results map[string]LookupItem `json:"results"`
	}
	if err := decode(resp.Body, &answer); err != nil {
		return nil, misunderstood(r.op, resp, err)
	}
	if answer.Results == nil {
		return nil, misunderstood(r.op, resp, errors.New("it has no results"))
	}
	resp.Release() // decoding copies what it keeps
	item, ok := answer.Results[string(id)]
	if !ok {
		return nil, nil
	}
	return &item, nil
}

func (l *Lookup) ask(ctx context.Context, engine *rest.Engine, r request) (*rest.Response, error) {
	if l.tokens == nil {
		return l.line.send(ctx, engine, r, nil)
	}
	return l.tokens.use(ctx, vpp.ErrTokenInvalid, func(token *vpp.Token) (*rest.Response, error) {
		return l.line.send(ctx, engine, r, withCookie(nil, token))
	})
}
