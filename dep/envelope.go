package dep

import (
	"bytes"
	"crypto/aes"
	"crypto/des"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"

	"github.com/smallstep/pkcs7"

	"github.com/applemdm/applemdm/internal/sniff"
	"github.com/applemdm/applemdm/internal/tokenfile"
)

// ErrTokenDamaged reports that a .p7m file is a server token for this key pair as far as one can
// tell, but is cut short or altered. Download it again, and do not open it in an editor or mail it
// as text.
var ErrTokenDamaged = errors.New("the server token file is damaged")

// RecipientError reports that a server token file was encrypted for another certificate than that
// of the key pair in hand. The file is not damaged. Either find the key pair of the certificate that
// was uploaded to the portal, or upload this one's certificate and download a new token.
type RecipientError struct {
	Issuer, Serial       string // the certificate that the file was encrypted for
	OurIssuer, OurSerial string // the certificate of the key pair
}

func (e *RecipientError) Error() string {
	return fmt.Sprintf("the server token file was encrypted for another certificate (issuer %q, serial %s) "+
		"than that of the key pair (issuer %q, serial %s); upload the key pair's certificate to the portal "+
		"and download a new token", e.Issuer, e.Serial, e.OurIssuer, e.OurSerial)
}

// maxRecipients bounds the attempts; Apple encrypts for one.
const maxRecipients = 8

// recipient is a certificate that an envelope was encrypted for.
type recipient struct {
	Issuer asn1.RawValue
	Serial *big.Int
}

// OpenToken decrypts the server token file that the portal offers (…_smime.p7m) and parses the token
// in it. It accepts the S/MIME text, its base64 alone and the binary inside, BER or DER, encrypted
// with AES or 3DES. It costs one RSA operation and a few copies of the file, which may have 1 MiB.
//
// Errors: [*WrongFileError] if p7m is another kind of file; [*RecipientError] if it was encrypted for
// another certificate; [ErrTokenDamaged] if it cannot be read or decrypted for another reason; and
// those of [ParseToken] about what was inside. No error quotes the decrypted text.
//
// https://developer.apple.com/documentation/devicemanagement/authenticating-for-automated-device-enrollment
func (k *KeyPair) OpenToken(p7m []byte) (*Token, error) {
	if k.isZero() {
		return nil, errNoKeyPair
	}
	if err := tokenfile.Check("p7m", p7m, sniff.ServerToken, "server token"); err != nil {
		return nil, err
	}
	text, err := k.decrypt(p7m)
	if err != nil {
		return nil, err
	}
	token, err := ParseToken(text)
	if err != nil {
		return nil, fmt.Errorf("what the file contains, decrypted: %w", err)
	}
	return token, nil
}

// decrypt tries the key on each recipient, ours or not. The names say little: a serial number whose
// high bit is set may come back negative, and Apple may have encoded the issuer anew.
func (k *KeyPair) decrypt(p7m []byte) ([]byte, error) {
	der, err := berToDER(sniff.Unarmor(p7m))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTokenDamaged, err)
	}
	recipients, err := recipientsOf(der)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTokenDamaged, err)
	}
	var refusal error
	for _, to := range recipients {
		text, err := decryptAs(der, to, k.private())
		if err == nil {
			return text, nil
		}
		if refusal == nil || !keyDoesNotFit(err) {
			refusal = err
		}
	}
	return nil, k.explain(recipients, refusal)
}

// recipientsOf reads the names that the decryption library keeps to itself.
func recipientsOf(der []byte) ([]recipient, error) {
	var message struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue `asn1:"explicit,tag:0"`
	}
	if _, err := asn1.Unmarshal(der, &message); err != nil {
		return nil, err
	}
	var envelope struct {
		Version    int
		Recipients []struct {
			Version   int
			Recipient recipient
		} `asn1:"set"`
	}
	if _, err := asn1.Unmarshal(message.Content.Bytes, &envelope); err != nil {
		return nil, err
	}
	if n := len(envelope.Recipients); n == 0 || n > maxRecipients {
		return nil, fmt.Errorf("it has %d recipients", n)
	}
	var all []recipient
	for _, r := range envelope.Recipients {
		all = append(all, r.Recipient)
	}
	return all, nil
}

// decryptAs decrypts with the key as if it were the recipient's. The library chooses by issuer and
// serial number, so it gets a certificate that has these. It panics on some broken padding.
func decryptAs(der []byte, to recipient, key *rsa.PrivateKey) (text []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			text, err = nil, errors.New("the decrypted content has broken padding")
		}
	}()
	message, err := pkcs7.Parse(der)
	if err != nil {
		return nil, err
	}
	return message.Decrypt(&x509.Certificate{RawIssuer: to.Issuer.FullBytes, SerialNumber: to.Serial}, key)
}

// keyDoesNotFit reports whether err means that the content key came out wrong: RSA refused, or, once
// in many thousand times, did not refuse but produced bytes of no proper length.
func keyDoesNotFit(err error) bool {
	if errors.Is(err, rsa.ErrDecryption) {
		return true
	}
	_, isAES := errors.AsType[aes.KeySizeError](err)
	_, isDES := errors.AsType[des.KeySizeError](err)
	return isAES || isDES
}

// explain turns the last refusal into a message about the file or about the key pair.
func (k *KeyPair) explain(recipients []recipient, refusal error) error {
	if !keyDoesNotFit(refusal) {
		return fmt.Errorf("%w: %w", ErrTokenDamaged, refusal)
	}
	for _, to := range recipients {
		if to.names(k.certificate) {
			return fmt.Errorf("%w, or was encrypted for another certificate with the same issuer and serial number (%s)",
				ErrTokenDamaged, serialText(to.Serial))
		}
	}
	return &RecipientError{
		Issuer: issuerText(recipients[0].Issuer), Serial: serialText(recipients[0].Serial),
		OurIssuer: k.certificate.Issuer.String(), OurSerial: serialText(k.certificate.SerialNumber),
	}
}

func (r recipient) names(cert *x509.Certificate) bool {
	return serialText(r.Serial) == serialText(cert.SerialNumber) && bytes.Equal(r.Issuer.FullBytes, cert.RawIssuer)
}

func issuerText(raw asn1.RawValue) string {
	var names pkix.RDNSequence
	if _, err := asn1.Unmarshal(raw.FullBytes, &names); err != nil {
		return "unreadable"
	}
	return names.String()
}

// serialText writes a serial number in hex. One that went negative is read as the octets it has.
func serialText(serial *big.Int) string {
	if serial.Sign() < 0 {
		octets := uint(new(big.Int).Not(serial).BitLen()/8 + 1)
		serial = new(big.Int).Add(serial, new(big.Int).Lsh(big.NewInt(1), 8*octets))
	}
	return fmt.Sprintf("%X", serial)
}
