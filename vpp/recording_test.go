package vpp_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/internal/cassette/proof"
	"github.com/applemdm/applemdm/internal/exchange"
	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

// recordWorld is what the recorded calls are about: first what is true, then what the recording says.
type recordWorld struct {
	serials         []string
	users           []string // associated, registered, and to be created
	email, newEmail string
	account, hook   string
	token           vpp.Secret
	mdm             vpp.MDMInfo
}

// shown is w as the recording tells it.
func (w recordWorld) shown(standIn func(string) string) recordWorld {
	out := recordWorld{
		email: standIn(w.email), newEmail: standIn(w.newEmail), account: standIn(w.account),
		hook: standIn(w.hook), token: vpp.NewSecret(standIn(w.token.Reveal())),
		mdm: vpp.MDMInfo{ID: standIn(w.mdm.ID), Name: standIn(w.mdm.Name), Metadata: standIn(w.mdm.Metadata)},
	}
	for _, serial := range w.serials {
		out.serials = append(out.serials, standIn(serial))
	}
	for _, user := range w.users {
		out.users = append(out.users, standIn(user))
	}
	return out
}

// The assets and the subscription of the recording, which are nobody's secret.
const (
	recordedApp, recordedBook = vpp.AdamID("1000000001"), vpp.AdamID("1000000002")
	recordedSubscription      = vpp.AdamNumber(900001)
)

func recordedAssets() []vpp.AssetKey {
	return []vpp.AssetKey{{AdamID: recordedApp, PricingParam: vpp.PricingStandard}}
}

// recordedCall is a method of Client that makes requests. Those without a call make none.
type recordedCall struct {
	name string
	call func(ctx context.Context, c *vpp.Client, w recordWorld) (any, error)
}

// waited returns what became of an operation.
func waited(ctx context.Context, op *vpp.Operation, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	result, err := op.Wait(ctx)
	if err != nil {
		return nil, err
	}
	return result.Outcomes, nil
}

// reconciled returns what became of a plan.
func reconciled(r *vpp.Reconciliation, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return []any{r.Plan, r.Disassociated.Outcomes, r.Associated.Outcomes}, nil
}

func readingCalls() []recordedCall {
	return []recordedCall{
		{"ServiceConfig", func(ctx context.Context, c *vpp.Client, _ recordWorld) (any, error) { return c.ServiceConfig(ctx) }},
		{"Claim", func(ctx context.Context, c *vpp.Client, _ recordWorld) (any, error) { return c.Claim(ctx) }},
		{"TakeOver", func(ctx context.Context, c *vpp.Client, _ recordWorld) (any, error) { return c.TakeOver(ctx) }},
		{"ClientConfig", func(ctx context.Context, c *vpp.Client, _ recordWorld) (any, error) { return c.ClientConfig(ctx) }},
		{"Assets", func(ctx context.Context, c *vpp.Client, _ recordWorld) (any, error) {
			return exchange.Collect(c.Assets(ctx, vpp.AssetFilter{AdamID: recordedApp, MinAvailableCount: new(1)}))
		}},
		{"AssetPages", func(ctx context.Context, c *vpp.Client, _ recordWorld) (any, error) {
			return exchange.Values(c.AssetPages(ctx, vpp.AssetFilter{}))
		}},
		{"Assignments", func(ctx context.Context, c *vpp.Client, w recordWorld) (any, error) {
			return exchange.Collect(c.Assignments(ctx, vpp.AssignmentFilter{SerialNumber: w.serials[0], IncludeUserState: true}))
		}},
		{"AssignmentPages", func(ctx context.Context, c *vpp.Client, _ recordWorld) (any, error) {
			return exchange.Values(c.AssignmentPages(ctx, vpp.AssignmentFilter{}))
		}},
		{"Users", func(ctx context.Context, c *vpp.Client, w recordWorld) (any, error) {
			return exchange.Collect(c.Users(ctx, vpp.UserFilter{ManagedAppleAccount: w.account}))
		}},
		{"UserPages", func(ctx context.Context, c *vpp.Client, _ recordWorld) (any, error) {
			return exchange.Values(c.UserPages(ctx, vpp.UserFilter{}))
		}},
		{"Snapshot", func(ctx context.Context, c *vpp.Client, _ recordWorld) (any, error) {
			s, err := c.Snapshot(ctx, nil)
			if s != nil {
				s.Taken = time.Time{}
			}
			return s, err
		}},
		{"Invitation", func(ctx context.Context, c *vpp.Client, w recordWorld) (any, error) {
			return c.Invitation(ctx, w.users[1])
		}},
		{"Verify", func(ctx context.Context, c *vpp.Client, w recordWorld) (any, error) {
			held, err := c.Verify(ctx, []vpp.AssignmentKey{{Asset: recordedAssets()[0], SerialNumber: w.serials[0]}})
			return len(held), err
		}},
		{"EnableSubscriptions", func(ctx context.Context, c *vpp.Client, _ recordWorld) (any, error) {
			return nil, c.EnableSubscriptions(ctx)
		}},
		{"Subscriptions", func(ctx context.Context, c *vpp.Client, _ recordWorld) (any, error) {
			return exchange.Collect(c.Subscriptions(ctx, vpp.SubscriptionFilter{}))
		}},
		{"SubscriptionAssignments", func(ctx context.Context, c *vpp.Client, w recordWorld) (any, error) {
			return exchange.Collect(c.SubscriptionAssignments(ctx, vpp.SubscriptionAssignmentFilter{}))
		}},
		{"SubscriptionAdmins", func(ctx context.Context, c *vpp.Client, _ recordWorld) (any, error) {
			return exchange.Collect(c.SubscriptionAdmins(ctx, vpp.SubscriptionAdminFilter{IncludeUserState: true}))
		}},
	}
}

