package apns_test

import (
	"crypto/x509"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/apns"
)

func TestCheckRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		day := 24 * time.Hour
		until := func(days int) func(*x509.Certificate) {
			return func(c *x509.Certificate) { c.NotAfter = time.Now().Add(time.Duration(days) * day) }
		}
		stored := mint(fixtureTopic, until(20)).parsed(t)
		force := &apns.RenewalOptions{Force: true}
		for name, c := range map[string]struct {
			stored, offered *apns.Certificate
			want            error
		}{
			"renewed":                    {stored, mint(fixtureTopic, until(365)).parsed(t), nil},
			"the first one":              {nil, mint(fixtureTopic, until(365)).parsed(t), nil},
			"the first one, zero stored": {&apns.Certificate{}, mint(fixtureTopic, until(365)).parsed(t), nil},
			"equally long":               {stored, mint(fixtureTopic, until(20)).parsed(t), nil},
			"another topic":              {stored, mint(otherTopic, until(365)).parsed(t), apns.ErrTopicChanged},
			"another topic, expired":     {stored, mint(otherTopic, until(-1)).parsed(t), apns.ErrTopicChanged},
			"the same":                   {stored, stored, apns.ErrSameCertificate},
			"shorter":                    {stored, mint(fixtureTopic, until(19)).parsed(t), apns.ErrExpiresEarlier},
			"expired":                    {stored, mint(fixtureTopic, until(-1)).parsed(t), apns.ErrCertificateExpired},
			"the first one, expired":     {nil, mint(fixtureTopic, until(-1)).parsed(t), apns.ErrCertificateExpired},
		} {
			for _, opts := range []*apns.RenewalOptions{nil, {}} {
				if err := apns.CheckRenewal(c.stored, c.offered, opts); !errors.Is(err, c.want) {
					t.Errorf("%s: got %v, want %v", name, err, c.want)
				}
			}
			if err := apns.CheckRenewal(c.stored, c.offered, force); err != nil {
				t.Errorf("%s, forced: got %v", name, err)
			}
		}
		for _, offered := range []*apns.Certificate{nil, {}} {
			refusedAs(t, apns.CheckRenewal(stored, offered, force), "certificate", "must not be empty")
		}
	})
}

func TestCheckTopic(t *testing.T) {
	a, b := mint(fixtureTopic).parsed(t), mint(otherTopic).parsed(t)
	err := apns.CheckTopic(a, b)
	got, _ := errors.AsType[*apns.TopicError](err)
	if diff := cmp.Diff(&apns.TopicError{Stored: fixtureTopic, Offered: otherTopic}, got); diff != "" {
		t.Error(diff)
	}
	const want = `push: the certificate has another topic, so it was created anew instead of renewed: its topic is "` +
		otherTopic + `", the stored certificate's is "` + fixtureTopic + `"`
	if err.Error() != want {
		t.Errorf("got %s", err)
	}
	for _, pair := range [][2]*apns.Certificate{{a, mint(fixtureTopic).parsed(t)}, {nil, b}, {a, nil}, {{}, b}} {
		if err := apns.CheckTopic(pair[0], pair[1]); err != nil {
			t.Errorf("%v: got %v", pair, err)
		}
	}
}
