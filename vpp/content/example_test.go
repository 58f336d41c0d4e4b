package content_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/content"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

// newExample returns a simulated location in Germany that owns two apps, a client of its licences,
// and its token.
func newExample() (*vpptest.Server, *vpp.Client, *vpp.Token) {
	srv := vpptest.NewServer(nil)
	loc := srv.AddLocation(vpptest.LocationOptions{Country: "DE"})
	srv.AddContent(
		vpptest.Content{ID: "1000000001", Name: "Field Notes", BundleID: "com.example.field", Version: "3.1"},
		vpptest.Content{ID: "1000000002", Name: "House Notes", BundleID: "com.example.house", Custom: true},
		vpptest.Content{ID: "1000000003", Name: "Only There", Storefronts: []string{"us"}},
	)
	loc.Buy(vpptest.Asset{AdamID: "1000000001", Total: 10})
	loc.Buy(vpptest.Asset{AdamID: "1000000002", Total: 10})
	token, err := vpp.ParseToken(loc.Token())
	if err != nil {
		log.Fatal(err)
	}
	licences, err := vpp.New(token, &vpp.Options{HTTPClient: srv.Client(), BaseURL: srv.URL + "/mdm/v2"})
	if err != nil {
		log.Fatal(err)
	}
	return srv, licences, token
}

// A vendor of a device-management server shows what a location owns.
func ExampleClient_OwnedApps() {
	srv, licences, token := newExample()
	defer srv.Close()
	file := srv.DeveloperKey() // what the developer portal gives out
	key, err := content.ParseDeveloperKey(file.TeamID, file.KeyID, file.P8)
	if err != nil {
		log.Fatal(err)
	}
	client, err := content.New(key, token, &content.Options{
		HTTPClient: srv.Client(),
		BaseURL:    srv.URL + "/v1",
		Location:   licences,
	})
	if err != nil {
		log.Fatal(err)
	}

	found, err := client.OwnedApps(context.Background(), []vpp.AdamID{"1000000002", "1000000001", "1000000003"}, content.Query{
		Extend: []content.Extension{content.ExtendLatestVersionInfo},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, app := range found.Items {
		on, _ := app.Attributes.On(content.KeyIOS)
		fmt.Println(app.ID, on.Name, on.BundleID, on.LatestVersionInfo.VersionDisplay, app.Storefront)
	}
	fmt.Println("missing:", found.Missing)
	// Output:
	// 1000000002 House Notes com.example.house 1.0 de
	// 1000000001 Field Notes com.example.field 3.1 de
	// missing: [1000000003]
}

// An organisation that runs its own server has no developer key.
func ExampleLookup_Items() {
	srv, licences, token := newExample()
	defer srv.Close()
	lookup, err := content.NewLookup(token, &content.Options{
		HTTPClient: srv.Client(),
		BaseURL:    srv.URL,
		Location:   licences,
		Fallbacks:  []string{"us"},
	})
	if err != nil {
		log.Fatal(err)
	}
	found, err := lookup.Items(context.Background(), []vpp.AdamID{"1000000001", "1000000003", "1000000004"}, content.LookupQuery{})
	if err != nil {
		log.Fatal(err)
	}
	for _, item := range found.Items {
		fmt.Println(item.ID, item.Name, item.Version(), item.Storefront)
	}
	fmt.Println("missing:", found.Missing)
	// Output:
	// 1000000001 Field Notes 3.1 de
	// 1000000003 Only There 1.0 us
	// missing: [1000000004]
}

// The vendor keeps the key on a server of its own, which hands out short-lived tokens.
func ExampleDeveloperTokenFunc() {
	srv, _, _ := newExample()
	defer srv.Close()
	fromVendor := content.DeveloperTokenFunc(func(context.Context) (*content.DeveloperToken, error) {
		fmt.Println("asking the vendor")
		return content.NewDeveloperToken(srv.DeveloperToken(), time.Now().Add(10*time.Minute))
	})
	client, err := content.New(fromVendor, nil, &content.Options{
		HTTPClient: srv.Client(),
		BaseURL:    srv.URL + "/v1",
		Storefront: "us",
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, id := range []vpp.AdamID{"1000000001", "1000000002"} {
		app, err := client.App(context.Background(), id, content.Query{})
		switch {
		case errors.Is(err, content.ErrNotFound):
			fmt.Println(id, "is not for everyone")
		case err != nil:
			log.Fatal(err)
		default:
			fmt.Println(id, app.Attributes.Name)
		}
	}
	// Output:
	// asking the vendor
	// 1000000001 Field Notes
	// 1000000002 is not for everyone
}

func ExampleArtwork_URL() {
	icon := content.Artwork{TemplateURL: "https://img.example.com/a/{w}x{h}bb.{f}", Width: 1024, Height: 1024}
	fmt.Println(icon.URL(512, 512, "png"))
	fmt.Println(icon.URL(2048, 2048, "webp"))
	// Output:
	// https://img.example.com/a/512x512bb.png
	// https://img.example.com/a/1024x1024bb.webp
}
