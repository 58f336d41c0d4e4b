package axm_test

import (
	"context"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/applemdm/applemdm/axm"
	"github.com/applemdm/applemdm/internal/exchange"
)

// auditDay is a day and half a second, not in UTC.
func auditDay() axm.AuditFilter {
	start := time.Date(2026, 9, 1, 2, 0, 0, 0, time.FixedZone("CEST", 2*60*60))
	return axm.AuditFilter{Start: start, End: start.Add(24*time.Hour + 500*time.Millisecond)}
}

func auditReplays() []replay {
	some := auditDay()
	some.ActorID, some.SubjectID, some.Type = "a-1", "s-1", axm.EventAPIAccountKeyRevoked
	return []replay{
		{"audit/events",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return exchange.Values(c.AuditEventPages(ctx, auditDay(), axm.ListOptions{}))
			},
			[]axm.Page[axm.AuditEvent]{
				{Begins: true, Cursor: "abc", Items: []axm.AuditEvent{{
					ID: "e-1", EventTime: "2026-09-01T09:00:00.000Z", Type: axm.EventDeviceAssignedToServer, Category: axm.CategoryDeviceManagement,
					Outcome: axm.EventSuccess, GroupID: "grp-1", ActorType: axm.ActorAPIUser, ActorID: "a-1", ActorName: "ci",
					SubjectType: axm.SubjectDevice, SubjectID: "ZZ9PLURALA1", SubjectName: "ZZ9PLURALA1",
					EventDataPropertyKey: "eventDataDeviceAssignedToServer", Unknown: axm.Unknown{},
					Data: axm.EventData{SerialNumber: "ZZ9PLURALA1", TargetServerName: "Lab MDM"},
				}}},
				{Completes: true, Items: []axm.AuditEvent{{
					ID: "e-2", Type: axm.EventDeviceIsErased, Outcome: axm.EventFailure, EventDataPropertyKey: "eventDataDeviceIsErased",
					Unknown: axm.Unknown{"region": jsontext.Value(`"eu"`), "eventDataDeviceIsErased": jsontext.Value(`null`)}}}},
			}, nil},
		{"audit/some events",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return exchange.Collect(c.AuditEvents(ctx, some, axm.ListOptions{PageSize: 5, Fields: []string{"type", "eventDataApiAccountKeyRevoked"}}))
			},
			[]axm.AuditEvent{{ID: "e-3", Type: axm.EventAPIAccountKeyRevoked, EventDataPropertyKey: "eventDataApiAccountKeyRevoked",
				Data: axm.EventData{KeyID: "k-1"}, Unknown: axm.Unknown{}}}, nil},
		{"audit/data of all types",
			func(ctx context.Context, c *axm.Client) (any, error) {
				events, err := exchange.Collect(c.AuditEvents(ctx, auditDay(), axm.ListOptions{}))
				data := make(map[string]axm.EventData)
				for _, e := range events {
					data[e.ID] = e.Data
				}
				return data, err
			},
			map[string]axm.EventData{
				"1":  {SerialNumber: "S", PurchaseSourceType: axm.PurchasedFromApple, PurchaseSourceID: "o"},
				"2":  {SerialNumber: "S", ReleaseEntityID: "r", ReleaseEntityType: axm.ReleasedByReplacement},
				"3":  {SubscriptionID: "sub"},
				"4":  {ConfigType: "WiFi", ConfigID: "c", ConfigVersion: "7"},
				"5":  {Name: "n", Description: "d"},
				"6":  {PlanCaption: "50 GB"},
				"7":  {AccountRoleLocations: []axm.RoleLocation{{RoleName: "Staff", LocationID: "l", Unknown: raw("x", "1")}}},
				"8":  {APIAccountRoleLocations: []axm.RoleLocation{{RoleName: "Reader"}}},
				"9":  {NewName: "n", Unknown: raw("oldName", `"o"`)},
				"10": {VendorName: axm.IdPGeneric, ActivityID: "a", Protocol: "OIDC"},
				"11": {PrivilegesAdded: []string{"a"}, PrivilegesRemoved: []string{"b", "c"}, Unknown: raw("name", `{"odd":1}`)},
				"12": {}, "13": {}, "14": {KeyID: "1"}, "15": {},
			}, nil},
	}
}

// What is in Data is nowhere else, and what cannot be there stays.
func TestEventDataIsKept(t *testing.T) {
	e := exchange.Read(t, "testdata/exchange/audit.txt").Take(t, "audit/data of all types")
	events, err := exchange.Collect(wireClient(t, replayServer(t, e), nil).AuditEvents(t.Context(), auditDay(), axm.ListOptions{}))
	if err != nil {
		t.Fatal(err)
	}
	left := map[string]string{
		"1": `{"eventDataDeviceIsErased":null}`, "3": `{"eventDataOther":{"keyId":"x"}}`, "10": `{"eventDataDeviceIsErased":null}`, "12": `{"eventDataTermsAccepted":"yes"}`,
		"13": `{"eventDataOne":{"keyId":"1"},"eventDataTwo":{"keyId":"2"}}`, "14": `{"eventDataOther":{"keyId":"2"}}`,
		"15": `{"eventData":5,"eventDataOther":{"keyId":"2"}}`,
	}
	for _, event := range events {
		want := left[event.ID]
		if want == "" {
			want = `{}`
		}
		if got := jsonText(t, event.Unknown); got != want {
			t.Errorf("%s: %s is left, want %s", event.ID, got, want)
		}
	}
	if got := events[10].EventDataPropertyKey; got != "eventDataRoleUpdated" {
		t.Errorf("named %q", got)
	}
}
