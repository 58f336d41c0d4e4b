package apns_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/apns"
	"github.com/applemdm/applemdm/internal/sniff"
)

func fixtureCertificate(t testing.TB) *apns.Certificate {
	t.Helper()
	c, err := apns.ParseCertificate(certFile(t, "push.pem"), certFile(t, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

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

func TestCertificateSays(t *testing.T) {
	c := fixtureCertificate(t)
	leaf := certOK(x509.ParseCertificate(derOf(t, certFile(t, "push.pem"))))
	want := map[string]any{
		"topic": fixtureTopic, "not before": leaf.NotBefore, "not after": leaf.NotAfter,
		"issuer": "CN=Apple Application Integration 2 Certification Authority,OU=Apple Certification Authority,O=Apple Inc.,C=US",
		"pem":    string(certFile(t, "push.pem")) + "\n",
		"text":   "push certificate " + fixtureTopic + " (expires " + leaf.NotAfter.Format(time.RFC3339) + ")",
		"print":  64,
	}
	got := map[string]any{
		"topic": c.Topic(), "not before": c.NotBefore(), "not after": c.NotAfter(), "issuer": c.Issuer(),
		"pem": string(c.CertificatePEM()), "text": c.String(), "print": len(c.Fingerprint()),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !bytes.Equal(c.Leaf().Raw, leaf.Raw) || c.Warnings() != nil {
		t.Errorf("leaf %v, warnings %v", c.Leaf().Subject, c.Warnings())
	}
	if c.Fingerprint() != strings.ToLower(c.Fingerprint()) || c.Fingerprint() == mint(fixtureTopic).parsed(t).Fingerprint() {
		t.Error("the fingerprint does not tell certificates apart")
	}
}

func TestCertificateWarnings(t *testing.T) {
	odd := mint(otherTopic, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning} }).parsed(t)
	if got := strings.Join(odd.Warnings(), "\n"); len(odd.Warnings()) != 2 ||
		!strings.Contains(got, "The issuer is") || !strings.Contains(got, "client authentication") {
		t.Errorf("got %s", got)
	}
	for name, change := range map[string]func(*x509.Certificate){
		"any usage":             func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} },
		"client authentication": func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} },
		"no usage":              func(*x509.Certificate) {},
	} {
		if got := mint(otherTopic, change).parsed(t).Warnings(); len(got) != 1 || !strings.Contains(got[0], "The issuer is") {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestCertificateExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := mint(otherTopic).parsed(t)
		if c.Expired(time.Now()) || c.ExpiresWithin(364*24*time.Hour) || !c.ExpiresWithin(366*24*time.Hour) {
			t.Error("it does not expire in a year")
		}
		time.Sleep(365 * 24 * time.Hour)
		if c.Expired(time.Now()) || c.ExpiresWithin(0) {
			t.Error("it expired in its last second")
		}
		time.Sleep(time.Second)
		if !c.Expired(time.Now()) || !c.ExpiresWithin(0) {
			t.Error("it did not expire")
		}
	})
}

// A server that asks for a client certificate gets the leaf and its issuer, and proof of the key.
func TestCertificateInHandshake(t *testing.T) {
	c, err := apns.ParseCertificate(certFile(t, "push.pem"), certFile(t, "key.pem"), certFile(t, "root.pem"), certFile(t, "integration.pem"))
	if err != nil {
		t.Fatal(err)
	}
	host := mint("", func(c *x509.Certificate) { c.DNSNames = []string{"push.example"} })
	ours, theirs := net.Pipe()
	server := tls.Server(theirs, &tls.Config{ClientAuth: tls.RequireAnyClientCert,
		Certificates: []tls.Certificate{{Certificate: [][]byte{host.cert.Raw}, PrivateKey: host.key}}})
	done := make(chan error, 1)
	go func() { done <- server.HandshakeContext(t.Context()) }()
	roots := x509.NewCertPool()
	roots.AddCert(host.cert)
	shown := c.TLS()
	client := tls.Client(ours, &tls.Config{ServerName: "push.example", RootCAs: roots,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &shown, nil }})
	if err := client.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, peer := range server.ConnectionState().PeerCertificates {
		names = append(names, peer.Subject.CommonName)
	}
	want := []string{"APSP:0f0e0d0c-0000-4000-8000-000000000001", "Apple Application Integration 2 Certification Authority"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
}

