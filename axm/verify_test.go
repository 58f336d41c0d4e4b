package axm_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/axm"
	"github.com/applemdm/applemdm/axm/axmtest"
)

// What was done shows some time later: Verify waits for it.
func TestVerifyWaitsForTheLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, &axmtest.Options{Lag: 20 * time.Second}, nil)
		lab := s.AddServer(axmtest.MDMServer{Name: "Lab"})
		s.AddSerials("A1", "A2", "A3", "A4", "A5")
		s.AssignDevices(lab, "A3")
		op := begun(t)(s.client.AssignDevices(t.Context(), lab, []string{"A1", "A2", "A3", "NONE"}))
		if got := statuses(waited(t, op)); got != "A1: done, A2: done, A3: failed, NONE: missing from the log" {
			t.Error(got)
		}
		start := time.Now()
		r, err := op.Verify(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := statuses(r); got != "A1: done, A2: done, A3: failed, NONE: missing from the log" && got != "A1: done, A2: done, A3: done, NONE: missing from the log" {
			t.Error(got)
		}
		if took := time.Since(start); took < 10*time.Second || took > 41*time.Second {
			t.Errorf("took %v", took)
		}
		start = time.Now()
		if r, err = op.Verify(t.Context()); err != nil || statuses(r) != "A1: done, A2: done, A3: done, NONE: missing from the log" || time.Since(start) != 0 {
			t.Error(statuses(r), err, time.Since(start))
		}
		s.clean(t)
	})
}

// Somebody else has changed what was done.
func TestVerifyFindsWhatIsNotDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, func(o *axm.Options) { o.ActivitySize = 3 })
		lab, other := s.AddServer(axmtest.MDMServer{Name: "Lab"}), s.AddServer(axmtest.MDMServer{Name: "Other"})
		s.AddSerials("A1", "A2", "A3", "A4")
		s.srv.Fail(axmtest.Fault{Path: activitiesPath, Skip: 1, Kind: axmtest.Answer, Status: 403})
		op := begun(t)(s.client.AssignDevices(t.Context(), lab, []string{"A1", "A2", "A3", "A4"}))
		waited(t, op)
		s.AssignDevices(other, "A2")
		s.AssignDevices(lab, "A4") // by somebody: it was not sent
		start := time.Now()
		r, err := op.Verify(t.Context())
		if err != nil || statuses(r) != "A1: done, A2: done but not confirmed, A3: done, A4: not sent" {
			t.Error(statuses(r), err)
		}
		if took := time.Since(start); took < 90*time.Second || took > 2*time.Minute {
			t.Errorf("took %v", took)
		}
		if got := statuses(op.Result()); got != "A1: done, A2: done, A3: done, A4: not sent" {
			t.Error(got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err = op.Verify(ctx); err != nil {
			t.Error(err)
		}
		stop, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if r, err = op.Verify(stop); !errors.Is(err, context.Canceled) || r != nil {
			t.Error(r, err)
		}
		s.srv.Fail(axmtest.Fault{Kind: axmtest.Answer, Status: 403, Count: -1})
		if r, err = op.Verify(t.Context()); !errors.Is(err, axm.ErrForbidden) || r != nil {
			t.Error(r, err)
		}
	})
}

