package deptest_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/applemdm/applemdm/dep/deptest"
)

// send is what a client in any language does with a session.
func send(srv *deptest.Server, session, method, path, body string) string {
	r, err := http.NewRequest(method, srv.URL+path, strings.NewReader(body))
	if err != nil {
		return err.Error()
	}
	r.Header.Set("User-Agent", "example/1.0")
	r.Header.Set("X-Server-Protocol-Version", "10")
	r.Header.Set("X-ADM-Auth-Session", session)
	if body != "" {
		r.Header.Set("Content-Type", "application/json;charset=UTF8")
	}
	resp, err := srv.Client().Do(r)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return strings.TrimSpace(fmt.Sprint(resp.StatusCode, " ", string(text)))
}

func Example() {
	srv := deptest.NewServer(nil)
	defer srv.Close()
	srv.AddSerials("DEMO00000001", "DEMO00000002")
	srv.SetOutcome("DEMO00000002", deptest.Failed)

	session := srv.NewSession() // or GET /session, signed with srv.Token()
	fmt.Println(send(srv, session, "POST", "/devices/disown", `{"devices":["DEMO00000001","DEMO00000002"]}`))
	fmt.Println(len(srv.Devices()), "device is left")

	srv.SetTermsSigned(false)
	fmt.Println(send(srv, session, "GET", "/account", ""))
	fmt.Println(srv.Violations())
	// Output:
	// 200 {"devices":{"DEMO00000001":"SUCCESS","DEMO00000002":"FAILED"}}
	// 1 device is left
	// 403 T_C_NOT_SIGNED
	// []
}

// A misspelt member fails, as it should in a test, and the server tells why.
func ExampleServer_Violations() {
	srv := deptest.NewServer(nil)
	defer srv.Close()
	fmt.Println(send(srv, srv.NewSession(), "POST", "/profile", `{"profile_name":"Standard","url":"https://mdm.example.org/","is_supervized":true}`))
	fmt.Println(strings.Join(srv.Violations(), "\n"))
	// Output:
	// 400 MALFORMED_REQUEST_BODY
	// POST /profile: unknown member "is_supervized"
}

// Faults are a script. Here a gateway fails once, and then the service asks for patience.
func ExampleServer_Fail() {
	srv := deptest.NewServer(nil)
	defer srv.Close()
	srv.Fail(deptest.Fault{Path: "/devices", Kind: deptest.Empty})
	srv.Fail(deptest.Fault{Path: "/devices", Kind: deptest.Busy, Status: 429})
	session := srv.NewSession()
	for range 3 {
		fmt.Println(send(srv, session, "POST", "/devices", `{"devices":["DEMO00000001"]}`))
	}
	// Output:
	// 500
	// 429 TOO_MANY_REQUESTS
	// 200 {"devices":{"DEMO00000001":{"response_status":"NOT_ACCESSIBLE"}}}
}
