package apnstest

import (
	"crypto/tls"
	"time"
)

// Options configures a [Server]. The zero value of each field gives the documented default; nil
// Options are zero Options. They are copied.
type Options struct {
	// InMemory makes a server without a port, to be reached by [Server.Dial] only.
	InMemory bool

	// Addr is where to listen, host:port; empty is a free port of 127.0.0.1.
	Addr string

	// TLSVersion is the only version spoken, tls.VersionTLS12 or tls.VersionTLS13; 0 is both.
	TLSVersion uint16

	// BadCertificates is what becomes of clients whose certificate is expired, revoked or of
	// another authority.
	BadCertificates Rejection

	// ForeignCAList names another authority than that of the push certificates in the list of
	// acceptable ones, which makes some clients keep their certificate to themselves.
	ForeignCAList bool

	// Anonymous is the topic with which clients are served that present no certificate, for load
	// tools that cannot. Empty is none: their pushes are answered 403 MissingProviderToken.
	Anonymous string

	// MaxStreams is the limit of concurrent streams told and enforced; 0 is 1000.
	MaxStreams int

	// EnforceEarly enforces a limit from the moment it is sent. Without it a lowered limit binds
	// the client only once the client has acknowledged it, as the RFC has it.
	EnforceEarly bool

	// LimitAfterError lowers the limit of a connection to that number after a refused push, and
	// restores it after the next accepted one. Answers with status 410 do not count. 0 is never.
	LimitAfterError int

	// MaxErrors ends a connection with GOAWAY after so many refused pushes on it, those answered
	// with 410 not counted. 0 is never.
	MaxErrors int

	// IdleTimeout ends a connection on which nothing arrives for so long with GOAWAY and the reason
	// IdleTimeout. 0 is never.
	IdleTimeout time.Duration

	// Latency delays every answer, and Jitter adds a random time up to itself, which also changes
	// the order of answers.
	Latency, Jitter time.Duration

	// HandshakeDelay is how long the server waits before it begins the TLS handshake.
	HandshakeDelay time.Duration

	// AcceptAnyToken answers pushes to tokens that were never added like those to active ones.
	// Nothing is kept about them.
	AcceptAnyToken bool

	// TokenLimit answers TooManyRequests beyond so many pushes to one added token. The zero value
	// allows all.
	TokenLimit TokenLimit

	// RequireTopic answers MissingTopic when apns-topic is absent. Without it the topic is that of
	// the certificate, as for all certificates with a single topic.
	RequireTopic bool

	// RefuseOtherTypes answers InvalidPushType for every apns-push-type but mdm, and when there is
	// none. Without it other known types pass.
	RefuseOtherTypes bool

	// RefuseBadPayloads answers 400 BadRequestPayload unless the body is {"mdm":"..."}. What Apple
	// does about such bodies is not known. Without it they are accepted and reach the device, which
	// ignores them.
	RefuseBadPayloads bool

	// DropUndated makes a push without apns-expiration one that is not stored. Apple's page says
	// that it is stored, some who run servers say that it is not.
	DropUndated bool

	// KeepPushes is how many pushes [Server.Received] remembers, and how many deliveries each
	// device; 0 is 10,000, a negative number none, which makes the server faster.
	KeepPushes int
}

// TokenLimit allows so many pushes in each span of time, counted from the first push of the span.
type TokenLimit struct {
	Pushes int
	Per    time.Duration
}

// Rejection is how the server gets rid of a client with a bad certificate.
type Rejection int

const (
	// ByAlert fails the TLS handshake: with the alert for expired certificates, for unknown
	// authorities, or else "bad certificate". In TLS 1.3 the client has finished by then and finds
	// the alert when it reads.
	ByAlert Rejection = iota

	// ByGoAway completes the handshake, sends GOAWAY with last stream 0 and {"reason":
	// "BadCertificate"}, and closes the connection.
	ByGoAway

	// ByAnswer answers every push with 403 BadCertificate.
	ByAnswer
)

const (
	defaultMaxStreams = 1000
	defaultKeep       = 10_000
)

func (o *Options) withDefaults() Options {
	var opts Options
	if o != nil {
		opts = *o
	}
	if opts.Addr == "" {
		opts.Addr = "127.0.0.1:0"
	}
	if opts.MaxStreams == 0 {
		opts.MaxStreams = defaultMaxStreams
	}
	if opts.KeepPushes == 0 {
		opts.KeepPushes = defaultKeep
	}
	return opts
}

// versions returns the range of TLS versions to speak.
func (o *Options) versions() (from, to uint16) {
	if o.TLSVersion != 0 {
		return o.TLSVersion, o.TLSVersion
	}
	return tls.VersionTLS12, tls.VersionTLS13
}

// delayed reports whether answers have to wait.
func (o *Options) delayed() bool { return o.Latency > 0 || o.Jitter > 0 }
