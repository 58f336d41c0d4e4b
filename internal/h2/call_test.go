package h2

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2/hpack"

	"github.com/applemdm/applemdm/internal/memhttp"
)

func TestSmoke(t *testing.T) {
	srv := memhttp.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		w.Header().Set("Apns-Id", r.Header.Get("Apns-Id"))
		if bytes.Contains(b, []byte("bad")) {
			w.WriteHeader(400)
			io.WriteString(w, `{"reason":"BadDeviceToken"}`)
		}
	}), nil)
	defer srv.Close()
	c := New(dialTLS(t, srv), Config{EarlyStreams: 100})
	var wg sync.WaitGroup
	for i := range 1000 {
		body := `{"mdm":"x"}`
		if i%10 == 0 {
			body = "bad"
		}
		call := &Call{Fields: []hpack.HeaderField{
			{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: "https"}, {Name: ":authority", Value: "h"},
			{Name: ":path", Value: "/3/device/" + strings.Repeat("ab", 32), Sensitive: true},
			{Name: "apns-id", Value: "id", Sensitive: true},
		}, Body: []byte(body), Deadline: time.Now().Add(5 * time.Second)}
		wg.Add(1)
		call.Done = func(call *Call) {
			defer wg.Done()
			if call.Err != nil || call.Header("apns-id") != "id" {
				t.Errorf("%v %v", call.Err, call.Response)
			}
			if want := 200 + i%10; call.Status != 200 && call.Status != 400 {
				t.Error(call.Status, want)
			}
		}
		for {
			err := c.Start(call)
			if err == nil {
				break
			}
			if err != ErrNoRoom {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
		}
	}
	wg.Wait()
	t.Logf("%+v", c.Stats())
	c.Drain()
	<-c.Done()
	if c.Err() != ErrClosed {
		t.Error(c.Err())
	}
}
