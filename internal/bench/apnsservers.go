package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/applemdm/applemdm/apns/apnstest"
)

// apnsServer is a server in a process of its own.
type apnsServer struct {
	site    apnsSite
	process *exec.Cmd
	dir     string
}

func (s *apnsServer) stop() {
	if s.process != nil {
		s.process.Process.Kill()
		s.process.Wait()
	}
	if s.dir != "" {
		os.RemoveAll(s.dir)
	}
}

// startNghttpd starts the server of nghttp2 with an empty file for each device, so that it answers
// pushes with 200. It is written in C and takes little enough of the machine.
func startNghttpd() (_ *apnsServer, err error) {
	program, err := lookPath("nghttpd")
	if err != nil {
		return nil, err
	}
	s := new(apnsServer)
	defer func() {
		if err != nil {
			s.stop()
		}
	}()
	if s.dir, err = os.MkdirTemp("", "bench"); err != nil {
		return nil, err
	}
	if err := s.makeDevices(); err != nil {
		return nil, err
	}
	key, err := s.makeCertificates()
	if err != nil {
		return nil, err
	}
	if s.site.Address, err = freeAddress(); err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(s.site.Address)
	s.process = exec.Command(program, "-a", "127.0.0.1", "-m", "1000", "-d", s.dir, port, key, filepath.Join(s.dir, "cert.pem"))
	s.process.Stderr = os.Stderr
	if err := s.process.Start(); err != nil {
		return nil, err
	}
	return s, s.await()
}

// lookPath finds a program of nghttp2.
func lookPath(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%s is missing: apt-get install nghttp2-server nghttp2-client", name)
	}
	return path, nil
}

func (s *apnsServer) makeDevices() error {
	devices := filepath.Join(s.dir, "3", "device")
	if err := os.MkdirAll(devices, 0o700); err != nil {
		return err
	}
	for i := range nghttpdFile {
		if err := os.WriteFile(filepath.Join(devices, pushToken(i)), nil, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// makeCertificates makes the certificate of the server, under all names that it is called by, and
// that of the client, which it does not ask for. It returns the file with the server's key.
func (s *apnsServer) makeCertificates() (keyFile string, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"api.push.apple.com"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return "", err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", err
	}
	s.site.Roots = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(filepath.Join(s.dir, "cert.pem"), s.site.Roots, 0o600); err != nil {
		return "", err
	}
	keyFile = filepath.Join(s.dir, "key.pem")
	if err := os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600); err != nil {
		return "", err
	}
	issuer := apnstest.NewServer(&apnstest.Options{InMemory: true})
	defer issuer.Close()
	s.site.Cert, s.site.Key = issuer.IssuePushCertificate(pushTopic, nil)
	return keyFile, nil
}

func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// await waits until the server takes connections.
func (s *apnsServer) await() error {
	var err error
	for range 100 {
		var conn net.Conn
		if conn, err = net.Dial("tcp", s.site.Address); err == nil {
			return conn.Close()
		}
		time.Sleep(50 * time.Millisecond)
	}
	return err
}

// h2load returns the microseconds of processor time that a push takes with the load tool of nghttp2,
// the least of some runs. What it takes to start, it takes for few pushes as well.
func (s *apnsServer) h2load(pushes, times int) (float64, error) {
	program, err := lookPath("h2load")
	if err != nil {
		return 0, err
	}
	var uris bytes.Buffer
	for i := range nghttpdFile {
		fmt.Fprintf(&uris, "https://%s/3/device/%s\n", s.site.Address, pushToken(i))
	}
	body := []byte(`{"mdm":"` + pushMagic(0) + `"}`)
	if err := os.WriteFile(filepath.Join(s.dir, "uris"), uris.Bytes(), 0o600); err != nil {
		return 0, err
	}
	if err := os.WriteFile(filepath.Join(s.dir, "body"), body, 0o600); err != nil {
		return 0, err
	}
	run := func(n int) (time.Duration, error) {
		load := exec.Command(program, "-c", "1", "-t", "1", "-m", strconv.Itoa(inFlight), "-n", strconv.Itoa(n),
			"-d", filepath.Join(s.dir, "body"), "-i", filepath.Join(s.dir, "uris"),
			"-H", "apns-topic: "+pushTopic, "-H", "apns-push-type: mdm", "-H", "apns-priority: 10",
			"-H", "apns-expiration: "+strconv.FormatInt(time.Now().Add(7*24*time.Hour).Unix(), 10))
		out, err := load.CombinedOutput()
		if err != nil {
			return 0, fmt.Errorf("%w: %s", err, out)
		}
		if !strings.Contains(string(out), fmt.Sprintf("status codes: %d 2xx", n)) {
			return 0, fmt.Errorf("not all pushes were accepted: %s", out)
		}
		return load.ProcessState.UserTime() + load.ProcessState.SystemTime(), nil
	}
	var many, few time.Duration
	for i := range times {
		m, err := run(pushes)
		if err != nil {
			return 0, err
		}
		f, err := run(inFlight)
		if err != nil {
			return 0, err
		}
		if i == 0 {
			many, few = m, f
		}
		many, few = min(many, m), min(few, f)
	}
	return (many - few).Seconds() * 1e6 / float64(pushes-inFlight), nil
}

// startSlowServer starts a simulator of APNs that takes 50 ms for every push.
func startSlowServer() (*apnsServer, error) {
	process := exec.Command(os.Args[0], "serve-apns")
	process.Stderr = os.Stderr
	out, err := process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := process.Start(); err != nil {
		return nil, err
	}
	s := &apnsServer{process: process}
	if err := json.NewDecoder(out).Decode(&s.site); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// serveSlowly is the process that startSlowServer starts. It lasts until it is killed.
func serveSlowly() error {
	srv := apnstest.NewServer(&apnstest.Options{
		Latency: latency, AcceptAnyToken: true, KeepPushes: -1, MaxStreams: slowStreams,
	})
	defer srv.Close()
	site := apnsSite{Address: srv.Addr, Roots: srv.RootCAsPEM()}
	site.Cert, site.Key = srv.IssuePushCertificate(pushTopic, nil)
	if err := json.NewEncoder(os.Stdout).Encode(site); err != nil {
		return err
	}
	select {}
}
