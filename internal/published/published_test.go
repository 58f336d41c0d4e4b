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

func TestLocate(t *testing.T) {
	for _, c := range []struct{ base, url, wantBase, wantPath string }{
		{"http://memhttp.test/mdm/v2", "http://memhttp.test/mdm/v2/assets", "http://memhttp.test/mdm/v2", "assets"},
		{"http://memhttp.test/mdm/v2/", "http://MEMHTTP.test/mdm/v2/a/b", "http://memhttp.test/mdm/v2/", "a/b"},
		{"http://memhttp.test/mdm/v2", "http://memhttp.test/mdm/v3/assets", "http://memhttp.test", "/mdm/v3/assets"},
		{"http://memhttp.test", "http://memhttp.test/x", "http://memhttp.test", "x"},
		{"https://vpp.itunes.apple.com/mdm/v2", "https://uclient-api.itunes.apple.com/mdm/v2/x", "https://uclient-api.itunes.apple.com", "/mdm/v2/x"},
	} {
		if base, path, ok := Locate(c.base, c.url); base != c.wantBase || path != c.wantPath || !ok {
			t.Errorf("from %s to %s: %s, %s, %v", c.base, c.url, base, path, ok)
		}
	}
	if base, path, ok := Locate("http://memhttp.test", "http://evil.test/x"); base != "" || path != "" || ok {
		t.Errorf("to a stranger: %s, %s, %v", base, path, ok)
	}
}