func writingCalls() []recordedCall {
	return []recordedCall{
		{"Subscribe", func(ctx context.Context, c *vpp.Client, w recordWorld) (any, error) {
			return c.Subscribe(ctx, w.hook, w.token)
		}},
		{"Unsubscribe", func(ctx context.Context, c *vpp.Client, _ recordWorld) (any, error) { return nil, c.Unsubscribe(ctx) }},
		{"Associate", func(ctx context.Context, c *vpp.Client, w recordWorld) (any, error) {
			op, err := c.Associate(ctx, recordedAssets(), vpp.Targets{SerialNumbers: w.serials, ClientUserIDs: w.users[:1]})
			return waited(ctx, op, err)
		}},
		{"EventStatus", func(ctx context.Context, c *vpp.Client, w recordWorld) (any, error) {
			op, err := c.Disassociate(ctx, recordedAssets(), vpp.Devices(w.serials[1]))
			if err != nil {
				return nil, err
			}
			return c.EventStatus(ctx, op.Record().Requests[0].EventID)
		}},
		{"Disassociate", func(ctx context.Context, c *vpp.Client, w recordWorld) (any, error) {
			op, err := c.Disassociate(ctx, recordedAssets(), vpp.Users(w.users[0]))
			return waited(ctx, op, err)
		}},
		{"Revoke", func(ctx context.Context, c *vpp.Client, w recordWorld) (any, error) {
			op, err := c.Revoke(ctx, vpp.Devices(w.serials...))
			return waited(ctx, op, err)
		}},
		{"PlanAssignments", func(ctx context.Context, c *vpp.Client, w recordWorld) (any, error) {
			return c.PlanAssignments(ctx, []vpp.Grant{{Assets: recordedAssets(), To: vpp.Devices(w.serials...)}}, vpp.ScopeAssets)
		}},
		{"RunPlan", func(ctx context.Context, c *vpp.Client, w recordWorld) (any, error) {
			return reconciled(c.RunPlan(ctx, &vpp.Plan{Associate: []vpp.Grant{{Assets: recordedAssets(), To: vpp.Devices(w.serials[:2]...)}}}))
		}},
		{"Reconcile", func(ctx context.Context, c *vpp.Client, w recordWorld) (any, error) {
			wishes := []vpp.Grant{{Assets: recordedAssets(), To: vpp.Users(w.users[0])}, {To: vpp.Devices(w.serials...)}}
			return reconciled(c.Reconcile(ctx, wishes, vpp.ScopeTargets))
		}},
		{"CreateUsers", func(ctx context.Context, c *vpp.Client, w recordWorld) (any, error) {
			op, err := c.CreateUsers(ctx, []vpp.UserRequest{{ClientUserID: w.users[2], Email: w.email}})
			return waited(ctx, op, err)
		}},
		{"UpdateUsers", func(ctx context.Context, c *vpp.Client, w recordWorld) (any, error) {
			op, err := c.UpdateUsers(ctx, []vpp.UserRequest{{ClientUserID: w.users[2], Email: w.newEmail}})
			return waited(ctx, op, err)
		}},
		{"EnsureUser", func(ctx context.Context, c *vpp.Client, w recordWorld) (any, error) {
			return c.EnsureUser(ctx, vpp.UserRequest{ClientUserID: w.users[0], ManagedAppleAccount: w.account})
		}},
		{"RetireUsers", func(ctx context.Context, c *vpp.Client, w recordWorld) (any, error) {
			op, err := c.RetireUsers(ctx, w.users[2:])
			return waited(ctx, op, err)
		}},
		{"AssociateSubscriptions", func(ctx context.Context, c *vpp.Client, w recordWorld) (any, error) {
			op, err := c.AssociateSubscriptions(ctx, []vpp.AdamNumber{recordedSubscription}, w.users[:1], true)
			return waited(ctx, op, err)
		}},
		{"DisassociateSubscriptions", func(ctx context.Context, c *vpp.Client, w recordWorld) (any, error) {
			op, err := c.DisassociateSubscriptions(ctx, []vpp.AdamNumber{recordedSubscription}, w.users[:1], false)
			return waited(ctx, op, err)
		}},
		{"AddSubscriptionAdmins", func(ctx context.Context, c *vpp.Client, w recordWorld) (any, error) {
			result, err := c.AddSubscriptionAdmins(ctx, []vpp.AdamNumber{recordedSubscription}, w.users[:1])
			return result, err
		}},
		{"RemoveSubscriptionAdmins", func(ctx context.Context, c *vpp.Client, w recordWorld) (any, error) {
			result, err := c.RemoveSubscriptionAdmins(ctx, []vpp.AdamNumber{recordedSubscription}, w.users[:1])
			return result, err
		}},
		{"DisableSubscriptions", func(ctx context.Context, c *vpp.Client, _ recordWorld) (any, error) {
			refused, ok := errors.AsType[*vpp.Error](c.DisableSubscriptions(ctx)) // while there are some
			if !ok {
				return nil, errors.New("not refused")
			}
			return []any{refused.StatusCode, refused.Number, refused.Message, refused.RequestID}, nil
		}},
	}
}

