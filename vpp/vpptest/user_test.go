package vpptest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/applemdm/applemdm/vpp/vpptest"
)

func states(l *vpptest.Location) string {
	var out []string
	for _, u := range l.Users() {
		out = append(out, u.ClientUserID+":"+u.Status)
	}
	return strings.Join(out, " ")
}

func TestUsers(t *testing.T) {
	c := start(t, nil)
	c.done("/users/create", `{"users":[{"clientUserId":"u-17","email":"pat@acme.example"},{"clientUserId":"u-18","managedAppleId":"Kim@appleid.acme.example"}]}`)
	u17, _ := c.loc.User("u-17")
	u18, _ := c.loc.User("u-18")
	if len(u17.InviteCode) != 32 || u17.IDHash != "" || u18.IDHash == "" || u18.InviteCode != "" || u18.ManagedAppleID != "kim@appleid.acme.example" {
		t.Errorf("%+v, %+v", u17, u18)
	}
	c.want("/users?activeOnly=true", "", 200, `{"currentPageIndex":0,"size":2,"totalPages":1,"uId":"2049000000000001","users":[`+
		`{"clientUserId":"u-17","email":"pat@acme.example","inviteCode":"`+u17.InviteCode+`","status":"Registered"},`+
		`{"clientUserId":"u-18","idHash":"`+u18.IDHash+`","status":"Associated"}],"versionId":"`+c.version("/users")+`"}`)
	if a := c.get("/users?managedAppleId=kim@appleid.acme.example"); !strings.Contains(a.body, `"size":1`) || !strings.Contains(a.body, "u-18") {
		t.Error(a)
	}
	if a := c.get("/users?clientUserId=u-17&retiredOnly=true"); !strings.Contains(a.body, `"users":[]`) {
		t.Error(a)
	}
	c.done("/users/update", `{"users":[{"clientUserId":"u-17","email":"p.lee@acme.example"},{"clientUserId":"u-18","managedAppleId":"kim2@appleid.acme.example"}]}`)
	u17, _ = c.loc.User("u-17")
	again, _ := c.loc.User("u-18")
	if u17.Email != "p.lee@acme.example" || u17.Status != vpptest.Registered || again.IDHash == u18.IDHash {
		t.Errorf("%+v, %+v", u17, again)
	}
	c.done("/users/create", `{"users":[{"clientUserId":"u-19","managedAppleId":"kim@appleid.acme.example"}]}`) // free again
	c.wantNoViolations()
}

func TestAccounts(t *testing.T) {
	srv := vpptest.NewServer(&vpptest.Options{AccountCollision: 9635})
	defer srv.Close()
	c := clientOf(t, srv, srv.AddLocation(vpptest.LocationOptions{Accounts: []string{"@school.example", "head@other.example"}}))
	create := func(id, account, want string) {
		t.Helper()
		c.wantStatus(c.event("/users/create", fmt.Sprintf(`{"users":[{"clientUserId":%q,"managedAppleId":%q}]}`, id, account)), want)
	}
	create("a", "pat@School.example", "CREATE COMPLETE 1/1")
	create("b", "head@other.example", "CREATE COMPLETE 1/1")
	create("c", "tail@other.example", "CREATE FAILED 0/1 9635")
	create("d", "pat@school.example", "CREATE FAILED 0/1 9635") // the collision, by option
	create("a", "", "CREATE FAILED 0/1 9716")

	c = start(t, nil)
	create("a", "pat@school.example", "CREATE COMPLETE 1/1")
	create("d", "pat@school.example", "CREATE FAILED 0/1 9641")
	create("d", "", "CREATE COMPLETE 1/1")
	c.wantStatus(c.event("/users/update", `{"users":[{"clientUserId":"d","managedAppleId":"pat@school.example"}]}`), "UPDATE FAILED 0/1 9641")
	c.wantStatus(c.event("/users/update", `{"users":[{"clientUserId":"a","managedAppleId":"pat@school.example"}]}`), "UPDATE COMPLETE 1/1")
}

