package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	depinmem "github.com/micromdm/nanodep/storage/inmem"
	mdminmem "github.com/micromdm/nanomdm/storage/inmem"

	"github.com/applemdm/applemdm/dep/deptest"
)

// TestThrottledDeviceOutlivesARestart ends the server while Apple wants a device to wait.
func TestThrottledDeviceOutlivesARestart(t *testing.T) {
	inWorld(t, mdminmem.New(), depinmem.New(), func(w *world) {
		w.portal.AddSerials("A")
		w.portal.Throttle("A", 2*time.Second)
		w.server.devices.syncer.SyncNow()
		must(t, eventually(t.Context(), "the device was asked for", func() bool {
			return w.portal.Count(http.MethodPost, "/profile/devices") > 0
		}))
		must(t, w.end())
		if device, _ := w.portal.Device("A"); device.ProfileUUID != "" {
			t.Fatal("the device was not throttled")
		}
		must(t, w.start(t.Context()))
		must(t, eventually(t.Context(), "the device has its profile", func() bool {
			device, _ := w.portal.Device("A")
			return device.ProfileUUID != ""
		}))
	})
}

// TestProfileDefinedAnew has the profile that is in nanodep's storage be of no use.
func TestProfileDefinedAnew(t *testing.T) {
	for name, spoil := range map[string]func(w *world) string{
		"it leads elsewhere": func(w *world) string { return w.portal.AddProfile("old", "https://old.example.org/enroll") },
		"Apple has it not":   func(*world) string { return "0F1E2D3C4B5A69788796A5B4C3D2E1F0" },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, mdminmem.New(), depinmem.New(), func(w *world) {
				stale := spoil(w)
				must(t, w.dep.StoreAssignerProfile(t.Context(), simDEPName, stale))
				_, err := w.buyAndEnrol(t.Context(), "A")
				must(t, err)
				stored, _, err := w.dep.RetrieveAssignerProfile(t.Context(), simDEPName)
				must(t, err)
				if device, _ := w.portal.Device("A"); device.ProfileUUID == stale || device.ProfileUUID != stored {
					t.Errorf("the device has %s, stored is %s", device.ProfileUUID, stored)
				}
			})
		})
	}
}

// TestAccountStopsAndGoesOn has terms that nobody has signed, and a request that fails.
func TestAccountStopsAndGoesOn(t *testing.T) {
	inWorld(t, mdminmem.New(), depinmem.New(), func(w *world) {
		logged := func(word string) func() bool {
			return func() bool { return strings.Contains(w.logs.(*journal).String(), word) }
		}
		w.portal.SetTermsSigned(false)
		w.server.devices.syncer.SyncNow()
		must(t, eventually(t.Context(), "the log tells of the terms", logged("terms")))
		w.portal.SetTermsSigned(true)
		_, err := w.buyAndEnrol(t.Context(), "A")
		must(t, err)

		w.portal.Fail(deptest.Fault{Method: http.MethodPost, Path: "/profile/devices", Kind: deptest.Answer, Status: http.StatusBadRequest})
		w.portal.AddSerials("B")
		w.server.devices.syncer.SyncNow()
		must(t, eventually(t.Context(), "the log tells of the failure", logged("msg=assigning")))
	})
}
