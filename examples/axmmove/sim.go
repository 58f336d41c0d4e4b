package main

import (
	"context"
	"fmt"
	"time"

	"github.com/applemdm/applemdm/axm"
	"github.com/applemdm/applemdm/axm/axmtest"
)

// simulated moves 3,500 devices of a simulator. Of these, some are where they belong already, some
// belong to nobody, one fails, and Apple takes fewer requests than they need.
func simulated(ctx context.Context, s settings) error {
	apple := axmtest.NewServer(&axmtest.Options{
		TLS: true, ActivityStep: time.Second, Lag: 3 * time.Second,
		Budget: map[string]axmtest.Quota{"GET": {Calls: 20, Per: time.Minute}, "POST": {Calls: 3, Per: time.Hour}},
	})
	defer apple.Close()
	org := apple.AddOrg(axmtest.OrgOptions{Name: "Lakeside School"})
	old, lab := org.AddServer(axmtest.MDMServer{Name: "Old MDM"}), org.AddServer(axmtest.MDMServer{Name: "Lab MDM"})
	serials := org.AddRandomDevices(3_490)
	org.AssignDevices(old, serials[200:]...)
	for _, serial := range serials[100:200] {
		org.ModifyDevice(serial, func(d *axmtest.Device) { d.ServerID = lab })
	}
	org.SetOutcome(serials[41], axmtest.Outcome{Status: "ISSUE", SubStatus: "INTERNAL_ERROR"})
	for i := range 10 {
		serials = append([]string{fmt.Sprintf("N0B0DY%04d", i)}, serials...)
	}

	account := org.Account()
	key, err := axm.ParseKey(account.ClientID(), account.Key().ID, account.Key().PEM())
	if err != nil {
		return err
	}
	client, err := open(s, key, &axm.Options{HTTPClient: apple.Client()})
	if err != nil {
		return err
	}
	if s.list {
		return list(ctx, client)
	}
	s.server, s.verify = "lab mdm", true
	return move(ctx, s, client, serials)
}
