package vpptest_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/applemdm/applemdm/vpp/vpptest"
)

// send is what a client in any language does with a token.
func send(srv *vpptest.Server, loc *vpptest.Location, method, path, body string) string {
	r, err := http.NewRequest(method, srv.URL+"/mdm/v2"+path, strings.NewReader(body))
	if err != nil {
		return err.Error()
	}
	r.Header.Set("Authorization", "Bearer "+string(loc.Token()))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := srv.Client().Do(r)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return fmt.Sprint(resp.StatusCode, " ", string(text))
}

// Two licences for three devices: the event fails, and two devices have the app.
func Example() {
	srv := vpptest.NewServer(nil)
	defer srv.Close()
	loc := srv.AddLocation(vpptest.LocationOptions{Name: "Head office"})
	loc.Buy(vpptest.Asset{AdamID: "1000000001", Total: 2})

	send(srv, loc, "POST", "/assets/associate",
		`{"assets":[{"adamId":"1000000001","pricingParam":"STDQ"}],"serialNumbers":["DEMO1","DEMO2","DEMO3"]}`)
	event := loc.Events()[0]
	fmt.Println(event.Type, event.Status, event.Completed, "of", event.Requested)
	for _, a := range loc.Assignments() {
		fmt.Println(a.AdamID, "on", a.SerialNumber)
	}
	fmt.Println(send(srv, loc, "GET", "/status?eventId=unknown", ""))
	fmt.Println(srv.Violations())
	// Output:
	// ASSOCIATE FAILED 2 of 3
	// 1000000001 on DEMO1
	// 1000000001 on DEMO2
	// 400 {"errorNumber":9708,"errorMessage":"The eventId was not found."}
	// []
}

// What Apple tolerates is noted.
func ExampleServer_Violations() {
	srv := vpptest.NewServer(nil)
	defer srv.Close()
	loc := srv.AddLocation(vpptest.LocationOptions{})
	loc.Buy(vpptest.Asset{AdamID: "1000000001", Unlimited: true})
	send(srv, loc, "POST", "/assets/associate", `{"assets":[{"adamId":"1000000001"}],"serialNumbers":["DEMO1"],"serials":["DEMO2"]}`)
	fmt.Println(strings.Join(srv.Violations(), "\n"))
	// Output:
	// POST /mdm/v2/assets/associate: unknown member "serials"
	// POST /mdm/v2/assets/associate: asset "1000000001" without pricingParam
}

// Errors can be made to arrive with status 200, as they sometimes do.
func ExampleServer_SetErrorsIn200() {
	srv := vpptest.NewServer(nil)
	defer srv.Close()
	loc := srv.AddLocation(vpptest.LocationOptions{})
	loc.RevokeTokens()
	fmt.Println(send(srv, loc, "GET", "/client/config", ""))
	srv.SetErrorsIn200(func(number int) bool { return number == 9625 })
	fmt.Println(send(srv, loc, "GET", "/client/config", ""))
	// Output:
	// 401 {"errorNumber":9625,"errorMessage":"The sToken has been revoked."}
	// 200 {"errorNumber":9625,"errorMessage":"The sToken has been revoked."}
}

// Events wait until they are told to run, and notifications go to a handler.
func ExampleLocation_HoldEvents() {
	srv := vpptest.NewServer(nil)
	defer srv.Close()
	received := make(chan string, 2)
	srv.DeliverTo(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, kind, _ := strings.Cut(string(body), `"notificationType":`)
		kind, _, _ = strings.Cut(kind, ",")
		received <- kind
	}))
	loc := srv.AddLocation(vpptest.LocationOptions{})
	send(srv, loc, "POST", "/client/config",
		`{"notificationUrl":"https://mdm.example.org/hook","notificationAuthToken":"t","notificationTypes":["USER_MANAGEMENT"]}`)
	fmt.Println(<-received)

	loc.HoldEvents()
	send(srv, loc, "POST", "/users/create", `{"users":[{"clientUserId":"u-1"}]}`)
	fmt.Println(loc.Events()[0].Status)
	loc.RunEvents()
	fmt.Println(loc.Events()[0].Status, <-received)
	// Output:
	// "TEST_NOTIFICATION"
	// PENDING
	// COMPLETE "USER_MANAGEMENT"
}