// Every type of activity is read back in its way.
func TestVerifyOfEachType(t *testing.T) {
	type calls struct {
		begin func(ctx context.Context, c *axm.Client, serverID string, serials []string) (*axm.Operation, error)
		undo  func(d *axmtest.Device)
	}
	for name, c := range map[string]calls{
		"migrate": {
			func(ctx context.Context, c *axm.Client, id string, serials []string) (*axm.Operation, error) {
				return c.MigrateDevices(ctx, id, time.Now().Add(time.Hour), serials)
			},
			func(d *axmtest.Device) { d.ServerID = "" },
		},
		"unassign": {
			func(ctx context.Context, c *axm.Client, id string, serials []string) (*axm.Operation, error) {
				return c.UnassignDevices(ctx, "", serials)
			},
			nil, // below: by assigning it again
		},
		"update": {
			func(ctx context.Context, c *axm.Client, id string, serials []string) (*axm.Operation, error) {
				return c.UpdateMigrationDeadline(ctx, time.Now().Add(48*time.Hour+time.Millisecond), serials)
			},
			func(d *axmtest.Device) { d.MigrationDeadline = d.MigrationDeadline.Add(time.Minute) },
		},
		"cancel": {
			func(ctx context.Context, c *axm.Client, id string, serials []string) (*axm.Operation, error) {
				return c.CancelMigration(ctx, serials)
			},
			func(d *axmtest.Device) { d.MigrationStatus = "SUCCESS" },
		},
		"release": {
			func(ctx context.Context, c *axm.Client, id string, serials []string) (*axm.Operation, error) {
				return c.ReleaseDevicesIrreversibly(ctx, serials)
			},
			func(d *axmtest.Device) { d.Released = time.Time{} },
		},
	} {
		for _, many := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newSite(t, nil, nil)
					one, two := s.AddServer(axmtest.MDMServer{Name: "One"}), s.AddServer(axmtest.MDMServer{Name: "Two"})
					serials := []string{"A1", "A2"}
					if many {
						serials = append(serials, "A3", "A4", "A5")
					}
					for _, serial := range serials {
						d := axmtest.Device{SerialNumber: serial, ServerID: one, MigrationCapable: true}
						if name == "update" || name == "cancel" {
							d.MigrationStatus, d.MigrationDeadline = "REQUESTED", time.Now().Add(24*time.Hour)
						}
						s.AddDevices(d)
					}
					op := begun(t)(c.begin(t.Context(), s.client, two, serials))
					if r := waited(t, op); !r.Done() {
						t.Fatal(statuses(r), r.Err())
					}
					before := s.srv.Count("GET", "")
					r, err := op.Verify(t.Context())
					if err != nil || !r.Done() {
						t.Fatal(r, err)
					}
					want := len(serials)
					if many {
						want = 1 // page
					}
					if reads := s.srv.Count("GET", "") - before; reads != want {
						t.Errorf("%d reads", reads)
					}
					if c.undo == nil {
						s.AssignDevices(two, "A2")
					} else if !s.ModifyDevice("A2", c.undo) {
						t.Fatal("no device")
					}
					r, err = op.Verify(t.Context())
					if err != nil || r.Outcomes[0].Status != axm.StatusDone || r.Outcomes[1].Status != axm.StatusUnverified {
						t.Error(statuses(r), err)
					}
					s.clean(t)
				})
			})
		}
	}
}

// For what failed or is missing, a device tells only where it cannot be so for another reason.
func TestVerifyOfWhatFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.AddSerials("A1")
		serials := []string{"A1", "NONE"}
		for want, begin := range map[string]func() (*axm.Operation, error){
			"A1: done, NONE: missing from the log": func() (*axm.Operation, error) {
				return s.client.UnassignDevices(t.Context(), "", serials)
			},
			"A1: failed, NONE: missing from the log": func() (*axm.Operation, error) {
				return s.client.CancelMigration(t.Context(), serials)
			},
		} {
			op := begun(t)(begin())
			if got := statuses(waited(t, op)); got != "A1: failed, NONE: missing from the log" {
				t.Error(got)
			}
			r, err := op.Verify(t.Context())
			if err != nil || statuses(r) != want {
				t.Error(statuses(r), err)
			}
		}
		op := begun(t)(s.client.CancelMigration(t.Context(), []string{"A1"}))
		waited(t, op)
		n := len(s.srv.Received())
		if r, err := op.Verify(t.Context()); err != nil || statuses(r) != "A1: failed" || len(s.srv.Received()) != n {
			t.Error(statuses(r), err)
		}
		s.clean(t)
	})
}

// Operations that are lost are read back for what they were to bring about.
func TestLostRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.AddSerials("A1", "A2")
		s.srv.Fail(axmtest.Fault{Path: activitiesPath, Kind: axmtest.Lose})
		op := begun(t)(s.client.ReleaseDevicesIrreversibly(t.Context(), []string{"A1", "A2"}))
		if r := waited(t, op); !r.Done() || s.posts() != 1 {
			t.Error(statuses(r), s.posts())
		}
		s.clean(t)
	})
}

