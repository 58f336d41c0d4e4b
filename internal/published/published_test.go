package published

import "testing"

func TestFollow(t *testing.T) {
	const apple, test = "https://vpp.itunes.apple.com/mdm/v2", "http://memhttp.test/mdm/v2"
	for _, c := range []struct {
		base, url string
		want      bool
	}{
		{apple, "https://vpp.itunes.apple.com/mdm/v2/assets", true},
		{apple, "https://VPP.itunes.apple.com/x", true},
		{apple, "https://uclient-api.itunes.apple.com:443/x", true},
		{apple, "https://apple.com/x", true},
		{apple, "http://vpp.itunes.apple.com/x", false},
		{apple, "https://vpp.itunes.apple.com:8443/x", false},
		{apple, "https://evilapple.com/x", false},
		{apple, "https://apple.com.evil.test/x", false},
		{apple, "https://apple.com@evil.test/x", false},
		{apple, "https://me@apple.com/x", false},
		{apple, "https://apple.com/x?a=b", false},
		{apple, "https://apple.com/x#y", false},
		{apple, "https://apple.com/", false},
		{apple, "https://[", false},
		{apple, "//apple.com/x", false},
		{apple, "http://memhttp.test/x", false},
		{test, "http://memhttp.test/x", true},
		{test, "https://memhttp.test/x", false},
		{test, "https://apple.com/x", false},
		{"http://[", "https://apple.com/x", false},
	} {
		if _, got := Follow(c.base, c.url); got != c.want {
			t.Errorf("from %s to %s: %v", c.base, c.url, got)
		}
	}
	u, ok := Follow(test, "HTTP://MEMHTTP.test/a/b")
	if !ok || Origin(u) != test[:len("http://memhttp.test")] || u.Path != "/a/b" {
		t.Errorf("%v, %v", u, ok)
	}
}
