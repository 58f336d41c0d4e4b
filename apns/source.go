package apns

import (
	"context"
	"fmt"

	"github.com/applemdm/applemdm/internal/field"
	"github.com/applemdm/applemdm/internal/sniff"
	"github.com/applemdm/applemdm/internal/tokenfile"
)

// CertificateSource supplies the push certificate. It is asked anew before connections are opened, so
// that a renewed certificate takes effect without a restart. A [Client] makes one call at a time;
// clients that share a source do not wait for one another. *[Certificate], [FileCertificate] and
// [CertificateFunc] implement it.
//
// What the source has must stay with one topic. A certificate for another one is not used: the client
// keeps the one it has, for as long as that works, and goes to [StateTopicChanged].
//
// Errors of the source are those of connections that could not be opened. Before it has given the first
// certificate, they are those of pushes; then it is asked again after a second, and ever more slowly up
// to ten, and pushes get the same error meanwhile. [DispositionOf] such a push is [FixCertificate] if the
// error says what is wrong with the certificate ([*InputError], [*WrongFileError],
// [ErrCertificateExpired]), else [RetryLater].
type CertificateSource interface {
	Certificate(ctx context.Context) (*Certificate, error)
}

var errNoCertificate = &field.InputError{Field: "certificate", Rule: "must not be empty"}

// CertificateFunc is a function used as a [CertificateSource], for example one that reads a database.
type CertificateFunc func(ctx context.Context) (*Certificate, error)

// Certificate calls f.
func (f CertificateFunc) Certificate(ctx context.Context) (*Certificate, error) { return f(ctx) }

// Certificate returns c itself, so that a certificate which never changes is its own
// [CertificateSource].
func (c *Certificate) Certificate(context.Context) (*Certificate, error) {
	if c.isZero() {
		return nil, errNoCertificate
	}
	return c, nil
}

// FileCertificate is a [CertificateSource] in files, which are read anew each time; that takes a
// millisecond or two. Replace the files by renaming new ones over them. Keep them readable by
// their owner only, which is not checked.
type FileCertificate struct {
	// Path is the file of the certificate: PEM, which may hold the key too, or PKCS#12.
	Path string
	// KeyPath is the file of the private key if Path does not hold it.
	KeyPath string
	// Password opens a private key under a passphrase, or the PKCS#12 file.
	Password Secret
}

// Certificate reads the files.
func (f FileCertificate) Certificate(context.Context) (*Certificate, error) {
	text, err := tokenfile.Bytes(f.Path, maxCertificateFile)
	if err != nil {
		return nil, err
	}
	texts := [][]byte{text}
	if f.KeyPath != "" {
		key, err := tokenfile.Bytes(f.KeyPath, maxCertificateFile)
		if err != nil {
			return nil, err
		}
		texts = append(texts, key)
	}
	certificate, err := f.parse(texts)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Path, err)
	}
	return certificate, nil
}

func (f FileCertificate) parse(texts [][]byte) (*Certificate, error) {
	if sniff.Of(texts[0]) == sniff.PKCS12 {
		return ParsePKCS12(texts[0], f.Password.Reveal())
	}
	return ParseCertificateWithPassword(f.Password.Reveal(), texts...)
}