func TestVerifyAssigned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, &axmtest.Options{Lag: 15 * time.Second}, nil)
		lab := s.AddServer(axmtest.MDMServer{Name: "Lab"})
		s.AddSerials("A1", "A2", "A3", "A4")
		s.AssignDevices(lab, "A1", "A2", "A3")
		verify := func(serverID string, serials ...string) string {
			t.Helper()
			o, err := s.client.VerifyAssigned(t.Context(), serverID, serials)
			if err != nil {
				t.Fatal(err)
			}
			return statuses(&axm.Result{Outcomes: o})
		}
		if got := verify(lab, "A1", "A2", "A1"); got != "A1: done, A2: done" {
			t.Error(got)
		}
		if took := time.Since(startOfTime); took < 15*time.Second || took > 36*time.Second {
			t.Errorf("took %v", took)
		}
		if got := verify(lab, "A3", "A4", "NONE"); got != "A3: done, A4: done but not confirmed, NONE: done but not confirmed" {
			t.Error(got)
		}
		if got := verify("", "A1", "A4", "NONE"); got != "A1: done but not confirmed, A4: done, NONE: done" {
			t.Error(got)
		}
		if got := verify("", "A1"); got != "A1: done but not confirmed" {
			t.Error(got)
		}
		if got := verify("", "NONE"); got != "NONE: done" {
			t.Error(got)
		}
		if got := verify("00000000000000000000000000000000", "A1", "A2", "A3"); got != "A1: done but not confirmed, A2: done but not confirmed, A3: done but not confirmed" {
			t.Error(got)
		}
		s.clean(t)
	})
}

// A look takes the way that costs less.
func TestVerifyAssignedCosts(t *testing.T) {
	const list, one = "/v1/mdmServers/*/relationships/devices", "/v1/orgDevices/*/relationships/assignedServer"
	for name, c := range map[string]struct {
		devices       int // of the server
		verified      int
		pages, single int
		noTotal       bool
	}{
		"two of many":              {2500, 2, 0, 2, false},
		"three, the list is short": {900, 3, 1, 0, false},
		"three, the list is long":  {4500, 3, 1, 3, false},
		"many":                     {2500, 40, 3, 0, false},
		"many, nothing is known":   {2500, 40, 3, 0, true},
		"three, nothing is known":  {4500, 3, 4, 3, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, &axmtest.Options{Paging: axmtest.Paging{NoTotal: c.noTotal}}, nil)
				lab := s.AddServer(axmtest.MDMServer{Name: "Lab"})
				serials := s.AddRandomDevices(c.devices)
				s.AssignDevices(lab, serials...)
				o, err := s.client.VerifyAssigned(t.Context(), lab, serials[c.devices-c.verified:])
				if err != nil || !o.Done() || time.Since(startOfTime) != 0 {
					t.Error(o, err)
				}
				if pages, single := s.srv.Count("GET", list), s.srv.Count("GET", one); pages != c.pages || single != c.single {
					t.Errorf("%d pages, %d devices", pages, single)
				}
				s.clean(t)
			})
		})
	}
}

// What is wrong with one device is in its outcome, what is wrong with the line is an error.
func TestVerifyAssignedWithFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		lab := s.AddServer(axmtest.MDMServer{Name: "Lab"})
		s.AddSerials("A1", "A2")
		s.AssignDevices(lab, "A1", "A2")
		for path, id := range map[string]string{"/v1/orgDevices/A2/relationships/assignedServer": lab, "/v1/orgDevices/A2": ""} {
			s.srv.Fail(axmtest.Fault{Path: path, Kind: axmtest.Answer, Status: 400, Count: -1})
			o, err := s.client.VerifyAssigned(t.Context(), id, []string{"A1", "A2"})
			if err != nil || o[1].Status != axm.StatusUnverified || !errors.Is(o[1].Err, axm.ErrInvalidRequest) || (o[0].Status == axm.StatusDone) != (id != "") {
				t.Error(o, err)
			}
			s.srv.ResetFaults()
			for _, serials := range [][]string{{"A1", "A2"}, {"A1", "A2", "A3"}} {
				s.srv.Fail(axmtest.Fault{Path: "/v1/*", Kind: axmtest.Answer, Status: 403, Count: -1})
				s.srv.Fail(axmtest.Fault{Path: "/v1/*/*/*/*", Kind: axmtest.Answer, Status: 403, Count: -1})
				s.srv.Fail(axmtest.Fault{Path: "/v1/*/*", Kind: axmtest.Answer, Status: 403, Count: -1})
				if o, err := s.client.VerifyAssigned(t.Context(), id, serials); !errors.Is(err, axm.ErrForbidden) || o != nil {
					t.Error(o, err)
				}
				s.srv.ResetFaults()
			}
		}
		s.clean(t)
	})
}
