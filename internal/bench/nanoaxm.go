package main

import (
	"context"
	"net/http"
	"net/url"

	"github.com/micromdm/nanoaxm/goaxm"
	"github.com/micromdm/nanoaxm/goaxm/abm"
	"github.com/micromdm/nanoaxm/storage"
	"github.com/micromdm/nanoaxm/storage/inmem"
)

// nanoaxmPage is a page of devices in nanoaxm's types. It has one of its own only for servers.
type nanoaxmPage struct {
	Data []abm.OrgDeviceJson        `json:"data"`
	Meta *abm.PagingInformationJson `json:"meta,omitempty"`
}

// nanoaxmWalk is axmWalker with nanoaxm's client, by the generic call under its methods.
func nanoaxmWalk(ctx context.Context, transport http.RoundTripper, key []byte) (devices int, err error) {
	store := inmem.New()
	err = store.StoreAuthCredentials(ctx, "bench", storage.AuthCredentials{ClientID: axmClientID, KeyID: axmKeyID, PrivateKeyPEM: key})
	if err != nil {
		return 0, err
	}
	client := goaxm.NewClient(store, goaxm.WithClient(&http.Client{Transport: transport}))
	for query := (url.Values{"limit": {"1000"}}); ; {
		page := new(nanoaxmPage)
		err := client.Do(ctx, "bench", http.MethodGet, "https://api-business.apple.com/v1/orgDevices?"+query.Encode(), nil, page, 0, nil)
		if err != nil {
			return devices, err
		}
		devices += len(page.Data)
		if page.Meta == nil || page.Meta.Paging.NextCursor == nil {
			return devices, nil
		}
		query.Set("cursor", *page.Meta.Paging.NextCursor)
	}
}
