package dep_test

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/applemdm/applemdm/dep"
	"github.com/applemdm/applemdm/dep/deptest"
	"github.com/applemdm/applemdm/internal/memhttp"
)

// One process may follow as many accounts as it has customers, all of them over the connections of one
// transport. Each costs the goroutine that its owner gives it and some 15 KiB, and none of them gets
// what is another's.
func TestAThousandAccountsOnOneTransport(t *testing.T) {
	const accounts, devices, connections, heapEach = 1000, 3, 8, 24 << 10
	apple := newTenants(t, accounts, devices)
	shared := apple.front.Client()
	transport := shared.Transport.(*http.Transport)
	transport.MaxConnsPerHost, transport.MaxIdleConnsPerHost = connections, connections
	heapBefore, goroutinesBefore := heap(), runtime.NumGoroutine()

	shelves, syncers := make([]*shelf, accounts), make([]*dep.Syncer, accounts)
	var runs sync.WaitGroup
	runs.Add(accounts)
	for i, org := range apple.orgs {
		client, err := dep.New(depToken(t, org.Token()), &dep.Options{
			HTTPClient: shared, BaseURL: fmt.Sprintf("%s/%d", apple.front.URL, i),
		})
		if err != nil {
			t.Fatal(err)
		}
		shelves[i] = newShelf()
		syncers[i] = newSyncer(t, client, shelves[i].handle, &dep.SyncerOptions{OnRun: func(dep.Run) { runs.Done() }})
		start(t, syncers[i])
	}
	runs.Wait()
	apple.check(t, shelves, devices)

	runs.Add(accounts)
	for i, org := range apple.orgs {
		org.AddSerials(fmt.Sprintf("A%dNEW", i))
		syncers[i].SyncNow()
	}
	runs.Wait()
	apple.check(t, shelves, devices+1)

	each := (int64(heap()) - int64(heapBefore)) / accounts
	goroutines := runtime.NumGoroutine() - goroutinesBefore
	t.Logf("%d KiB an account, %d goroutines and %d connections in all", each>>10, goroutines, apple.front.Dials())
	if each > heapEach {
		t.Errorf("%d bytes an account, want at most %d", each, heapEach)
	}
	if goroutines > accounts+connections*8 || apple.front.Dials() > connections {
		t.Errorf("%d goroutines and %d connections, want one goroutine for each account and %d connections",
			goroutines, apple.front.Dials(), connections)
	}
	runtime.KeepAlive(shelves)
}

// tenants is Apple with many organisations, each below a path of its own.
type tenants struct {
	front *memhttp.Server
	orgs  []*deptest.Server
}

func newTenants(t *testing.T, accounts, devices int) *tenants {
	all := &tenants{orgs: make([]*deptest.Server, accounts)}
	mux := http.NewServeMux()
	for i := range all.orgs {
		path := fmt.Sprintf("/%d", i)
		org := deptest.NewServer(&deptest.Options{ExternalURL: "http://memhttp.test" + path, KeepRequests: 1})
		t.Cleanup(org.Close)
		for d := range devices {
			org.AddSerials(fmt.Sprintf("A%dD%d", i, d))
		}
		mux.Handle(path+"/", http.StripPrefix(path, org))
		all.orgs[i] = org
	}
	all.front = memhttp.NewServer(mux)
	t.Cleanup(all.front.Close)
	return all
}

// check compares each shelf with what its organisation has.
func (all *tenants) check(t *testing.T, shelves []*shelf, want int) {
	t.Helper()
	for i, org := range all.orgs {
		shelf := shelves[i]
		shelf.mu.Lock()
		have := len(shelf.devices)
		for _, device := range org.Devices() {
			if _, ok := shelf.devices[device.SerialNumber]; !ok {
				t.Errorf("account %d lacks %s", i, device.SerialNumber)
			}
		}
		shelf.mu.Unlock()
		if have != want || org.Logins() != 1 {
			t.Errorf("account %d has %d devices after %d logins, want %d after one", i, have, org.Logins(), want)
		}
		if notes := org.Violations(); len(notes) > 0 {
			t.Errorf("account %d: %s", i, strings.Join(notes, "; "))
		}
	}
}
