package deptest_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/applemdm/applemdm/dep"
	"github.com/applemdm/applemdm/dep/deptest"
)

// demoFolder returns a folder for a recording.
func demoFolder() (string, func()) {
	folder, err := os.MkdirTemp("", "demo")
	if err != nil {
		log.Fatal(err)
	}
	return folder, func() { _ = os.RemoveAll(folder) }
}

// A client is recorded by giving it the client of a Recorder. Here the service is the simulator; in
// production, leave BaseURL out.
func ExampleRecord() {
	srv := deptest.NewServer(nil)
	defer srv.Close()
	srv.AddSerials("C02REAL00001")
	folder, remove := demoFolder()
	defer remove()
	file := filepath.Join(folder, "devices.yaml")

	recorder, err := deptest.Record(file, srv.Client())
	if err != nil {
		log.Fatal(err)
	}
	token, err := dep.ParseToken(srv.Token().JSON())
	if err != nil {
		log.Fatal(err)
	}
	client, err := dep.New(token, &dep.Options{HTTPClient: recorder.Client(), BaseURL: srv.URL})
	if err != nil {
		log.Fatal(err)
	}
	for device, err := range client.Devices(context.Background()) {
		fmt.Println(device.SerialNumber, device.Model, err)
	}
	if err := recorder.Save(); err != nil {
		log.Fatal(err)
	}

	// Whoever gets the file needs neither token nor network, and learns no serial number.
	replay, err := deptest.Replay(file)
	if err != nil {
		log.Fatal(err)
	}
	client, err = dep.New(token, &dep.Options{HTTPClient: replay})
	if err != nil {
		log.Fatal(err)
	}
	for device, err := range client.Devices(context.Background()) {
		hidden := device.SerialNumber != "C02REAL00001" && device.SerialNumber == recorder.StandIn("C02REAL00001")
		fmt.Println("hidden:", hidden, device.Model, err)
	}
	// Output:
	// C02REAL00001 iPhone 17 <nil>
	// hidden: true iPhone 17 <nil>
}
