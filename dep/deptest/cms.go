package deptest

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// Cipher is the content encryption of an envelope, in CBC mode.
type Cipher int

const (
	AES128 Cipher = iota // what the portal uses
	AES256
	TripleDES
)

// Wrapping is what lies around an envelope.
type Wrapping int

const (
	SMIME      Wrapping = iota // the headers of the portal's file, then base64
	BareBase64                 // base64 in lines
	BareBinary                 // nothing
)

// TokenOptions is the shape of a .p7m file. The zero value is what the portal offers.
type TokenOptions struct {
	Cipher   Cipher
	Wrapping Wrapping

	// DER encodes the envelope with definite lengths. The default is streamed BER: indefinite
	// lengths, the content in octet strings inside a constructed one.
	DER bool

	// Chunk is how many bytes each of these octet strings has; 0 is one for all.
	Chunk int

	// BrokenHeader wraps the first header line without the white space that has to begin the
	// second line, as one of Apple's pages shows it.
	BrokenHeader bool

	// NoMessageLines leaves out the BEGIN and END MESSAGE lines around the JSON.
	NoMessageLines bool

	// LF ends lines with LF alone; the default is CRLF.
	LF bool
}

// EncryptToken returns token in a .p7m file for the RSA key of cert.
func EncryptToken(token Token, cert *x509.Certificate, opts TokenOptions) ([]byte, error) {
	key, err := rsaKey(cert)
	if err != nil {
		return nil, err
	}
	envelope, err := encrypt(opts.inner(token), cert, key, opts)
	if err != nil {
		return nil, err
	}
	return opts.wrap(envelope), nil
}

func rsaKey(cert *x509.Certificate) (*rsa.PublicKey, error) {
	if cert == nil {
		return nil, errors.New("deptest: no certificate to encrypt the token to")
	}
	key, ok := cert.PublicKey.(*rsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("deptest: the key of the certificate is %T; the portal takes RSA only", cert.PublicKey)
	}
	return key, nil
}

const columns = 76

// fold breaks text after every 76 columns, whatever is there.
func fold(text, eol string) string {
	var b strings.Builder
	for len(text) > columns {
		b.WriteString(text[:columns] + eol)
		text = text[columns:]
	}
	b.WriteString(text + eol)
	return b.String()
}

func (o TokenOptions) eol() string {
	if o.LF {
		return "\n"
	}
	return "\r\n"
}

// inner is the text that is encrypted: the JSON with line breaks also inside of its strings.
func (o TokenOptions) inner(token Token) []byte {
	eol := o.eol()
	text := "Content-Type: text/plain;charset=UTF-8" + eol +
		"Content-Transfer-Encoding: 7bit" + eol + eol
	if o.NoMessageLines {
		return []byte(text + fold(string(token.JSON()), eol))
	}
	return []byte(text + "-----BEGIN MESSAGE-----" + eol + fold(string(token.JSON()), eol) + "-----END MESSAGE-----" + eol)
}

func (o TokenOptions) wrap(envelope []byte) []byte {
	if o.Wrapping == BareBinary {
		return envelope
	}
	eol := o.eol()
	body := fold(base64.StdEncoding.EncodeToString(envelope), eol)
	if o.Wrapping == BareBase64 {
		return []byte(body)
	}
	smimeType := "enveloped-data"
	if o.BrokenHeader {
		smimeType = "enveloped-" + eol + "data"
	}
	return []byte(`Content-Type: application/pkcs7-mime; name="smime.p7m"; smime-type=` + smimeType + eol +
		"Content-Transfer-Encoding: base64" + eol +
		`Content-Disposition: attachment; filename="smime.p7m"` + eol +
		"Content-Description: S/MIME Encrypted Message" + eol + eol + body + eol)
}

// algorithm returns the block cipher, its key length and its identifier.
func (c Cipher) algorithm() (newBlock func([]byte) (cipher.Block, error), keyLen int, oid asn1.ObjectIdentifier) {
	switch c {
	case AES256:
		return aes.NewCipher, 32, asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 42}
	case TripleDES:
		return des.NewTripleDESCipher, 24, asn1.ObjectIdentifier{1, 2, 840, 113549, 3, 7}
	}
	return aes.NewCipher, 16, asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 2}
}

// encrypt returns the CMS EnvelopedData for one recipient, known by issuer and serial number, with
// RSA key transport (PKCS #1 v1.5).
func encrypt(plain []byte, cert *x509.Certificate, key *rsa.PublicKey, opts TokenOptions) ([]byte, error) {
	newBlock, keyLen, oid := opts.Cipher.algorithm()
	contentKey := make([]byte, keyLen)
	_, _ = rand.Read(contentKey) // never fails
	block, err := newBlock(contentKey)
	if err != nil {
		return nil, err
	}
	iv := make([]byte, block.BlockSize())
	_, _ = rand.Read(iv)
	pad := block.BlockSize() - len(plain)%block.BlockSize()
	content := append(bytes.Clone(plain), bytes.Repeat([]byte{byte(pad)}, pad)...)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(content, content)

	wrapped, err := rsa.EncryptPKCS1v15(rand.Reader, key, contentKey) //lint:ignore SA1019 the service knows no other
	if err != nil {
		return nil, fmt.Errorf("deptest: encrypting the content key: %w", err)
	}
	return envelopedData(cert, wrapped, oid, iv, content, opts), nil
}
