package dep_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/dep"
	"github.com/applemdm/applemdm/dep/deptest"
	"github.com/applemdm/applemdm/internal/exchange"
)

// goodProfile has no more than it needs.
func goodProfile() *dep.Profile {
	return &dep.Profile{ProfileName: "Standard 2026", URL: "https://mdm.example.org/enroll"}
}

// brokenRules returns the fields of the InputErrors that err joins, and nothing else may be in it.
func brokenRules(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	if input, ok := err.(*dep.InputError); ok {
		return []string{strings.TrimPrefix(input.Field, "Profile.")}
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("error %T: %v", err, err)
	}
	var fields []string
	for _, e := range joined.Unwrap() {
		fields = append(fields, brokenRules(t, e)...)
	}
	return fields
}

func TestProfileValidate(t *testing.T) {
	wide := strings.Repeat("ä", 125) // 125 characters of two bytes each
	certificate := demoCertificate(anchorCertificate)
	for _, test := range []struct {
		name   string
		change func(*dep.Profile)
		want   []string
	}{
		{"required members only", func(*dep.Profile) {}, nil},
		{"every member", func(p *dep.Profile) { *p = *demoProfile() }, nil},

		{"no name", func(p *dep.Profile) { p.ProfileName = "" }, []string{"ProfileName"}},
		{"longest name", func(p *dep.Profile) { p.ProfileName = wide }, nil},
		{"name too long", func(p *dep.Profile) { p.ProfileName = wide + "x" }, []string{"ProfileName"}},
		{"name not UTF-8", func(p *dep.Profile) { p.ProfileName = "\xff" }, []string{"ProfileName"}},

		{"no URL", func(p *dep.Profile) { p.URL = "" }, []string{"URL"}},
		{"http", func(p *dep.Profile) { p.URL = "http://mdm.example.org/enroll" }, nil},
		{"URL of another scheme", func(p *dep.Profile) { p.URL = "ftp://mdm.example.org" }, []string{"URL"}},
		{"URL without a scheme", func(p *dep.Profile) { p.URL = "mdm.example.org/enroll" }, []string{"URL"}},
		{"URL without a host", func(p *dep.Profile) { p.URL = "https:///enroll" }, []string{"URL"}},
		{"URL that cannot be read", func(p *dep.Profile) { p.URL = "https://mdm.example.org/%zz" }, []string{"URL"}},
		{"URL with a space", func(p *dep.Profile) { p.URL = "https://mdm.example.org/a b" }, []string{"URL"}},
		{"URL with an umlaut", func(p *dep.Profile) { p.URL = "https://mdm.example.org/ä" }, []string{"URL"}},
		{"URL with braces", func(p *dep.Profile) { p.URL = "https://mdm.example.org/{id}" }, []string{"URL"}},
		{"URL encoded", func(p *dep.Profile) { p.URL = "https://mdm.example.org/%C3%A4%20b?a=b&c=(d)'!~*$,;:@+" }, nil},
		{"longest URL", func(p *dep.Profile) { p.URL = "https://mdm.example.org/" + strings.Repeat("x", 2000-24) }, nil},
		{"URL too long", func(p *dep.Profile) { p.URL = "https://mdm.example.org/" + strings.Repeat("x", 2001-24) }, []string{"URL"}},

		{"web URL", func(p *dep.Profile) { p.ConfigurationWebURL = "https://mdm.example.org/w" }, nil},
		{"web URL without TLS", func(p *dep.Profile) { p.ConfigurationWebURL = "http://mdm.example.org/w" }, []string{"ConfigurationWebURL"}},
		{"web URL without a host", func(p *dep.Profile) { p.ConfigurationWebURL = "https:w" }, []string{"ConfigurationWebURL"}},

		{"not removable", func(p *dep.Profile) { p.IsMDMRemovable = new(false) }, []string{"IsMDMRemovable"}},
		{"not removable, supervised", func(p *dep.Profile) { p.IsMDMRemovable, p.IsSupervised = new(false), true }, nil},
		{"removable", func(p *dep.Profile) { p.IsMDMRemovable = new(true) }, nil},

		{"longest department", func(p *dep.Profile) { p.Department = wide }, nil},
		{"department too long", func(p *dep.Profile) { p.Department = wide + "x" }, []string{"Department"}},
		{"longest phone number", func(p *dep.Profile) { p.SupportPhoneNumber = strings.Repeat("1", 50) }, nil},
		{"phone number too long", func(p *dep.Profile) { p.SupportPhoneNumber = strings.Repeat("1", 51) }, []string{"SupportPhoneNumber"}},
		{"longest e-mail address", func(p *dep.Profile) { p.SupportEmailAddress = strings.Repeat("a", 250) }, nil},
		{"e-mail address too long", func(p *dep.Profile) { p.SupportEmailAddress = strings.Repeat("a", 251) }, []string{"SupportEmailAddress"}},
		{"longest magic", func(p *dep.Profile) { p.OrgMagic = strings.Repeat("m", 256) }, nil},
		{"magic too long", func(p *dep.Profile) { p.OrgMagic = strings.Repeat("m", 257) }, []string{"OrgMagic"}},

		{"language of two letters", func(p *dep.Profile) { p.Language = "en" }, nil},
		{"language of three letters", func(p *dep.Profile) { p.Language = "gsw" }, nil},
		{"language and region", func(p *dep.Profile) { p.Language = "en-IE" }, []string{"Language"}},
		{"language in capitals", func(p *dep.Profile) { p.Language = "EN" }, []string{"Language"}},
		{"language with a line end", func(p *dep.Profile) { p.Language = "en\n" }, []string{"Language"}},
		{"region", func(p *dep.Profile) { p.Region = "IE" }, nil},
		{"region in small letters", func(p *dep.Profile) { p.Region = "ie" }, []string{"Region"}},
		{"region of three letters", func(p *dep.Profile) { p.Region = "IRL" }, []string{"Region"}},

		{"certificates", func(p *dep.Profile) { p.AnchorCerts = [][]byte{certificate, certificate} }, nil},
		{"anchor is PEM", func(p *dep.Profile) {
			p.AnchorCerts = [][]byte{certificate, []byte("-----BEGIN CERTIFICATE-----\n")}
		}, []string{"AnchorCerts[1]"}},
		{"host certificate is empty", func(p *dep.Profile) { p.SupervisingHostCerts = [][]byte{nil} }, []string{"SupervisingHostCerts[0]"}},

		{"skip keys of tomorrow", func(p *dep.Profile) { p.SkipSetupItems = []dep.SkipKey{"Hologram", dep.SkipSiri} }, nil},
		{"empty skip key", func(p *dep.Profile) { p.SkipSetupItems = []dep.SkipKey{dep.SkipSiri, ""} }, []string{"SkipSetupItems[1]"}},
		{"most devices", func(p *dep.Profile) { p.Devices = someSerials(1000) }, nil},
		{"everything wrong", func(p *dep.Profile) {
			*p = dep.Profile{IsMDMRemovable: new(false), Region: "x", Language: "X", SkipSetupItems: []dep.SkipKey{""}}
		}, []string{"ProfileName", "URL", "IsMDMRemovable", "Language", "Region", "SkipSetupItems[0]"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := goodProfile()
			test.change(p)
			if diff := cmp.Diff(test.want, brokenRules(t, p.Validate())); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
		})
	}
	var none *dep.Profile
	for name, err := range map[string]error{
		"Validate": none.Validate(), "ValidateForMigration": none.ValidateForMigration(), "Digest": second(none.Digest()),
	} {
		if diff := cmp.Diff([]string{"Profile"}, brokenRules(t, err)); diff != "" {
			t.Errorf("%s of nil (-want +got):\n%s", name, diff)
		}
	}
}

