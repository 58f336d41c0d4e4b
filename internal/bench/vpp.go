package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

const (
	vppLatency = 200 * time.Millisecond // of each request
	vppPages   = 60
	vppApps    = 25
	vppDevices = 20_000
)

// vppFigures measures the client of Apps and Books against one that asks for one thing at a time.
func vppFigures() ([]figure, error) {
	var figures []figure
	for _, rate := range []int{15, 50} { // what Apple's documentation shows, and a rate that leaves room
		f, err := vppReading(rate)
		if err != nil {
			return nil, err
		}
		figures = append(figures, f)
	}
	f, err := vppAssociating()
	return append(figures, f), err
}

// vppSite is a location at a simulator, and a client of it.
type vppSite struct {
	server   *vpptest.Server
	location *vpptest.Location
	client   *vpp.Client
}

func newVPPSite(rate int) (*vppSite, error) {
	server := vpptest.NewServer(&vpptest.Options{PageSize: 500, Latency: vppLatency})
	server.SetLimit("maxRequestPerSecond", rate)
	location := server.AddLocation(vpptest.LocationOptions{})
	for i := range vppApps {
		location.Buy(vpptest.Asset{AdamID: vppApp(i), Unlimited: true})
	}
	token, err := vpp.ParseToken(location.Token())
	if err != nil {
		return nil, err
	}
	client, err := vpp.New(token, &vpp.Options{HTTPClient: server.Client(), BaseURL: server.URL + "/mdm/v2"})
	if err != nil {
		return nil, err
	}
	// The configuration and the rate that it publishes are known before anything is measured.
	if _, err := client.ServiceConfig(context.Background()); err != nil {
		return nil, err
	}
	time.Sleep(time.Second)
	return &vppSite{server, location, client}, nil
}

func vppApp(i int) string { return strconv.Itoa(1_000_000_001 + i) }

func vppSerials(n int) []string {
	serials := make([]string, n)
	for i := range serials {
		serials[i] = fmt.Sprintf("X0EX%06d", i)
	}
	return serials
}

// withinRate fails if the simulator has seen more than it publishes, or had to refuse.
func (s *vppSite) withinRate(rate int) error {
	if seen := s.location.Traffic().PeakRate; seen > rate {
		return fmt.Errorf("%d requests within a second at a published rate of %d", seen, rate)
	}
	return nil
}

// vppReading reads 60 pages of assignments.
func vppReading(rate int) (figure, error) {
	site, err := newVPPSite(rate)
	if err != nil {
		return figure{}, err
	}
	defer site.server.Close()
	const total = vppPages * 500
	for i, serial := range vppSerials(total) {
		site.location.AssignByOther(vppApp(i%vppApps), "", vpptest.Target{SerialNumber: serial})
	}
	ours, err := measure(func() error {
		read := 0
		for _, err := range site.client.Assignments(context.Background(), vpp.AssignmentFilter{}) {
			if err != nil {
				return err
			}
			read++
		}
		return complete(read, total)
	})
	if err != nil {
		return figure{}, err
	}
	if err := site.withinRate(rate); err != nil {
		return figure{}, err
	}
	peer, err := measure(func() error {
		read, err := site.readInSequence()
		if err != nil {
			return err
		}
		return complete(read, total)
	})
	return figure{name: fmt.Sprintf("read %d pages, 200 ms of server each, at %d requests a second", vppPages, rate),
		unit: "ms", less: true, ours: float64(ours.wall.Milliseconds()), peer: float64(peer.wall.Milliseconds())}, err
}

// complete fails unless everything was read or done.
func complete(got, want int) error {
	if got != want {
		return fmt.Errorf("%d of %d", got, want)
	}
	return nil
}

// vppAssociating has Apple queue 25 apps for 20,000 devices.
func vppAssociating() (figure, error) {
	const rate = 15
	var walls [2]time.Duration
	for i, associate := range []func(*vppSite, []string) error{(*vppSite).associate, (*vppSite).associateInSequence} {
		site, err := newVPPSite(rate)
		if err != nil {
			return figure{}, err
		}
		defer site.server.Close()
		site.location.HoldEvents() // what Apple does with it afterwards is not measured
		took, err := measure(func() error { return associate(site, vppSerials(vppDevices)) })
		if err != nil {
			return figure{}, err
		}
		if err := site.withinRate(rate); err != nil {
			return figure{}, err
		}
		requested := 0
		for _, event := range site.location.Events() {
			requested += event.Requested
		}
		if err := complete(requested, vppApps*vppDevices); err != nil {
			return figure{}, err
		}
		walls[i] = took.wall
	}
	return figure{name: fmt.Sprintf("associate %d apps with 20,000 devices, until Apple has queued it", vppApps),
		unit: "ms", less: true, ours: float64(walls[0].Milliseconds()), peer: float64(walls[1].Milliseconds())}, nil
}

func (s *vppSite) associate(serials []string) error {
	apps := make([]vpp.AssetKey, vppApps)
	for i := range apps {
		apps[i].AdamID = vpp.AdamID(vppApp(i))
	}
	operation, err := s.client.Associate(context.Background(), apps, vpp.Devices(serials...))
	if err != nil {
		return err
	}
	return complete(operation.Progress().Pending, vppApps*vppDevices)
}

// readInSequence follows nextPageIndex, one page after the other.
func (s *vppSite) readInSequence() (read int, err error) {
	for next := new(int); next != nil; {
		var page struct {
			Assignments   []vpp.Assignment `json:"assignments"`
			NextPageIndex *int             `json:"nextPageIndex"`
		}
		query := url.Values{"pageIndex": {strconv.Itoa(*next)}}
		if err := s.call(http.MethodGet, "/assignments?"+query.Encode(), nil, &page); err != nil {
			return read, err
		}
		read += len(page.Assignments)
		next = page.NextPageIndex
	}
	return read, nil
}

// associateInSequence sends 1,000 devices at a time.
func (s *vppSite) associateInSequence(serials []string) error {
	type asset struct {
		AdamID       string `json:"adamId"`
		PricingParam string `json:"pricingParam"`
	}
	assets := make([]asset, vppApps)
	for i := range assets {
		assets[i] = asset{vppApp(i), "STDQ"}
	}
	for len(serials) > 0 {
		n := min(len(serials), 1000)
		var queued struct{ EventID string }
		if err := s.call(http.MethodPost, "/assets/associate",
			map[string]any{"assets": assets, "serialNumbers": serials[:n]}, &queued); err != nil {
			return err
		}
		serials = serials[n:]
	}
	return nil
}

// call is the request of a client without pace, pages or repetition.
func (s *vppSite) call(method, path string, body, answer any) error {
	encoded, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequest(method, s.server.URL+"/mdm/v2"+path, bytes.NewReader(encoded))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+string(bytes.TrimSpace(s.location.Token())))
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.server.Client().Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s", method, path, resp.Status)
	}
	return json.NewDecoder(resp.Body).Decode(answer)
}
