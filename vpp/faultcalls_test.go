package vpp_test

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

// faultCall is a column of the matrix.
type faultCall struct {
	name         string
	method, path string // where the fault happens; the path is a pattern
	skip         int    // requests there that pass before it

	numbered bool  // is a list whose pages have numbers
	cursor   bool  // is a list with a cursor
	split    bool  // takes two requests
	claims   bool  // does not go on when another server claims the location
	already  error // what it gets when it is made again

	prepare func(t *testing.T, c *faultCell)
	do      func(ctx context.Context, c *faultCell) error

	// effect reports whether Apple did what the call is for; nil for calls that only read.
	effect func(t *testing.T, c *faultCell) bool

	// is reports whether an outcome of the operation is as it was asked for; nil without one.
	is func(c *faultCell, o vpp.Outcome) bool
}

// hasEvents reports whether the call begins an operation.
func (call *faultCall) hasEvents() bool { return call.is != nil && call.method == "POST" }

// hasToken reports whether the call sends the content token.
func (call *faultCall) hasToken() bool { return call.path != configPath }

// waits ends a call that begins an operation.
func (c *faultCell) waits(ctx context.Context, op *vpp.Operation, err error) error {
	if err != nil {
		return err
	}
	c.op = op
	r, err := op.Wait(ctx)
	if err != nil {
		return err
	}
	return r.Err()
}

// holds returns a success with something else in it as the error that it is.
func holds(err error, that bool, what any) error {
	if err == nil && !that {
		return fmt.Errorf("a success with something else in it: %+v", what)
	}
	return err
}

// readsAll reads a list by the page and checks that each of want is there, once.
func readsAll[T any](pages iter.Seq2[*vpp.Page[T], error], want int, id func(T) string) error {
	var got []string
	for page, err := range pages {
		if err != nil {
			return err
		}
		if page.Begins {
			got = nil
		}
		for _, item := range page.Items {
			got = append(got, id(item))
		}
	}
	slices.Sort(got)
	return holds(nil, len(got) == want && len(slices.Compact(got)) == want, got)
}

// gives assigns assets to all devices, by somebody else.
func gives(assets ...int) func(*testing.T, *faultCell) {
	return func(_ *testing.T, c *faultCell) {
		for _, i := range assets {
			for _, serial := range serials(10) {
				c.AssignByOther(string(keys(i)[i-1].AdamID), "", vpptest.ToDevice(serial))
			}
		}
	}
}

func (c *faultCell) has(o vpp.Outcome) bool {
	return slices.Contains(c.Assignments(), vpptest.Assignment{
		AdamID: string(o.Asset.AdamID), PricingParam: vpptest.Standard, ClientUserID: o.ClientUserID, SerialNumber: o.SerialNumber,
	})
}

func (c *faultCell) hasNone(o vpp.Outcome) bool {
	return !slices.ContainsFunc(c.Assignments(), func(a vpptest.Assignment) bool { return a.SerialNumber == o.SerialNumber })
}

func (c *faultCell) active(o vpp.Outcome) bool {
	_, is := c.User(o.ClientUserID)
	return is
}

// assigned reports whether there are so many assignments.
func assigned(n int) func(*testing.T, *faultCell) bool {
	return func(_ *testing.T, c *faultCell) bool { return len(c.Assignments()) == n }
}

// activeUsers reports whether there are so many active users.
func activeUsers(n int) func(*testing.T, *faultCell) bool {
	return func(_ *testing.T, c *faultCell) bool {
		active := 0
		for _, u := range c.Users() {
			if u.Status != vpptest.Retired {
				active++
			}
		}
		return active == n
	}
}

// seats returns how many seats are with users.
func (c *faultCell) seats() (n int) {
	for _, s := range c.Subscriptions() {
		n += s.AssignedRenewing + s.AssignedExpiring
	}
	return n
}

// truth reads the configuration as another client sees it.
func (c *faultCell) truth(t *testing.T) *vpp.ClientConfig {
	t.Helper()
	other := c.newClient(t, func(o *vpp.Options) { o.OnState = nil })
	config, err := other.ClientConfig(t.Context())
	if err != nil {
		return new(vpp.ClientConfig) // the token is revoked
	}
	return config
}