func second[A, B any](_ A, b B) B { return b }

func TestProfileValidateForMigration(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*dep.Profile)
		want   []string
	}{
		{"good", func(p *dep.Profile) { p.AwaitDeviceConfigured = true }, nil},
		{"does not wait", func(*dep.Profile) {}, []string{"AwaitDeviceConfigured"}},
		{"shared iPad", func(p *dep.Profile) { p.AwaitDeviceConfigured, p.IsMultiUser = true, true }, []string{"IsMultiUser"}},
		{"return to service", func(p *dep.Profile) { p.AwaitDeviceConfigured, p.IsReturnToService = true, true }, []string{"IsReturnToService"}},
		{"nothing right", func(p *dep.Profile) { *p = dep.Profile{URL: p.URL, IsMultiUser: true, IsReturnToService: true} },
			[]string{"ProfileName", "AwaitDeviceConfigured", "IsMultiUser", "IsReturnToService"}},
	} {
		p := goodProfile()
		test.change(p)
		if diff := cmp.Diff(test.want, brokenRules(t, p.ValidateForMigration())); diff != "" {
			t.Errorf("%s: fields (-want +got):\n%s", test.name, diff)
		}
	}
}

func digestOf(t *testing.T, p *dep.Profile) string {
	t.Helper()
	digest, err := p.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if len(digest) != 64 || strings.Trim(digest, "0123456789abcdef") != "" {
		t.Errorf("digest %q", digest)
	}
	return digest
}

