package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/applemdm/applemdm/axm"
	"github.com/applemdm/applemdm/axm/axmtest"
	"github.com/applemdm/applemdm/dep/deptest"
)

// Whose day it is, and what our server is called in the portal.
const (
	schoolName = "Lakeside School"
	serverName = "Quickstart MDM"
	purchase   = 2_500 // devices
)

const tokenPath = "/auth/oauth2/token"

// school is the organisation in Apple School Manager: what it has bought, and the API that says to
// which device-management server a device belongs.
type school struct {
	stage  *stage
	apple  *axmtest.Server // stands for Apple
	org    *axmtest.Org
	client *axm.Client
	server string // the ID of our server
}

// newSchool makes a school with two servers. Close its simulator.
func newSchool(stage *stage) *school {
	apple := axmtest.NewServer(&axmtest.Options{PageSize: 250})
	s := &school{stage: stage, apple: apple, org: apple.AddOrg(axmtest.OrgOptions{Kind: axmtest.School, Name: schoolName})}
	s.org.AddServer(axmtest.MDMServer{Name: "Last year's MDM"})
	s.org.AddServer(axmtest.MDMServer{Name: serverName})
	return s
}

// arrival is the chapter about the School API: the devices that belong to no server become ours.
func (s *school) arrival(ctx context.Context) error {
	s.stage.say("A school has bought devices")
	if err := s.connect(ctx); err != nil {
		return err
	}
	bought := s.org.AddRandomDevices(purchase)
	homeless, err := s.homeless(ctx)
	if err != nil {
		return err
	}
	broken := bought[len(bought)/3]
	s.org.SetOutcome(broken, axmtest.Outcome{Status: "FAILURE", SubStatus: "INTERNAL_ERROR"})
	s.apple.Fail(axmtest.Fault{Method: http.MethodPost, Path: "/v1/orgDeviceActivities",
		Kind: axmtest.BusySeconds, Status: http.StatusTooManyRequests, RetryAfter: time.Second})
	if err := s.moveHere(ctx, homeless); err != nil {
		return err
	}
	if left := s.apple.PendingFaults(); left > 0 {
		return fmt.Errorf("%d of the faults prepared did not happen", left)
	}
	s.stage.say("  survived: a lost connection, an access token that ended (%d were issued), and \"too many requests\"", s.apple.Count(http.MethodPost, tokenPath))
	s.stage.note("devices bought", "%d", len(bought))
	return nil
}

// connect does what happens once when an administrator has made a key for the API.
func (s *school) connect(ctx context.Context) error {
	account := s.org.Account()
	key, err := axm.ParseKey(account.ClientID(), account.Key().ID, account.Key().PEM())
	if err != nil {
		return err
	}
	s.client, err = axm.New(key, &axm.Options{
		HTTPClient: s.stage.watched("axm", s.apple.Client()),
		BaseURL:    s.apple.URL,
		TokenURL:   s.apple.URL + tokenPath,
		UserAgent:  "quickstart/1.0",
	})
	if err != nil {
		return err
	}
	for server, err := range s.client.Servers(ctx, axm.ListOptions{}) {
		if err != nil {
			return err
		}
		if server.ServerName == serverName {
			s.server = server.ID
		}
	}
	s.stage.say("  our server is %q, with the ID %s", serverName, s.server)
	return nil
}

// homeless reads which devices are assigned to no server. A connection gets lost on the way, and the
// access token ends.
func (s *school) homeless(ctx context.Context) ([]string, error) {
	s.apple.Fail(axmtest.Fault{Path: "/v1/orgDevices", Skip: 3, Kind: axmtest.ResetBody})
	bar := s.stage.progress("devices in the list", purchase)
	defer bar.close()
	var serials []string
	for page, err := range s.client.DevicePages(ctx, axm.ListOptions{Fields: []string{"serialNumber", "status"}}) {
		if err != nil {
			return nil, err
		}
		for _, device := range page.Items {
			if device.Status == axm.DeviceUnassigned {
				serials = append(serials, device.SerialNumber)
			}
		}
		bar.add(len(page.Items))
		if bar.done == purchase/2 {
			s.org.Account().ExpireTokens()
		}
	}
	return serials, nil
}

// moveHere assigns devices to our server. Apple does it in activities of many devices each, whose
// outcomes are in a log; what fails is asked for once more.
func (s *school) moveHere(ctx context.Context, serials []string) error {
	operation, err := s.client.AssignDevices(ctx, s.server, serials)
	if err != nil {
		return err
	}
	bar := s.stage.progress("assigned to our server", len(serials))
	result, err := watch(ctx, bar, func() int { return operation.Progress().Done }, operation.Wait)
	if err != nil {
		return err
	}
	for _, failed := range result.Failed() {
		refusal, ok := errors.AsType[*axm.DeviceError](failed.Err)
		if !ok {
			return failed.Err
		}
		s.stage.say("  %s: %s %s", failed.SerialNumber, refusal.Status, refusal.SubStatus)
	}
	return s.moveAgain(ctx, result.Failed().Serials())
}

// moveAgain asks once more for devices that failed. It does not wait for the activity: reading back
// is quicker for a few.
func (s *school) moveAgain(ctx context.Context, serials []string) error {
	if len(serials) == 0 {
		return nil
	}
	s.org.ClearOutcomes()
	if _, err := s.client.AssignDevices(ctx, s.server, serials); err != nil {
		return err
	}
	read, err := s.client.VerifyAssigned(ctx, s.server, serials)
	if err != nil {
		return err
	}
	if !read.Done() {
		return fmt.Errorf("tried again: %v", read)
	}
	s.stage.say("  tried again, and read back: done")
	return nil
}

// oneMore is what happens when the school buys another device later. Nobody waits here: the sync will
// tell when it has come.
func (s *school) oneMore(ctx context.Context) (serial string, err error) {
	serial = s.org.AddRandomDevices(1)[0]
	_, err = s.client.AssignDevices(ctx, s.server, []string{serial})
	return serial, err
}

// deliver is done by Apple, behind both services: what is assigned to a server in the portal is in
// the device list of that server. The simulators do not know each other, so the story carries the
// devices over.
func (s *school) deliver(list *deptest.Server) {
	for _, d := range s.org.Devices() {
		if _, there := list.Device(d.SerialNumber); there || d.ServerID != s.server {
			continue
		}
		device := deptest.Device{
			SerialNumber: d.SerialNumber, Model: d.DeviceModel, DeviceFamily: d.ProductFamily, Color: d.Color,
			IMEI: d.IMEI, MEID: d.MEID, EID: d.EID, WiFiMACAddress: d.WiFiMAC, BluetoothMACAddress: d.BluetoothMAC,
			OS: map[string]string{"iPhone": "iOS", "iPad": "iPadOS", "Mac": "OSX", "AppleTV": "tvOS"}[d.ProductFamily],
		}
		list.AddDevices(device)
	}
}
