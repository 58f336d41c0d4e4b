package interop

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/micromdm/nanoaxm/client"
	"github.com/micromdm/nanoaxm/goaxm"
	"github.com/micromdm/nanoaxm/goaxm/abm"
	"github.com/micromdm/nanoaxm/http/proxy"
	"github.com/micromdm/nanoaxm/storage"
	"github.com/micromdm/nanoaxm/storage/inmem"
	"github.com/micromdm/nanolib/log"

	"github.com/applemdm/applemdm/axm/axmtest"
)

// axmStore is nanoaxm's storage with the credentials of an account.
func axmStore(t *testing.T, account *axmtest.Account, pem []byte) *inmem.InMem {
	t.Helper()
	store := inmem.New()
	err := store.StoreAuthCredentials(t.Context(), "name", storage.AuthCredentials{
		ClientID: account.ClientID(), KeyID: account.Key().ID, PrivateKeyPEM: pem,
	})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// TestNanoaxm runs every call of nanoaxm against the simulator, at Apple's host names.
func TestNanoaxm(t *testing.T) {
	srv := axmtest.NewServer(&axmtest.Options{TLS: true})
	defer srv.Close()
	org := srv.AddOrg(axmtest.OrgOptions{})
	account := org.Account()
	first := org.AddServer(axmtest.MDMServer{Name: "First"})
	org.AddServer(axmtest.MDMServer{Name: "Second"})
	org.AddSerials("A", "B")
	for name, pem := range map[string][]byte{ // nanoaxm reads no other label
		"as the portal has it": account.Key().PEM(),
		"SEC1":                 account.Key().PEMAs(axmtest.ECPrivateKey, axmtest.SEC1),
	} {
		t.Run(name, func(t *testing.T) {
			c := goaxm.NewClient(axmStore(t, account, pem), goaxm.WithClient(srv.Client()))
			nanoaxmServers(t, account, c)
			nanoaxmActivities(t, org, c, first)
		})
	}
	if v := srv.Violations(); len(v) != 0 {
		t.Errorf("violations: %q", v)
	}
}

func nanoaxmServers(t *testing.T, account *axmtest.Account, c *goaxm.Client) {
	t.Helper()
	page, err := c.ABMv1MDMServers(t.Context(), "name", url.Values{"limit": {"1"}, "fields[mdmServers]": {"serverName,createdDateTime"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Data) != 1 || *page.Data[0].Attributes.ServerName != "First" || page.Meta.Paging.NextCursor == nil || *page.Meta.Paging.Total != 2 {
		t.Errorf("%+v", page)
	}
	account.ExpireTokens() // it gets another one by itself
	page, err = c.ABMv1MDMServers(t.Context(), "name", url.Values{"limit": {"1"}, "cursor": {*page.Meta.Paging.NextCursor}})
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Data) != 1 || *page.Data[0].Attributes.ServerName != "Second" || page.Meta.Paging.NextCursor != nil {
		t.Errorf("%+v", page)
	}
	_, err = c.ABMv1MDMServers(t.Context(), "name", url.Values{"limit": {"0"}})
	refused, ok := errors.AsType[*goaxm.ABMErrorResponseError](err)
	if !ok || len(refused.Errors) != 1 || refused.Errors[0].Status != "400" || refused.Errors[0].Code != "PARAMETER_ERROR.INVALID" {
		t.Errorf("error %v", err)
	}
}

func nanoaxmActivities(t *testing.T, org *axmtest.Org, c *goaxm.Client, server string) {
	t.Helper()
	request := &abm.OrgDeviceActivityCreateRequestJson{}
	data := &request.Data
	data.Type = "orgDeviceActivities"
	data.Attributes.ActivityType = "ASSIGN_DEVICES"
	data.Relationships.MdmServer = &abm.OrgDeviceActivityCreateRequestDataRelationshipsMdmServer{
		Data: abm.OrgDeviceActivityCreateRequestDataRelationshipsMdmServerData{Type: "mdmServers", Id: server},
	}
	for _, serial := range []string{"A", "B"} {
		data.Relationships.Devices.Data = append(data.Relationships.Devices.Data,
			abm.OrgDeviceActivityCreateRequestDataRelationshipsDevicesData{Type: "orgDevices", Id: serial})
	}
	org.AssignDevices("", "A", "B")
	answer, err := c.ABMv1OrgDeviceActivities(t.Context(), "name", request)
	if err != nil {
		t.Fatal(err)
	}
	attrs := answer.Data.Attributes
	if answer.Data.Id == "" || *attrs.Status != "IN_PROGRESS" || *attrs.SubStatus != "SUBMITTED" || attrs.CreatedDateTime == nil {
		t.Errorf("%+v", answer)
	}
	for _, d := range org.Devices() {
		if d.ServerID != server {
			t.Errorf("%s was not assigned", d.SerialNumber)
		}
	}
	data.Relationships.MdmServer.Data.Id = "UNKNOWN"
	_, err = c.ABMv1OrgDeviceActivities(t.Context(), "name", request)
	refused, ok := errors.AsType[*goaxm.ABMErrorResponseError](err)
	if !ok || len(refused.Errors) != 1 || refused.Errors[0].Status != "409" {
		t.Errorf("error %v", err)
	}
}

// TestNanoaxmProxy sends requests of both APIs through nanoaxm's proxy.
func TestNanoaxmProxy(t *testing.T) {
	srv := axmtest.NewServer(&axmtest.Options{TLS: true})
	defer srv.Close()
	for host, kind := range map[string]axmtest.OrgKind{"api-business.apple.com": axmtest.Business, "api-school.apple.com": axmtest.School} {
		org := srv.AddOrg(axmtest.OrgOptions{Kind: kind})
		org.AddSerials("A", "B")
		store := axmStore(t, org.Account(), org.Account().Key().PEM())
		transport := client.NewTransport(srv.Client().Transport, srv.Client(), store, uuid.NewString)
		handler := proxy.NewNameMiddleware(proxy.New(transport, "https://"+host, log.NopLogger), log.NopLogger)
		get := func(path string) *httptest.ResponseRecorder {
			r := httptest.NewRequest("GET", "/", nil)
			r.URL.Path, r.RequestURI = "name"+path, ""
			r.Header.Set("Accept", "application/json")
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			return w
		}
		if w := get("/v1/orgDevices"); w.Code != 200 || !strings.Contains(w.Body.String(), `"id":"B"`) || !strings.Contains(w.Body.String(), "https://"+host+"/v1/orgDevices/A") {
			t.Errorf("%s: %d %s", host, w.Code, w.Body)
		}
		want := map[axmtest.OrgKind]int{axmtest.Business: http.StatusOK, axmtest.School: http.StatusForbidden}[kind]
		if w := get("/v1/users"); w.Code != want {
			t.Errorf("%s: %d %s", host, w.Code, w.Body)
		}
	}
	if v := srv.Violations(); len(v) != 0 {
		t.Errorf("violations: %q", v)
	}
}
