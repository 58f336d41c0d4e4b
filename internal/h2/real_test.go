package h2

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2/hpack"
)

// goServer runs Go's own HTTP/2 server on loopback, over TLS.
func goServer(t testing.TB, h http.HandlerFunc, config *tls.Config) *httptest.Server {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.EnableHTTP2 = true
	srv.TLS = config
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv
}

func dialTLS(t testing.TB, addr string, config *tls.Config) net.Conn {
	t.Helper()
	config = config.Clone()
	config.InsecureSkipVerify = true // whom it talks to does not matter here
	config.NextProtos = []string{"h2"}
	config.DynamicRecordSizingDisabled = true
	conn, err := tls.Dial("tcp", addr, config)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// pushes runs n calls, as many at a time as there is room for, all started from Done or OnChange.
func pushes(t testing.TB, conn net.Conn, n int, prepare func(i int, call *Call), check func(i int, call *Call)) *Conn {
	t.Helper()
	var mu sync.Mutex
	next, ended := 0, 0
	done := make(chan struct{})
	var c *Conn
	var pump func()
	finish := func(call *Call) {
		check(call.Data.(int), call)
		mu.Lock()
		if ended++; ended == n {
			close(done)
		}
		mu.Unlock()
		pump()
	}
	pump = func() {
		mu.Lock()
		defer mu.Unlock()
		for next < n {
			call := &Call{Fields: request(fmt.Sprint("/3/device/", next)), Data: next, Done: finish,
				Deadline: time.Now().Add(20 * time.Second)}
			prepare(next, call)
			switch err := c.Start(call); {
			case err == ErrNoRoom:
				return
			case err != nil:
				t.Errorf("Start: %v", err)
				return
			}
			next++
		}
	}
	ready := make(chan struct{})
	c = New(conn, Config{MaxStreams: 500, PingAfter: time.Second, OnChange: func() { <-ready; pump() }})
	close(ready)
	pump()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatalf("stuck: %+v", c.Stats())
	}
	return c
}

func TestGoServer(t *testing.T) {
	srv := goServer(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Apns-Id", r.Header.Get("Apns-Id"))
		if bytes.HasSuffix(body, []byte("0")) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"reason":"BadDeviceToken"}`)
		}
	}, nil)
	c := pushes(t, dialTLS(t, srv.Listener.Addr().String(), &tls.Config{}), 2000,
		func(i int, call *Call) {
			call.Fields = append(call.Fields,
				hpack.HeaderField{Name: "apns-topic", Value: "com.apple.mgmt.External.1"},
				hpack.HeaderField{Name: "apns-id", Value: fmt.Sprint("id-", i), Sensitive: true})
			call.Body = fmt.Append(nil, "body ", i)
		},
		func(i int, call *Call) {
			status, body := 200, ""
			if i%10 == 0 {
				status, body = 400, `{"reason":"BadDeviceToken"}`
			}
			if call.Err != nil || call.Status != status || string(call.ResponseBody) != body ||
				call.Header("apns-id") != fmt.Sprint("id-", i) {
				t.Errorf("call %d: %v, %d %s %v", i, call.Err, call.Status, call.ResponseBody, call.Response)
			}
		})
	c.Drain()
	<-c.Done()
	if s := c.Stats(); s.Streams != 2000 || s.InFlight != 0 || c.Err() != ErrClosed {
		t.Errorf("%+v, %v", s, c.Err())
	}
}

func TestGoServerLargeBodies(t *testing.T) {
	srv := goServer(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }, nil)
	body := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	done := make(chan *Call, 4)
	c := New(dialTLS(t, srv.Listener.Addr().String(), &tls.Config{}), Config{EarlyStreams: 4, MaxResponseBody: len(body)})
	defer c.Close()
	for range 4 {
		if err := c.Start(&Call{Fields: request("/"), Body: body, Done: func(call *Call) { done <- call }}); err != nil {
			t.Fatal(err)
		}
	}
	for range 4 {
		if call := <-done; call.Err != nil || !bytes.Equal(call.ResponseBody, body) {
			t.Errorf("%v, %d bytes", call.Err, len(call.ResponseBody))
		}
	}
}

// A server that shuts down lets the calls under way end.
func TestGoServerShutdown(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	srv := goServer(t, func(http.ResponseWriter, *http.Request) {
		close(arrived)
		<-release
	}, nil)
	done := make(chan *Call, 1)
	c := New(dialTLS(t, srv.Listener.Addr().String(), &tls.Config{}), Config{})
	defer c.Close()
	if err := c.Start(&Call{Fields: request("/"), Done: func(call *Call) { done <- call }}); err != nil {
		t.Fatal(err)
	}
	<-arrived
	go func() { _ = srv.Config.Shutdown(context.Background()) }()
	for !c.Stats().Draining {
		time.Sleep(time.Millisecond)
	}
	close(release)
	if call := <-done; call.Err != nil || call.Status != 200 {
		t.Errorf("%v", call.Err)
	}
	<-c.Done()
	if _, ok := errors.AsType[*GoAwayError](c.Err()); !ok {
		t.Error(c.Err())
	}
}

// With TLS 1.3 a rejected client certificate is found out after the handshake, mostly when writing
// fails. The error must be the alert all the same, however the two race.
func TestRejectedCertificate(t *testing.T) {
	srv := goServer(t, func(http.ResponseWriter, *http.Request) {}, &tls.Config{
		MinVersion: tls.VersionTLS13,
		ClientAuth: tls.RequireAnyClientCert,
		VerifyPeerCertificate: func([][]byte, [][]*x509.Certificate) error {
			return errors.New("not this one")
		},
	})
	for i := range 30 {
		conn := dialTLS(t, srv.Listener.Addr().String(), &tls.Config{Certificates: srv.TLS.Certificates})
		c := New(conn, Config{})
		time.Sleep(time.Duration(i%5) * 200 * time.Microsecond)
		ended := make(chan error, 1)
		if err := c.Start(&Call{Fields: request("/"), Done: func(call *Call) { ended <- call.Err }}); err == nil {
			if err := <-ended; !isAlert(err) {
				t.Errorf("the call: %v", err)
			}
		}
		<-c.Done()
		if !isAlert(c.Err()) {
			t.Errorf("the connection: %v", c.Err())
		}
	}
}

func isAlert(err error) bool {
	e, ok := errors.AsType[*net.OpError](err)
	return ok && e.Op == "remote error" && e.Err.Error() == "tls: bad certificate"
}
