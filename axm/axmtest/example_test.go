package axmtest_test

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"

	"github.com/applemdm/applemdm/axm/axmtest"
)

// send is what a client in any language does with an access token.
func send(srv *axmtest.Server, account *axmtest.Account, method, path, body string) string {
	r, err := http.NewRequest(method, srv.URL+"/v1/"+path, strings.NewReader(body))
	if err != nil {
		return err.Error()
	}
	r.Header.Set("Authorization", "Bearer "+account.AccessToken()) // or ask the token service for one
	r.Header.Set("Accept", "application/json")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := srv.Client().Do(r)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return strings.TrimSpace(fmt.Sprint(resp.StatusCode, " ", string(text)))
}

// Three devices, one of which the organisation does not have and one of which is assigned already.
func Example() {
	srv := axmtest.NewServer(nil)
	defer srv.Close()
	org := srv.AddOrg(axmtest.OrgOptions{Kind: axmtest.School})
	server := org.AddServer(axmtest.MDMServer{ID: "0123456789ABCDEF0123456789ABCDEF", Name: "Lab MDM"})
	org.AddSerials("DEMO1", "DEMO2")
	org.AssignDevices(server, "DEMO2")

	send(srv, org.Account(), "POST", "orgDeviceActivities", `{"data":{"type":"orgDeviceActivities",
		"attributes":{"activityType":"ASSIGN_DEVICES"},
		"relationships":{
			"mdmServer":{"data":{"type":"mdmServers","id":"0123456789ABCDEF0123456789ABCDEF"}},
			"devices":{"data":[{"type":"orgDevices","id":"DEMO1"},{"type":"orgDevices","id":"DEMO2"},{"type":"orgDevices","id":"DEMO3"}]}}}}`)
	activity := org.Activities()[0]
	fmt.Println(activity.Status, activity.SubStatus)
	for _, r := range activity.Results {
		fmt.Println(r.SerialNumber, r.Status, r.SubStatus)
	}
	link := send(srv, org.Account(), "GET", "orgDevices/DEMO1/relationships/assignedServer", "")
	fmt.Println(link[:75])
	fmt.Println(srv.Violations())
	// Output:
	// COMPLETED COMPLETED_WITH_ERROR
	// DEMO1 SUCCESS UPDATED
	// DEMO2 ISSUE OPERATION_NOT_ALLOWED
	// 200 {"data":{"type":"mdmServers","id":"0123456789ABCDEF0123456789ABCDEF"},"
	// []
}

// The token service says invalid_client to everything; the server tells why.
func ExampleServer_Violations() {
	srv := axmtest.NewServer(nil)
	defer srv.Close()
	account := srv.AddOrg(axmtest.OrgOptions{}).Account()
	form := "grant_type=client_credentials&scope=business.api&client_assertion=e30.e30.c2ln" +
		"&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_id=" + account.ClientID()
	resp, err := srv.Client().Post("http://account.apple.com/auth/oauth2/token", "application/x-www-form-urlencoded", strings.NewReader(form))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	fmt.Println(resp.StatusCode, string(text))
	fmt.Println(strings.Join(srv.Violations(), "\n"))
	// Output:
	// 400 {"error":"invalid_client"}
	// POST /auth/oauth2/token: invalid_client: assertion: alg is "", not ES256
}

// Activities wait until they are told to go on.
func ExampleOrg_HoldActivities() {
	srv := axmtest.NewServer(nil)
	defer srv.Close()
	org := srv.AddOrg(axmtest.OrgOptions{})
	org.AddSerials("DEMO1")
	org.HoldActivities()
	send(srv, org.Account(), "POST", "orgDeviceActivities", `{"data":{"type":"orgDeviceActivities",
		"attributes":{"activityType":"RELEASE_DEVICES"},
		"relationships":{"devices":{"data":[{"type":"orgDevices","id":"DEMO1"}]}}}}`)
	org.StepActivities(3)
	fmt.Println(org.Activities()[0].SubStatus, len(org.Devices()))
	org.RunActivities()
	fmt.Println(org.Activities()[0].SubStatus, len(org.Devices()))
	// Output:
	// PROCESSING 1
	// COMPLETED_WITH_SUCCESS 0
}

// Faults are a script. Here a gateway fails once, and then the service asks for patience.
func ExampleServer_Fail() {
	srv := axmtest.NewServer(nil)
	defer srv.Close()
	account := srv.AddOrg(axmtest.OrgOptions{}).Account()
	srv.Fail(axmtest.Fault{Kind: axmtest.Empty})
	srv.Fail(axmtest.Fault{Kind: axmtest.BusySeconds, Status: 429})
	id := regexp.MustCompile(`"id":"[^"]*",`)
	for range 3 {
		fmt.Println(id.ReplaceAllString(send(srv, account, "GET", "users", ""), ""))
	}
	// Output:
	// 500
	// 429 {"errors":[{"status":"429","code":"RATE_LIMIT_EXCEEDED","title":"Too many requests.","detail":"Too Many Requests"}]}
	// 200 {"data":[],"links":{"self":"http://memhttp.test/v1/users","first":"http://memhttp.test/v1/users?limit=100"},"meta":{"paging":{"total":0,"limit":100}}}
}
