package leak

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
)

// Key returns what shows a private key: its secret number as the bytes, digits and words that printers
// make of it, and the label of PEM.
func Key(key any) []string {
	var number *big.Int
	switch key := key.(type) {
	case *ecdsa.PrivateKey:
		raw, err := key.Bytes()
		if err != nil {
			panic(err)
		}
		number = new(big.Int).SetBytes(raw)
	case *rsa.PrivateKey:
		number = key.D
	default:
		panic(fmt.Sprintf("leak: no private key: %T", key))
	}
	return []string{"PRIVATE KEY", string(number.Bytes()), number.String(), number.Text(16), fmt.Sprint(number.Bits())}
}

// PEM is [Key] for a key of PKCS #8 in PEM.
func PEM(text []byte) []string {
	block, _ := pem.Decode(text)
	if block == nil {
		panic("leak: no PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		panic(err)
	}
	return Key(key)
}

// ContentToken returns what shows a content token of Apps and Books: the text of its file, the JSON
// inside, and the token within that.
func ContentToken(file []byte) []string {
	text := strings.TrimSpace(string(file))
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		panic(err)
	}
	var inside struct{ Token string }
	if err := json.Unmarshal(raw, &inside); err != nil {
		panic(err)
	}
	return []string{text, string(raw), inside.Token}
}
