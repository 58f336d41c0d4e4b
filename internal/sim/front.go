package sim

import (
	"net/http"

	"github.com/applemdm/applemdm/internal/memhttp"
)

// Front is what stands before the service of a simulator: the log, the script of faults, and an
// in-memory server of its own.
//
// A simulator keeps one as a field and repeats what it offers, a line for each method: methods of
// an embedded type of another package are missing from documentation.
type Front struct {
	Log    Log
	Faults Faults
	Notes  Notes

	handler http.Handler
	mem     *memhttp.Server
}

// Open puts the front before service and starts the in-memory server, with TLS or without. around,
// if set, sees every request before the log does. Call it once, before anything else but setting
// Log.Keep.
func (f *Front) Open(service http.Handler, around func(http.Handler) http.Handler, tls bool) {
	f.handler = f.Log.Wrap(f.Faults.Wrap(service))
	if around != nil {
		f.handler = around(f.handler)
	}
	if tls {
		f.mem = memhttp.NewTLSServer(f.handler, nil)
	} else {
		f.mem = memhttp.NewServer(f.handler)
	}
	f.Faults.Refuser = f.mem
}

// ServeHTTP answers one request.
func (f *Front) ServeHTTP(w http.ResponseWriter, r *http.Request) { f.handler.ServeHTTP(w, r) }

// URL is the base URL of the in-memory server; only the clients of Client reach it.
func (f *Front) URL() string { return f.mem.URL }

// Client returns a client with a transport of its own that reaches the in-memory server, whatever
// host a URL names.
func (f *Front) Client() *http.Client { return f.mem.Client() }

// Dials returns how many connections the in-memory server has accepted.
func (f *Front) Dials() int { return f.mem.Dials() }

// Close stops the in-memory server and leaves no goroutine behind.
func (f *Front) Close() { f.mem.Close() }

// Forget forgets the requests and notes so far.
func (f *Front) Forget() {
	f.Log.Reset()
	f.Notes.Reset()
}