// userIDs returns the IDs of [site.people], or of users that do not exist yet.
func userIDs(prefix string, n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprint(prefix, "-", i+1)
	}
	return ids
}

func newUsers(n int) (users []vpp.UserRequest) {
	for _, id := range userIDs("new", n) {
		users = append(users, vpp.UserRequest{ClientUserID: id, Email: id + "@example.test"})
	}
	return users
}

var faultCalls = []*faultCall{
	{
		name: "service config", method: "GET", path: configPath,
		do: func(ctx context.Context, c *faultCell) error {
			config, err := c.newClient(c.t, c.watched).ServiceConfig(ctx)
			return holds(err, err == nil && config.Limits.MaxUsers > 0, config)
		},
	},
	{
		name: "client config", method: "GET", path: "/mdm/v2/client/config",
		do: func(ctx context.Context, c *faultCell) error {
			config, err := c.client.ClientConfig(ctx)
			return holds(err, err == nil && config.LocationName == "Location 1", config)
		},
	},
	{
		name: "claim", method: "POST", path: "/mdm/v2/client/config",
		do: func(ctx context.Context, c *faultCell) error {
			config, err := c.client.Claim(ctx)
			return holds(err, err == nil && config.MDMInfo == wireMDM, config)
		},
		effect: func(t *testing.T, c *faultCell) bool { return c.truth(t).MDMInfo == wireMDM },
	},
	{
		name: "assets", method: "GET", path: "/mdm/v2/assets", skip: 1, numbered: true,
		do: func(ctx context.Context, c *faultCell) error {
			return readsAll(c.client.AssetPages(ctx, vpp.AssetFilter{}), 10, func(a vpp.Asset) string { return string(a.AdamID) })
		},
	},
	{
		name: "assignments", method: "GET", path: "/mdm/v2/assignments", skip: 1, numbered: true, prepare: gives(1),
		do: func(ctx context.Context, c *faultCell) error {
			return readsAll(c.client.AssignmentPages(ctx, vpp.AssignmentFilter{}), 10, func(a vpp.Assignment) string { return a.SerialNumber })
		},
	},
	{
		name: "users", method: "GET", path: "/mdm/v2/users", skip: 1, numbered: true,
		do: func(ctx context.Context, c *faultCell) error {
			return readsAll(c.client.UserPages(ctx, vpp.UserFilter{}), 10, func(u vpp.User) string { return u.ClientUserID })
		},
	},
	{
		name: "subscriptions", method: "GET", path: "/mdm/v2/subscriptions", skip: 1, cursor: true,
		do: func(ctx context.Context, c *faultCell) error {
			found := make(map[vpp.AdamNumber]bool)
			for s, err := range c.client.Subscriptions(ctx, vpp.SubscriptionFilter{}) {
				if err != nil {
					return err
				}
				found[s.AdamID] = true
			}
			return holds(nil, len(found) == 10, found)
		},
	},
	{
		name: "associate", method: "POST", path: associatePath, claims: true,
		do: func(ctx context.Context, c *faultCell) error {
			op, err := c.client.Associate(ctx, keys(2), vpp.Devices(serials(10)...))
			return c.waits(ctx, op, err)
		},
		effect: assigned(20), is: (*faultCell).has,
	},
	{
		name: "in two requests", method: "POST", path: associatePath, claims: true, split: true,
		do: func(ctx context.Context, c *faultCell) error {
			op, err := c.client.Associate(ctx, keys(2), vpp.Devices(serials(10)...))
			return c.waits(ctx, op, err)
		},
		effect: assigned(20), is: (*faultCell).has,
	},
	{
		name: "disassociate", method: "POST", path: "/mdm/v2/assets/disassociate", claims: true, prepare: gives(1, 2),
		do: func(ctx context.Context, c *faultCell) error {
			op, err := c.client.Disassociate(ctx, keys(2), vpp.Devices(serials(10)...))
			return c.waits(ctx, op, err)
		},
		effect: assigned(0), is: func(c *faultCell, o vpp.Outcome) bool { return !c.has(o) },
	},
	{
		name: "revoke", method: "POST", path: "/mdm/v2/assets/revoke", claims: true, prepare: gives(1, 2),
		do: func(ctx context.Context, c *faultCell) error {
			op, err := c.client.Revoke(ctx, vpp.Devices(serials(10)...))
			return c.waits(ctx, op, err)
		},
		effect: assigned(0), is: (*faultCell).hasNone,
	},
	{
		name: "create users", method: "POST", path: "/mdm/v2/users/create", claims: true, already: vpp.ErrUserExists,
		do: func(ctx context.Context, c *faultCell) error {
			op, err := c.client.CreateUsers(ctx, newUsers(5))
			return c.waits(ctx, op, err)
		},
		effect: activeUsers(15), is: (*faultCell).active,
	},
	{
		name: "update users", method: "POST", path: "/mdm/v2/users/update", claims: true,
		do: func(ctx context.Context, c *faultCell) error {
			var users []vpp.UserRequest
			for _, id := range userIDs("u", 5) {
				users = append(users, vpp.UserRequest{ClientUserID: id, Email: "new@example.test"})
			}
			op, err := c.client.UpdateUsers(ctx, users)
			return c.waits(ctx, op, err)
		},
		effect: func(_ *testing.T, c *faultCell) bool {
			n := 0
			for _, u := range c.Users() {
				if u.Email == "new@example.test" {
					n++
				}
			}
			return n == 5
		},
		is: func(c *faultCell, o vpp.Outcome) bool {
			u, _ := c.User(o.ClientUserID)
			return u.Email == "new@example.test"
		},
	},
	{
		name: "retire users", method: "POST", path: "/mdm/v2/users/retire", claims: true, already: vpp.ErrUserNotFound,
		do: func(ctx context.Context, c *faultCell) error {
			op, err := c.client.RetireUsers(ctx, userIDs("u", 5))
			return c.waits(ctx, op, err)
		},
		effect: activeUsers(5), is: func(c *faultCell, o vpp.Outcome) bool { return !c.active(o) },
	},
	{
		name: "give seats", method: "POST", path: "/mdm/v2/subscriptions/associate", claims: true,
		do: func(ctx context.Context, c *faultCell) error {
			op, err := c.client.AssociateSubscriptions(ctx, []vpp.AdamNumber{900001}, userIDs("u", 8), true)
			return c.waits(ctx, op, err)
		},
		effect: func(_ *testing.T, c *faultCell) bool { return c.seats() == 8 },
		is:     func(c *faultCell, o vpp.Outcome) bool { return o.Status == vpp.StatusDone },
	},
	{
		name: "administrators", method: "POST", path: "/mdm/v2/subscriptions/admins/add",
		do: func(ctx context.Context, c *faultCell) error {
			r, err := c.client.AddSubscriptionAdmins(ctx, []vpp.AdamNumber{900001}, userIDs("u", 2))
			if err != nil {
				return err
			}
			return r.Err()
		},
	},
	{
		name: "status", method: "GET", path: statusPath,
		prepare: func(t *testing.T, c *faultCell) {
			c.associate(t, 1, 5)
			later(time.Minute)
		},
		do: func(ctx context.Context, c *faultCell) error {
			status, err := c.client.EventStatus(ctx, c.Events()[0].ID)
			return holds(err, err == nil && status.State == vpp.EventComplete, status)
		},
	},
	{
		name: "wait", method: "GET", path: statusPath,
		prepare: func(t *testing.T, c *faultCell) { c.op = c.associate(t, 2, 5) },
		do:      func(ctx context.Context, c *faultCell) error { return c.waits(ctx, c.op, nil) },
		effect:  assigned(10), is: (*faultCell).has,
	},
	{
		name: "read back", method: "GET", path: "/mdm/v2/assignments", skip: 1,
		prepare: func(t *testing.T, c *faultCell) {
			c.NextEvents(vpptest.ForgetRun)
			c.op = c.associate(t, 2, 5)
		},
		do:     func(ctx context.Context, c *faultCell) error { return c.waits(ctx, c.op, nil) },
		effect: assigned(10), is: (*faultCell).has,
	},
	{
		name: "subscribe", method: "POST", path: "/mdm/v2/client/config",
		do: func(ctx context.Context, c *faultCell) error {
			config, err := c.client.Subscribe(ctx, hookURL, hookToken)
			return holds(err, err == nil && config.NotificationURL == hookURL, config)
		},
		effect: func(t *testing.T, c *faultCell) bool { return c.truth(t).NotificationURL == hookURL },
	},
}
