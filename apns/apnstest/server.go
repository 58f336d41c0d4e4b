package apnstest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"

	"github.com/applemdm/applemdm/internal/memhttp"
)

// Server is a simulated APNs. All methods are safe for concurrent use. Close it when done.
type Server struct {
	// Addr is host:port of the listener; URL is the base URL of a push, without a path. A server
	// in memory has the names of Apple's production service.
	Addr, URL string

	opts     Options
	pushCA   *authority // issues push certificates
	leaves   leaves
	listener net.Listener // nil in memory
	running  sync.WaitGroup
	journal  journal

	mu      sync.Mutex // guards what follows; taken after a connection's own, never before
	closed  bool
	conns   map[*conn]struct{}
	devices map[string]*Device
	revoked map[string]bool // serial numbers
	script  script
	limit   int // of concurrent streams on new connections
	stats   Stats
	pushes  ring[Push]
}

// NewServer starts a simulator that knows no tokens. It panics when the address to listen on
// cannot be had. A server in memory for use in a synctest bubble has to be made, dialled and closed in it.
func NewServer(opts *Options) *Server {
	s := &Server{
		opts:    opts.withDefaults(),
		pushCA:  newAuthority(pushAuthority),
		leaves:  leaves{ca: newAuthority(pkix.Name{CommonName: "apnstest authority"}), known: make(map[string]*tls.Certificate)},
		conns:   make(map[*conn]struct{}),
		devices: make(map[string]*Device),
		revoked: make(map[string]bool),
	}
	s.limit = s.opts.MaxStreams
	s.pushes.keep = s.opts.KeepPushes
	s.stats.Reasons = make(map[string]int)
	s.Addr = "api.push.apple.com:443"
	s.URL = "https://api.push.apple.com"
	if !s.opts.InMemory {
		s.listener = must(net.Listen("tcp", s.opts.Addr))
		s.Addr = s.listener.Addr().String()
		s.URL = "https://" + s.Addr
		s.running.Go(s.accept)
	}
	return s
}

// RootCAs returns the pool that a client must trust. The server presents a certificate of that
// authority for whatever host the client names.
func (s *Server) RootCAs() *x509.CertPool { return s.leaves.ca.pool() }

// RootCAsPEM returns the same authority in PEM, for clients in other languages.
func (s *Server) RootCAsPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.leaves.ca.cert.Raw})
}

// Dial connects in memory, whatever address is asked for. It fits a DialContext of package
// net/http; TLS is the caller's part. It fails with ECONNREFUSED after Close.
func (s *Server) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	client, server := memhttp.Pipe("client.test:1", addr)
	if !s.admit(server) {
		err := os.NewSyscallError("connect", syscall.ECONNREFUSED)
		return nil, &net.OpError{Op: "dial", Net: network, Addr: server.LocalAddr(), Err: err}
	}
	return client, nil
}

// LookupNetIP stands for a DNS server that knows one address for every name: that of the listener, or
// in memory one of Apple's, which only [Server.Dial] reaches. It fits the field of that name in
// apns.Options.
func (s *Server) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.listener == nil {
		return []netip.Addr{netip.AddrFrom4([4]byte{17, 188, 128, 1})}, nil
	}
	return []netip.Addr{netip.MustParseAddrPort(s.Addr).Addr()}, nil
}

// Close ends all connections and leaves no goroutine behind.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	live := s.live()
	s.mu.Unlock()
	if s.listener != nil {
		_ = s.listener.Close()
	}
	for _, c := range live {
		c.kill()
	}
	s.running.Wait()
}

func (s *Server) accept() {
	for {
		raw, err := s.listener.Accept()
		if err != nil {
			return
		}
		if !s.admit(raw) {
			reset(raw)
		}
	}
}

// admit begins to serve a connection, unless the server is closed or a fault refuses it.
func (s *Server) admit(raw net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.stats.Dials++
	number := s.stats.Dials
	f := s.script.nextConn()
	if f != nil && f.Kind == RefuseConn {
		s.journal.log("connection %d: refused by a fault", number)
		return false
	}
	c := newConn(s, raw, number, f)
	s.conns[c] = struct{}{}
	s.stats.Open++
	s.running.Go(c.serve)
	return true
}

func (s *Server) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	s.stats.Open--
}

// live returns the connections. The caller holds mu.
func (s *Server) live() []*conn {
	list := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		list = append(list, c)
	}
	return list
}

// reset closes a connection so that the peer finds it reset.
func reset(raw net.Conn) {
	if l, ok := raw.(interface{ SetLinger(sec int) error }); ok {
		_ = l.SetLinger(0)
	}
	_ = raw.Close()
}

// each runs do for every connection, under that connection's lock, and has it send what was written.
func (s *Server) each(do func(c *conn)) {
	s.mu.Lock()
	live := s.live()
	s.mu.Unlock()
	for _, c := range live {
		c.command(do)
	}
}

func (s *Server) String() string { return fmt.Sprintf("apnstest.Server(%s)", s.Addr) }
