package axmtest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/applemdm/applemdm/axm/axmtest"
)

func blueprintText(id, attributes, relationships string) string {
	text := strings.Replace(serverText(id, attributes), "mdmServers", "blueprints", 1)
	return strings.TrimSuffix(text, "}}") + `,"relationships":{` + relationships + `}}}`
}

// linksText is a list of linkages of one kind.
func linksText(kind string, ids ...string) string {
	var out []string
	for _, id := range ids {
		out = append(out, fmt.Sprintf(`{"type":%q,"id":%q}`, kind, id))
	}
	return `{"data":[` + strings.Join(out, ",") + `]}`
}

func relation(kind string, ids ...string) string { return `"` + kind + `":` + linksText(kind, ids...) }

func startBlueprints(t *testing.T) *client {
	c := start(t, nil)
	c.org.Apps.Add(axmtest.App{ID: "1", Name: "Sums"}, axmtest.App{ID: "2"})
	c.org.Packages.Add(axmtest.Package{ID: "p"})
	c.org.Configurations.Add(axmtest.Configuration{ID: "c"})
	c.org.Users.Add(axmtest.User{ID: "u"})
	c.org.UserGroups.Add(axmtest.UserGroup{ID: "g"})
	c.org.AddSerials("A", "B", "C")
	return c
}

func TestBlueprintLifecycle(t *testing.T) {
	c := startBlueprints(t)
	a := c.want("POST", "blueprints", blueprintText("", `"name":"lab-ipads","description":"Lab"`, relation("apps", "1", "none", "1")+","+relation("orgDevices", "A", "Z")), 201, "")
	made := decode[struct{ Data item }](t, a).Data
	if got := made.attributes("name", "description", "status", "appLicenseDeficient"); got != `"lab-ipads" "Lab" "ACTIVE" false` || !strings.HasSuffix(a.body, `,"included":[]}`) {
		t.Error(a)
	}
	path := "blueprints/" + made.ID
	self := c.srv.URL + "/v1/" + path
	if got := fmt.Sprint(made.Relationships["apps"]); got != fmt.Sprintf("map[links:map[include:%s?include=apps self:%s/relationships/apps]]", self, self) || len(made.Relationships) != 6 {
		t.Error(got)
	}
	for kind, id := range map[string]string{"apps": "2", "packages": "p", "configurations": "c", "orgDevices": "B", "users": "u", "userGroups": "g"} {
		link := path + "/relationships/" + kind
		before := c.list(link).ids()
		c.want("POST", link, linksText(kind, id, "unknown"), 204, "")
		if got := c.list(link); got.ids() != strings.TrimSpace(before+" "+id) || got.Data[0].Type != kind {
			t.Errorf("%s: %+v", kind, got)
		}
		c.want("DELETE", link, linksText(kind, id, "unknown"), 204, "")
		if got := c.list(link).ids(); got != before {
			t.Errorf("%s: %s", kind, got)
		}
		if a := c.wantError("PATCH", link, linksText(kind, id), "403 FORBIDDEN_ERROR"); !strings.Contains(a.body, `does not allow 'REPLACE'. Allowed operations: CREATE, DELETE, GET_RELATIONSHIP.`) {
			t.Error(a)
		}
		c.wantViolation("method is not one of this path")
		c.wantError("POST", link, linksText("devices", id), "409 ENTITY_ERROR.RELATIONSHIP.INVALID /data")
		c.wantError("POST", link, linksText(kind), "409 ENTITY_ERROR.RELATIONSHIP.REQUIRED /data")
		c.wantError("POST", link, `{`, "400 ENTITY_INVALID")
		c.wantError("DELETE", link, ``, "400 ENTITY_INVALID")
		c.wantError("POST", "blueprints/x/relationships/"+kind, linksText(kind, id), "404 NOT_FOUND")
		c.srv.ResetReceived()
	}
	c.want("PATCH", path, blueprintText(made.ID, `"description":""`, relation("orgDevices", "B", "C")), 200, "")
	b, _ := c.org.Blueprints.Get(made.ID)
	if b.Name != "lab-ipads" || b.Description != "" || fmt.Sprint(b.Devices, b.Apps) != "[B C] [1]" {
		t.Errorf("%+v", b)
	}
	c.org.MDMDevices.Add(axmtest.MDMDevice{ID: "m", SerialNumber: "B"}, axmtest.MDMDevice{ID: "n", SerialNumber: "C"})
	c.org.ReleaseDevices("B")
	if b, _ = c.org.Blueprints.Get(made.ID); fmt.Sprint(b.Devices) != "[C]" || c.list("mdmDevices").ids() != "n" {
		t.Errorf("a released device is still there: %+v", b)
	}
	c.wantNoViolations()
	c.want("PATCH", path, blueprintText(made.ID, ``, ``), 200, "")
	c.wantViolation("nothing to change")
	c.want("DELETE", path, "", 204, "")
	c.wantError("DELETE", path, "", "404 NOT_FOUND")
	c.wantError("PATCH", path, blueprintText(made.ID, ``, ``), "404 NOT_FOUND")
}

