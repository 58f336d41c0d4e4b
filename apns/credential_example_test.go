package apns_test

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/csv"
	"encoding/pem"
	"errors"
	"fmt"
	"log"
	"math/big"
	"os"
	"strings"
	"time"

	"github.com/applemdm/applemdm/apns"
)

// A push certificate from its first request on. Steps of people, here played by a function, may lie
// days apart.
func ExampleCertificateRequest() {
	request, err := apns.NewCertificateRequest(apns.CertificateRequestOptions{
		CommonName: "Example device management", Email: "mdm@example.com", Country: "US",
	})
	if err != nil {
		log.Fatal(err)
	}
	stored := request.RevealPEM() // encrypt this at rest

	// The vendor signs request.PEM(), the administrator uploads the result to the push portal.
	issued := portal(request.PEM(), "com.apple.mgmt.External.0a1b2c3d-0000-4000-8000-000000000001")

	certificate, err := apns.ParseCertificate(issued, stored)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(certificate.Topic())
	fmt.Println("expires within 30 days:", certificate.ExpiresWithin(30*24*time.Hour))
	// Output:
	// com.apple.mgmt.External.0a1b2c3d-0000-4000-8000-000000000001
	// expires within 30 days: false
}

// portal stands for Apple's push portal, which signs for a year.
func portal(request []byte, topic string) []byte {
	block, _ := pem.Decode(request)
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		log.Fatal(err)
	}
	issuer := mint("")
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{ExtraNames: userID(topic)},
		NotBefore: time.Now(), NotAfter: time.Now().Add(365 * 24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer.cert, csr.PublicKey, issuer.key)
	if err != nil {
		log.Fatal(err)
	}
	return toPEM("CERTIFICATE", der)
}

// Somebody created a certificate in the portal instead of renewing the existing one.
func ExampleCheckRenewal() {
	load := func(m minted) *apns.Certificate {
		certificate, err := apns.ParseCertificate(m.certPEM(), m.keyPEM())
		if err != nil {
			log.Fatal(err)
		}
		return certificate
	}
	stored, offered := load(mint("com.apple.mgmt.External.old")), load(mint("com.apple.mgmt.External.new"))

	err := apns.CheckRenewal(stored, offered, nil)
	if changed, ok := errors.AsType[*apns.TopicError](err); ok {
		fmt.Println("devices listen to", changed.Stored)
		fmt.Println("the new certificate is for", changed.Offered)
	}
	// Output:
	// devices listen to com.apple.mgmt.External.old
	// the new certificate is for com.apple.mgmt.External.new
}

// A key under a passphrase: ask for it when the error says so.
func ExampleParseCertificateWithPassword() {
	certificate, _ := os.ReadFile("testdata/certificate/push.pem")
	key, _ := os.ReadFile("testdata/certificate/key-pbes2.pem")

	loaded, err := apns.ParseCertificate(certificate, key)
	if input, ok := errors.AsType[*apns.InputError](err); ok && input.Field == "password" {
		loaded, err = apns.ParseCertificateWithPassword("test", certificate, key)
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(loaded.Topic())
	// Output: com.apple.mgmt.External.0f0e0d0c-0000-4000-8000-000000000001
}

// What a server does with the check-in messages that concern pushes.
func ExampleParseCheckin() {
	targets := map[string]apns.Target{} // stands for a table; write it in one step, and for good
	for _, file := range []string{"authenticate.plist", "tokenupdate-user.plist", "tokenupdate-device.plist", "checkout.plist"} {
		body, err := os.ReadFile("testdata/checkin/" + file)
		if err != nil {
			log.Fatal(err)
		}
		message, err := apns.ParseCheckin(body)
		if err != nil {
			log.Fatal(err) // answer 400, never 401
		}
		switch message := message.(type) {
		case *apns.TokenUpdate:
			targets[message.Enrollment.ID] = message.Target
			fmt.Println(message.Enrollment.Type, "can be pushed to:", message.Target)
		case *apns.Authenticate, *apns.CheckOut:
			gone := message.Sender().Enrollment.ID
			for id := range targets {
				if id == gone || strings.HasPrefix(id, gone+":") {
					delete(targets, id)
				}
			}
		}
	}
	fmt.Println(len(targets), "targets")
	// Output:
	// User can be pushed to: target token=20212223… magic=a <"… topic=com.apple.mgmt.External.0f0e0d0c-0000-4000-8000-000000000001
	// Device can be pushed to: target token=00010203… magic=0A1B… topic=com.apple.mgmt.External.0f0e0d0c-0000-4000-8000-000000000001
	// 2 targets
}

// Targets out of a table, one of them with its columns mixed up.
func ExampleParseTarget() {
	const table = `token,magic
000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f,0A1B2C3D-0000-4000-8000-0000000000AA
AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=,0A1B2C3D-0000-4000-8000-0000000000BB
0A1B2C3D-0000-4000-8000-0000000000CC,000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
`
	rows, err := csv.NewReader(strings.NewReader(table)).ReadAll()
	if err != nil {
		log.Fatal(err)
	}
	for _, row := range rows[1:] {
		target, err := apns.ParseTarget("", row[0], row[1])
		if input, ok := errors.AsType[*apns.InputError](err); ok {
			fmt.Println(input.Field, input.Rule)
			continue
		}
		fmt.Println(target)
	}
	// Output:
	// target token=00010203… magic=0A1B… topic=
	// target token=00010203… magic=0A1B… topic=
	// Token contains '-': perhaps it is the PushMagic or another column
}
