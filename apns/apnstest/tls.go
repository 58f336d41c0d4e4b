package apnstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net"
	"sync"
)

// leaves makes and keeps the server's certificates, one for each host that a client asks for.
type leaves struct {
	ca *authority

	mu    sync.Mutex
	known map[string]*tls.Certificate
}

// certificate is a tls.Config.GetCertificate. Clients that name no host have dialled an address.
func (l *leaves) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	host := hello.ServerName
	if host == "" {
		host, _, _ = net.SplitHostPort(hello.Conn.LocalAddr().String()) // in memory what was dialled
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	leaf := l.known[host]
	if leaf == nil {
		leaf = l.issue(host)
		l.known[host] = leaf
	}
	return leaf, nil
}

func (l *leaves) issue(host string) *tls.Certificate {
	from, to := always()
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "api.push.apple.com"},
		DNSNames:    []string{"api.push.apple.com", "localhost"},
		NotBefore:   from,
		NotAfter:    to,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else if host != "" {
		template.DNSNames = append(template.DNSNames, host)
	}
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	cert := l.ca.sign(template, key.Public())
	return &tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}
}

var (
	errRevoked  = errors.New("the client's certificate is revoked")
	errScripted = errors.New("a fault rejects the client's certificate")
)

// tlsConfig returns what a connection speaks that meets the fault f, which may be nil.
func (s *Server) tlsConfig(f *Fault) *tls.Config {
	from, to := s.opts.versions()
	config := &tls.Config{
		MinVersion:             from,
		MaxVersion:             to,
		GetCertificate:         s.leaves.certificate,
		NextProtos:             []string{"h2"},
		ClientCAs:              s.pushCA.pool(),
		ClientAuth:             tls.RequestClientCert,
		SessionTicketsDisabled: true, // every connection presents its certificate

		DynamicRecordSizingDisabled: true,
	}
	if s.opts.ForeignCAList {
		config.ClientCAs = newAuthority(pkix.Name{CommonName: "Another Authority"}).pool()
	}
	if s.opts.BadCertificates == ByAlert {
		s.verifyInHandshake(config)
	}
	if f == nil {
		return config
	}
	switch f.Kind {
	case NoALPN:
		config.NextProtos = nil
	case HTTP1Only:
		config.NextProtos = []string{"http/1.1"}
	case RejectCertificate:
		config.VerifyConnection = func(tls.ConnectionState) error { return errScripted }
	}
	return config
}

// verifyInHandshake makes bad certificates end in an alert.
func (s *Server) verifyInHandshake(config *tls.Config) {
	if !s.opts.ForeignCAList {
		config.ClientAuth = tls.VerifyClientCertIfGiven // package tls chooses the right alert
	}
	config.VerifyConnection = func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) == 0 {
			return nil
		}
		return s.verify(state.PeerCertificates)
	}
}

// verify checks the certificate that a client has presented.
func (s *Server) verify(chain []*x509.Certificate) error {
	between := x509.NewCertPool()
	for _, cert := range chain[1:] {
		between.AddCert(cert)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{
		Roots:         s.pushCA.pool(),
		Intermediates: between,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err == nil && s.isRevoked(chain[0]) {
		err = errRevoked
	}
	return err
}