func TestProfileDigest(t *testing.T) {
	base := digestOf(t, goodProfile())
	for name, change := range map[string]func(*dep.Profile){
		"devices":      func(p *dep.Profile) { p.Devices = []string{"DEMO1"} },
		"its own UUID": func(p *dep.Profile) { p.ProfileUUID = "0F1E" },
	} {
		p := goodProfile()
		change(p)
		if digestOf(t, p) != base {
			t.Errorf("%s changes the digest", name)
		}
	}
	seen := map[string]string{base: "nothing"}
	for name, change := range map[string]func(*dep.Profile){
		"ProfileName": func(p *dep.Profile) { p.ProfileName = "Other" }, "URL": func(p *dep.Profile) { p.URL += "/" },
		"ConfigurationWebURL": func(p *dep.Profile) { p.ConfigurationWebURL = "https://mdm.example.org" },
		"IsSupervised":        func(p *dep.Profile) { p.IsSupervised = true },
		"IsMDMRemovable":      func(p *dep.Profile) { p.IsMDMRemovable = new(true) }, "IsMDMRemovable false": func(p *dep.Profile) { p.IsMDMRemovable = new(false) },
		"IsMandatory": func(p *dep.Profile) { p.IsMandatory = true }, "AllowPairing": func(p *dep.Profile) { p.AllowPairing = new(false) },
		"AllowPairing true": func(p *dep.Profile) { p.AllowPairing = new(true) },
		"AnchorCerts":       func(p *dep.Profile) { p.AnchorCerts = [][]byte{{1}} }, "SupervisingHostCerts": func(p *dep.Profile) { p.SupervisingHostCerts = [][]byte{{1}} },
		"AwaitDeviceConfigured": func(p *dep.Profile) { p.AwaitDeviceConfigured = true }, "AutoAdvanceSetup": func(p *dep.Profile) { p.AutoAdvanceSetup = true },
		"Language": func(p *dep.Profile) { p.Language = "en" }, "Region": func(p *dep.Profile) { p.Region = "IE" },
		"IsMultiUser": func(p *dep.Profile) { p.IsMultiUser = true }, "SkipSetupItems": func(p *dep.Profile) { p.SkipSetupItems = []dep.SkipKey{"Siri"} },
		"Department": func(p *dep.Profile) { p.Department = "IT" }, "SupportPhoneNumber": func(p *dep.Profile) { p.SupportPhoneNumber = "IT" },
		"SupportEmailAddress": func(p *dep.Profile) { p.SupportEmailAddress = "IT" }, "OrgMagic": func(p *dep.Profile) { p.OrgMagic = "IT" },
		"DoNotUseProfileFromBackup": func(p *dep.Profile) { p.DoNotUseProfileFromBackup = true }, "IsReturnToService": func(p *dep.Profile) { p.IsReturnToService = true },
		"Unknown": func(p *dep.Profile) { p.Unknown = unknown("x", "1") },
	} {
		p := goodProfile()
		change(p)
		digest := digestOf(t, p)
		if other, again := seen[digest]; again {
			t.Errorf("%s has the digest of %s", name, other)
		}
		seen[digest] = name
		if digestOf(t, p) != digest {
			t.Errorf("%s has another digest the second time", name)
		}
	}
	many := goodProfile()
	many.Unknown = dep.Unknown{"a": []byte("1"), "b": []byte("2"), "c": []byte("3"), "d": []byte("4"), "e": []byte("5")}
	first := digestOf(t, many)
	for range 20 {
		if digestOf(t, many) != first {
			t.Fatal("the digest depends on the order of a map")
		}
	}
	bad := goodProfile()
	bad.Unknown = unknown("x", "{")
	if _, err := bad.Digest(); brokenRules(t, err) == nil {
		t.Error("a profile that cannot be encoded has a digest")
	}
}

// The members that are true by default tell false from absent, and absent from true.
func TestProfileFlagsKeepTheirThreeStates(t *testing.T) {
	for text, want := range map[string]*dep.Profile{
		`{"profile_name":"p","url":"u"}`:                           {ProfileName: "p", URL: "u"},
		`{"profile_name":"p","url":"u","is_mdm_removable":false}`:  {ProfileName: "p", URL: "u", IsMDMRemovable: new(false)},
		`{"profile_name":"p","url":"u","is_mdm_removable":true}`:   {ProfileName: "p", URL: "u", IsMDMRemovable: new(true)},
		`{"profile_name":"p","url":"u","allow_pairing":false}`:     {ProfileName: "p", URL: "u", AllowPairing: new(false)},
		`{"profile_name":"p","url":"u","allow_pairing":true}`:      {ProfileName: "p", URL: "u", AllowPairing: new(true)},
		`{"profile_name":"p","url":"u","skip_setup_items":[]}`:     {ProfileName: "p", URL: "u", SkipSetupItems: []dep.SkipKey{}},
		`{"profile_name":"p","url":"u","skip_setup_items":["x"]}`:  {ProfileName: "p", URL: "u", SkipSetupItems: []dep.SkipKey{"x"}},
		`{"profile_name":"p","url":"u","anchor_certs":["AQI="]}`:   {ProfileName: "p", URL: "u", AnchorCerts: [][]byte{{1, 2}}},
		`{"profile_name":"p","url":"u","of_tomorrow":{"x":[1,2]}}`: {ProfileName: "p", URL: "u", Unknown: unknown("of_tomorrow", `{"x":[1,2]}`)},
	} {
		var got dep.Profile
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, &got); diff != "" {
			t.Errorf("%s is read as (-want +got):\n%s", text, diff)
		}
		out, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		exchange.CompareJSON(t, text, string(out))
	}
}

