package vpp_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

// restart does what a process does that ends and another that begins.
func restart(t *testing.T, s *site, op *vpp.Operation) *vpp.Operation {
	t.Helper()
	text, err := json.Marshal(op.Record())
	if err != nil {
		t.Fatal(err)
	}
	var record vpp.OperationRecord
	if err := json.Unmarshal(text, &record); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(&record)
	if diff := cmp.Diff(string(text), string(again)); diff != "" || err != nil {
		t.Error(err, diff)
	}
	resumed, err := s.newClient(t, nil).ResumeOperation(&record)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(told(op.Result()), told(resumed.Result())); diff != "" {
		t.Errorf("the outcomes are others (-want +got):\n%s", diff)
	}
	return resumed
}

func TestAnOperationSurvivesARestart(t *testing.T) {
	for name, begin := range map[string]func(ctx context.Context, s *site) (*vpp.Operation, error){
		"assets": func(ctx context.Context, s *site) (*vpp.Operation, error) {
			return s.client.Associate(ctx, keys(2), vpp.Users(s.people(5)...))
		},
		"back": func(ctx context.Context, s *site) (*vpp.Operation, error) {
			return s.client.Disassociate(ctx, keys(2), vpp.Devices(serials(2)...))
		},
		"everything": func(ctx context.Context, s *site) (*vpp.Operation, error) {
			return s.client.Revoke(ctx, vpp.Devices(serials(5)...))
		},
		"users": func(ctx context.Context, s *site) (*vpp.Operation, error) {
			return s.client.CreateUsers(ctx, []vpp.UserRequest{{ClientUserID: "a", Email: "a@example.test"}, {ClientUserID: "b", ManagedAppleAccount: "b@example.test"}})
		},
		"retired": func(ctx context.Context, s *site) (*vpp.Operation, error) {
			return s.client.RetireUsers(ctx, s.people(2))
		},
		"subscriptions": func(ctx context.Context, s *site) (*vpp.Operation, error) {
			return s.client.AssociateSubscriptions(ctx, s.subscriptions(ctx, 1), s.people(2), true)
		},
	} {
		for how, prepare := range map[string]func(s *site){
			"pending":           func(s *site) { s.HoldEvents() },
			"forgotten by then": func(s *site) { s.NextEvents(vpptest.Forget) },
			"never answered": func(s *site) {
				s.srv.Fail(vpptest.Fault{Kind: vpptest.HTML, Method: "POST", Path: "/mdm/v2/*/*[tkr]e", Count: 10})
			},
		} {
			t.Run(name+" "+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newSite(t, nil, func(o *vpp.Options) { o.Retry = vpp.Retry{Tries: 1} })
					s.stock(2)
					prepare(s)
					op, err := begin(t.Context(), s)
					if err != nil {
						t.Fatal(err)
					}
					s.srv.ResetFaults()
					resumed := restart(t, s, op)
					time.AfterFunc(time.Minute, s.RunEvents)
					r := wait(t, resumed, nil)
					if !r.Done() {
						t.Error(told(r))
					}
					s.noViolations(t)
				})
			})
		}
	}
}

func TestRecordKeepsWhatWasRefusedAndWhatWasNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.stock(1)
		s.people(1)
		s.srv.SetLimit("maxSerialNumbers", 1)
		s.srv.Fail(vpptest.Fault{Kind: vpptest.Busy, Path: associatePath, Skip: 3, Count: 50})
		op, err := s.client.Associate(t.Context(), keys(1), vpp.Targets{ClientUserIDs: []string{"u-1", "nobody"}, SerialNumbers: serials(5)})
		if err != nil {
			t.Fatal(err)
		}
		s.srv.ResetFaults()
		resumed := restart(t, s, op)
		r := wait(t, resumed, nil)
		if failed := r.Failed(); len(failed) != 1 || !errors.Is(failed[0].Err, vpp.ErrUserNotFound) {
			t.Error(told(r))
		}
		if left := r.Outcomes.With(vpp.StatusNotSent); len(left) != 4 || !errors.Is(left[0].Err, vpp.ErrMaintenance) {
			t.Error(told(r))
		}
	})
}

func TestANotificationReachesAResumedOperation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, func(o *vpp.Options) { o.PollAfter = time.Hour })
		s.stock(1)
		s.HoldEvents()
		record := s.associate(t, 1, 1).Record()
		s.receive(t)
		op, err := s.client.ResumeOperation(record)
		time.AfterFunc(time.Minute, s.RunEvents)
		start := time.Now()
		if r := wait(t, op, err); !r.Done() || time.Since(start) > 61*time.Second {
			t.Errorf("after %v", time.Since(start))
		}
	})
}

