package apns

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// DefaultBaseURL is where pushes for MDM go: the production environment, which is the only one that
// push certificates for MDM are for. Port 2197 serves too.
const DefaultBaseURL = "https://api.push.apple.com"

// Options of a [Client]. The zero value of each field means its default, and a nil *Options the
// defaults of all.
type Options struct {
	// BaseURL is where the service is, for simulators and for port 2197: [DefaultBaseURL] by
	// default.
	BaseURL string

	// RootCAs are the authorities that may vouch for the service, and for a proxy that is spoken to
	// over TLS: the system's by default. Apple changes its root every few years, so do not pin one.
	RootCAs *x509.CertPool

	// DialContext opens TCP connections, to an address or to a proxy: [net.Dialer] by default.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)

	// LookupNetIP finds the addresses of the service, anew for each connection: [net.Resolver] by
	// default. Behind a proxy, the proxy does.
	LookupNetIP func(ctx context.Context, network, host string) ([]netip.Addr, error)

	// Proxy names the HTTP proxy to tunnel through with CONNECT, as in [http.Transport]:
	// [http.ProxyFromEnvironment] by default. A proxy that decrypts cannot be used.
	Proxy func(*http.Request) (*url.URL, error)

	// Logger is told of connections: opened, refused, draining, closed. It is never told a token, a
	// PushMagic or anything of the private key. By default nothing is logged.
	Logger *slog.Logger

	// Expiration is how long APNs keeps a push for a device that is offline: 7 days by default, at
	// most the 30 days that Apple allows. [Push] can say otherwise for one.
	Expiration time.Duration

	// Timeout is how long a push may take, waiting for its turn, for connections and for further
	// tries included: 30 seconds by default. Half of it, but no more than 15 seconds, is how long one
	// connection has for the answer. The context of a call can be shorter.
	Timeout time.Duration

	// HoldOff is how long after a push that APNs has accepted the next one to the same device waits:
	// 1 second by default, or half of Timeout if that is less; less than zero turns it off. It must
	// be less than Timeout.
	//
	// Whatever HoldOff is, a push joins one to the same device that still waits to be sent, which
	// then is as urgent and is kept as long as either asked for, and shares its outcome: one wake-up
	// serves both. It does not join one that was sent already, for the device may have been there
	// before the latest command was; it waits until that has its outcome.
	//
	// The same device is the same token and PushMagic: with another PushMagic, a push waits for
	// nothing. The client remembers 1,024 pushes; one that is forgotten too early, because another
	// device took its place, does not make the next one wait.
	HoldOff time.Duration

	// MaxConns is the most connections kept open: 3 by default. Another one is opened when those that
	// are open have been full for a while. Not counted are those that only finish what is on their
	// way, and those that owe an answer and have not given a sign of life since.
	MaxConns int

	// MaxStreams caps the pushes under way on one connection, below what APNs allows: 1,000 by
	// default, which is also what it usually allows.
	MaxStreams int

	// MaxDials is the most connections opened in a minute: 10 by default. Apple takes many for an
	// attack.
	MaxDials int

	// MaxConnAge is after how long a connection is replaced: 24 hours by default.
	MaxConnAge time.Duration

	// PingAfter is how long a connection may be silent before it is asked for a sign of life: a
	// minute by default. Without an answer within 15 seconds it counts as lost.
	PingAfter time.Duration

	// OnState is called when the certificate or the line goes from one [State] to another, and only
	// then. Calls do not overlap, come in order, and run on a goroutine of their own: nothing waits
	// for them, and they may call the Client, [Client.Shutdown] included.
	OnState func(State)

	// ExpiryWarning is how long before its end a certificate counts as [StateExpiring]: 30 days by
	// default.
	ExpiryWarning time.Duration
}

const maxExpiration = 30 * 24 * time.Hour

func (o *Options) withDefaults() (Options, error) {
	var opts Options
	if o != nil {
		opts = *o
	}
	opts.BaseURL = cmp.Or(opts.BaseURL, DefaultBaseURL)
	opts.Expiration = cmp.Or(opts.Expiration, 7*24*time.Hour)
	opts.Timeout = cmp.Or(opts.Timeout, 30*time.Second)
	opts.HoldOff = cmp.Or(opts.HoldOff, min(time.Second, opts.Timeout/2))
	opts.MaxConns = cmp.Or(opts.MaxConns, 3)
	opts.MaxStreams = cmp.Or(opts.MaxStreams, 1000)
	opts.MaxDials = cmp.Or(opts.MaxDials, 10)
	opts.MaxConnAge = cmp.Or(opts.MaxConnAge, 24*time.Hour)
	opts.PingAfter = cmp.Or(opts.PingAfter, time.Minute)
	opts.ExpiryWarning = cmp.Or(opts.ExpiryWarning, 30*24*time.Hour)
	if opts.DialContext == nil {
		opts.DialContext = (&net.Dialer{KeepAlive: 30 * time.Second}).DialContext
	}
	if opts.LookupNetIP == nil {
		opts.LookupNetIP = new(net.Resolver).LookupNetIP
	}
	if opts.Proxy == nil {
		opts.Proxy = http.ProxyFromEnvironment
	}
	return opts, opts.check()
}

