package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/applemdm/applemdm/apns/apnstest"
	"github.com/applemdm/applemdm/axm/axmtest"
	"github.com/applemdm/applemdm/dep/deptest"
)

// enrolment is what our server knows of a device that has enrolled.
type enrolment struct {
	token, magic string
	device       *apnstest.Device
	online       bool
}

// enroll lets devices of ours fetch their profiles and check in: from now on they can be woken.
func (w *world) enroll(serials ...string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, serial := range serials {
		if !w.here[serial] {
			return fmt.Errorf("%s is not assigned to %q, so it cannot enroll", serial, ourServer)
		}
		if w.enrolled[serial] == nil {
			w.checkIn(serial)
		}
	}
	w.dep.PushProfile(serials...)
	return nil
}

// checkIn is what the TokenUpdate of a device does.
func (w *world) checkIn(serial string) {
	digest := sha256.Sum256([]byte(serial))
	e := &enrolment{token: hex.EncodeToString(digest[:]), magic: "magic-of-" + serial, online: true}
	e.device = w.apns.AddToken(pushTopic, e.token, e.magic)
	e.device.Online(true)
	w.enrolled[serial] = e
	w.byToken[e.token] = serial
}

// unenroll ends the enrolment, as erasing the device does: pushes to it are answered 410.
func (w *world) unenroll(serial string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e := w.enrolled[serial]; e != nil {
		w.apns.Unregister(e.token, time.Now())
		delete(w.enrolled, serial)
	}
}

// connect brings an enrolled device online or takes it offline.
func (w *world) connect(serial string, online bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	e := w.enrolled[serial]
	if e == nil {
		return fmt.Errorf("%s has not enrolled", serial)
	}
	e.online = online
	e.device.Online(online)
	return nil
}

// follow carries over what the services do not tell each other: devices that axm has assigned to our
// server arrive in dep, those that it has taken away leave, and what a client of dep has disowned is
// released from the organisation.
func (w *world) follow() error {
	w.mu.Lock()
	changed := w.compare()
	w.mu.Unlock()
	if !changed {
		return nil
	}
	return w.writeLists()
}

// compare does so, and reports whether there was anything to do.
func (w *world) compare() (changed bool) {
	listed := map[string]bool{}
	for _, device := range w.dep.Devices() {
		listed[device.SerialNumber] = true
	}
	assigned := map[string]bool{}
	var arrivals []deptest.Device
	for _, device := range w.org.Devices() {
		if device.ServerID != w.servers[ourServer] {
			continue
		}
		assigned[device.SerialNumber] = true
		if !w.here[device.SerialNumber] {
			arrivals = append(arrivals, arrival(device))
			w.here[device.SerialNumber] = true
			listed[device.SerialNumber] = true
		}
	}
	w.dep.AddDevices(arrivals...)
	changed = len(arrivals) > 0
	for serial := range w.here {
		if assigned[serial] && listed[serial] {
			continue
		}
		if assigned[serial] {
			w.org.ReleaseDevices(serial)
		}
		w.dep.RemoveDevices(serial)
		delete(w.here, serial)
		changed = true
	}
	return changed
}

// arrival is how dep tells of a device of axm.
func arrival(d axmtest.Device) deptest.Device {
	systems := map[string]string{"iPhone": "iOS", "iPad": "iPadOS", "Mac": "OSX", "AppleTV": "tvOS"}
	out := deptest.Device{
		SerialNumber: d.SerialNumber, Model: d.DeviceModel, Description: d.DeviceModel + " " + d.DeviceCapacity,
		Color: d.Color, OS: systems[d.ProductFamily], DeviceFamily: d.ProductFamily,
		IMEI: d.IMEI, MEID: d.MEID, EID: d.EID,
		WiFiMACAddress: d.WiFiMAC, BluetoothMACAddress: d.BluetoothMAC,
		MDMMigrationDeadline: d.MigrationDeadline,
	}
	if len(d.EthernetMAC) > 0 {
		out.EthernetMACAddress = d.EthernetMAC[0]
	}
	return out
}

// deviceInfo is what all services together know of a device.
type deviceInfo struct {
	SerialNumber  string   `json:"serialNumber"`
	Model         string   `json:"model"`
	Server        string   `json:"server"`        // name; "" is none
	ProfileStatus string   `json:"profileStatus"` // in dep; "" if it is not ours
	Enrolled      bool     `json:"enrolled"`
	Online        bool     `json:"online"`
	Woken         int      `json:"woken"` // how many pushes it reacted to
	Apps          []string `json:"apps"`
}

// devices returns up to limit devices, the newest first, and how many there are; with a serial
// number, that one.
func (w *world) devices(serial string, limit int) (list []deviceInfo, total int) {
	all := w.org.Devices()
	slices.Reverse(all)
	apps := map[string][]string{}
	for _, a := range w.location.Assignments() {
		apps[a.SerialNumber] = append(apps[a.SerialNumber], a.AdamID)
	}
	names := map[string]string{}
	for name, id := range w.servers {
		names[id] = name
	}
	list = []deviceInfo{}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, device := range all {
		if len(list) >= limit || serial != "" && device.SerialNumber != serial {
			continue
		}
		info := deviceInfo{SerialNumber: device.SerialNumber, Model: device.DeviceModel,
			Server: names[device.ServerID], Apps: append([]string{}, apps[device.SerialNumber]...)}
		if d, ok := w.dep.Device(device.SerialNumber); ok {
			info.ProfileStatus = d.ProfileStatus
		}
		if e := w.enrolled[device.SerialNumber]; e != nil {
			info.Enrolled, info.Online, info.Woken = true, e.online, e.device.Woken()
		}
		list = append(list, info)
	}
	return list, len(all)
}
