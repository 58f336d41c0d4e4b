package axmtest_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/applemdm/applemdm/axm"
	"github.com/applemdm/applemdm/axm/axmtest"
)

// A client is recorded by giving it the client of a Recorder. Here the service is the simulator; in
// production, leave the URLs out.
func ExampleRecord() {
	srv := axmtest.NewServer(nil)
	defer srv.Close()
	org := srv.AddOrg(axmtest.OrgOptions{Kind: axmtest.Business})
	org.AddDevices(axmtest.Device{SerialNumber: "C02REAL00001"})
	folder, err := os.MkdirTemp("", "demo")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	file := filepath.Join(folder, "devices.yaml")

	recorder, err := axmtest.Record(file, srv.Client())
	if err != nil {
		log.Fatal(err)
	}
	key, err := axm.ParseKey(org.Account().ClientID(), org.Account().Key().ID, org.Account().Key().PEM())
	if err != nil {
		log.Fatal(err)
	}
	tokenURL := srv.URL + "/auth/oauth2/v2/token"
	client, err := axm.New(key, &axm.Options{HTTPClient: recorder.Client(), BaseURL: srv.URL, TokenURL: tokenURL})
	if err != nil {
		log.Fatal(err)
	}
	for device, err := range client.Devices(context.Background(), axm.ListOptions{}) {
		fmt.Println(device.ID, err)
	}
	if err := recorder.Save(); err != nil {
		log.Fatal(err)
	}

	// Whoever gets the file needs no network and no key of that organisation, and learns no serial
	// number.
	replay, err := axmtest.Replay(file)
	if err != nil {
		log.Fatal(err)
	}
	client, err = axm.New(key, &axm.Options{
		HTTPClient: replay, BaseURL: recorder.StandIn(srv.URL), TokenURL: recorder.StandIn(tokenURL),
	})
	if err != nil {
		log.Fatal(err)
	}
	for device, err := range client.Devices(context.Background(), axm.ListOptions{}) {
		fmt.Println("hidden:", device.ID == recorder.StandIn("C02REAL00001"), err)
	}
	// Output:
	// C02REAL00001 <nil>
	// hidden: true <nil>
}
