package content

import (
	"context"
	"net/url"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/applemdm/applemdm/internal/rest"
	"github.com/applemdm/applemdm/vpp"
)

// ID is Apple's number of a genre or an artist, as text. It is read with and without quotes.
type ID string

// UnmarshalJSONFrom takes the ID also without quotes.
func (id *ID) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	return (*vpp.AdamID)(id).UnmarshalJSONFrom(dec)
}

// Genre is what a storefront sorts apps and books by.
//
// https://developer.apple.com/documentation/devicemanagement/genres
type Genre struct {
	ID         ID              `json:"id"`
	Type       ResourceType    `json:"type,omitzero"`
	Href       string          `json:"href,omitzero"` // relative to the service
	Attributes GenreAttributes `json:"attributes,omitzero"`

	Storefront string `json:"-"` // where it was found, e.g. "us"; "" within a relationship

	Unknown vpp.Unknown `json:",embed"`
}

func (g *Genre) key() (ID, *string) { return g.ID, &g.Storefront }

// GenreAttributes describe a genre.
type GenreAttributes struct {
	Name       string      `json:"name,omitzero"`
	URL        string      `json:"url,omitzero"`
	ParentID   ID          `json:"parentId,omitzero"`
	ParentName string      `json:"parentName,omitzero"`
	Unknown    vpp.Unknown `json:",embed"`
}

// maxGenres is how many identifiers one request carries. Apple names no limit.
const maxGenres = 100

// Genres reads what the storefront says of genres: one request for every 100 of them.
//
// https://developer.apple.com/documentation/devicemanagement/genres
func (c *Client) Genres(ctx context.Context, ids []ID, q Query) (*Found[Genre, ID], error) {
	s := source[Genre, ID]{op: "read genres", path: "genres", most: maxGenres, key: (*Genre).key}
	query, err := q.values(&c.opts, s.op, 0)
	if err != nil {
		return nil, err
	}
	return findByID(ctx, c, s, query, q.Storefront, ids)
}

// Genre reads what the storefront says of one genre: one request. If there is none of that ID the
// error is [ErrNotFound].
//
// https://developer.apple.com/documentation/devicemanagement/genres
func (c *Client) Genre(ctx context.Context, id ID, q Query) (*Genre, error) {
	s := source[Genre, ID]{op: "read a genre", path: "genres", key: (*Genre).key}
	query, err := q.values(&c.opts, s.op, 0)
	if err != nil {
		return nil, err
	}
	return findOne(ctx, c, s, query, q.Storefront, id)
}

// AppGenres reads the genres of an app: usually one request. If there is no app of that ID the error
// is [ErrNotFound].
//
// https://developer.apple.com/documentation/devicemanagement/apps-and-books-metadata-for-organizations
func (c *Client) AppGenres(ctx context.Context, id vpp.AdamID, q Query) ([]Genre, error) {
	const op = "read the genres of an app"
	query, err := q.values(&c.opts, op, knowsPlatform|knowsMore|knowsExtend|knowsRelations, PlatformIPhone)
	if err != nil {
		return nil, err
	}
	return c.genresOf(ctx, op, "apps", id, query, q.Storefront)
}

// BookGenres reads the genres of a book: usually one request. If there is no book of that ID the error
// is [ErrNotFound].
//
// https://developer.apple.com/documentation/devicemanagement/apps-and-books-metadata-for-organizations
func (c *Client) BookGenres(ctx context.Context, id vpp.AdamID, q Query) ([]Genre, error) {
	const op = "read the genres of a book"
	query, err := q.values(&c.opts, op, knowsPlatform|knowsMore|knowsRelations, PlatformIPhone)
	if err != nil {
		return nil, err
	}
	return c.genresOf(ctx, op, "books", id, query, q.Storefront)
}

func (c *Client) genresOf(ctx context.Context, op, kind string, id vpp.AdamID, query url.Values, storefront string) ([]Genre, error) {
	if _, err := unique("id", []vpp.AdamID{id}); err != nil {
		return nil, err
	}
	return inEach(ctx, c, op, kind, storefront, query, func(country string, query url.Values) ([]Genre, error) {
		genres, err := read[Genre](ctx, c, request{op: op, path: rest.Path{"catalog", country, kind, string(id), "genres"}, query: query})
		for i := range genres {
			genres[i].Storefront = country
		}
		return genres, err
	})
}
