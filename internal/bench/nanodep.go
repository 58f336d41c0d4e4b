package main

import (
	"context"
	"net/http"

	"github.com/micromdm/nanodep/client"
	"github.com/micromdm/nanodep/godep"
	"github.com/micromdm/nanodep/sync"
)

// nanodepStore is what nanodep asks its store for.
type nanodepStore struct {
	baseURL string
	cursor  string
}

func (s *nanodepStore) RetrieveAuthTokens(context.Context, string) (*client.OAuth1Tokens, error) {
	return &client.OAuth1Tokens{ConsumerKey: "CK", ConsumerSecret: "CS", AccessToken: "AT", AccessSecret: "AS"}, nil
}

func (s *nanodepStore) RetrieveConfig(context.Context, string) (*client.Config, error) {
	return &client.Config{BaseURL: s.baseURL}, nil
}

func (s *nanodepStore) RetrieveCursor(context.Context, string) (string, error) { return s.cursor, nil }

func (s *nanodepStore) StoreCursor(_ context.Context, _, cursor string) error {
	s.cursor = cursor
	return nil
}

// nanodepWalk is depWalker with nanodep's client and syncer, as its own programs use them.
func nanodepWalk(ctx context.Context, transport http.RoundTripper, baseURL string, work func()) (int, error) {
	store := &nanodepStore{baseURL: baseURL}
	devices := 0
	syncer := sync.NewSyncer(
		godep.NewClient(store, godep.WithClient(&http.Client{Transport: transport})), "bench", store,
		sync.WithLimit(1000),
		sync.WithCallback(func(_ context.Context, _ bool, page *godep.FetchDeviceResponseJson) error {
			devices += len(page.Devices)
			work()
			return nil
		}))
	err := syncer.Run(ctx)
	return devices, err
}
