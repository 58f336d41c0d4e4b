package deptest

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/applemdm/applemdm/internal/memhttp"
	"github.com/applemdm/applemdm/internal/sim"
)

// UnlockPath is where the unlock service answers.
const UnlockPath = "/deviceservicesworkers/escrowKeyUnlock"

// UnlockServer is an in-memory unlock service. Close it when done.
type UnlockServer struct {
	URL string

	mem *memhttp.Server
	log *sim.Log
}

// StartUnlock starts the unlock service, which is another host at Apple's, on an in-memory TLS
// server that demands a client certificate.
func (s *Server) StartUnlock() *UnlockServer {
	log := &sim.Log{}
	mem := memhttp.NewTLSServer(log.Wrap(s.UnlockHandler()), &tls.Config{ClientAuth: tls.RequireAnyClientCert})
	return &UnlockServer{URL: mem.URL, mem: mem, log: log}
}

// Client returns a client that reaches and trusts the service under whatever host name, and shows
// cert, which stands for the APNs push certificate.
func (u *UnlockServer) Client(cert tls.Certificate) *http.Client {
	return u.mem.ClientWith(&tls.Config{Certificates: []tls.Certificate{cert}})
}

// Received returns the requests so far.
func (u *UnlockServer) Received() []Request { return u.log.Requests() }

// Close stops the service.
func (u *UnlockServer) Close() { u.mem.Close() }

// UnlockHandler returns the unlock service: POST [UnlockPath] with the bypass code in its human
// form takes away the lock whose escrow key belongs to it. The connection must show a client
// certificate. Apple documents no answers but success, so the statuses of failures are this
// server's choice, without a body: 403 without a certificate and for a wrong code, 400 for bad
// parameters, 404 for a device without a lock.
func (s *Server) UnlockHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status, why := s.unlock(r)
		if why != "" {
			c := &call{s: s, r: r}
			c.note("%s", why)
		}
		w.WriteHeader(status)
	})
}

// unlock carries out one request and says why it could not.
func (s *Server) unlock(r *http.Request) (status int, why string) {
	switch {
	case r.URL.Path != UnlockPath:
		return http.StatusNotFound, "unknown path"
	case r.Method != http.MethodPost:
		return http.StatusMethodNotAllowed, "method is not POST"
	case r.TLS == nil || len(r.TLS.PeerCertificates) == 0:
		return http.StatusForbidden, "no client certificate"
	}
	query, err := exactly(r.URL.RawQuery, []string{"serial", "productType"}, []string{"imei", "imei2", "meid"})
	if err != nil {
		return http.StatusBadRequest, "query: " + err.Error()
	}
	form, err := unlockForm(r)
	if err != nil {
		return http.StatusBadRequest, "body: " + err.Error()
	}
	code, err := decodeBypassCode(form.Get("escrowKey"))
	if err != nil {
		return http.StatusBadRequest, err.Error()
	}
	return s.removeLock(query.Get("serial"), code)
}

func unlockForm(r *http.Request) (url.Values, error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/x-www-form-urlencoded" {
		return nil, fmt.Errorf("Content-Type %q", r.Header.Get("Content-Type"))
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	return exactly(string(body), []string{"orgName", "guid", "escrowKey"}, nil)
}

// exactly parses an encoded form that must have all of required, may have optional, once each, and
// nothing else.
func exactly(encoded string, required, optional []string) (url.Values, error) {
	values, err := url.ParseQuery(encoded)
	if err != nil {
		return nil, err
	}
	for _, name := range required {
		if values.Get(name) == "" {
			return nil, fmt.Errorf("%s is missing", name)
		}
	}
	for name, list := range values {
		if !slices.Contains(required, name) && !slices.Contains(optional, name) {
			return nil, fmt.Errorf("%s is not a parameter", name)
		}
		if len(list) != 1 {
			return nil, fmt.Errorf("%s is given %d times", name, len(list))
		}
	}
	return values, nil
}

func (s *Server) removeLock(serial string, code []byte) (status int, why string) {
	key := escrowKey(code) // slow on purpose, so outside the lock
	s.mu.Lock()
	defer s.mu.Unlock()
	l, ok := s.locks[serial]
	switch {
	case !ok:
		return http.StatusNotFound, "the device has no lock"
	case l.EscrowKey != key:
		return http.StatusForbidden, "the code is not that of the lock"
	}
	delete(s.locks, serial)
	return http.StatusOK, ""
}

// escrowKey is what a lock request carries for a bypass code.
func escrowKey(code []byte) string {
	key, err := pbkdf2.Key(sha256.New, string(code), make([]byte, 4), 50_000, 32)
	if err != nil {
		return "" // only in FIPS mode, and then it matches no lock
	}
	return hex.EncodeToString(key)
}

const codeAlphabet = "0123456789ACDEFGHJKLMNPQRTUVWXYZ"

// decodeBypassCode reads the human form of a bypass code: 25 symbols of 5 bits and one of 3, in
// groups of 5, 5, 4, 4, 4 and 4.
func decodeBypassCode(text string) ([]byte, error) {
	groups := strings.Split(text, "-")
	sizes := make([]int, len(groups))
	for i, g := range groups {
		sizes[i] = len(g)
	}
	if !slices.Equal(sizes, []int{5, 5, 4, 4, 4, 4}) {
		return nil, fmt.Errorf("escrowKey is not a bypass code in groups of 5-5-4-4-4-4")
	}
	var code []byte
	bits, count := uint(0), 0 // the low count bits are still to be written
	for i, ch := range strings.Join(groups, "") {
		value, width := strings.IndexRune(codeAlphabet, ch), 5
		if i == 25 {
			width = 3
		}
		if value < 0 || value >= 1<<width {
			return nil, fmt.Errorf("escrowKey has a symbol that no bypass code has there")
		}
		bits, count = bits<<width|uint(value), count+width
		for count >= 8 {
			count -= 8
			code = append(code, byte(bits>>count))
		}
	}
	return code, nil
}
