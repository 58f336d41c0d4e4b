package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

// simulated assigns three apps to 5,000 devices of a simulator. One app has too few licences, another
// is for people only, a device is broken, and a gateway loses an answer.
func simulated(ctx context.Context, s settings) error {
	apple := vpptest.NewServer(&vpptest.Options{EventDelay: 2 * time.Second})
	defer apple.Close()
	location := apple.AddLocation(vpptest.LocationOptions{Name: "Lakeside School"})
	location.Buy(vpptest.Asset{AdamID: "1000000001", Unlimited: true})
	location.Buy(vpptest.Asset{AdamID: "1000000002", Total: 4_990})
	location.Buy(vpptest.Asset{AdamID: "1000000003", Total: 100, NotDeviceAssignable: true})
	serials := make([]string, 5_000)
	for i := range serials {
		serials[i] = fmt.Sprintf("X0EX%06d", i+1)
	}
	location.SetOutcome(serials[41], 9603) // an internal error of Apple's
	apple.Fail(vpptest.Fault{Path: "*/assets/associate", Skip: 1, Kind: vpptest.Answer, Status: http.StatusBadGateway})

	token, err := vpp.ParseToken(location.Token())
	if err != nil {
		return err
	}
	client, err := open(s, token, &vpp.Options{HTTPClient: apple.Client(), BaseURL: apple.URL + "/mdm/v2"})
	if err != nil {
		return err
	}
	if s.list {
		return list(ctx, client)
	}
	return assign(ctx, s, client, readApps("1000000001,1000000002,1000000003"), serials)
}
