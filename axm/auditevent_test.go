package axm_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/axm"
	"github.com/applemdm/applemdm/axm/axmtest"
	"github.com/applemdm/applemdm/internal/exchange"
)

// What a client does shows in the audit, under its account.
func TestTheAuditOfAClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, ctx := newBusiness(t), t.Context()
		start := time.Now()
		time.Sleep(time.Minute)
		made, err := s.client.CreateConfiguration(ctx, axm.NewConfiguration{Name: "Wifi", ConfigurationProfile: wifiProfile})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.client.UpdateBlueprint(ctx, "b-1", axm.BlueprintUpdate{Description: new("new")}); err != nil {
			t.Fatal(err)
		}
		events, err := exchange.Collect(s.client.AuditEvents(ctx, axm.AuditFilter{
			Start: start.Add(time.Second), End: time.Now(), ActorID: s.Account().ClientID()}, axm.ListOptions{PageSize: 1}))
		if err != nil || len(events) != 2 {
			t.Fatalf("%s, %v", jsonText(t, events), err)
		}
		for i := range events {
			if e := &events[i]; e.ActorType != axm.ActorAPIUser || e.Outcome != axm.EventSuccess || e.EventTime.Time().Before(start) || len(e.Unknown) != 0 {
				t.Errorf("%s", jsonText(t, e))
			}
		}
		want := []axm.EventData{
			{ConfigType: "CUSTOM_SETTING", ConfigID: made.ID, ConfigVersion: "1"},
			{Name: "lab", Description: "new"},
		}
		if diff := cmp.Diff(want, []axm.EventData{events[0].Data, events[1].Data}); diff != "" {
			t.Error(diff)
		}
		s.clean(t)
	})
}

// Each filter reaches the service, and a read is resumed with the same ones.
func TestAuditFilters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		day := auditDay()
		for i, id := range []string{"1", "2", "3", "4"} {
			s.AuditEvents.Add(axmtest.AuditEvent{ID: id, Time: day.Start.Add(time.Duration(i) * 8 * time.Hour), Type: string(axm.EventDeviceIsErased),
				ActorID: "a-" + id, SubjectID: "s"})
		}
		s.AuditEvents.Add(axmtest.AuditEvent{ID: "5", Time: day.End.Add(time.Millisecond)},
			axmtest.AuditEvent{ID: "6", Time: day.End, Type: string(axm.EventDomainAdded), SubjectID: "t"})
		for name, tt := range map[string]struct {
			change func(*axm.AuditFilter)
			want   []string
		}{
			"times":   {func(f *axm.AuditFilter) {}, []string{"1", "2", "3", "4", "6"}},
			"actor":   {func(f *axm.AuditFilter) { f.ActorID = "a-2" }, []string{"2"}},
			"subject": {func(f *axm.AuditFilter) { f.SubjectID = "t" }, []string{"6"}},
			"type":    {func(f *axm.AuditFilter) { f.Type = axm.EventDeviceIsErased }, []string{"1", "2", "3", "4"}},
		} {
			filter := day
			tt.change(&filter)
			var got []string
			options := axm.ListOptions{PageSize: 2}
			for {
				p, err := firstPage(s.client.AuditEventPages(t.Context(), filter, options))
				if err != nil {
					t.Fatal(name, err)
				}
				for _, e := range p.Items {
					got = append(got, e.ID)
				}
				if options.Cursor = p.Cursor; p.Completes {
					break
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("%s: %q, want %q", name, got, tt.want)
			}
		}
		s.clean(t)
	})
}

func firstPage[T any](pages func(func(*axm.Page[T], error) bool)) (*axm.Page[T], error) {
	for p, err := range pages {
		return p, err
	}
	return nil, nil
}
