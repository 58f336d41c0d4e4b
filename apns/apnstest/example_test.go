package apnstest_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/applemdm/applemdm/apns/apnstest"
)

const (
	topic = "com.apple.mgmt.External.6ba7b810-9dad-11d1-80b4-00c04fd430c8"
	token = "740f4707bebcf74f9b7c25d48e3358945f6aa01da5ddb387462c7eaf61bb78ad"
	magic = "C2B1E1B6-0D5A-4B53-9A44-2D1A1E1B8C0F"
)

// newClient returns what a client in any language is: something that speaks HTTP/2 with a certificate.
func newClient(srv *apnstest.Server) *http.Client {
	cert, err := tls.X509KeyPair(srv.IssuePushCertificate(topic, &apnstest.CertOptions{EC: true}))
	if err != nil {
		panic(err)
	}
	config := &tls.Config{RootCAs: srv.RootCAs(), Certificates: []tls.Certificate{cert}}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}}
}

// push sends one push and returns the answer.
func push(client *http.Client, srv *apnstest.Server, body string) string {
	r, err := http.NewRequest("POST", srv.URL+"/3/device/"+token, strings.NewReader(body))
	if err != nil {
		return err.Error()
	}
	r.Header.Set("apns-topic", topic)
	r.Header.Set("apns-push-type", "mdm")
	r.Header.Set("apns-expiration", "4102444800")
	resp, err := client.Do(r)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return strings.TrimSpace(fmt.Sprint(resp.StatusCode, " ", string(text)))
}

func Example() {
	srv := apnstest.NewServer(nil)
	defer srv.Close()
	client := newClient(srv)
	defer client.CloseIdleConnections()

	fmt.Println(push(client, srv, `{"mdm":"`+magic+`"}`))
	device := srv.AddToken(topic, token, magic)
	device.Online(false)
	fmt.Println(push(client, srv, `{"mdm":"`+magic+`"}`))
	_, stored := device.Stored()
	fmt.Println("stored:", stored)
	device.Online(true)
	fmt.Println("woken:", device.Woken())
	fmt.Println(srv.Violations())
	// Output:
	// 400 {"reason":"BadDeviceToken"}
	// 200
	// stored: true
	// woken: 1
	// []
}

// A push with the magic of an earlier enrolment is accepted, and nothing happens.
func ExampleDevice_Received() {
	srv := apnstest.NewServer(nil)
	defer srv.Close()
	client := newClient(srv)
	defer client.CloseIdleConnections()
	device := srv.AddToken(topic, token, magic)
	fmt.Println(push(client, srv, `{"mdm":"of an earlier enrolment"}`))
	fmt.Println("ignored:", device.Received()[0].Ignored)
	// Output:
	// 200
	// ignored: true
}

// Faults are a script. Here a gateway fails once, and then the service is going down.
func ExampleServer_Fail() {
	srv := apnstest.NewServer(nil)
	defer srv.Close()
	client := newClient(srv)
	defer client.CloseIdleConnections()
	srv.AddToken(topic, token, magic)
	srv.Fail(apnstest.Fault{Kind: apnstest.Empty, Status: 502})
	srv.Fail(apnstest.Fault{Status: 503, Reason: "Shutdown"})
	for range 3 {
		fmt.Println(push(client, srv, `{"mdm":"`+magic+`"}`))
	}
	// Output:
	// 502
	// 503 {"reason":"Shutdown"}
	// 200
}
