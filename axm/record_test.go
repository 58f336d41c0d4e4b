package axm_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/axm"
	"github.com/applemdm/applemdm/axm/axmtest"
)

// resumed returns the operation that another client makes of the record of op, by way of JSON.
func (s *site) resumed(t *testing.T, op *axm.Operation) *axm.Operation {
	t.Helper()
	text, err := json.Marshal(op.Record())
	if err != nil {
		t.Fatal(err)
	}
	var r axm.OperationRecord
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	again, err := s.newClient(t, nil).ResumeOperation(&r)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(op.Record(), again.Record()); diff != "" {
		t.Errorf("record: %s", diff)
	}
	return again
}

// Whatever has become of the requests, another process goes on with it.
func TestResumeOperation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, func(o *axm.Options) { o.ActivitySize = 1 })
		lab := s.AddServer(axmtest.MDMServer{Name: "Lab"})
		s.AddSerials("A1", "A2", "A3", "A4")
		s.HoldActivities()
		refusal := axmtest.Fault{Kind: axmtest.Answer, Status: 409, Path: activitiesPath, Skip: 1,
			Body: `{"errors":[{"status":"409","code":"ENTITY_ERROR.RELATIONSHIP.INVALID","title":"t","detail":"no such device","source":{"pointer":"/data/relationships/devices/data/0"}}]}`}
		s.srv.Fail(refusal)
		s.srv.Fail(axmtest.Fault{Kind: axmtest.Lose, Path: activitiesPath})
		op := begun(t)(s.client.AssignDevices(t.Context(), lab, []string{"A1", "A2", "A3", "A4"}))
		again := s.resumed(t, op)
		if got := statuses(again.Result()); got != "A1: pending, A2: failed, A3: uncertain, A4: not sent" || got != statuses(op.Result()) {
			t.Error(got)
		}
		for i, o := range op.Result().Outcomes {
			r := again.Result().Outcomes[i]
			if (o.Err == nil) != (r.Err == nil) || o.Err != nil && o.Err.Error() != r.Err.Error() || o.ActivityID != r.ActivityID {
				t.Errorf("%v became %v", o.Err, r.Err)
			}
		}
		e, ok := errors.AsType[*axm.Error](again.Result().Outcomes[1].Err)
		if !ok || e.StatusCode != http.StatusConflict || !errors.Is(e, axm.ErrConflict) || !e.HasCode("ENTITY_ERROR") || e.Op != "assign devices" {
			t.Errorf("%+v", e)
		}
		s.RunActivities()
		if got := statuses(waited(t, again)); got != "A1: done, A2: failed, A3: done, A4: not sent" || s.posts() != 3 {
			t.Error(got, s.posts())
		}
		if len(again.Record().Activities) != 4 || again.Record().Activities[0].Status != axm.StatusPending {
			t.Error(again.Record())
		}
		s.clean(t)
	})
}

// An operation with a deadline, and one that is resumed a day later.
func TestResumeOperationLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		one, two := s.AddServer(axmtest.MDMServer{Name: "One"}), s.AddServer(axmtest.MDMServer{Name: "Two"})
		s.AddDevices(axmtest.Device{SerialNumber: "A1", ServerID: one, MigrationCapable: true})
		op := begun(t)(s.client.MigrateDevices(t.Context(), two, time.Now().Add(100*time.Hour), []string{"A1"}))
		time.Sleep(24 * time.Hour)
		start := time.Now()
		if r := waited(t, s.resumed(t, op)); !r.Done() || time.Since(start) != 0 {
			t.Error(statuses(r), time.Since(start))
		}
		s.clean(t)
	})
}

