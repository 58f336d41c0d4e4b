package vpptest_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

// A client is recorded by giving it the client of a Recorder. Here the service is the simulator; in
// production, leave BaseURL out.
func ExampleRecord() {
	srv := vpptest.NewServer(nil)
	defer srv.Close()
	loc := srv.AddLocation(vpptest.LocationOptions{Name: "Head office"})
	loc.CreateUserByOther("u-17", "pat@example.com", "")
	folder, err := os.MkdirTemp("", "demo")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	file := filepath.Join(folder, "users.yaml")

	recorder, err := vpptest.Record(file, srv.Client())
	if err != nil {
		log.Fatal(err)
	}
	token, err := vpp.ParseToken(loc.Token())
	if err != nil {
		log.Fatal(err)
	}
	base := srv.URL + "/mdm/v2"
	client, err := vpp.New(token, &vpp.Options{HTTPClient: recorder.Client(), BaseURL: base})
	if err != nil {
		log.Fatal(err)
	}
	for user, err := range client.Users(context.Background(), vpp.UserFilter{}) {
		fmt.Println(user.ClientUserID, user.Email, user.Status, err)
	}
	if err := recorder.Save(); err != nil {
		log.Fatal(err)
	}

	// Whoever gets the file needs no network and no token of that location, and learns no name.
	replay, err := vpptest.Replay(file)
	if err != nil {
		log.Fatal(err)
	}
	client, err = vpp.New(token, &vpp.Options{HTTPClient: replay, BaseURL: recorder.StandIn(base)})
	if err != nil {
		log.Fatal(err)
	}
	for user, err := range client.Users(context.Background(), vpp.UserFilter{}) {
		hidden := user.ClientUserID == recorder.StandIn("u-17") && user.Email == recorder.StandIn("pat@example.com")
		fmt.Println("hidden:", hidden, user.Status, err)
	}
	// Output:
	// u-17 pat@example.com Registered <nil>
	// hidden: true Registered <nil>
}
