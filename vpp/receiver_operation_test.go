package vpp_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

// What the Receiver gets ends the waiting at once, and nobody asks for the status of the event.
func TestNotificationsEndTheWaiting(t *testing.T) {
	for name, tc := range map[string]struct {
		call func(ctx context.Context, s *site) (*vpp.Operation, error)
		done int
		is   error // of the rest
	}{
		"associate, three notifications": {func(ctx context.Context, s *site) (*vpp.Operation, error) {
			return s.client.Associate(ctx, keys(1), vpp.Devices(serials(250)...))
		}, 250, nil},
		"associate, not enough licences": {func(ctx context.Context, s *site) (*vpp.Operation, error) {
			return s.client.Associate(ctx, keys(1), vpp.Devices(serials(310)...))
		}, 300, vpp.ErrNotEnoughLicenses},
		"create users": {func(ctx context.Context, s *site) (*vpp.Operation, error) {
			return s.client.CreateUsers(ctx, []vpp.UserRequest{{ClientUserID: "u-1"}, {ClientUserID: "u-2"}, {ClientUserID: "u-0"}})
		}, 2, vpp.ErrUserExists},
		"associate subscriptions": {func(ctx context.Context, s *site) (*vpp.Operation, error) {
			return s.client.AssociateSubscriptions(ctx, []vpp.AdamNumber{900001}, []string{"u-0"}, true)
		}, 1, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, r := hooked(t, &vpptest.Options{EventDelay: 3 * time.Second}, nil)
				s.Buy(vpptest.Asset{AdamID: "1000000001", Total: 300})
				s.CreateUserByOther("u-0", "", patAccount)
				if err := s.client.EnableSubscriptions(t.Context()); err != nil {
					t.Fatal(err)
				}
				if err := s.BuySubscription(vpptest.Subscription{AdamID: 900001, Renewing: 5}); err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				op, err := tc.call(t.Context(), s)
				result := wait(t, op, err)
				if n := len(result.Outcomes.With(vpp.StatusDone)); n != tc.done || !errors.Is(result.Err(), tc.is) {
					t.Errorf("%d done, %v", n, result.Err())
				}
				if took := time.Since(start).Truncate(time.Second); took != 3*time.Second || s.srv.Count("GET", "/mdm/v2/status") != 0 {
					t.Errorf("took %v and %d polls", took, s.srv.Count("GET", "/mdm/v2/status"))
				}
				if r.Stats().Failed+r.Stats().Foreign != 0 {
					t.Errorf("%+v", r.Stats())
				}
				s.noViolations(t)
			})
		})
	}
}

// Notifications that are late, doubled, out of order and partly lost bring the same result.
func TestUnreliableNotificationsEndTheWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := hooked(t, &vpptest.Options{EventDelay: 3 * time.Second}, nil)
		s.Buy(vpptest.Asset{AdamID: "1000000001", Total: 1000})
		n := 0
		s.SetDelivery(vpptest.Delivery{
			Lose:   func(vpptest.Notification) bool { n++; return n == 5 },
			Copies: func(vpptest.Notification) int { return 1 },
			Delay:  func(vpptest.Notification) time.Duration { return time.Duration(10-n) * time.Second },
		})
		op, err := s.client.Associate(t.Context(), keys(1), vpp.Devices(serials(900)...))
		if result := wait(t, op, err); !result.Done() {
			t.Error(result.Err())
		}
		if polls := s.srv.Count("GET", "/mdm/v2/status"); polls != 1 {
			t.Errorf("%d polls", polls)
		}
		s.noViolations(t)
	})
}

// The process that receives is not the one that waits.
func TestNotificationsThatAreHandedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, &vpptest.Options{EventDelay: 3 * time.Second}, func(o *vpp.Options) { o.PollAfter = time.Hour })
		s.stock(1)
		r, err := vpp.NewReceiver(s.newClient(t, nil), &vpp.ReceiverOptions{
			Token: hookToken,
			Handle: func(_ context.Context, n *vpp.Notification) error {
				message, err := json.Marshal(n)
				if err != nil {
					return err
				}
				arrived, err := vpp.ParseNotification(message)
				if err != nil {
					return err
				}
				elsewhere := *arrived
				elsewhere.UID = "7"
				s.client.Notice(&elsewhere) // does nothing
				if p := s.Notifications(); len(p) == 2 && n.ID == p[1].ID {
					later(20 * time.Second) // nor does time: the other client has heard nothing
				}
				s.client.Notice(arrived)
				return nil
			},
			Timeout: time.Minute,
		})
		if err != nil {
			t.Fatal(err)
		}
		s.srv.DeliverTo(r)
		if _, err := s.client.Subscribe(t.Context(), hookURL, hookToken); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		op, err := s.client.Associate(t.Context(), keys(1), vpp.Devices("DEMO00000001"))
		if result := wait(t, op, err); !result.Done() {
			t.Error(result.Err())
		}
		if took := time.Since(start).Truncate(time.Second); took != 23*time.Second || s.srv.Count("GET", "/mdm/v2/status") != 0 {
			t.Errorf("took %v", took)
		}
		s.client.Notice(&vpp.Notification{Type: "NEWS"}) // of no event
	})
}

// An operation goes on although Handle fails.
func TestOperationsGoOnAlthoughHandleFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, r := hooked(t, &vpptest.Options{EventDelay: time.Second}, func(o *vpp.ReceiverOptions) {
			o.Handle = func(context.Context, *vpp.Notification) error { return errors.New("away") }
		})
		s.stock(1)
		op, err := s.client.Associate(t.Context(), keys(1), vpp.Devices("DEMO00000001"))
		if result := wait(t, op, err); !result.Done() {
			t.Error(result.Err())
		}
		later(5 * time.Minute)
		if diff := fmt.Sprint(r.Stats()); diff != "{1 0 6 0 0 0}" || s.srv.Count("GET", "/mdm/v2/status") != 0 {
			t.Error(diff)
		}
	})
}

// rawNotice is what Apple posts when all is done.
func rawNotice(id, event string) string {
	return fmt.Sprintf(`{"notificationId":%q,"notificationType":"ASSET_MANAGEMENT","notification":{"eventId":%q,"type":"ASSOCIATE","result":"SUCCESS","assignments":[{"adamId":1000000001,"serialNumber":"DEMO00000001"}]}}`, id, event)
}

// A notification may come before the answer that names its event, and without what it could have.
func TestANotificationBeforeTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, &vpptest.Options{}, nil)
		s.stock(1)
		s.NextEvents(vpptest.StallRun)
		r := s.newReceiver(t, nil)
		s.srv.Fail(vpptest.Fault{Path: "/mdm/v2/assets/associate", Kind: vpptest.Late, Delay: 2 * time.Second})
		time.AfterFunc(time.Second, func() {
			if w := post(r, rawNotice("n", s.Events()[0].ID)); w.Code != 200 {
				t.Error(w.Code)
			}
		})
		op, err := s.client.Associate(t.Context(), keys(1), vpp.Devices("DEMO00000001"))
		if result := wait(t, op, err); !result.Done() || s.srv.Count("GET", "/mdm/v2/status") != 0 {
			t.Error(result.Err())
		}
	})
}
