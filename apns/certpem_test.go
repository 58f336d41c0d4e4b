package apns_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/applemdm/applemdm/apns"
	"github.com/applemdm/applemdm/internal/sniff"
)

func TestParseCertificateReadsEveryForm(t *testing.T) {
	cert, key, issuer := string(certFile(t, "push.pem")), string(certFile(t, "key.pem")), string(certFile(t, "integration.pem"))
	root, foreign := string(certFile(t, "root.pem")), string(certFile(t, "vendor.pem"))
	if strings.HasSuffix(cert, "\n") {
		t.Fatal("push.pem must end like the portal's files, without a line end")
	}
	rsaKey := certOK(x509.ParsePKCS8PrivateKey(derOf(t, []byte(key)))).(*rsa.PrivateKey)
	pkcs1 := string(toPEM("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey)))
	for name, c := range map[string]struct {
		texts []string
		chain int // certificates that a server is shown
	}{
		"apart":                      {[]string{cert, key}, 1},
		"apart, the key first":       {[]string{key, cert}, 1},
		"glued":                      {[]string{cert + key}, 1},
		"the key first":              {[]string{key + cert}, 1},
		"PKCS#1":                     {[]string{cert, pkcs1}, 1},
		"label of PKCS#1 on PKCS#8":  {[]string{cert, strings.ReplaceAll(key, "PRIVATE", "RSA PRIVATE")}, 1},
		"CRLF":                       {[]string{strings.ReplaceAll(cert+"\n"+key, "\n", "\r\n")}, 1},
		"text before the blocks":     {[]string{"Bag Attributes\n    friendlyName: x\nsubject=UID = x\n" + cert, "Key Attributes: <No Attributes>\n" + key}, 1},
		"with its issuer":            {[]string{cert, key, issuer}, 2},
		"with issuer and root":       {[]string{root + issuer, cert, key}, 2},
		"with foreign certificates":  {[]string{foreign, cert, key, root}, 1},
		"with the request and noise": {[]string{string(certFile(t, "request.pem")), cert, key, "", "noise"}, 1},
		"DER certificate":            {[]string{string(derOf(t, []byte(cert))), key}, 1},
		"DER key":                    {[]string{cert, string(derOf(t, []byte(key)))}, 1},
		"the same key twice":         {[]string{cert + key, pkcs1}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var texts [][]byte
			for _, text := range c.texts {
				texts = append(texts, []byte(text))
			}
			got, err := apns.ParseCertificate(texts...)
			if err != nil {
				t.Fatal(err)
			}
			shown := got.TLS()
			if got.Topic() != fixtureTopic || !rsaKey.Equal(shown.PrivateKey) || len(shown.Certificate) != c.chain {
				t.Errorf("got %v with %d certificates", got, len(shown.Certificate))
			}
			again, err := apns.ParseCertificate(got.RevealPEM())
			if err != nil || !bytes.Equal(again.RevealPEM(), got.RevealPEM()) {
				t.Errorf("what RevealPEM returned gives %v, %v", again, err)
			}
		})
	}
}

func TestParseCertificateWithSEC1Key(t *testing.T) {
	m := mint(otherTopic)
	key := toPEM("EC PRIVATE KEY", certOK(x509.MarshalECPrivateKey(m.key)))
	if c, err := apns.ParseCertificate(m.certPEM(), key); err != nil || c.Topic() != otherTopic {
		t.Errorf("got %v, %v", c, err)
	}
}

func TestParseCertificateWithPassword(t *testing.T) {
	cert := certFile(t, "push.pem")
	for _, file := range []string{"key-traditional.pem", "key-pbes2.pem"} {
		key := certFile(t, file)
		c, err := apns.ParseCertificateWithPassword("test", key, cert)
		if err != nil || c.Topic() != fixtureTopic {
			t.Errorf("%s: got %v, %v", file, c, err)
		}
		_, err = apns.ParseCertificate(cert, key)
		refusedAs(t, err, "password", "is needed, for the private key is under a passphrase; or decrypt it first (openssl pkey")
		_, err = apns.ParseCertificateWithPassword("tset", cert, key)
		refusedAs(t, err, "password", "does not open the private key")
	}
	if c, err := apns.ParseCertificateWithPassword("test", cert, derOf(t, certFile(t, "key-pbes2.pem"))); err != nil {
		t.Errorf("DER of an encrypted key: got %v, %v", c, err)
	}
	if c, err := apns.ParseCertificateWithPassword("not used", cert, certFile(t, "key.pem")); err != nil {
		t.Errorf("plain key: got %v, %v", c, err)
	}
	_, err := apns.ParseCertificateWithPassword("test", cert, certFile(t, "key-scrypt.pem"))
	refusedAs(t, err, "private key", "not supported; decrypt it first (openssl pkey")
}

// The traditional encryption of PEM takes one in 256 wrong passwords for right; the key is noise then.
func TestParseCertificateNoticesEveryWrongPassword(t *testing.T) {
	cert, key := certFile(t, "push.pem"), certFile(t, "key-traditional.pem")
	for i := range 1000 {
		_, err := apns.ParseCertificateWithPassword(fmt.Sprint("wrong", i), cert, key)
		refusedAs(t, err, "password", "does not open the private key")
	}
}

func TestParseCertificateSaysWhatIsWrong(t *testing.T) {
	cert, key := certFile(t, "push.pem"), certFile(t, "key.pem")
	_, edKey, _ := ed25519.GenerateKey(rand.Reader)
	edTemplate := &x509.Certificate{SerialNumber: mint("").cert.SerialNumber, Subject: pkix.Name{ExtraNames: userID(otherTopic)}}
	edCert := toPEM("CERTIFICATE", certOK(x509.CreateCertificate(rand.Reader, edTemplate, edTemplate, edKey.Public(), edKey)))
	for name, c := range map[string]struct {
		texts       [][]byte
		field, rule string
	}{
		"no key":             {[][]byte{cert}, "private key", "is missing: supply the key that was made together with the request"},
		"no key, but issuer": {[][]byte{certFile(t, "integration.pem"), cert}, "private key", "is missing"},
		"no certificate":     {[][]byte{key, nil}, "certificate", "is missing: there is a private key only"},
		"two keys":           {[][]byte{cert, key, mint("").keyPEM()}, "private key", "more than one"},
		"key of another":     {[][]byte{cert, mint("").keyPEM()}, "certificate", "belongs to another key"},
		"damaged key":        {[][]byte{cert, toPEM("PRIVATE KEY", []byte("noise"))}, "private key", "is damaged"},
		"Ed25519":            {[][]byte{edCert, toPEM("PRIVATE KEY", certOK(x509.MarshalPKCS8PrivateKey(edKey)))}, "private key", "must be RSA or EC"},
		"too large":          {[][]byte{cert, bytes.Repeat(key, 160)}, "certificate", "is larger than 256 KiB"},
		"topic with a space": {mintTexts(mint("com.apple.mgmt.External x")), "certificate", "neither spaces"},
		"bare prefix":        {mintTexts(mint("com.apple.mgmt.")), "certificate", "begins with com.apple.mgmt."},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := apns.ParseCertificate(c.texts...)
			refusedAs(t, err, c.field, c.rule)
			if got != nil {
				t.Error("a certificate came with the error")
			}
		})
	}
}