func (o *Options) check() error {
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"Expiration", o.Expiration}, {"Timeout", o.Timeout}, {"MaxConnAge", o.MaxConnAge},
		{"PingAfter", o.PingAfter}, {"ExpiryWarning", o.ExpiryWarning},
	} {
		if d.value < 0 {
			return &InputError{Field: "Options." + d.name, Rule: "must not be negative"}
		}
	}
	for _, n := range []struct {
		name  string
		value int
	}{{"MaxConns", o.MaxConns}, {"MaxStreams", o.MaxStreams}, {"MaxDials", o.MaxDials}} {
		if n.value < 1 {
			return &InputError{Field: "Options." + n.name, Rule: "must be at least 1"}
		}
	}
	switch {
	case o.Expiration > maxExpiration:
		return &InputError{Field: "Options.Expiration", Rule: "must be at most 30 days"}
	case o.HoldOff >= o.Timeout:
		return &InputError{Field: "Options.HoldOff", Rule: "must be less than Options.Timeout, or a push that is held off would never be sent"}
	}
	return nil
}

// dialer returns what opens connections to the service.
func (o *Options) dialer() (*dialer, error) {
	base, err := url.Parse(o.BaseURL)
	switch {
	case err != nil:
		return nil, &InputError{Field: "Options.BaseURL", Rule: "is no URL"}
	case base.Scheme != "https" || base.Hostname() == "":
		return nil, &InputError{Field: "Options.BaseURL", Rule: "must begin with https:// and name a host"}
	case base.User != nil || base.Path != "" && base.Path != "/" || base.RawQuery != "" || base.Fragment != "":
		return nil, &InputError{Field: "Options.BaseURL", Rule: "must have nothing but a host and a port"}
	}
	return &dialer{
		host: base.Hostname(), port: cmp.Or(base.Port(), "443"), authority: base.Host,
		dial: o.DialContext, lookup: o.LookupNetIP, proxy: o.Proxy,
		roots: func() *tls.Config { return &tls.Config{RootCAs: o.RootCAs} },
	}, nil
}

// Client wakes devices with one push certificate, which is to say one topic. It is safe for
// concurrent use. It opens connections when the first push comes and keeps them; one Client for each
// certificate serves a whole process. Close it with [Client.Shutdown].
type Client struct {
	opts        Options
	pool        *pool
	jobs        jobs
	expirations expirations
}

// New returns a Client that shows the certificate that certificates holds at the time: a
// [*Certificate] is a CertificateSource of itself. A nil opts means defaults.
//
// The first certificate that is read decides about the topic of the Client: see [Client.Refresh].
//
// New does no I/O. Its errors are [*InputError].
func New(certificates CertificateSource, opts *Options) (*Client, error) {
	if certificates == nil {
		return nil, &InputError{Field: "certificates", Rule: "must not be nil"}
	}
	o, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	c := &Client{opts: o}
	dialer, err := c.opts.dialer()
	if err != nil {
		return nil, err
	}
	c.pool = newPool(&c.opts, dialer, certificates)
	return c, nil
}

// Refresh reads the certificate anew. If it is another one, new connections are opened with it, and
// those that show the old one are closed as soon as nothing is on its way on them: no push is lost. Call
// it after a renewed certificate was stored; otherwise it is noticed when the next connection is
// opened. Certificates are read one at a time, so Refresh waits for a reading that has begun, and then
// makes its own: the certificate it finds is in use when it returns nil.
//
// A certificate with another topic needs a Client of its own. Refresh refuses it with a [*TopicError].
// However it is noticed, the state becomes [StateTopicChanged], and pushes go on with the old
// certificate for as long as that works; then they fail with what is wrong with it, such as
// [ErrCertificate].
func (c *Client) Refresh(ctx context.Context) error { return c.pool.refresh(ctx) }

// State returns the condition of the certificate and the way to APNs, as far as pushes have shown it.
// It does no I/O.
func (c *Client) State() State { return c.pool.state.now() }

// Shutdown refuses new pushes with [ErrClosed], waits until those under way have their outcome, and
// closes all connections. When ctx ends first, they are cut off, with ErrClosed as their outcome, and
// the error of ctx is returned.
//
// In either case no goroutine is left, but one that runs [Options.OnState], from which Shutdown may be
// called, and those in functions of the options or in a [CertificateSource] that do not return when their
// context ends: Shutdown waits for these until ctx ends, and a second.
func (c *Client) Shutdown(ctx context.Context) error { return c.pool.shutdown(ctx) }
