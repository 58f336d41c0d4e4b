package fromnanoaxm_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/micromdm/nanoaxm/storage"
	"github.com/micromdm/nanoaxm/storage/diskv"
	"github.com/micromdm/nanoaxm/storage/inmem"

	"github.com/applemdm/applemdm/axm"
	"github.com/applemdm/applemdm/axm/axmtest"
	"github.com/applemdm/applemdm/examples/nanomdm/fromnanoaxm"
)

const name = "company"

// storages are nanoaxm's own, those that need no database server.
func storages(t *testing.T) map[string]storage.AllStorage {
	return map[string]storage.AllStorage{"inmem": inmem.New(), "filekv": diskv.New(t.TempDir())}
}

func store(t *testing.T, s storage.AllStorage, account *axmtest.Account, key axmtest.Key) {
	t.Helper()
	err := s.StoreAuthCredentials(t.Context(), name, storage.AuthCredentials{
		ClientID: account.ClientID(), KeyID: key.ID, PrivateKeyPEM: key.PEM(),
	})
	if err != nil {
		t.Fatal(err)
	}
}

// each runs a test for a company at Apple, on each storage and each way to use it.
func each(t *testing.T, test func(t *testing.T, client *axm.Client, org *axmtest.Org, s storage.AllStorage)) {
	for _, way := range []string{"Key", "Token"} {
		for kind, s := range storages(t) {
			t.Run(way+"/"+kind, func(t *testing.T) {
				apple := axmtest.NewServer(&axmtest.Options{TLS: true}) // nanoaxm knows Apple's host names only
				defer apple.Close()
				org := apple.AddOrg(axmtest.OrgOptions{})
				org.AddSerials("A", "B")
				store(t, s, org.Account(), org.Account().Key())
				keys, options := fromnanoaxm.Key(s, name), &axm.Options{HTTPClient: apple.Client()}
				if way == "Token" {
					keys, options.TokenSource = nil, fromnanoaxm.Token(s, name, apple.Client())
					options.API = axm.APIBusiness
				}
				client, err := axm.New(keys, options)
				if err != nil {
					t.Fatal(err)
				}
				test(t, client, org, s)
			})
		}
	}
}

func serials(t *testing.T, client *axm.Client) (list []string) {
	t.Helper()
	for device, err := range client.Devices(t.Context(), axm.ListOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, device.SerialNumber)
	}
	return list
}

func TestReadsDevices(t *testing.T) {
	each(t, func(t *testing.T, client *axm.Client, _ *axmtest.Org, _ storage.AllStorage) {
		if got := serials(t, client); len(got) != 2 {
			t.Errorf("got %q", got)
		}
	})
}

// TestSurvivesARotatedKey stores another key, revokes the first one and ends the access tokens.
func TestSurvivesARotatedKey(t *testing.T) {
	each(t, func(t *testing.T, client *axm.Client, org *axmtest.Org, s storage.AllStorage) {
		serials(t, client)
		account := org.Account()
		old, fresh := account.Key(), account.GenerateKey()
		store(t, s, account, fresh)
		account.RevokeKey(old.ID)
		account.ExpireTokens()
		if got := serials(t, client); len(got) != 2 {
			t.Errorf("got %q", got)
		}
	})
}

func TestNothingStored(t *testing.T) {
	for kind, s := range storages(t) {
		t.Run(kind, func(t *testing.T) {
			_, err := fromnanoaxm.Key(s, name).Key(t.Context())
			if !errors.Is(err, storage.ErrInvalidAXMName) || !strings.Contains(err.Error(), name) {
				t.Errorf("key: %v", err)
			}
			apple := axmtest.NewServer(&axmtest.Options{TLS: true})
			defer apple.Close()
			if token, err := fromnanoaxm.Token(s, name, apple.Client()).Token(); err == nil {
				t.Errorf("token: %v", token)
			}
		})
	}
}