func recordedCalls() []recordedCall { return append(readingCalls(), writingCalls()...) }

// withoutRequests are the methods of Client that send nothing by themselves.
var withoutRequests = []string{"Notice", "ResumeOperation", "State", "UID"}

func TestEveryCallIsRecorded(t *testing.T) {
	recorded := slices.Clone(withoutRequests)
	for _, call := range recordedCalls() {
		recorded = append(recorded, call.name)
	}
	slices.Sort(recorded)
	var every []string
	for m := range reflect.TypeFor[*vpp.Client]().Methods() {
		every = append(every, m.Name)
	}
	if diff := cmp.Diff(every, recorded); diff != "" {
		t.Errorf("(-every +recorded):\n%s", diff)
	}
}

// newRecordSite is a school with something of everything that must not show.
func newRecordSite(t *testing.T) (*site, recordWorld) {
	t.Helper()
	s := newSite(t, &vpptest.Options{PageSize: 1, EventDelay: time.Minute}, nil)
	s.Location = s.srv.AddLocation(vpptest.LocationOptions{Name: "Springfield Library", OrgName: "Springfield High"})
	s.store(s.Token())
	w := recordWorld{
		users: []string{"student-adaline-17", "teacher-byron-4", "newcomer-99812"}, email: "charles@springfield.example.edu",
		newEmail: "c.babbage@springfield.example.edu", account: "adaline@appleid.springfield.example.edu", hook: "https://mdm.springfield.example.edu/hooks/s3cr3thook",
		token: vpp.NewSecret("h00k-t0ken-h00k-t0ken-h00k-t0ken"),
		mdm:   vpp.MDMInfo{ID: "springfield-mdm-4711", Name: "Springfield MDM", Metadata: "mdm.springfield.example.edu"},
	}
	for i := range 7 {
		w.serials = append(w.serials, fmt.Sprintf("C02SPRNG%03d", 101+i))
	}
	s.Buy(vpptest.Asset{AdamID: string(recordedApp), Total: 50})
	s.Buy(vpptest.Asset{AdamID: string(recordedBook), ProductType: "Book", Total: 5})
	s.CreateUserByOther(w.users[0], "adaline@springfield.example.edu", w.account)
	s.CreateUserByOther(w.users[1], "byron@springfield.example.edu", "")
	for _, serial := range w.serials[:5] {
		s.AssignByOther(string(recordedApp), "STDQ", vpptest.Target{SerialNumber: serial})
	}
	s.srv.DeliverTo(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	return s, w
}

// confidential returns what must not be in a recording, whatever went over the wire.
func (s *site) confidential(w recordWorld) []string {
	list := append(slices.Concat(w.serials, w.users), w.email, w.newEmail, w.account, w.token.Reveal(), w.mdm.ID, string(s.Token()),
		"springfield", "Springfield", "adaline", "byron", "s3cr3thook")
	for _, u := range s.Users() {
		list = append(list, u.InviteCode, u.IDHash, u.Email, u.ManagedAppleID)
	}
	for _, e := range s.Events() {
		list = append(list, e.ID)
	}
	return append(list, s.UID())
}

// wordOfApple is the form of what Apple's documents say: names of members, enumerations, messages.
var wordOfApple = regexp.MustCompile(`^([a-z]+([A-Z][a-z]*)+|[A-Z]+(_[A-Z]+)*|[A-Za-z][A-Za-z ,{}]+\.( [A-Za-z ]+\.)?)$`)

// mayShow reports whether a value tells of nobody. It is written anew here, so that a rule that
// keeps too much is noticed.
func mayShow(value string) bool {
	for _, layout := range []string{time.RFC3339, time.DateOnly, http.TimeFormat} {
		if _, err := time.Parse(layout, value); err == nil {
			return true
		}
	}
	return wordOfApple.MatchString(value) || slices.Contains(harmless, value)
}

// harmless has the other words, and the assets, which may be in a recording.
var harmless = strings.Split(`100000|1000000001|1000000002|900001|Associated|Registered|[redacted]|countryISO2ACode|`+
	`admins|applemdm/0.1 (apps and books client)|application/json|assets|assigned|assignments|associate|available|client|`+
	`config|counts|create|deferred|disable|disassociate|email|enable|enterprisestore|expiring|https://business.apple.com|`+
	`limits|metadata|remove|renewing|retire|revocable|revoke|service|status|subscriptions|total|update|users`, "|")

func TestRecording(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, world := newRecordSite(t)
		confidential := s.confidential(world)
		base := s.srv.Client()
		wire := &proof.Wire{Base: base.Transport}
		base.Transport = wire
		file := filepath.Join(t.TempDir(), "vpp.yaml")
		recorder, err := vpptest.Record(file, base)
		if err != nil {
			t.Fatal(err)
		}
		recorded := s.newClient(t, func(o *vpp.Options) { o.HTTPClient, o.MDM = recorder.Client(), world.mdm })
		results := map[string]any{}
		for _, call := range recordedCalls() {
			result, err := call.call(t.Context(), recorded, world)
			if err != nil {
				t.Fatalf("%s: %v", call.name, err)
			}
			if call.name == "EnableSubscriptions" {
				if err := s.BuySubscription(vpptest.Subscription{AdamID: int64(recordedSubscription), ParentAdamID: 77, Renewing: 2}); err != nil {
					t.Fatal(err)
				}
			}
			results[call.name] = result
		}
		if err := recorder.Save(); err != nil {
			t.Fatal(err)
		}
		confidential = append(confidential, s.confidential(world)...)
		s.shown.NoteFile(t, file)
		if leaks := wire.Leaks(t, file, confidential, mayShow); len(leaks) > 0 {
			t.Errorf("in the recording: %q", leaks)
		}

		requests := s.srv.Count("", "")
		client, err := vpptest.Replay(file)
		if err != nil {
			t.Fatal(err)
		}
		shown := world.shown(recorder.StandIn)
		replayed := s.newClient(t, func(o *vpp.Options) {
			o.HTTPClient, o.MDM, o.BaseURL = client, shown.mdm, recorder.StandIn(o.BaseURL)
		})
		for _, call := range recordedCalls() {
			result, err := call.call(t.Context(), replayed, shown)
			if err != nil {
				t.Errorf("replay of %s: %v", call.name, err)
				continue
			}
			if diff := proof.Diff(t, results[call.name], result, recorder.StandIn); diff != "" {
				t.Errorf("replay of %s (-want +got):\n%s", call.name, diff)
			}
		}
		if n := s.srv.Count("", ""); n != requests {
			t.Errorf("the replay made %d requests", n-requests)
		}
	})
}