// profileServer keeps the profile that was defined last, as text, and gives it back.
type profileServer struct{ defined string }

func (s *profileServer) answer(r *http.Request, body string) (int, string) {
	if r.Method == http.MethodPost {
		s.defined = body
		return 200, `{"profile_uuid":"0F1E"}`
	}
	return 200, `{"profile_uuid":"0F1E",` + s.defined[1:]
}

func TestProfileSurvivesDefineAndRead(t *testing.T) {
	kept := &profileServer{}
	c := wireClient(t, &plainServer{answer: kept.answer}, nil)
	sent := demoProfile()
	sent.Unknown["another"] = []byte(`[null,{"deep":"ä"}]`)
	before := cloneProfile(sent)
	defined, err := c.DefineProfile(t.Context(), sent)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, sent); diff != "" {
		t.Errorf("the definition changed the profile (-before +after):\n%s", diff)
	}
	if strings.Contains(kept.defined, "profile_uuid") {
		t.Errorf("the UUID was sent: %s", kept.defined)
	}
	got, err := c.Profile(t.Context(), defined.ProfileUUID)
	if err != nil {
		t.Fatal(err)
	}
	want := cloneProfile(sent)
	want.ProfileUUID, want.Devices = "0F1E", []string{"DEMO00000001", "DEMO0000XXXX", "DEMO00000002", "DEMO00000003"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if digestOf(t, got) != digestOf(t, sent) {
		t.Error("what was read back has another digest")
	}
}

func cloneProfile(p *dep.Profile) *dep.Profile {
	c := *p
	c.Devices = slices.Clone(p.Devices)
	return &c
}

func TestProfileErrorsNameFieldAndRule(t *testing.T) {
	err := (&dep.Profile{ProfileName: "p", URL: "https://mdm.example.org", Department: strings.Repeat("d", 126)}).Validate()
	const want = "Profile.Department: has 126 characters; at most 125 are allowed"
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if _, ok := errors.AsType[*dep.InputError](err); !ok {
		t.Errorf("error %T", err)
	}
}

// A definition takes a thousand devices; the others are assigned after it.
func TestDefineProfileForManyDevices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, client := simulated(t, nil, nil)
		serials := srv.AddRandomDevices(2300)
		p := goodProfile()
		p.Devices = serials
		defined, err := client.DefineProfile(t.Context(), p)
		if err != nil || defined.AssignError != nil {
			t.Fatalf("%+v, %v", defined, err)
		}
		if len(defined.Outcomes) != len(serials) || !defined.Outcomes.Done() {
			t.Errorf("%d outcomes for %d devices", len(defined.Outcomes), len(serials))
		}
		if d, _ := srv.Device(serials[2299]); d.ProfileUUID != defined.ProfileUUID {
			t.Errorf("the last device has the profile %q", d.ProfileUUID)
		}

		srv.Fail(deptest.Fault{Path: "/profile/devices", Skip: 1, Kind: deptest.Answer, Status: 400, Body: "MALFORMED_REQUEST_BODY"})
		p.Devices = append(serials, srv.AddRandomDevices(1000)...)
		if defined, err = client.DefineProfile(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		success, uncertain := defined.Outcomes.With(dep.StatusSuccess), defined.Outcomes.With(dep.StatusUncertain)
		notSent := defined.Outcomes.With(dep.StatusNotSent)
		if !errors.Is(defined.AssignError, dep.ErrMalformedRequest) || len(success) != 2000 || len(uncertain) != 1000 || len(notSent) != 300 {
			t.Errorf("%d, %d, %d devices, %v", len(success), len(uncertain), len(notSent), defined.AssignError)
		}

		srv.Fail(deptest.Fault{Path: "/profile/devices", Kind: deptest.Answer, Status: 400, Body: "MALFORMED_REQUEST_BODY"})
		if defined, err = client.DefineProfile(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		uncertain, notSent = defined.Outcomes.With(dep.StatusUncertain), defined.Outcomes.With(dep.StatusNotSent)
		if len(uncertain) != 1000 || len(notSent) != 1300 {
			t.Errorf("%d and %d devices", len(uncertain), len(notSent))
		}
	})
}