// A part that was sent twice is recorded once.
func TestRecordAfterASecondRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.stock(2)
		s.AssignByOther("1000000001", "", vpptest.ToDevice("DEMO00000001"))
		s.NextEvents(vpptest.Forget, vpptest.Stall)
		op := s.associate(t, 2, 2)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := op.Wait(ctx); err == nil {
			t.Fatal("no error")
		}
		record := op.Record()
		var resent int
		for _, r := range record.Requests {
			if r.Status == vpp.StatusDone && len(r.Products)*len(r.Targets) == 1 {
				continue // was there when it was read
			}
			if !r.Resent || !r.Repeated || r.EventID == "" {
				t.Errorf("%+v", r)
			}
			resent += len(r.Products) * len(r.Targets)
		}
		if resent != 3 {
			t.Errorf("%d of 3 outcomes sent again: %+v", resent, record.Requests)
		}
	})
}

func TestResumeOperationChecksTheRecord(t *testing.T) {
	s := newSite(t, nil, nil)
	if err := s.ask(t); err != nil {
		t.Fatal(err)
	}
	for want, text := range map[string]string{
		"record.UID":             `{"type":"ASSOCIATE","uId":"1"}`,
		"record.Type":            `{"type":"BUY"}`,
		"assets":                 `{"type":"ASSOCIATE","serialNumbers":["A"]}`,
		"assets[0].AdamID":       `{"type":"ASSOCIATE","serialNumbers":["A"],"assets":[{"adamId":"x"}]}`,
		"record":                 `{"type":"REVOKE"}`,
		"record.SerialNumbers[":  `{"type":"REVOKE","serialNumbers":[""]}`,
		"record.Users":           `{"type":"CREATE","clientUserIds":["a"]}`,
		"record.Users:":          `{"type":"UPDATE","users":[{"clientUserId":"a"},{"clientUserId":"a"}]}`,
		"record.Renewing":        `{"type":"ASSOCIATE","subscriptions":[1],"clientUserIds":["a"]}`,
		"record.Deferred":        `{"type":"DISASSOCIATE","subscriptions":[1],"clientUserIds":["a"]}`,
		"subscriptions[0]":       `{"type":"DISASSOCIATE","subscriptions":[0],"clientUserIds":["a"],"deferred":true}`,
		"record.Requests[0]":     `{"type":"RETIRE","clientUserIds":["a"],"requests":[{"products":[0],"targets":[1],"status":"pending"}]}`,
		"record.Requests[0]: ha": `{"type":"RETIRE","clientUserIds":["a"],"requests":[{"products":[-1],"targets":[0],"status":"pending"}]}`,
		"record.Requests[1]":     `{"type":"RETIRE","clientUserIds":["a"],"requests":[{"products":[0],"targets":[0],"status":"done"},{"products":[0],"targets":[0],"status":"lost"}]}`,
	} {
		var record vpp.OperationRecord
		if err := json.Unmarshal([]byte(text), &record); err != nil {
			t.Fatal(err)
		}
		op, err := s.client.ResumeOperation(&record)
		if e, ok := errors.AsType[*vpp.InputError](err); !ok || op != nil || !strings.HasPrefix(e.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	if _, err := s.client.ResumeOperation(nil); err == nil {
		t.Error("no error")
	}
	op, err := s.client.ResumeOperation(&vpp.OperationRecord{Type: vpp.EventRetire, ClientUserIDs: []string{"a", "b", "c"}, Requests: []vpp.RequestRecord{
		{Products: []int{0}, Targets: []int{0}, Status: vpp.StatusNotSent, Message: "no time"},
		{Products: []int{0}, Targets: []int{1}, Status: vpp.StatusDone},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("a: not sent no time\nb: done\nc: not sent the record does not say why\n", told(wait(t, op, nil))); diff != "" {
		t.Error(diff)
	}
}

// The time for which a notification is waited for begins when the request was sent.
func TestAnOldOperationIsAskedForAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.stock(1)
		s.receive(t)
		record := s.associate(t, 1, 1).Record()
		for _, tc := range []struct{ since, most time.Duration }{
			{time.Minute, 4 * time.Minute}, {time.Hour, 5 * time.Second},
		} {
			later(tc.since)
			op, err := s.client.ResumeOperation(record)
			start := time.Now()
			wait(t, op, err)
			if took := time.Since(start); took < tc.most || took > tc.most+time.Second {
				t.Errorf("after %v, want %v", took, tc.most)
			}
		}
		s.noViolations(t)
	})
}
