package dep_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/applemdm/applemdm/dep"
)

// The first token of a server. The certificate is uploaded to, and the file downloaded from, Apple
// Business or Apple School Manager by hand; both steps may be days apart.
func ExampleCredentials() {
	var credentials dep.Credentials

	credentials, err := credentials.Stage(nil)
	if err != nil {
		log.Fatal(err)
	}
	store := credentials.Reveal() // encrypt this at rest
	upload := credentials.Staged.CertificatePEM()

	p7m := download(upload, "CK_demo0001", "2099-01-05T09:30:00Z") // stands for the administrator

	if credentials, err = dep.ParseCredentials(store); err != nil {
		log.Fatal(err)
	}
	if credentials, err = credentials.Promote(p7m, nil); err != nil {
		log.Fatal(err)
	}
	fmt.Println(credentials.Token)
	fmt.Println("secret:", credentials.Token.AccessSecret)
	fmt.Println("expires within 30 days:", credentials.Token.ExpiresWithin(30*24*time.Hour))
	// Output:
	// server token CK_demo0001 (expires 2099-01-05T09:30:00Z)
	// secret: [redacted]
	// expires within 30 days: false
}

// A renewal with the file of another server is refused, and the old credentials go on working.
func ExampleCredentials_Promote() {
	credentials, err := dep.ParseCredentials(storedCredentials())
	if err != nil {
		log.Fatal(err)
	}
	if credentials, err = credentials.Stage(nil); err != nil {
		log.Fatal(err)
	}
	p7m := download(credentials.Staged.CertificatePEM(), "CK_other", "2099-01-05T09:30:00Z")

	_, err = credentials.Promote(p7m, nil)
	if changed, ok := errors.AsType[*dep.ConsumerKeyError](err); ok {
		fmt.Println("stored", changed.Stored, "offered", changed.Offered)
	}
	fmt.Println("in use:", credentials.Token.ConsumerKey)
	// Output:
	// stored CK_demo0001 offered CK_other
	// in use: CK_demo0001
}

// A server that keeps its credentials in its own way needs the key pair and the token only.
func ExampleGenerateKeyPair() {
	pair, err := dep.GenerateKeyPair(&dep.KeyPairOptions{CommonName: "mdm.example.com"})
	if err != nil {
		log.Fatal(err)
	}
	stored := pair.RevealPEM() // certificate and private key: encrypt this at rest

	p7m := download(pair.CertificatePEM(), "CK_demo0001", "2099-01-05T09:30:00Z")

	if pair, err = dep.ParseKeyPair(stored); err != nil {
		log.Fatal(err)
	}
	token, err := pair.OpenToken(p7m)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(pair.Certificate().Subject)
	fmt.Println(token)
	// Output:
	// CN=mdm.example.com
	// server token CK_demo0001 (expires 2099-01-05T09:30:00Z)
}

// The wrong download is named.
func ExampleKeyPair_OpenToken() {
	pair, err := dep.GenerateKeyPair(nil)
	if err != nil {
		log.Fatal(err)
	}
	vpptoken := []byte("eyJ0b2tlbiI6IlFVSkQiLCJleHBEYXRlIjoiMjAyNy0wMy0wNFQwOToxMDoxMSswMDAwIiwib3JnTmFtZSI6IkV4YW1wbGUifQ==")
	_, err = pair.OpenToken(vpptoken)
	if wrong, ok := errors.AsType[*dep.WrongFileError](err); ok {
		fmt.Println("This is an", wrong.Got)
	}
	// Output:
	// This is an Apps and Books content token (.vpptoken)
}

func ExampleTokenFunc() {
	source := dep.TokenFunc(func(ctx context.Context) (*dep.Token, error) {
		credentials, err := dep.ParseCredentials(storedCredentials()) // from a database, each time
		return credentials.Token, err
	})
	token, err := source.Token(context.Background())
	fmt.Println(token, err)
	// Output:
	// server token CK_demo0001 (expires 2099-01-05T09:30:00Z) <nil>
}

func ExampleParseBypassCode() {
	code, err := dep.ParseBypassCode("000h4-0r40m-30f2-0918-5hr3-8f17")
	if err != nil {
		log.Fatal(err)
	}
	escrowKey, err := code.EscrowKey()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(code, code.RevealHuman())
	fmt.Println(escrowKey.Reveal())
	// Output:
	// [redacted] 000H4-0R40M-30F2-0918-5HR3-8F17
	// c5ced1d0c51459c1a887866a5868dd3e9e6f4fc4a8c244f3f9eb9383c0f8aecb
}

func ExampleKeyPair_ManagedAppleAccountToken() {
	credentials, err := dep.ParseCredentials(storedCredentials())
	if err != nil {
		log.Fatal(err)
	}
	token, err := credentials.Active.ManagedAppleAccountToken("0A1B2C3D4E5F60718293A4B5C6D7E8F9")
	if err != nil {
		log.Fatal(err)
	}
	tokenData := []byte(token.Reveal()) // for the answer to GetToken
	fmt.Println(token, bytes.Count(tokenData, []byte(".")))
	// Output:
	// [redacted] 2
}

// storedCredentials stands for a database.
func storedCredentials() []byte {
	read := func(name string) []byte {
		data, err := os.ReadFile("testdata/token/" + name)
		if err != nil {
			log.Fatal(err)
		}
		return data
	}
	pair, err := dep.ParseKeyPair(append(read("key-pkcs8.pem"), read("cert.pem")...))
	if err != nil {
		log.Fatal(err)
	}
	token, err := pair.OpenToken(read("aes128-stream.p7m"))
	if err != nil {
		log.Fatal(err)
	}
	return dep.Credentials{Active: pair, Token: token}.Reveal()
}