func TestBlueprintRefusals(t *testing.T) {
	c := startBlueprints(t)
	both := relation("apps", "1") + "," + relation("users", "u")
	for name, tt := range map[string]struct{ body, want string }{
		"blank in the name": {blueprintText("", `"name":"lab ipads"`, both), "409 ENTITY_ERROR.ATTRIBUTE.INVALID /data/attributes/name"},
		"empty name":        {blueprintText("", `"name":""`, both), "409 ENTITY_ERROR.ATTRIBUTE.INVALID /data/attributes/name"},
		"no name":           {blueprintText("", ``, both), "409 ENTITY_ERROR.ATTRIBUTE.REQUIRED /data/attributes/name"},
		"no resources":      {blueprintText("", `"name":"a"`, relation("users", "u")+","+relation("apps")), "409 ENTITY_ERROR.MISSING_RESOURCES /data/relationships"},
		"no members":        {blueprintText("", `"name":"a"`, relation("apps", "1")), "409 ENTITY_ERROR.MISSING_MEMBERS /data/relationships"},
		"relationship":      {blueprintText("", `"name":"a"`, both+","+relation("devices", "A")), "409 ENTITY_ERROR.RELATIONSHIP.INVALID /data/relationships/devices"},
		"type":              {blueprintText("", `"name":"a"`, `"apps":`+linksText("users", "u")), "409 ENTITY_ERROR.RELATIONSHIP.INVALID /data/relationships/apps"},
		"no id":             {blueprintText("", `"name":"a"`, relation("apps", "")), "409 ENTITY_ERROR.RELATIONSHIP.INVALID /data/relationships/apps"},
		"no document":       {`1`, "400 ENTITY_INVALID"},
	} {
		t.Run(name, func(t *testing.T) {
			clientOf(t, c.srv, c.org).wantError("POST", "blueprints", tt.body, tt.want)
		})
	}
	id := c.org.Blueprints.Add(axmtest.Blueprint{Name: "a", Apps: []string{"1"}})[0]
	c.wantError("PATCH", "blueprints/"+id, blueprintText(id, `"name":"a b"`, both), "409 ENTITY_ERROR.ATTRIBUTE.INVALID /data/attributes/name")
	c.wantError("PATCH", "blueprints/"+id, blueprintText("x", ``, ``), "409 ENTITY_ERROR.ATTRIBUTE.INVALID /data/id")
	if b, _ := c.org.Blueprints.Get(id); len(c.org.Blueprints.All()) != 1 || b.Name != "a" || b.Users != nil {
		t.Errorf("%+v", b)
	}
}

func TestInclude(t *testing.T) {
	c := startBlueprints(t)
	c.org.Blueprints.Add(
		axmtest.Blueprint{ID: "b-1", Name: "one", Apps: []string{"1", "2"}, Devices: []string{"A", "B"}, Configurations: []string{"c"}, Packages: []string{"p"}, Users: []string{"u"}, UserGroups: []string{"g"}},
		axmtest.Blueprint{ID: "b-2", Name: "two", Apps: []string{"2"}, Devices: []string{"C", "gone"}},
	)
	const every = "?include=apps,packages,configurations,orgDevices,users,userGroups"
	doc := decode[struct {
		Data     item
		Included []item
	}](t, c.want("GET", "blueprints/b-1"+every+"&limit[apps]=1", "", 200, ""))
	if got := idsOf(doc.Included); got != "1 p c A B u g" || doc.Included[0].attributes("name") != `"Sums"` {
		t.Errorf("%+v", doc.Included)
	}
	if got := fmt.Sprint(doc.Data.Relationships["apps"]); !strings.HasPrefix(got, "map[data:[map[id:1 type:apps]] links:") || !strings.HasSuffix(got, "meta:map[paging:map[limit:1 total:2]]]") {
		t.Error(got)
	}
	l := c.list("blueprints?include=apps,orgDevices")
	if got := idsOf(l.Included); l.ids() != "b-1 b-2" || got != "1 2 A B C" {
		t.Errorf("%s with %s", l.ids(), got)
	}
	if l := c.list("blueprints?include=apps&limit=1"); l.ids() != "b-1" || idsOf(l.Included) != "1 2" || !strings.Contains(l.Links.Next, "include=apps") {
		t.Errorf("%+v", l)
	}
	if a := c.get("blueprints"); strings.Contains(a.body, "included") {
		t.Error(a)
	}
	if got := c.one("blueprints/b-1?fields[blueprints]=name,apps"); len(got.Attributes) != 1 || len(got.Relationships) != 1 {
		t.Errorf("%+v", got)
	}
	for query, want := range map[string]string{
		"?include=devices":                 "400 PARAMETER_ERROR.INVALID include",
		"?include=apps&limit[apps]=1001":   "400 PARAMETER_ERROR.INVALID limit[apps]",
		"?include=apps&limit[x]=1":         "400 PARAMETER_ERROR.ILLEGAL limit[x]",
		"?include=apps&include=packages":   "400 PARAMETER_ERROR.INVALID include",
		"?fields[blueprints]=name,status ": "400 PARAMETER_ERROR.INVALID fields[blueprints]",
	} {
		query = strings.ReplaceAll(query, " ", "%20")
		c.wantError("GET", "blueprints"+query, "", want)
		c.wantError("GET", "blueprints/b-1"+query, "", want)
	}
	c.wantNoViolations()
}
