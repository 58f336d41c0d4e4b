package memhttp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"sync"
)

const host = "memhttp.test"

// Server is an HTTP server that only this process can reach. Close it, in a synctest bubble before
// the bubble ends. All methods are safe for concurrent use.
type Server struct {
	// URL is the base URL of the server, without a trailing slash. The host in it means nothing:
	// the clients of this server reach it whatever host a URL names.
	URL string

	listener *listener
	http     *http.Server
	roots    *x509.CertPool // what a client must trust; nil without TLS

	mu         sync.Mutex
	ended      *sync.Cond        // something that Close waits for has ended
	running    int               // the accept loop and the calls of the handler
	conns      map[net.Conn]bool // connections; true between two requests
	transports []*http.Transport
	closed     bool
}

// NewServer starts a server for HTTP/1.1 in clear.
func NewServer(h http.Handler) *Server {
	s := newServer(h, "http", host+":80")
	s.start(func() error { return s.http.Serve(s.listener) })
	return s
}

// NewTLSServer starts a server for HTTP/1.1 and HTTP/2 over TLS. A nil config is an empty one. The
// config is cloned. When it names no certificate the server makes an authority of its own and signs
// a certificate for whatever host a client asks for, so that the clients of [Server.Client] may use
// real host names; set ClientAuth and ClientCAs to demand client certificates.
func NewTLSServer(h http.Handler, config *tls.Config) *Server {
	s := newServer(h, "https", host+":443")
	s.http.TLSConfig, s.roots = serverTLS(config)
	s.http.Protocols = new(http.Protocols)
	s.http.Protocols.SetHTTP1(true)
	s.http.Protocols.SetHTTP2(true)
	s.start(func() error { return s.http.ServeTLS(s.listener, "", "") })
	return s
}

func newServer(h http.Handler, scheme string, a addr) *Server {
	s := &Server{
		URL:      scheme + "://" + host,
		listener: newListener(a),
		conns:    make(map[net.Conn]bool),
	}
	s.ended = sync.NewCond(&s.mu)
	s.http = &http.Server{
		Handler:   s.counted(h),
		ConnState: s.connState,
		ErrorLog:  log.New(io.Discard, "", 0), // faults on purpose are not worth a line
	}
	return s
}

func (s *Server) start(serve func() error) {
	s.count(+1)
	go func() {
		defer s.count(-1)
		_ = serve()
	}()
}

// counted lets Close wait for the calls of h that are under way.
func (s *Server) counted(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.count(+1)
		defer s.count(-1)
		h.ServeHTTP(w, r)
	})
}

func (s *Server) count(delta int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running += delta
	s.ended.Broadcast()
}

// connState follows which connections there are, and which of them are idle. A hijacked
// connection belongs to the handler that took it.
func (s *Server) connState(c net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch state {
	case http.StateNew, http.StateActive:
		s.conns[c] = false
	case http.StateIdle:
		s.conns[c] = true
	case http.StateHijacked, http.StateClosed:
		delete(s.conns, c)
		s.ended.Broadcast()
	}
}

// Client returns a client with a transport of its own, which dials this server whatever host the
// URL names and, with TLS, trusts it. The transport asks no proxy. Close of the server closes the
// idle connections of all its clients.
func (s *Server) Client() *http.Client { return s.ClientWith(nil) }

// ClientWith is [Server.Client] for TLS servers, with a client configuration of the caller's:
// client certificates, mostly. The config is cloned; roots are filled in if it has none.
func (s *Server) ClientWith(config *tls.Config) *http.Client {
	t := &http.Transport{DialContext: s.dialAny}
	if s.roots != nil {
		t.TLSClientConfig = s.clientTLS(config)
		t.ForceAttemptHTTP2 = true
	}
	s.mu.Lock()
	s.transports = append(s.transports, t)
	s.mu.Unlock()
	return &http.Client{Transport: t}
}

func (s *Server) dialAny(ctx context.Context, _, _ string) (net.Conn, error) { return s.Dial(ctx) }

// Dial opens a connection to the server, without TLS also when the server expects it. It fails as
// a refused connection does after [Server.Refuse] and [Server.Close].
func (s *Server) Dial(ctx context.Context) (net.Conn, error) { return s.listener.dial(ctx) }

// Dials returns how many connections were opened: a measure of connection reuse.
func (s *Server) Dials() int {
	s.listener.mu.Lock()
	defer s.listener.mu.Unlock()
	return s.listener.dials
}

// Refuse makes the next n dials fail with a *net.OpError of Op "dial" that is
// syscall.ECONNREFUSED; a negative n refuses all until the next call, 0 stops refusing.
// Idle connections are closed, so that the next request of a client has to dial.
func (s *Server) Refuse(n int) {
	s.listener.mu.Lock()
	s.listener.refuse = n
	s.listener.mu.Unlock()
	if n == 0 {
		return
	}
	s.closeIdle()
}

// closeIdle closes the idle connections, first at the clients' ends, so that they do not find out
// by sending a request that gets lost.
func (s *Server) closeIdle() {
	s.mu.Lock()
	transports := slices.Clone(s.transports)
	s.mu.Unlock()
	for _, t := range transports {
		t.CloseIdleConnections()
	}

	s.mu.Lock()
	var idle []net.Conn
	for c, isIdle := range s.conns {
		if isIdle {
			idle = append(idle, c)
		}
	}
	s.mu.Unlock()
	for _, c := range idle {
		_ = c.Close()
	}
}

// Close stops the server: it refuses new connections, closes all existing ones, and returns when
// no goroutine of the server is left. Requests under way see their context cancelled; a handler
// that ignores it delays Close. Calling it again does nothing.
func (s *Server) Close() {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.closed = true
	s.mu.Unlock()

	_ = s.http.Close()
	s.closeIdle()
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.running > 0 || len(s.conns) > 0 {
		s.ended.Wait()
	}
}