func TestCertificateTLSIsACopy(t *testing.T) {
	c := fixtureCertificate(t)
	changed := c.TLS()
	changed.Certificate[0][0] ^= 0xFF
	if again := c.TLS(); again.Certificate[0][0] == changed.Certificate[0][0] {
		t.Error("changing what TLS returned changes the certificate")
	}
}

func TestCertificateNeverShowsItsKey(t *testing.T) {
	m := mint(otherTopic)
	c := m.parsed(t)
	hidesKey(t, m.key, c)
	hidesKey(t, m.key, *c)
	for how, text := range everyShape(t, c) {
		if !strings.Contains(text, otherTopic) {
			t.Errorf("%s does not name the topic: %s", how, text)
		}
	}
	if got := fmt.Sprintf("%+v", struct{ *apns.Certificate }{c}); !strings.HasPrefix(got, "push certificate ") {
		t.Errorf("embedded: %s", got)
	}
}

func TestZeroCertificate(t *testing.T) {
	for _, c := range []*apns.Certificate{nil, {}} {
		if c.Topic() != "" || c.Leaf() != nil || !c.NotBefore().IsZero() || !c.NotAfter().IsZero() || c.Issuer() != "" ||
			c.Fingerprint() != "" || c.Warnings() != nil || c.TLS().PrivateKey != nil || c.CertificatePEM() != nil || c.RevealPEM() != nil {
			t.Errorf("%#v gives something", c)
		}
		if fmt.Sprint(c) != "no push certificate" || c.LogValue().String() != "no push certificate" || !c.Expired(time.Now()) {
			t.Errorf("it is %v", c)
		}
		_, err := c.Certificate(t.Context())
		refusedAs(t, err, "certificate", "must not be empty")
	}
}

func TestCertificateSources(t *testing.T) {
	c := fixtureCertificate(t)
	dir := t.TempDir()
	path := func(name string, parts ...[]byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, bytes.Join(parts, nil), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cert, key := certFile(t, "push.pem"), certFile(t, "key.pem")
	test := apns.NewSecret("test")
	for name, source := range map[string]apns.CertificateSource{
		"itself":         c,
		"function":       apns.CertificateFunc(func(context.Context) (*apns.Certificate, error) { return c, nil }),
		"one file":       apns.FileCertificate{Path: path("both.pem", cert, key)},
		"two files":      apns.FileCertificate{Path: path("push.pem", cert), KeyPath: path("key.pem", key)},
		"encrypted key":  apns.FileCertificate{Path: path("push.pem", cert), KeyPath: path("enc.pem", certFile(t, "key-pbes2.pem")), Password: test},
		"PKCS#12":        apns.FileCertificate{Path: path("push.p12", certFile(t, "modern.p12")), Password: test},
		"PKCS#12 legacy": apns.FileCertificate{Path: path("push.pfx", certFile(t, "legacy.p12")), Password: test},
	} {
		got, err := source.Certificate(t.Context())
		if err != nil || got.Fingerprint() != c.Fingerprint() {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
	for name, source := range map[string]apns.FileCertificate{
		"no file":     {Path: filepath.Join(dir, "none.pem")},
		"no key file": {Path: path("push.pem", cert), KeyPath: filepath.Join(dir, "none.pem")},
	} {
		if got, err := source.Certificate(t.Context()); !errors.Is(err, os.ErrNotExist) || got != nil {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
	lonely := apns.FileCertificate{Path: path("push.pem", cert)}
	_, err := lonely.Certificate(t.Context())
	refusedAs(t, err, "private key", "is missing")
	if !strings.HasPrefix(err.Error(), lonely.Path+": ") {
		t.Errorf("the file is not named: %v", err)
	}
	_, err = apns.FileCertificate{Path: path("huge.pem", bytes.Repeat([]byte("x\n"), 1<<20))}.Certificate(t.Context())
	refusedAs(t, err, "certificate", "is larger")
}

func TestFileCertificateIsReadAnew(t *testing.T) {
	first, second := mint(otherTopic), mint(otherTopic)
	source := apns.FileCertificate{Path: filepath.Join(t.TempDir(), "push.pem")}
	for _, m := range []minted{first, second} {
		if err := os.WriteFile(source.Path, append(m.certPEM(), m.keyPEM()...), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := source.Certificate(t.Context())
		if err != nil || !bytes.Equal(got.Leaf().Raw, m.cert.Raw) {
			t.Errorf("got %v, %v", got, err)
		}
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
