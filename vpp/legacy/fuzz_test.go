package legacy

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/applemdm/applemdm/internal/lenient"
	"github.com/applemdm/applemdm/internal/rest"
	"github.com/applemdm/applemdm/vpp"
)

// seedJSON adds texts, and each of them cut off in the middle.
func seedJSON(f *testing.F, texts ...string) {
	for _, text := range texts {
		f.Add([]byte(text))
		f.Add([]byte(text[:len(text)/2]))
	}
}

// checkDecoding decodes data into a new T. What can be decoded must encode, and decode to the same.
func checkDecoding[T any](t *testing.T, data []byte) {
	var first, second T
	if lenient.Decode(data, &first, tolerant) != nil {
		return
	}
	text, err := json.Marshal(&first)
	if err != nil {
		t.Fatalf("%q was decoded but cannot be encoded: %v", data, err)
	}
	if err := lenient.Decode(text, &second, tolerant); err != nil {
		t.Fatalf("%q became %q, which cannot be decoded: %v", data, text, err)
	}
	if diff := cmp.Diff(first, second, cmpopts.EquateEmpty(), cmp.Comparer(bothSecret), cmp.Comparer(sameJSON)); diff != "" {
		t.Fatalf("%q became %q (-first +second):\n%s", data, text, diff)
	}
}

// bothSecret: encoding loses secrets.
func bothSecret(a, b vpp.Secret) bool { return a.IsZero() == b.IsZero() }

// sameJSON: encoding may escape in another way.
func sameJSON(a, b jsontext.Value) bool {
	a, b = a.Clone(), b.Clone()
	_, _ = a.Canonicalize(), b.Canonicalize()
	return string(a) == string(b)
}

func FuzzAnswer(f *testing.F) {
	seedJSON(f,
		`{"status":0,"registerUserSrvUrl":"https:\/\/vpp.itunes.apple.com\/mdm\/registerVPPUserSrv","maxBatchAssociateLicenseCount":"10","errorCodes":{"errorNumber":9600}}`,
		`{"status":0,"clientContext":"{\"guid\":\"a\"}","organizationId":2000000000001,"expirationMillis":"1830000000000","location":{"locationId":"1"},"apnToken":"x"}`,
		`{"status":0,"totalBatchCount":"2","batchToken":"b","users":[{"userId":"7","clientUserIdStr":5,"status":"Retired","licenses":[{"licenseId":7,"adamId":1000000001,"productTypeId":"8"}]}]}`,
		`{"licenses":[{"licenseIdStr":"77","licenseId":78,"adamIdStr":"1","userId":"u","status":"Refunded","x":{"a":1,"a":2}}],"sinceModifiedToken":"s","totalCount":1e3}`,
		`{"assets":[{"adamIdStr":1,"isIrrevocable":true,"assignedCount":"3"}],"totalCount":null}`,
		`{"assignments":[{"adamIdStr":"1","serialNumber":"\ud800"}],"currentPageIndex":0,"nextPageIndex":"1","requestId":"r"}`,
		`{"status":-3,"associations":[{"serialNumber":"A","errorNumber":"9610"},{"clientUserIdStr":"u","licenseAlreadyAssigned":{"licenseId":1},"regUsersAlreadyAssigned":[{"userId":1}]}]}`,
	)
	f.Fuzz(func(t *testing.T, data []byte) {
		checkDecoding[ServiceConfig](t, data)
		checkDecoding[ClientConfig](t, data)
		checkDecoding[User](t, data)
		checkDecoding[License](t, data)
		checkDecoding[Asset](t, data)
		checkDecoding[Assignment](t, data)
		checkDecoding[Outcome](t, data)
		checkItems(t, data, new(usersAnswer))
		checkItems(t, data, new(licensesAnswer))
		checkManagement(t, data)
		for _, v := range []answer{new(clientConfigAnswer), new(userAnswer), new(assetsAnswer), new(assignmentsAnswer), new(serviceConfigAnswer)} {
			if lenient.Decode(data, v, tolerant) == nil {
				_ = new(account).note(v.common(), 0)
			}
		}
	})
}

// checkItems reads data as a batch. What its items keep must encode.
func checkItems[T any](t *testing.T, data []byte, answer batchAnswer[T]) {
	if lenient.Decode(data, answer, tolerant) != nil {
		return
	}
	for _, item := range answer.items() {
		if _, err := json.Marshal(&item); err != nil {
			t.Fatalf("%q holds an item that cannot be encoded: %v", data, err)
		}
	}
}