func TestLateUserNotFound(t *testing.T) {
	c := start(t, &vpptest.Options{LateUserNotFound: true})
	c.wantStatus(c.event("/users/update", `{"users":[{"clientUserId":"x"}]}`), "UPDATE FAILED 0/1 9609")
	st := c.wantStatus(c.event("/users/retire", `{"users":[{"clientUserId":"x"}]}`), "RETIRE FAILED 0/1 9609")
	if st.Failures[0].Info.Users[0] != "x" {
		t.Errorf("%+v", st.Failures[0])
	}
	c.wantStatus(c.event("/assets/revoke", `{"clientUserIds":["x"]}`), "REVOKE FAILED 0/1 9609")
	c.loc.Buy(vpptest.Asset{AdamID: "1", Total: 1})
	c.wantStatus(c.event("/assets/disassociate", one+`"clientUserIds":["x"]}`), "DISASSOCIATE FAILED 0/1 9609")
}

// What a user goes through, with an app and a book.
func TestUserLife(t *testing.T) {
	c := start(t, nil)
	c.loc.Buy(vpptest.Asset{AdamID: "1", Total: 5})
	c.loc.Buy(vpptest.Asset{AdamID: "2", Total: 5, ProductType: vpptest.Book})
	counts := func(want string) {
		t.Helper()
		got := ""
		for _, a := range c.loc.Assets() {
			got += fmt.Sprint(a.Assigned, a.Available, a.Retired, a.Total, " ")
		}
		if got != want {
			t.Errorf("counts %q, want %q", got, want)
		}
	}
	both := `{"assets":[{"adamId":"1","pricingParam":"STDQ"},{"adamId":"2","pricingParam":"STDQ"}],"clientUserIds":["u"]}`
	create, retire := `{"users":[{"clientUserId":"u"}]}`, `{"users":[{"clientUserId":"u"}]}`

	c.done("/users/create", create)
	c.done("/assets/associate", both) // a registered user may have licences
	counts("1 4 0 5 1 4 0 5 ")
	code := c.loc.Users()[0].InviteCode
	c.done("/users/retire", retire)
	counts("0 5 0 5 0 4 1 5 ") // the book is lost
	c.done("/users/create", create)
	counts("0 5 0 5 1 4 0 5 ") // never linked, so it is the same record, and has its book
	if states(c.loc) != "u:Registered" || c.loc.Users()[0].InviteCode == code {
		t.Errorf("%+v", c.loc.Users())
	}
	if c.loc.AcceptInvitation("nobody", "") || !c.loc.AcceptInvitation("u", "pat@icloud.example") || c.loc.AcceptInvitation("u", "") {
		t.Error("AcceptInvitation")
	}
	c.done("/users/retire", retire)
	c.done("/users/create", create)
	if states(c.loc) != "u:Retired u:Registered" {
		t.Error(states(c.loc))
	}
	c.done("/assets/associate", `{"assets":[{"adamId":"2","pricingParam":"STDQ"}],"clientUserIds":["u"]}`)
	counts("0 5 0 5 1 3 1 5 ")
	// With the earlier Apple Account the earlier record comes back, and with it its book.
	if !c.loc.AcceptInvitation("u", "Pat@icloud.example") || states(c.loc) != "u:Associated u:Retired" {
		t.Error(states(c.loc))
	}
	counts("0 5 0 5 1 3 1 5 ")
	c.done("/users/retire", retire)
	// A Managed Apple Account moves what is left of the earlier record of that account.
	c.done("/users/create", `{"users":[{"clientUserId":"u","managedAppleId":"pat@icloud.example"}]}`)
	if states(c.loc) != "u:Deleted u:Associated" {
		t.Error(states(c.loc))
	}
	c.loc.CreateUserByOther("w", "", "")
	if c.loc.AcceptInvitation("w", "pat@icloud.example") {
		t.Error("two users of one Apple Account")
	}
	if _, there := c.loc.User("x"); there {
		t.Error("a user who does not exist")
	}
	c.wantNoViolations()
}
