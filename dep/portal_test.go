package dep_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/applemdm/applemdm/dep"
)

// portal plays Apple's part: it encrypts a text for a certificate, in the shape that its fields ask
// for. It writes ASN.1 by hand, so that it can write what encoding/asn1 would refuse.
type portal struct {
	definite bool     // lengths; Apple's are indefinite
	pieces   int      // octet strings in the content; 0 makes it primitive
	nested   bool     // each piece is a constructed octet string itself
	serial   *big.Int // of the recipient, instead of the certificate's
	issuer   []byte   // of the recipient, instead of the certificate's
	padding  []byte   // instead of PKCS#7 padding
	cipher   []int    // object identifier; AES-128-CBC if nil
	keySize  int      // of the content key; 16 if 0
	extra    []*x509.Certificate
}

// issue returns the binary envelope.
func (p portal) issue(certificate *x509.Certificate, text string) []byte {
	key, iv := make([]byte, max(p.keySize, 16)), make([]byte, aes.BlockSize)
	rand.Read(key)
	rand.Read(iv)
	var recipients [][]byte
	for _, to := range append(slices.Clone(p.extra), certificate) {
		recipients = append(recipients, p.recipient(to, key))
	}
	algorithm := asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 2}
	if p.cipher != nil {
		algorithm = p.cipher
	}
	encrypted := p.tlv(0x30, oid(1, 2, 840, 113549, 1, 7, 1), p.tlv(0x30, oid(algorithm...), p.tlv(0x04, iv)),
		p.content(p.encrypt(key, iv, text)))
	envelope := p.tlv(0x30, []byte{2, 1, 0}, p.tlv(0x31, recipients...), encrypted)
	return p.tlv(0x30, oid(1, 2, 840, 113549, 1, 7, 3), p.tlv(0xA0, envelope))
}

func (p portal) recipient(to *x509.Certificate, key []byte) []byte {
	//lint:ignore SA1019 the portal uses PKCS #1 v1.5
	wrapped, err := rsa.EncryptPKCS1v15(rand.Reader, to.PublicKey.(*rsa.PublicKey), key)
	if err != nil {
		panic(err)
	}
	serial, issuer := to.SerialNumber, to.RawIssuer
	if p.serial != nil {
		serial = p.serial
	}
	if p.issuer != nil {
		issuer = p.issuer
	}
	number, err := asn1.Marshal(serial)
	if err != nil {
		panic(err)
	}
	return p.tlv(0x30, []byte{2, 1, 0}, p.tlv(0x30, issuer, number),
		p.tlv(0x30, oid(1, 2, 840, 113549, 1, 1, 1), []byte{5, 0}), p.tlv(0x04, wrapped))
}

func (p portal) encrypt(key, iv []byte, text string) []byte {
	padding := p.padding
	if padding == nil {
		n := aes.BlockSize - len(text)%aes.BlockSize
		padding = slices.Repeat([]byte{byte(n)}, n)
	}
	content := append([]byte(text), padding...)
	block, err := aes.NewCipher(key[:16])
	if err != nil {
		panic(err)
	}
	whole := len(content) / aes.BlockSize * aes.BlockSize
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(content[:whole], content[:whole])
	return content
}

func (p portal) content(bytes []byte) []byte {
	if p.pieces == 0 {
		return p.tlv(0x80, bytes)
	}
	var parts [][]byte
	for piece := range slices.Chunk(bytes, len(bytes)/p.pieces+1) {
		part := p.tlv(0x04, piece)
		if p.nested {
			half := len(piece) / 2
			part = p.tlv(0x24, p.tlv(0x04, piece[:half]), p.tlv(0x04, piece[half:]))
		}
		parts = append(parts, part)
	}
	return p.tlv(0xA0, parts...)
}

func (p portal) tlv(tag byte, parts ...[]byte) []byte {
	body := slices.Concat(parts...)
	if tag&0x20 != 0 && !p.definite {
		return slices.Concat([]byte{tag, 0x80}, body, []byte{0, 0})
	}
	// Four octets always: BER allows a length to be longer than necessary.
	n := len(body)
	return slices.Concat([]byte{tag, 0x84, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}, body)
}

func oid(numbers ...int) []byte {
	der, err := asn1.Marshal(asn1.ObjectIdentifier(numbers))
	if err != nil {
		panic(err)
	}
	return der
}

// smime wraps an envelope as the portal's download does.
func smime(envelope []byte) []byte {
	var text strings.Builder
	text.WriteString("Content-Type: application/pkcs7-mime; name=\"smime.p7m\"; smime-type=enveloped-data\n" +
		"Content-Transfer-Encoding: base64\n" +
		"Content-Disposition: attachment; filename=\"smime.p7m\"\n" +
		"Content-Description: S/MIME Encrypted Message\n\n")
	for line := range slices.Chunk([]byte(base64.StdEncoding.EncodeToString(envelope)), 76) {
		text.Write(line)
		text.WriteByte('\n')
	}
	return []byte(text.String())
}

// tokenText is the content of an envelope as the portal writes it.
func tokenText(consumerKey, expiry string) string {
	json := `{"consumer_key":"` + consumerKey + `","consumer_secret":"CS_demo0003","access_token":"AT_demo0002",` +
		`"access_secret":"AS_demo0004","access_token_expiry":"` + expiry + `"}`
	return "Content-Type: text/plain;charset=UTF-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n-----BEGIN MESSAGE-----\r\n" +
		json[:76] + "\r\n" + json[76:] + "\r\n-----END MESSAGE-----\r\n"
}

// download is what an administrator gets for an uploaded certificate.
func download(certificatePEM []byte, consumerKey, expiry string) []byte {
	block, _ := pem.Decode(certificatePEM)
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		panic(err)
	}
	return smime(portal{pieces: 1}.issue(certificate, tokenText(consumerKey, expiry)))
}

func testdata(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "token", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func pair(t testing.TB, files ...string) *dep.KeyPair {
	t.Helper()
	var text []byte
	for _, file := range files {
		text = append(text, testdata(t, file)...)
	}
	k, err := dep.ParseKeyPair(text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func testPair(t testing.TB) *dep.KeyPair { t.Helper(); return pair(t, "key-pkcs8.pem", "cert.pem") }
func otherPair(t testing.TB) *dep.KeyPair {
	t.Helper()
	return pair(t, "other-key.pem", "other-cert.pem")
}

// certificates returns the pair's certificate n times.
func certificates(k *dep.KeyPair, n int) []*x509.Certificate {
	return slices.Repeat([]*x509.Certificate{k.Certificate()}, n)
}