func TestParseCertificateRefusesShortRSAKeys(t *testing.T) {
	t.Setenv("GODEBUG", "rsa1024min=0")
	key := certOK(rsa.GenerateKey(rand.Reader, 1000))
	template := &x509.Certificate{SerialNumber: mint("").cert.SerialNumber, Subject: pkix.Name{ExtraNames: userID(otherTopic)}}
	der := certOK(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))
	_, err := apns.ParseCertificate(toPEM("CERTIFICATE", der), toPEM("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)))
	refusedAs(t, err, "private key", "less than 1024 bits")
}

func mintTexts(m minted) [][]byte { return [][]byte{m.certPEM(), m.keyPEM()} }

func TestParseCertificateNamesTheWrongKind(t *testing.T) {
	named := func(name string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.Subject.CommonName = name }
	}
	extended := func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{{Id: []int{1, 2, 840, 113635, 100, 6, 3, 2}, Value: []byte{5, 0}}}
	}
	server := func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }
	hosts := func(c *x509.Certificate) { c.DNSNames = []string{"mdm.example.com"} }
	authority := func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true }
	vendor := [][]byte{certFile(t, "vendor.pem"), certFile(t, "vendor-key.pem")}
	for name, c := range map[string]struct {
		texts [][]byte
		got   string // how the kind begins
	}{
		"vendor":                   {vendor, "vendor's certificate for signing push certificate requests (MDM CSR)"},
		"vendor, without its key":  {vendor[:1], "vendor's certificate for signing"},
		"app, by its extension":    {mintTexts(mint("com.example.app", extended)), "push certificate of an app"},
		"app, by its name":         {mintTexts(mint("com.example.app", named("Apple Push Services: com.example.app"))), "push certificate of an app"},
		"mail":                     {mintTexts(mint("com.apple.mail.XServer.0f0e", named("APSP:0f0e"))), "push certificate of macOS Server"},
		"calendar":                 {mintTexts(mint("com.apple.calendar.XServer.0f0e")), "push certificate of macOS Server"},
		"another UID of Apple":     {mintTexts(mint("com.apple.idms.appleid.prd.0f0e")), "certificate from Apple with another UID"},
		"authority":                {mintTexts(mint("", authority)), "certificate of a certification authority"},
		"server, by its usage":     {mintTexts(mint("", server)), "certificate of a TLS server"},
		"server, by its names":     {mintTexts(mint("", hosts)), "certificate of a TLS server"},
		"server token's key pair":  {mintTexts(mint("", named("Device Assignment Server Token"))), "self-signed certificate, such as the one for server tokens"},
		"that without its key":     {mintTexts(mint("", named("Device Assignment Server Token")))[:1], "self-signed certificate"},
		"some certificate":         {[][]byte{plainLeaf(t)}, "certificate"},
		"another key's beside it":  {append(mintTexts(mint("", hosts)), certFile(t, "push.pem")), "certificate of a TLS server"},
		"PKCS#12":                  {[][]byte{certFile(t, "modern.p12")}, "PKCS#12 file"},
		"PKCS#12 and a key":        {[][]byte{certFile(t, "key.pem"), certFile(t, "modern.p12")}, "PKCS#12 file"},
		"request":                  {[][]byte{certFile(t, "request.pem"), certFile(t, "key.pem")}, "certificate signing request"},
		"signed request":           {[][]byte{signedRequest(t)}, "signed request for an MDM push certificate"},
		"content token":            {[][]byte{[]byte(`{"expDate":"2027-03-04","token":"QUJD","orgName":"Example"}`)}, "decoded Apps and Books content token"},
		"nothing":                  {nil, "empty file"},
		"empty":                    {[][]byte{{}, nil}, "empty file"},
		"portal's page of failure": {[][]byte{[]byte("<!DOCTYPE html><html><body>Session expired")}, "HTML page"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := apns.ParseCertificate(c.texts...)
			wrong, ok := errors.AsType[*apns.WrongFileError](err)
			if !ok || got != nil || wrong.Want != sniff.PushCertificate || !strings.HasPrefix(string(wrong.Got), c.got) {
				t.Errorf("got %v, %v; want %s", got, err, c.got)
			}
		})
	}
}

