package apns_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/apns"
	"github.com/applemdm/applemdm/apns/apnstest"
)

func TestOptionsAreChecked(t *testing.T) {
	cert := mint(topic).parsed(t)
	for name, c := range map[string]struct {
		opts  apns.Options
		field string
		text  string
	}{
		"no URL":          {apns.Options{BaseURL: "https://a b"}, "Options.BaseURL", "no URL"},
		"http":            {apns.Options{BaseURL: "http://api.push.apple.com"}, "Options.BaseURL", "https"},
		"no host":         {apns.Options{BaseURL: "https://:443"}, "Options.BaseURL", "host"},
		"path":            {apns.Options{BaseURL: "https://api.push.apple.com/3/device"}, "Options.BaseURL", "nothing but"},
		"query":           {apns.Options{BaseURL: "https://api.push.apple.com?x"}, "Options.BaseURL", "nothing but"},
		"user":            {apns.Options{BaseURL: "https://u:p@api.push.apple.com"}, "Options.BaseURL", "nothing but"},
		"expiration":      {apns.Options{Expiration: 31 * 24 * time.Hour}, "Options.Expiration", "30 days"},
		"past expiration": {apns.Options{Expiration: -1}, "Options.Expiration", "negative"},
		"timeout":         {apns.Options{Timeout: -1}, "Options.Timeout", "negative"},
		"age":             {apns.Options{MaxConnAge: -1}, "Options.MaxConnAge", "negative"},
		"ping":            {apns.Options{PingAfter: -1}, "Options.PingAfter", "negative"},
		"warning":         {apns.Options{ExpiryWarning: -1}, "Options.ExpiryWarning", "negative"},
		"hold-off":        {apns.Options{HoldOff: 30 * time.Second}, "Options.HoldOff", "less than Options.Timeout"},
		"hold-off, short": {apns.Options{HoldOff: time.Second, Timeout: time.Second}, "Options.HoldOff", "less than Options.Timeout"},
		"connections":     {apns.Options{MaxConns: -1}, "Options.MaxConns", "at least 1"},
		"streams":         {apns.Options{MaxStreams: -1}, "Options.MaxStreams", "at least 1"},
		"dials":           {apns.Options{MaxDials: -1}, "Options.MaxDials", "at least 1"},
	} {
		t.Run(name, func(t *testing.T) {
			client, err := apns.New(cert, &c.opts)
			refusedAs(t, err, c.field, c.text)
			if client != nil || strings.Contains(err.Error(), "u:p@") {
				t.Errorf("New: %v, %v", client, err)
			}
		})
	}
	_, err := apns.New(nil, nil)
	refusedAs(t, err, "certificates", "nil")
}

// Options are copied: what is done to them later changes nothing.
func TestOptionsAreCopied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := anyToken(t)
		opts := &apns.Options{RootCAs: srv.RootCAs(), DialContext: srv.Dial, LookupNetIP: srv.LookupNetIP}
		client, err := apns.New(issue(t, srv, apnstest.CertOptions{}), opts)
		if err != nil {
			t.Fatal(err)
		}
		*opts = apns.Options{DialContext: func(context.Context, string, string) (net.Conn, error) { panic("used") }}
		if _, err := client.Push(t.Context(), pushTo(1)); err != nil {
			t.Error(err)
		}
		if err := client.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if srv.Stats().Open != 0 {
			t.Error("a connection is open")
		}
	})
}
