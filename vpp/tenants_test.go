package vpp_test

import (
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"testing"

	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

// One process may serve as many locations as it has customers, all of them over the connections of one
// transport. A client at rest costs no goroutine and some 20 KiB, and none of them gets what is another's.
func TestAThousandLocationsOnOneTransport(t *testing.T) {
	const locations, connections, heapEach = 1000, 8, 32 << 10
	apple := vpptest.NewServer(nil)
	defer apple.Close()
	shared := apple.Client()
	transport := shared.Transport.(*http.Transport)
	transport.MaxConnsPerHost, transport.MaxIdleConnsPerHost = connections, connections
	places := make([]*vpptest.Location, locations)
	for i := range places {
		places[i] = apple.AddLocation(vpptest.LocationOptions{})
		places[i].Buy(vpptest.Asset{AdamID: fmt.Sprint(1000 + i), Total: 5})
	}
	heapBefore, goroutinesBefore := heapOfClients(), runtime.NumGoroutine()

	clients := make([]*vpp.Client, locations)
	var reading sync.WaitGroup
	for i := range clients {
		client, err := vpp.New(locationToken(t, places[i]), &vpp.Options{HTTPClient: shared, BaseURL: apple.URL + "/mdm/v2"})
		if err != nil {
			t.Fatal(err)
		}
		clients[i] = client
		reading.Go(func() { readOwnAsset(t, client, fmt.Sprint(1000+i)) })
	}
	reading.Wait()
	each := (int64(heapOfClients()) - int64(heapBefore)) / locations
	goroutines := runtime.NumGoroutine() - goroutinesBefore
	t.Logf("%d KiB a location, %d goroutines and %d connections in all", each>>10, goroutines, apple.Dials())
	if each > heapEach {
		t.Errorf("%d bytes a location, want at most %d", each, heapEach)
	}
	if goroutines > connections*8 || apple.Dials() > connections {
		t.Errorf("%d goroutines and %d connections for %d locations, want no more than the transport may have: %d connections",
			goroutines, apple.Dials(), locations, connections)
	}
	runtime.KeepAlive(clients)
}

func locationToken(t *testing.T, place *vpptest.Location) *vpp.Token {
	t.Helper()
	token, err := vpp.ParseToken(place.Token())
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// readOwnAsset reads the assets of a location, which are one.
func readOwnAsset(t *testing.T, client *vpp.Client, adamID string) {
	n := 0
	for asset, err := range client.Assets(t.Context(), vpp.AssetFilter{}) {
		if n++; err != nil || string(asset.AdamID) != adamID {
			t.Errorf("location of %s has %q: %v", adamID, asset.AdamID, err)
		}
	}
	if n != 1 {
		t.Errorf("location of %s has %d assets", adamID, n)
	}
}

// heapOfClients returns how many bytes are in use.
func heapOfClients() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