// A record of an activity that was begun elsewhere.
func TestRecordByHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		lab := s.AddServer(axmtest.MDMServer{Name: "Lab"})
		s.AddSerials("A1", "A2")
		op := begun(t)(s.client.AssignDevices(t.Context(), lab, []string{"A1", "A2"}))
		again, err := s.client.ResumeOperation(&axm.OperationRecord{
			Type: axm.ActivityAssignDevices, ServerID: lab, SerialNumbers: []string{"A1", "A2", "A3"},
			Activities: []axm.ActivityRecord{{ID: op.ActivityIDs()[0], Devices: []int{0, 1}, Status: axm.StatusPending}},
		})
		if err != nil {
			t.Fatal(err)
		}
		r := waited(t, again)
		if got := statuses(r); got != "A1: done, A2: done, A3: not sent" || r.Err().Error() != "1 of 3 not done: the record does not say why" {
			t.Error(got, r.Err())
		}
		s.clean(t)
	})
}

func TestResumeOperationRefusesWhatIsNoRecord(t *testing.T) {
	s := newSite(t, nil, nil)
	if op, err := s.client.ResumeOperation(nil); op != nil || err == nil || err.Error() != "record: must not be nil" {
		t.Error(op, err)
	}
	const head = `{"type":"CANCEL_MDM_MIGRATION","serialNumbers":["A1","A2"],"activities":[`
	for text, want := range map[string]string{
		`{}`:                          `record.Type: is "", which is none`,
		`{"type":"WIPE"}`:             `record.Type: is "WIPE", which is none`,
		`{"type":"ASSIGN_DEVICES"}`:   "record.ServerID: must not be empty",
		`{"type":"UNASSIGN_DEVICES"}`: "record.SerialNumbers: needs at least one serial number",
		`{"type":"RELEASE_DEVICES","deadline":"2026-01-01T00:00:00Z"}`:                             "record.Deadline: must be there if the type has one, and only then",
		`{"type":"UPDATE_MDM_MIGRATION_DEADLINE","serialNumbers":["A1"]}`:                          "record.Deadline: must be there",
		`{"type":"CANCEL_MDM_MIGRATION","serialNumbers":["A1","A1"]}`:                              "record.SerialNumbers: must not name a device twice",
		head + `{"id":"1","status":"pending"}]}`:                                                   "record.Activities[0]: has indexes of nothing",
		head + `{"id":"1","devices":[2],"status":"pending"}]}`:                                     "record.Activities[0]: has indexes of nothing",
		head + `{"id":"1","devices":[-1],"status":"pending"}]}`:                                    "record.Activities[0]: has indexes of nothing",
		head + `{"id":"1","devices":[0,0],"status":"pending"}]}`:                                   "record.Activities[0]: has a device that another one has, or has it twice",
		head + `{"id":"1","devices":[0],"status":"pending"},{"devices":[0],"status":"not sent"}]}`: "record.Activities[1]: has a device that another",
		head + `{"devices":[0],"status":"pending"}]}`:                                              "record.Activities[0]: has an ID that must not be empty",
		head + `{"id":"1","devices":[0],"status":"failed"}]}`:                                      `record.Activities[0]: has an ID and the status "failed"`,
		head + `{"id":"1","devices":[0],"status":"done"}]}`:                                        `record.Activities[0]: has the status "done", which is none of a request`,
	} {
		var r axm.OperationRecord
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			t.Fatal(text, err)
		}
		op, err := s.client.ResumeOperation(&r)
		if e, ok := errors.AsType[*axm.InputError](err); !ok || op != nil || !strings.HasPrefix(e.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	var r axm.OperationRecord
	if err := json.Unmarshal([]byte(head+`{"devices":[0],"status":"failed"},{"devices":[1],"status":"not sent","message":"why"}]}`), &r); err != nil {
		t.Fatal(err)
	}
	op, err := s.client.ResumeOperation(&r)
	if err != nil || op.Result().Outcomes[0].Err.Error() != "the record does not say why" || op.Result().Outcomes[1].Err.Error() != "why" {
		t.Error(op, err)
	}
	if n := len(s.srv.Received()); n != 0 {
		t.Errorf("%d requests", n)
	}
}
