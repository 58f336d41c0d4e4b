package fromnanodep_test

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/micromdm/nanodep/client"
	"github.com/micromdm/nanodep/godep"
	"github.com/micromdm/nanodep/storage"
	"github.com/micromdm/nanodep/storage/diskv"
	"github.com/micromdm/nanodep/storage/file"
	"github.com/micromdm/nanodep/storage/inmem"
	"github.com/micromdm/nanodep/sync"
	"github.com/micromdm/nanodep/tokenpki"

	"github.com/applemdm/applemdm/dep"
	"github.com/applemdm/applemdm/dep/deptest"
	"github.com/applemdm/applemdm/examples/nanomdm/fromnanodep"
)

const name = "school"

// storages are nanodep's own, those that need no database server.
func storages(t *testing.T) map[string]storage.AllStorage {
	files, err := file.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return map[string]storage.AllStorage{"inmem": inmem.New(), "filekv": diskv.New(t.TempDir()), "file": files}
}

// enrol gives the storage a token and the key pair that belongs to it, as nanodep's API does.
func enrol(t *testing.T, apple *deptest.Server, store storage.AllStorage) *x509.Certificate {
	t.Helper()
	key, cert, err := tokenpki.SelfSignedRSAKeypair("nanodep", 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.StoreTokenPKI(t.Context(), name, pemOf(cert), pemOfKey(key)); err != nil {
		t.Fatal(err)
	}
	if err := store.UpstageTokenPKI(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	p7m, err := apple.IssueToken(cert)
	if err != nil {
		t.Fatal(err)
	}
	text, err := tokenpki.DecryptTokenJSON(p7m, cert, key)
	if err != nil {
		t.Fatal(err)
	}
	var tokens client.OAuth1Tokens
	if err := json.Unmarshal(text, &tokens); err != nil {
		t.Fatal(err)
	}
	if err := store.StoreAuthTokens(t.Context(), name, &tokens); err != nil {
		t.Fatal(err)
	}
	if err := store.StoreConfig(t.Context(), name, &client.Config{BaseURL: apple.URL + "/"}); err != nil {
		t.Fatal(err)
	}
	return cert
}

func pemOf(cert *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
}

func pemOfKey(key *rsa.PrivateKey) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
}

// TestGoesOnWhereNanodepEnded has nanodep sync, then a Syncer of ours with the same storage: it gets
// what has happened since, and keeps where it is for the next one.
func TestGoesOnWhereNanodepEnded(t *testing.T) {
	for kind, store := range storages(t) {
		t.Run(kind, func(t *testing.T) {
			apple := deptest.NewServer(nil)
			defer apple.Close()
			apple.AddSerials("A", "B", "C")
			enrol(t, apple, store)
			if got := syncWithNanodep(t, apple, store); !slices.Equal(got, []string{"A", "B", "C"}) {
				t.Fatalf("nanodep read %q", got)
			}
			apple.AddSerials("D")
			if got := syncWithUs(t, apple, store); !slices.Equal(got, []string{"D added"}) {
				t.Errorf("after nanodep: %q", got)
			}
			apple.RemoveDevices("A")
			if got := syncWithUs(t, apple, store); !slices.Equal(got, []string{"A removed"}) {
				t.Errorf("after ourselves: %q", got)
			}
			if got := syncWithNanodep(t, apple, store); !slices.Equal(got, []string{"B", "C", "D"}) {
				t.Errorf("nanodep again: %q", got)
			}
			if v := apple.Violations(); len(v) > 0 {
				t.Errorf("violations: %q", v)
			}
		})
	}
}

func syncWithNanodep(t *testing.T, apple *deptest.Server, store storage.AllStorage) (serials []string) {
	t.Helper()
	nanodep := godep.NewClient(store, godep.WithClient(apple.Client()))
	callback := func(_ context.Context, _ bool, page *godep.FetchDeviceResponseJson) error {
		for _, device := range page.Devices {
			serials = append(serials, device.SerialNumber)
		}
		return nil
	}
	if err := sync.NewSyncer(nanodep, name, store, sync.WithCallback(callback)).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return serials
}

func syncWithUs(t *testing.T, apple *deptest.Server, store storage.AllStorage) (events []string) {
	t.Helper()
	baseURL, err := fromnanodep.BaseURL(t.Context(), store, name)
	if err != nil {
		t.Fatal(err)
	}
	ours, err := dep.New(fromnanodep.Token(store, name), &dep.Options{HTTPClient: apple.Client(), BaseURL: baseURL})
	if err != nil {
		t.Fatal(err)
	}
	handle := func(_ context.Context, batch *dep.Batch) error {
		for _, event := range batch.Events {
			events = append(events, fmt.Sprintf("%s %s", event.Device.SerialNumber, event.Kind))
		}
		return nil
	}
	syncer, err := dep.NewSyncer(ours, handle, &dep.SyncerOptions{Cursors: fromnanodep.Cursor(store, name)})
	if err != nil {
		t.Fatal(err)
	}
	if err := syncer.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	return events
}

// TestCredentials takes over the key pair of nanodep and renews the token with it.
func TestCredentials(t *testing.T) {
	for kind, store := range storages(t) {
		t.Run(kind, func(t *testing.T) {
			apple := deptest.NewServer(nil)
			defer apple.Close()
			cert := enrol(t, apple, store)
			credentials, err := fromnanodep.Credentials(t.Context(), store, name)
			if err != nil {
				t.Fatal(err)
			}
			if !credentials.Active.Certificate().Equal(cert) || credentials.Staged != nil {
				t.Errorf("got %v", credentials)
			}
			if got, want := credentials.Token.AccessToken.Reveal(), apple.Token().AccessToken; got != want {
				t.Error("the token is another one")
			}
			apple.RenewToken()
			p7m, err := apple.IssueToken(cert)
			if err != nil {
				t.Fatal(err)
			}
			renewed, err := credentials.Promote(p7m, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := renewed.Token.AccessToken.Reveal(), apple.Token().AccessToken; got != want {
				t.Error("the renewed token is another one")
			}
		})
	}
}

// TestStagedKeyPair has a pair in nanodep whose certificate is on its way to the portal.
func TestStagedKeyPair(t *testing.T) {
	for kind, store := range storages(t) {
		t.Run(kind, func(t *testing.T) {
			key, cert, err := tokenpki.SelfSignedRSAKeypair("nanodep", 1)
			if err != nil {
				t.Fatal(err)
			}
			if err := store.StoreTokenPKI(t.Context(), name, pemOf(cert), pemOfKey(key)); err != nil {
				t.Fatal(err)
			}
			credentials, err := fromnanodep.Credentials(t.Context(), store, name)
			if err != nil {
				t.Fatal(err)
			}
			if credentials.Token != nil || credentials.Active != nil || !bytes.Equal(credentials.Staged.Certificate().Raw, cert.Raw) {
				t.Errorf("got %v", credentials)
			}
		})
	}
}

func TestNothingStored(t *testing.T) {
	for kind, store := range storages(t) {
		t.Run(kind, func(t *testing.T) {
			if _, err := fromnanodep.Token(store, name).Token(t.Context()); !errors.Is(err, storage.ErrNotFound) {
				t.Errorf("token: %v", err)
			}
			if cursor, err := fromnanodep.Cursor(store, name).LoadCursor(t.Context()); err != nil || cursor != (dep.Cursor{}) {
				t.Errorf("cursor: %v, %v", cursor, err)
			}
			if baseURL, err := fromnanodep.BaseURL(t.Context(), store, name); err != nil || baseURL != "" {
				t.Errorf("base URL: %q, %v", baseURL, err)
			}
		})
	}
}
