package axm

import (
	"context"
	"net/http"

	"github.com/applemdm/applemdm/internal/rest"
)

// businessList is a list of resources that only Apple Business has.
func businessList[T any, P flat[T]](op, kind string, options ListOptions) list[T] {
	return list[T]{
		op: op, path: rest.Path{kind}, kind: kind, options: options, businessOnly: true, decode: resourcePage[T, P],
	}
}

// businessOne reads a resource that only Apple Business has.
func businessOne[T any, P flat[T]](ctx context.Context, c *Client, op, kind, id string, fields []string) (*T, error) {
	if err := checkID("id", id); err != nil {
		return nil, err
	}
	query, err := fieldsQuery(kind, fields)
	if err != nil {
		return nil, err
	}
	return call[T, P](ctx, c, request{
		op: op, method: http.MethodGet, path: rest.Path{kind, id}, query: query, businessOnly: true,
	})
}

// businessLinkages is a list of what a resource that only Apple Business has is related to.
func businessLinkages(op string, options ListOptions, idField, kind, id, relationship string) list[string] {
	l := linkageList(op, options, idField, kind, id, relationship)
	l.businessOnly = true
	return l
}
