package vpp_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

func TestWhatAppleRefusesByNameDoesNotSinkTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.stock(2)
		s.Buy(vpptest.Asset{AdamID: "1000000003", ProductType: vpptest.Book, Total: 10})
		s.CreateUserByOther("u-1", "", "")
		r := wait(t, s.associate(t, 3, 2), nil)
		if len(r.Failed()) != 2 || !errors.Is(r.Failed()[0].Err, vpp.ErrNotDeviceAssignable) || len(s.Assignments()) != 4 {
			t.Error(told(r))
		}
		op, err := s.client.Associate(t.Context(), keys(3), vpp.Users("u-1", "u-2", "u-3"))
		r = wait(t, op, err)
		if len(r.Failed()) != 6 || !errors.Is(r.Failed()[0].Err, vpp.ErrUserNotFound) {
			t.Error(told(r))
		}
		op, err = s.client.Disassociate(t.Context(), keys(3), vpp.Users("u-1"))
		r = wait(t, op, err)
		if failed := r.Failed(); len(failed) != 1 || !errors.Is(failed[0].Err, vpp.ErrNotRevocable) || failed[0].Asset.AdamID != "1000000003" {
			t.Error(told(r))
		}
		s.noViolations(t)
	})
}

// A refusal that names products and targets is about these products for these targets only.
func TestARefusalOfSomeForSome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.stock(3)
		s.srv.Fail(vpptest.Fault{Kind: vpptest.Answer, Path: associatePath, Status: 400, Body: `{"errorNumber":9999,"errorMessage":"new",
			"errorInfo":{"assets":[{"adamId":"1000000002","pricingParam":"STDQ"}],"serialNumbers":["DEMO00000001"]}}`})
		r := wait(t, s.associate(t, 3, 3), nil)
		if failed := r.Failed(); len(failed) != 1 || failed[0].String() != "1000000002 (STDQ) for DEMO00000001: failed" {
			t.Error(told(r))
		}
		if n := s.srv.Count("POST", associatePath); n != 3 || len(s.Assignments()) != 8 {
			t.Errorf("%d requests", n)
		}
		s.noViolations(t)
	})
}

// Apple may refuse without saying for what.
func TestWhatAppleRefusesWithoutANameIsFound(t *testing.T) {
	t.Run("by its flags", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newSite(t, nil, nil)
			s.stock(5)
			s.Buy(vpptest.Asset{AdamID: "1000000006", NotDeviceAssignable: true, Total: 10})
			fault := vpptest.ErrorFault(9707)
			fault.Path = associatePath
			s.srv.Fail(fault)
			r := wait(t, s.associate(t, 6, 2), nil)
			if len(r.Failed()) != 2 || s.srv.Count("POST", associatePath) != 2 || s.srv.Count("GET", "/mdm/v2/assets") != 1 {
				t.Errorf("%s%d requests", told(r), s.srv.Count("POST", associatePath))
			}
			s.noViolations(t)
		})
	})
	t.Run("books by their flags", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newSite(t, nil, nil)
			s.stock(1)
			s.Buy(vpptest.Asset{AdamID: "1000000002", ProductType: vpptest.Book, Total: 10})
			fault := vpptest.ErrorFault(9706)
			fault.Path = "/mdm/v2/assets/disassociate"
			s.srv.Fail(fault)
			op, err := s.client.Disassociate(t.Context(), keys(2), vpp.Devices(serials(2)...))
			if r := wait(t, op, err); len(r.Failed()) != 2 {
				t.Error(told(r))
			}
		})
	})
	t.Run("by halves when the flags cannot be read", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newSite(t, nil, nil)
			s.stock(2)
			fault := vpptest.ErrorFault(9707)
			fault.Path = associatePath
			s.srv.Fail(fault)
			s.srv.Fail(vpptest.Fault{Kind: vpptest.HTML, Path: "/mdm/v2/assets", Count: 10})
			if r := wait(t, s.associate(t, 2, 2), nil); !r.Done() || s.srv.Count("POST", associatePath) != 3 {
				t.Error(told(r))
			}
		})
	})
	t.Run("by halves", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newSite(t, nil, nil)
			ids := s.subscriptions(t.Context(), 1)
			people := s.people(9)
			s.CreateUserByOther("invited", "", "")
			op, err := s.client.AssociateSubscriptions(t.Context(), ids, append(people, "invited"), true)
			r := wait(t, op, err)
			if failed := r.Failed(); len(failed) != 1 || failed[0].ClientUserID != "invited" || !errors.Is(failed[0].Err, vpp.ErrUserNotAssociated) {
				t.Error(told(r))
			}
			s.noViolations(t)
		})
	})
	t.Run("duplicates that we cannot see", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newSite(t, nil, nil)
			s.stock(1)
			s.srv.Fail(vpptest.Fault{Kind: vpptest.Answer, Path: associatePath, Status: 400, Body: `{"errorNumber":9705,"errorMessage":"duplicate",
				"errorInfo":{"serialNumbers":["DEMO00000001","DEMO00000002"]}}`})
			if r := wait(t, s.associate(t, 1, 2), nil); !r.Done() || s.srv.Count("POST", associatePath) != 3 {
				t.Error(told(r))
			}
		})
	})
}

// Looking for what is wrong ends some time.
func TestTooManyRefusals(t *testing.T) {
	for name, accepted := range map[string]bool{"nothing was taken": false, "something was taken": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, nil, nil)
				s.srv.SetLimit("maxSubscriptionClientUserIds", 200)
				ids := s.subscriptions(t.Context(), 1)
				var people []string
				if accepted {
					people = s.people(1)
				}
				for i := range 399 {
					people = append(people, fmt.Sprintf("nobody-%d", i))
				}
				op, err := s.client.AssociateSubscriptions(t.Context(), ids, people, true)
				n := s.srv.Count("POST", "/mdm/v2/subscriptions/associate")
				if !accepted {
					if !errors.Is(err, vpp.ErrUserNotAssociated) || n != 33 {
						t.Errorf("%v after %d requests", err, n)
					}
					return
				}
				r := wait(t, op, err)
				if len(r.Outcomes.With(vpp.StatusDone)) != 1 || len(r.Outcomes.With(vpp.StatusNotSent)) < 300 || n > 2*33+2 {
					t.Errorf("%v after %d requests", r.Err(), n)
				}
			})
		})
	}
}

// refusal is a fault for the next association.
func refusal(number int) vpptest.Fault {
	fault := vpptest.ErrorFault(number)
	fault.Path = associatePath
	return fault
}
