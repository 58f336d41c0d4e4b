package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/applemdm/applemdm/apns/apnstest"
	"github.com/applemdm/applemdm/axm/axmtest"
	"github.com/applemdm/applemdm/dep/deptest"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

const (
	organisation = "Lakeside School"
	ourServer    = "MDM"       // the device management service that the credentials are for
	otherServer  = "Other MDM" // where devices may be moved to

	// pushTopic is what the push certificate is for.
	pushTopic = "com.apple.mgmt.External.0d2f6c1e-8a54-4a57-9c0e-0d4f7b1a2e33"

	// keep is how many requests each simulator remembers, for the page and for GET /api/requests.
	keep = 2_000
)

// world is the one organisation that all four simulators tell of: axm has its devices, dep those of
// them that are assigned to our server, apns those that have enrolled, and vpp the apps for them.
type world struct {
	folder *folder

	axm      *axmtest.Server
	org      *axmtest.Org
	scope    string            // of access tokens
	servers  map[string]string // ids by name
	dep      *deptest.Server
	vpp      *vpptest.Server
	location *vpptest.Location
	apns     *apnstest.Server

	// The addresses of the services, which are known once they are served.
	controlURL, axmURL, depURL, vppURL string

	mu       sync.Mutex // guards what follows; held before the locks of the simulators
	here     map[string]bool
	enrolled map[string]*enrolment // by serial number
	byToken  map[string]string     // serial numbers by push token
	pushCert []byte                // PEM
}

// settings say what the world is like at first.
type settings struct {
	dir       string
	devices   int
	school    bool
	webhookCA string
	ports     ports
}

// newWorld makes the organisation and its simulators. Only that of apns is served so far: it brings
// its own listener.
func newWorld(s settings) (*world, error) {
	files, err := openFolder(s.dir)
	if err != nil {
		return nil, err
	}
	webhooks, err := webhookClient(s.webhookCA)
	if err != nil {
		return nil, err
	}
	pushService, err := listenAPNs(s.ports.apns)
	if err != nil {
		return nil, err
	}
	kind, scope, orgType := axmtest.Business, "business.api", "org"
	if s.school {
		kind, scope, orgType = axmtest.School, "school.api", "edu"
	}
	w := &world{
		folder: files,
		scope:  scope,
		axm:    axmtest.NewServer(&axmtest.Options{ActivityStep: 300 * time.Millisecond, KeepRequests: keep}),
		dep: deptest.NewServer(&deptest.Options{KeepRequests: keep,
			Account: deptest.Account{ServerName: ourServer, OrgName: organisation, OrgType: orgType}}),
		vpp:      vpptest.NewServer(&vpptest.Options{EventDelay: time.Second, KeepRequests: keep, NotifyClient: webhooks}),
		apns:     pushService,
		here:     map[string]bool{},
		enrolled: map[string]*enrolment{},
		byToken:  map[string]string{},
	}
	w.org = w.axm.AddOrg(axmtest.OrgOptions{Kind: kind, Name: organisation})
	w.servers = map[string]string{
		ourServer:   w.org.AddServer(axmtest.MDMServer{Name: ourServer}),
		otherServer: w.org.AddServer(axmtest.MDMServer{Name: otherServer}),
	}
	w.location = w.vpp.AddLocation(vpptest.LocationOptions{Name: organisation, OrgName: organisation})
	w.stock()
	return w, w.populate(s.devices)
}

// webhookClient sends the notifications of vpp. It trusts the authorities in a file, without one those
// of the system; nil is the simulator's own client.
func webhookClient(file string) (*http.Client, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s: has no certificate in it", file)
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}}, nil
}

// listenAPNs makes the simulator of APNs, whose constructor panics when the port is taken.
func listenAPNs(port int) (s *apnstest.Server, err error) {
	defer func() {
		if problem := recover(); problem != nil {
			err = fmt.Errorf("apns: %v", problem)
		}
	}()
	return apnstest.NewServer(&apnstest.Options{Addr: loopback(port), KeepPushes: keep}), nil
}

// stock buys the apps: one without end, one that soon runs out, and one for people only.
func (w *world) stock() {
	for _, app := range []struct {
		name  string
		asset vpptest.Asset
	}{
		{"Atlas", vpptest.Asset{AdamID: "1000000001", Unlimited: true}},
		{"Notebook", vpptest.Asset{AdamID: "1000000002", Total: 10}},
		{"Diary", vpptest.Asset{AdamID: "1000000003", Total: 100, NotDeviceAssignable: true}},
	} {
		w.location.Buy(app.asset)
		w.vpp.AddContent(vpptest.Content{ID: app.asset.AdamID, Type: vpptest.Apps, Name: app.name,
			Artist: organisation, BundleID: "org.example." + app.name})
	}
}

// populate adds the first devices: four of five are assigned to our server and have enrolled.
func (w *world) populate(n int) error {
	serials := w.org.AddRandomDevices(n)
	ours := serials[:n*4/5]
	w.org.AssignDevices(w.servers[ourServer], ours...)
	if err := w.follow(); err != nil {
		return err
	}
	if err := w.enroll(ours...); err != nil {
		return err
	}
	return w.writeLists()
}

func (w *world) close() {
	w.axm.Close()
	w.dep.Close()
	w.vpp.Close()
	w.apns.Close()
}