func FuzzParseCertificate(f *testing.F) {
	cert, key := certFile(f, "push.pem"), certFile(f, "key.pem")
	f.Add(cert, key)
	f.Add(append(cert, key...), certFile(f, "integration.pem"))
	f.Add(derOf(f, cert), derOf(f, key))
	f.Add(certFile(f, "key-traditional.pem"), cert)
	f.Add(certFile(f, "key-pbes2.pem"), cert)
	m := mint(otherTopic)
	f.Add(m.certPEM(), m.keyPEM())
	f.Fuzz(func(t *testing.T, a, b []byte) {
		c, err := apns.ParseCertificateWithPassword("test", a, b)
		if (c == nil) == (err == nil) {
			t.Fatalf("got %v and %v", c, err)
		}
		if c == nil {
			return
		}
		if again, err := apns.ParseCertificate(c.RevealPEM()); err != nil || again.Topic() != c.Topic() {
			t.Errorf("what RevealPEM returned gives %v, %v", again, err)
		}
	})
}

// plainLeaf is a certificate without any trait, issued by another one.
func plainLeaf(t *testing.T) []byte {
	t.Helper()
	issuer := mint("")
	template := &x509.Certificate{SerialNumber: issuer.cert.SerialNumber, Subject: pkix.Name{CommonName: "Example"}}
	return toPEM("CERTIFICATE", certOK(x509.CreateCertificate(rand.Reader, template, issuer.cert, newECKey().Public(), issuer.key)))
}