// checkManagement reads data as the outcomes of a management. Each entry has one, whatever was said.
func checkManagement(t *testing.T, data []byte) {
	answer := new(manageAnswer)
	if lenient.Decode(data, answer, tolerant) != nil {
		return
	}
	for kind := userEntries; kind <= licenseEntries; kind++ {
		asked := entries{kind, []string{"A", "u", "77"}}
		got := answer.outcomes(asked, answer.Associations)
		if len(got) != len(asked.ids) {
			t.Fatalf("%q has %d outcomes", data, len(got))
		}
		for i, o := range got {
			if id := o.ClientUserID + o.SerialNumber; kind != licenseEntries && id != asked.ids[i] || kind == licenseEntries && o.LicenseID != asked.ids[i] {
				t.Fatalf("%q: outcome %d is %+v", data, i, o)
			}
		}
	}
}

func FuzzRefusal(f *testing.F) {
	seedJSON(f,
		`{"status":-1,"errorNumber":9616,"errorMessage":"has it","licenseAlreadyAssigned":{"licenseId":7}}`, `{"errorNumber":"9625"}`,
		`{"errorNumber":null,"errorMessage":"x"}`, `{"errorNumber":1e99}`, `{"errorMessage":"\ud800"}`, `[{"error`,
		`{"status":-1,"errorNumber":9610,"associations":[ ]}`, `{"status":-3,"errorMessage":5,"disassociations":[{}]}`,
	)
	token, err := vpp.ParseToken([]byte("eyJ0b2tlbiI6InRvcC9zZWNyZXQiLCJleHBEYXRlIjoiMjA5OS0wMy0wNFQwOToxMDoxMSswMDAwIn0="))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, status := range []int{200, 302, 400, 503} {
			_, found := readReported(data)
			e := refusal("op", &rest.Response{Status: status, Body: data})
			if (e == nil) != (status == 200 && !found) {
				t.Fatalf("%q with status %d: %v", data, status, e)
			}
			if e != nil && (e.StatusCode != status || e.Error() == "" || redacted(e, token, false).Error() == "") {
				t.Fatalf("%+v", e)
			}
		}
	})
}

// What others wrote into a client context is kept, and never taken for one's own.
func FuzzClientContext(f *testing.F) {
	for _, text := range []string{"", string(ContextOfVersion2), `{"hostname":"a","guid":"b","ac2":1}`, `{"guid":1}`, `[]`, `null`, `"x"`, `{"guid":"me"}`,
		`{"guid":"ME","a":{"b":[1e99]}}`, "{\"guid\":\"\xff\"}", `{"guid":"a","guid":"me"}`} {
		f.Add(text, "host")
	}
	c, err := New(&vpp.Token{}, &Options{MDM: MDMInfo{Hostname: "h", GUID: "me"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text, hostname string) {
		context := ClientContext(text)
		by, named := context.MDM()
		if c.isOther(context) == strings.EqualFold(by.GUID, "me") && text != "" {
			t.Fatalf("%q is other: %v", text, c.isOther(context))
		}
		if named != (by.GUID != "") {
			t.Fatalf("%q names %+v", text, by)
		}
		next := contextOf(MDMInfo{Hostname: hostname, GUID: "me"}, context)
		if !jsontext.Value(next).IsValid() || c.isOther(next) {
			t.Fatalf("%q became %q", text, next)
		}
		now := next.members()
		for name := range context.members() {
			if _, kept := now[name]; !kept {
				t.Fatalf("%q became %q, without %q", text, next, name)
			}
		}
	})
}

func FuzzPublishedURL(f *testing.F) {
	for _, url := range []string{"https://vpp.itunes.apple.com/mdm/getVPPAssetsSrv", "https://vpp.itunes.apple.com/WebObjects/MZFinance.woa/wa/getVPPAssetsSrv",
		"https://apple.com.evil.test/x", "https://apple.com@evil.test/x", "https://vpp.itunes.apple.com/mdm/../../x", "https://apple.com//", "//vpp.itunes.apple.com/x"} {
		f.Add(url)
	}
	c, err := New(&vpp.Token{}, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, url string) {
		targets := c.targets(&ServiceConfig{GetAssetsURL: url}, true)
		for service, to := range targets {
			base := strings.ToLower(to.engine.BaseURL)
			host, _, _ := strings.Cut(strings.TrimPrefix(base, "https://"), "/")
			host = strings.TrimSuffix(strings.TrimSuffix(host, ":443"), ":")
			if !strings.HasPrefix(base, "https://") || host != "apple.com" && !strings.HasSuffix(host, ".apple.com") {
				t.Fatalf("%s: %q leads to %q", service, url, to.engine.BaseURL)
			}
		}
		if _, ok := targets[serviceAssets]; ok && targets[serviceAssignments].path[len(targets[serviceAssignments].path)-1] != serviceAssignments {
			t.Fatalf("%q: %+v", url, targets)
		}
	})
}
