package axmtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
)

// Key is a private key of an API account, as the portal hands it out once.
type Key struct {
	ID      string // what the kid of an assertion names
	private *ecdsa.PrivateKey
}

// Encoding is what is inside a PEM block of a key.
type Encoding int

const (
	PKCS8 Encoding = iota
	SEC1
)

// Labels of PEM blocks that key files have been seen with.
const (
	ECPrivateKey = "EC PRIVATE KEY"
	PrivateKey   = "PRIVATE KEY"
)

// PEM returns the key as the portal's file has it: labelled as SEC 1, although PKCS #8 is inside.
func (k Key) PEM() []byte { return k.PEMAs(ECPrivateKey, PKCS8) }

// PEMAs returns the key in any combination of label and encoding.
func (k Key) PEMAs(label string, e Encoding) []byte {
	der, err := x509.MarshalPKCS8PrivateKey(k.private)
	if e == SEC1 {
		der, err = x509.MarshalECPrivateKey(k.private)
	}
	if err != nil {
		panic("axmtest: " + err.Error()) // not for a key that addKey accepted
	}
	return pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der})
}

// Private returns the key itself, to sign with.
func (k Key) Private() *ecdsa.PrivateKey { return k.private }

// Format shows the identifier and never the key.
func (k Key) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "key %s", k.ID) }

// addKey adds a key, a new one if private is nil.
func (a *Account) addKey(id string, private *ecdsa.PrivateKey) Key {
	a.made++
	or(&id, uuidOf("key", a.opts.ClientID, a.made))
	if private == nil {
		private, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader) // never fails
	}
	k := Key{ID: id, private: private}
	a.keys = append(a.keys, k)
	return k
}

// key finds a key by its id.
func (a *Account) key(id string) (Key, bool) {
	for _, k := range a.keys {
		if k.ID == id {
			return k, true
		}
	}
	return Key{}, false
}
