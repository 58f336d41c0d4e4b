package axm_test

import (
	"io"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/axm"
)

func TestWhoReleasedADevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := wireClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body := `{"access_token":"a"}`
			if r.Method == "GET" {
				body = `{"data":{"type":"orgDevices","id":"A1","attributes":{"releasedFromOrgDateTime":"2026-05-01T03:21:44.685Z",` +
					`"releaserId":"u-77","releaserEntityType":"USER"}},"links":{"self":"s"}}`
			}
			_, _ = io.WriteString(w, body)
		}), nil)
		d, err := c.Device(t.Context(), "A1")
		if err != nil {
			t.Fatal(err)
		}
		want := &axm.Device{ID: "A1", ReleasedFromOrg: "2026-05-01T03:21:44.685Z", ReleaserID: "u-77", ReleaserEntityType: axm.ReleasedByUser}
		if diff := cmp.Diff(want, d); diff != "" {
			t.Error(diff)
		}
	})
}

func TestChosenFieldsOfActivationLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.AddSerials("A1")
		lock, err := s.client.ActivationLock(t.Context(), "A1", "lockType")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&axm.ActivationLock{ID: "A1", LockType: axm.NotLocked}, lock); diff != "" {
			t.Error(diff)
		}
		for r, err := range s.client.ActivationLocksOf(t.Context(), []string{"A1"}, "isLocked") {
			if err != nil || r.Err != nil || r.Value.LockType != "" {
				t.Errorf("%+v, %v", r, err)
			}
		}
		for _, r := range s.srv.Received() {
			if fields := r.Query.Get("fields[activationLockStatus]"); r.Method == "GET" && fields == "" {
				t.Errorf("%s without fields", r.Path)
			}
		}
		s.clean(t)
	})
}
