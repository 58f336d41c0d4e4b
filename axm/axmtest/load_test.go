package axmtest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/applemdm/applemdm/axm/axmtest"
)

// Clients, the portal and the service at once: every device that exists throughout is listed exactly
// once, and what activities have done is there.
func TestConcurrentUse(t *testing.T) {
	c := start(t, &axmtest.Options{ActivityStep: time.Millisecond})
	stable := c.org.AddRandomDevices(150)
	server := c.org.AddServer(axmtest.MDMServer{Name: "Lab"})
	stop := make(chan struct{})
	var writers, readers sync.WaitGroup
	writers.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			c.org.AddSerials("T1", "T2")
			c.org.ModifyDevice(stable[i%150], func(d *axmtest.Device) { d.Color = fmt.Sprint(i) })
			c.org.ReleaseDevices("T1", "T2")
			c.org.Users.Add(axmtest.User{ID: "u"})
			c.org.Users.Update("u", func(u *axmtest.User) { u.FirstName = fmt.Sprint(i) })
			c.org.Blueprints.Add(axmtest.Blueprint{ID: "b", Devices: stable[:2], Apps: []string{"1"}})
			time.Sleep(100 * time.Microsecond) // or the readers hardly get the lock
		}
	})
	for n := range 4 {
		readers.Go(func() {
			c := clientOf(t, c.srv, c.org)
			for range 2 {
				got := strings.Fields(c.all("orgDevices?limit=70"))
				got = slices.DeleteFunc(got, func(s string) bool { return s == "T1" || s == "T2" })
				if !slices.Equal(got, stable) {
					t.Errorf("listed %d devices of %d, or in another order", len(got), len(stable))
				}
				c.start(activityText("ASSIGN_DEVICES", server, "", stable[n]))
				c.all("users")
				c.get("blueprints?include=orgDevices")
				c.token(form(c.org.Account(), assertionOf(c.org.Account(), time.Now()).sign(t)))
				_, _, _, _ = c.org.Devices(), c.srv.Received(), c.srv.Violations(), c.org.Activities()
			}
		})
	}
	readers.Wait()
	close(stop)
	writers.Wait()
	c.srv.UpdateOptions(func(o *axmtest.Options) { o.ActivityStep = 0 })
	for n := range 4 {
		if d, _ := c.org.Device(stable[n]); d.ServerID != server {
			t.Errorf("device %d was not assigned", n)
		}
	}
	c.wantNoViolations()
}

// Thousands of devices, on a real listener.
func TestLarge(t *testing.T) {
	c := start(t, nil)
	serials := c.org.AddRandomDevices(4_000)
	server := c.org.AddServer(axmtest.MDMServer{})
	outside := httptest.NewServer(c.srv)
	defer outside.Close()
	c.http = outside.Client()
	begin := time.Now()
	for chunk := range slices.Chunk(serials, 1000) {
		if a := c.send("POST", outside.URL+"/v1/orgDeviceActivities", activityText("ASSIGN_DEVICES", server, "", chunk...), nil); a.status != 201 {
			t.Fatal(a)
		}
	}
	var got []string
	for next := outside.URL + "/v1/mdmServers/" + server + "/relationships/devices?limit=1000"; next != ""; {
		l := decode[list](t, c.send("GET", next, "", nil))
		got, next = append(got, strings.Fields(l.ids())...), l.Links.Next
	}
	name, port, _ := strings.Cut(strings.TrimPrefix(outside.URL, "http://"), ":")
	for host, other := range map[string]string{name: "localhost", "localhost": name} {
		a := c.send("GET", "http://"+host+":"+port+"/v1/orgDeviceActivities/"+c.org.Activities()[0].ID, "", nil)
		logURL := decode[struct{ Data item }](t, a).Data.Attributes["downloadUrl"].(string)
		if !strings.HasPrefix(logURL, "http://"+other+":"+port+"/activity-logs/") {
			t.Errorf("from %s the log is at %s", host, logURL)
		}
		if a := c.send("GET", logURL, "", http.Header{"Authorization": nil}); a.status != 200 || strings.Count(a.body, "SUCCESS") != 1001 {
			t.Errorf("%.300s", a.body)
		}
	}
	if !slices.Equal(got, serials) || time.Since(begin) > 5*time.Second {
		t.Errorf("%d of %d devices after %v", len(got), len(serials), time.Since(begin))
	}
	c.wantNoViolations()
}
