package content

import (
	"context"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/applemdm/applemdm/vpp"
)

// Book is what a storefront says of a book.
//
// https://developer.apple.com/documentation/devicemanagement/books
type Book struct {
	ID            vpp.AdamID        `json:"id"`
	Type          ResourceType      `json:"type,omitzero"`
	Href          string            `json:"href,omitzero"` // relative to the service
	Attributes    BookAttributes    `json:"attributes,omitzero"`
	Relationships BookRelationships `json:"relationships,omitzero"`

	Storefront string `json:"-"` // where it was found, e.g. "us"

	Unknown vpp.Unknown `json:",embed"`
}

func (b *Book) key() (vpp.AdamID, *string) { return b.ID, &b.Storefront }

// BookRelationships is what a book is related to.
type BookRelationships struct {
	Genres  Relationship[Genre] `json:"genres,omitzero"`
	Unknown vpp.Unknown         `json:",embed"`
}

// BookAttributes describe a book.
//
// https://developer.apple.com/documentation/devicemanagement/books
type BookAttributes struct {
	Name       string         `json:"name,omitzero"`
	ArtistName string         `json:"artistName,omitzero"` // the author
	Artwork    Artwork        `json:"artwork,omitzero"`
	GenreNames []string       `json:"genreNames,omitzero"`
	ISBN       string         `json:"isbn,omitzero"`
	Offers     []Offer        `json:"offers,omitzero"`
	SeriesInfo jsontext.Value `json:"seriesInfo,omitzero"`
	TaxRate    float64        `json:"taxRate,omitzero"`
	URL        string         `json:"url,omitzero"` // of its page in the store
	UserRating UserRating     `json:"userRating,omitzero"`

	Unknown vpp.Unknown `json:",embed"`
}

// OwnedBooks reads what the storefront says of books that the location owns: one request for every
// 150 of them. A book that is not owned is missing.
//
// https://developer.apple.com/documentation/devicemanagement/get-your-books-metadata
func (c *Client) OwnedBooks(ctx context.Context, ids []vpp.AdamID, q Query) (*Found[Book, vpp.AdamID], error) {
	s := source[Book, vpp.AdamID]{op: "read owned books", path: "stoken-authenticated-books", most: maxBooks, owned: true, key: (*Book).key}
	query, err := q.values(&c.opts, s.op, knowsPlatform|knowsMore, PlatformIPhone)
	if err != nil {
		return nil, err
	}
	return findByID(ctx, c, s, query, q.Storefront, ids)
}

// Books reads what the storefront says of books to everyone: one request for every 150 of them.
//
// https://developer.apple.com/documentation/devicemanagement/apps-and-books-metadata-for-organizations
func (c *Client) Books(ctx context.Context, ids []vpp.AdamID, q Query) (*Found[Book, vpp.AdamID], error) {
	s := c.bookSource("read books")
	query, err := q.values(&c.opts, s.op, knowsPlatform|knowsMore|knowsRelations, PlatformIPhone)
	if err != nil {
		return nil, err
	}
	return findByID(ctx, c, s, query, q.Storefront, ids)
}

// Book reads what the storefront says of one book to everyone: one request. If there is none of that
// ID the error is [ErrNotFound].
//
// https://developer.apple.com/documentation/devicemanagement/apps-and-books-metadata-for-organizations
func (c *Client) Book(ctx context.Context, id vpp.AdamID, q Query) (*Book, error) {
	s := c.bookSource("read a book")
	query, err := q.values(&c.opts, s.op, knowsPlatform|knowsMore|knowsRelations, PlatformIPhone)
	if err != nil {
		return nil, err
	}
	return findOne(ctx, c, s, query, q.Storefront, id)
}

func (c *Client) bookSource(op string) source[Book, vpp.AdamID] {
	return source[Book, vpp.AdamID]{op: op, path: "books", most: maxBooks, key: (*Book).key}
}
