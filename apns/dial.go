package apns

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// dialTimeout bounds everything between the first packet and the end of the TLS handshake.
const dialTimeout = 20 * time.Second

// dialShare is the least time that one of several addresses has.
const dialShare = 4 * time.Second

// dialer opens TLS connections to APNs, each to an address looked up anew: Apple asks for that, so
// that servers spread over its machines.
type dialer struct {
	host, port string
	authority  string             // host and port as the base URL has them
	roots      func() *tls.Config // a fresh base configuration
	dial       func(ctx context.Context, network, address string) (net.Conn, error)
	lookup     func(ctx context.Context, network, host string) ([]netip.Addr, error)
	proxy      func(*http.Request) (*url.URL, error)
}

// open returns a connection that shows certificate and speaks HTTP/2.
func (d *dialer) open(ctx context.Context, certificate *tls.Certificate) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	raw, err := d.reach(ctx)
	if err != nil {
		return nil, err
	}
	secure := tls.Client(raw, d.config(certificate))
	if err := secure.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, &handshakeError{explain(err, true)}
	}
	return secure, nil
}

// handshakeError says that APNs, or something in its place, was reached and no connection came of it.
type handshakeError struct{ cause error }

func (e *handshakeError) Error() string { return "TLS handshake: " + e.cause.Error() }
func (e *handshakeError) Unwrap() error { return e.cause }

// config returns the configuration of one connection. The certificate is shown whatever authorities
// the server names: crypto/tls would silently show none if they did not fit.
func (d *dialer) config(certificate *tls.Certificate) *tls.Config {
	config := d.roots()
	config.ServerName = d.host
	config.MinVersion = max(config.MinVersion, tls.VersionTLS12)
	config.NextProtos = []string{"h2"}
	config.DynamicRecordSizingDisabled = true // else a batch of pushes goes out in many records
	config.Certificates = nil
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return certificate, nil
	}
	config.VerifyConnection = func(state tls.ConnectionState) error {
		if state.NegotiatedProtocol != "h2" {
			return fmt.Errorf("something on the way took HTTP/2 off the TLS handshake (got %q)", state.NegotiatedProtocol)
		}
		return nil
	}
	return config
}

// reach returns a TCP connection to APNs, or one through a proxy that behaves like it.
func (d *dialer) reach(ctx context.Context) (net.Conn, error) {
	target := net.JoinHostPort(d.host, d.port)
	proxy, err := d.proxy(&http.Request{URL: &url.URL{Scheme: "https", Host: target}})
	if err != nil {
		return nil, errProxyUnknown
	}
	if proxy != nil {
		return d.throughProxy(ctx, proxy, target)
	}
	return d.direct(ctx)
}

// errProxyUnknown stands for what Options.Proxy says, which may quote an address with a password.
var errProxyUnknown = errors.New("find the proxy: its address is malformed, or Options.Proxy failed for another reason " +
	"(which may hold a password and is not shown); look at Options.Proxy, or at HTTPS_PROXY in the environment")

// direct tries the addresses of the host in random order. Each has its share of the time that is left.
func (d *dialer) direct(ctx context.Context) (net.Conn, error) {
	if _, err := netip.ParseAddr(d.host); err == nil {
		return d.dial(ctx, "tcp", net.JoinHostPort(d.host, d.port))
	}
	addresses, err := d.lookup(ctx, "ip", d.host)
	if err != nil {
		return nil, err
	}
	rand.Shuffle(len(addresses), func(i, j int) { addresses[i], addresses[j] = addresses[j], addresses[i] })
	err = fmt.Errorf("%s has no address", d.host)
	for i, address := range addresses {
		var conn net.Conn
		if conn, err = d.try(ctx, address, len(addresses)-i); err == nil {
			return conn, nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, err
}

// try dials one address of several that are left.
func (d *dialer) try(ctx context.Context, address netip.Addr, left int) (net.Conn, error) {
	if deadline, ok := ctx.Deadline(); ok {
		share, cancel := context.WithTimeout(ctx, max(time.Until(deadline)/time.Duration(left), dialShare))
		defer cancel()
		ctx = share
	}
	return d.dial(ctx, "tcp", net.JoinHostPort(address.Unmap().String(), d.port))
}

// throughProxy asks an HTTP proxy for a tunnel (CONNECT). The proxy looks the host up.
func (d *dialer) throughProxy(ctx context.Context, proxy *url.URL, target string) (net.Conn, error) {
	if proxy.Scheme != "http" && proxy.Scheme != "https" {
		return nil, fmt.Errorf("a proxy of type %q cannot be used, only http and https", proxy.Scheme)
	}
	port := proxy.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[proxy.Scheme]
	}
	conn, err := d.dial(ctx, "tcp", net.JoinHostPort(proxy.Hostname(), port))
	if err != nil {
		return nil, fmt.Errorf("reach the proxy: %w", err)
	}
	if proxy.Scheme == "https" {
		config := d.roots()
		config.ServerName = proxy.Hostname()
		conn = tls.Client(conn, config)
	}
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	if err := connect(conn, proxy, target); err != nil {
		stop()
		conn.Close()
		return nil, fmt.Errorf("tunnel through the proxy: %w", err)
	}
	if !stop() {
		conn.Close()
		return nil, context.Cause(ctx)
	}
	return conn, nil
}

// connect makes the exchange with the proxy, and reads not one byte more than its answer.
func connect(conn net.Conn, proxy *url.URL, target string) error {
	request := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: target}, Host: target, Header: http.Header{}}
	if proxy.User != nil {
		password, _ := proxy.User.Password()
		credentials := base64.StdEncoding.EncodeToString([]byte(proxy.User.Username() + ":" + password))
		request.Header.Set("Proxy-Authorization", "Basic "+credentials)
	}
	if err := request.Write(conn); err != nil {
		return err
	}
	answer, err := http.ReadResponse(bufio.NewReaderSize(&oneByteReader{conn, maxProxyAnswer}, 16), request)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the proxy answered %s", answer.Status)
	}
	return nil
}

// maxProxyAnswer bounds the header of a proxy's answer.
const maxProxyAnswer = 16 << 10

// oneByteReader reads byte by byte, so that nothing of what follows the proxy's answer is swallowed
// by a buffer, and stops after a number of bytes.
type oneByteReader struct {
	r    io.Reader
	left int
}

func (o *oneByteReader) Read(p []byte) (int, error) {
	if o.left--; o.left < 0 {
		return 0, errors.New("the proxy's answer is too long")
	}
	return o.r.Read(p[:min(len(p), 1)])
}
