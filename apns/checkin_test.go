package apns_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/apns"
)

func checkinFile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "checkin", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

const (
	deviceUDID = "00008030-000000000000001E"
	macUDID    = "0F0E0D0C-0000-5000-8000-000000000003"
	personalID = "0F0E0D0C0000400080000000000000E1"
	token32    = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	token40    = "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f4041424344454647"
)

var checkins = map[string]apns.Checkin{
	"tokenupdate-device.plist": &apns.TokenUpdate{
		Identity:    apns.Identity{Enrollment: apns.Enrollment{ID: deviceUDID, Type: apns.EnrollmentDevice}, UDID: deviceUDID},
		Target:      apns.Target{Topic: fixtureTopic, Token: token32, PushMagic: "0A1B2C3D-0000-4000-8000-0000000000AA"},
		UnlockToken: apns.NewSecret("secret-unlock-token"), AwaitingConfiguration: true,
	},
	"tokenupdate-user.plist": &apns.TokenUpdate{
		Identity: apns.Identity{
			Enrollment: apns.Enrollment{ID: macUDID + ":0F0E0D0C-0000-4000-8000-000000000004", Type: apns.EnrollmentUser, ParentID: macUDID},
			UDID:       macUDID, UserID: "0F0E0D0C-0000-4000-8000-000000000004", UserShortName: "example", UserLongName: "Größe Example",
		},
		Target:       apns.Target{Topic: fixtureTopic, Token: token40, PushMagic: `a <"\> magic`},
		NotOnConsole: true,
	},
	"tokenupdate-sharedipad.plist": &apns.TokenUpdate{
		Identity: apns.Identity{
			Enrollment: apns.Enrollment{ID: "00008030-000000000000002E:student@example.com", Type: apns.EnrollmentSharedIPad,
				ParentID: "00008030-000000000000002E"},
			UDID: "00008030-000000000000002E", UserID: "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", UserShortName: "student@example.com",
		},
		Target: apns.Target{Topic: fixtureTopic, Token: token32, PushMagic: "0A1B2C3D-0000-4000-8000-0000000000BB"},
	},
	"tokenupdate-userenrollment.plist": &apns.TokenUpdate{
		Identity: apns.Identity{
			Enrollment: apns.Enrollment{ID: personalID + ":0F0E0D0C0000400080000000000000E2", Type: apns.EnrollmentUserEnrollment,
				ParentID: personalID},
			EnrollmentID: personalID, EnrollmentUserID: "0F0E0D0C0000400080000000000000E2",
		},
		Target: apns.Target{Topic: fixtureTopic, Token: token32, PushMagic: "0A1B2C3D-0000-4000-8000-0000000000CC"},
	},
	"authenticate.plist": &apns.Authenticate{
		Identity:  apns.Identity{Enrollment: apns.Enrollment{ID: macUDID, Type: apns.EnrollmentDevice}, UDID: macUDID},
		Topic:     fixtureTopic,
		OSVersion: "15.0", BuildVersion: "24A335", ProductName: "Mac15,12", SerialNumber: "C02EXAMPLE01",
		IMEI: "00 000000 000000 0", MEID: "00000000000000", DeviceName: "Example's Mac", Model: "MW123", ModelName: "MacBook Air",
	},
	"checkout.plist": &apns.CheckOut{
		Identity: apns.Identity{Enrollment: apns.Enrollment{ID: personalID, Type: apns.EnrollmentUserEnrollmentDevice}, EnrollmentID: personalID},
		Topic:    fixtureTopic,
	},
	"setbootstraptoken.plist": &apns.OtherCheckin{
		Identity:    apns.Identity{Enrollment: apns.Enrollment{ID: macUDID, Type: apns.EnrollmentDevice}, UDID: macUDID},
		MessageType: "SetBootstrapToken",
	},
}

var equalSecrets = cmp.Comparer(func(a, b apns.Secret) bool { return a.Equal(b) })

func TestParseCheckin(t *testing.T) {
	for name, want := range checkins {
		got, err := apns.ParseCheckin(checkinFile(t, name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(want, got, equalSecrets); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		enrollment := got.Sender().Enrollment
		if enrollment.IsUser() != strings.Contains(enrollment.ID, ":") {
			t.Errorf("%s: IsUser is %v for %s", name, enrollment.IsUser(), enrollment.ID)
		}
	}
}

func TestParseOneKindOfMessage(t *testing.T) {
	for name, want := range checkins {
		body := checkinFile(t, name)
		update, updateErr := apns.ParseTokenUpdate(body)
		authenticate, authenticateErr := apns.ParseAuthenticate(body)
		checkout, checkoutErr := apns.ParseCheckOut(body)
		var got apns.Checkin
		var refusals []error
		switch want.(type) {
		case *apns.TokenUpdate:
			got, refusals = update, []error{authenticateErr, checkoutErr}
		case *apns.Authenticate:
			got, refusals = authenticate, []error{updateErr, checkoutErr}
		case *apns.CheckOut:
			got, refusals = checkout, []error{updateErr, authenticateErr}
		default:
			got, refusals = want, []error{updateErr, authenticateErr, checkoutErr}
		}
		if diff := cmp.Diff(want, got, equalSecrets); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		for _, err := range refusals {
			refusedAs(t, err, "MessageType", ", not ")
		}
	}
	_, err := apns.ParseTokenUpdate(checkinFile(t, "authenticate.plist"))
	if !strings.HasSuffix(err.Error(), `MessageType: is "Authenticate", not TokenUpdate`) {
		t.Errorf("got %v", err)
	}
}

// edit replaces something in a message, which must be there.
func edit(t *testing.T, name, old, new string) []byte {
	t.Helper()
	text := string(checkinFile(t, name))
	if !strings.Contains(text, old) {
		t.Fatalf("%s has no %s", name, old)
	}
	return []byte(strings.Replace(text, old, new, 1))
}

func TestParseCheckinSaysWhatIsWrong(t *testing.T) {
	const device, ipad, user = "tokenupdate-device.plist", "tokenupdate-sharedipad.plist", "tokenupdate-user.plist"
	deep := strings.Repeat("<array>", 40) + strings.Repeat("</array>", 40)
	for name, c := range map[string]struct {
		body        []byte
		field, rule string
	}{
		"no MessageType":       {edit(t, device, "MessageType", "Messagetype"), "MessageType", "is missing"},
		"no Topic":             {edit(t, device, "<key>Topic", "<key>topic"), "Topic", "is missing"},
		"topic of an app":      {edit(t, device, "com.apple.mgmt.", "com.example."), "Topic", "begins with com.apple.mgmt."},
		"no Token":             {edit(t, device, "<key>Token", "<key>token"), "Token", "must not be empty"},
		"empty Token":          {edit(t, ipad, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", ""), "Token", "must not be empty"},
		"huge Token":           {edit(t, ipad, "AAEC", strings.Repeat("AAEC", 40)), "Token", "at most 127"},
		"Token as text":        {edit(t, ipad, "<data>AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=</data>", "<string>AAEC</string>"), "Token", "must be data"},
		"broken base64":        {edit(t, ipad, "AAEC", "AA*C"), "check-in message", "is damaged"},
		"no PushMagic":         {edit(t, device, "<key>PushMagic", "<key>pushMagic"), "PushMagic", "is missing"},
		"PushMagic as number":  {edit(t, device, "<string>0A1B2C3D-0000-4000-8000-0000000000AA</string>", "<integer>1</integer>"), "PushMagic", "must be a string"},
		"nobody":               {edit(t, device, "<key>UDID", "<key>udid"), "UDID", "the sender is unknown"},
		"nobody checks out":    {edit(t, "checkout.plist", "<key>EnrollmentID", "<key>E"), "UDID", "the sender is unknown"},
		"nobody authenticates": {edit(t, "authenticate.plist", "<key>UDID", "<key>E"), "UDID", "the sender is unknown"},
		"nobody, other":        {edit(t, "setbootstraptoken.plist", "<key>UDID", "<key>E"), "UDID", "the sender is unknown"},
		"no topic, checks out": {edit(t, "checkout.plist", "<key>Topic", "<key>E"), "Topic", "is missing"},
		"odd OSVersion":        {edit(t, "authenticate.plist", "<string>15.0</string>", "<real>15.0</real>"), "OSVersion", "must be a string"},
		"odd UserID":           {edit(t, user, "<key>UserID</key>\n\t<string>0F0E0D0C-0000-4000-8000-000000000004</string>", "<key>UserID</key><true/>"), "UserID", "must be a string"},
		"nameless iPad user":   {edit(t, ipad, "student@example.com", ""), "UserShortName", "is missing"},
		"odd UnlockToken":      {edit(t, device, "<data>c2VjcmV0LXVubG9jay10b2tlbg==</data>", "<string>secret</string>"), "UnlockToken", "must be data"},
		"odd Awaiting":         {edit(t, device, "<true/>", "<string>true</string>"), "AwaitingConfiguration", "must be true or false"},
		"odd NotOnConsole":     {edit(t, user, "<true/>", "<integer>1</integer>"), "NotOnConsole", "must be true or false"},
		"too deep":             {edit(t, device, "<true/>", deep), "check-in message", "is nested too deeply"},
		"deep and unknown":     {edit(t, device, "<key>Awaiting", "<key>x</key>"+deep+"<key>Awaiting"), "check-in message", "is nested too deeply"},
		"unclosed":             {edit(t, device, "</dict>", ""), "check-in message", "is damaged"},
		"something after it":   {edit(t, device, "</plist>", "</plist><x>"), "check-in message", "is damaged"},
		"unknown element":      {edit(t, device, "<true/>", "<maybe/>"), "check-in message", "is damaged"},
		"array":                {[]byte(`<?xml version="1.0"?><plist version="1.0"><array/></plist>`), "check-in message", "is no dictionary"},
		"binary":               {[]byte("bplist00\xD0\x08\x00"), "check-in message", "binary property list; devices send XML"},
		"JSON":                 {[]byte(`{"MessageType":"TokenUpdate"}`), "check-in message", "is no property list (this is: JSON"},
		"nothing":              {nil, "check-in message", "is no property list (this is: empty file)"},
		"too large":            {edit(t, device, "<true/>", "<true/>"+strings.Repeat(" ", 1<<20)), "check-in message", "is larger than 1 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := apns.ParseCheckin(c.body)
			refusedAs(t, err, c.field, c.rule)
			if got != nil {
				t.Errorf("%T came with the error", got)
			}
			update, err := apns.ParseTokenUpdate(c.body)
			if err == nil || update != nil {
				t.Errorf("ParseTokenUpdate gives %v, %v", update, err)
			}
		})
	}
	_, err := apns.ParseAuthenticate([]byte("x"))
	refusedAs(t, err, "check-in message", "is no property list")
	_, err = apns.ParseCheckOut(edit(t, "checkout.plist", "<key>MessageType", "<key>messageType"))
	refusedAs(t, err, "MessageType", "is missing")
}

func TestNoSharedIPadUsersCollide(t *testing.T) {
	ids := map[apns.Enrollment]bool{}
	for _, user := range []string{"a@example.com", "b@example.com"} {
		for _, device := range []string{"00008030-000000000000002E", "00008030-000000000000003E"} {
			body := edit(t, "tokenupdate-sharedipad.plist", "student@example.com", user)
			update, err := apns.ParseTokenUpdate([]byte(strings.Replace(string(body), "00008030-000000000000002E", device, 1)))
			if err != nil {
				t.Fatal(err)
			}
			ids[update.Enrollment] = true
		}
	}
	if len(ids) != 4 {
		t.Errorf("four users have %d enrolments: %v", len(ids), ids)
	}
}

func TestCheckinHidesWhatIsSecret(t *testing.T) {
	update, err := apns.ParseTokenUpdate(checkinFile(t, "tokenupdate-device.plist"))
	if err != nil {
		t.Fatal(err)
	}
	other, err := apns.ParseCheckin(checkinFile(t, "setbootstraptoken.plist"))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{update, *update, other} {
		for how, text := range everyShape(t, v) {
			for _, hidden := range []string{"secret-unlock", "c2VjcmV0", fmt.Sprint([]byte("secret")), "secret-bootstrap"} {
				if strings.Contains(text, hidden) {
					t.Errorf("%T with %s shows a secret: %s", v, how, text)
				}
			}
			if strings.HasPrefix(how, "%") && (strings.Contains(text, token32) || strings.Contains(text, "0A1B2C3D-0000-4000")) {
				t.Errorf("%s shows all of token or magic: %s", how, text)
			}
		}
	}
	// Where the library would quote what it cannot place, we do not.
	for _, body := range [][]byte{
		edit(t, "tokenupdate-device.plist", "c2VjcmV0LXVubG9jay10b2tlbg==", "c2VjcmV0*"),
		edit(t, "tokenupdate-device.plist", "<data>c2VjcmV0LXVubG9jay10b2tlbg==</data>", "<string>c2VjcmV0</string>"),
	} {
		if _, err := apns.ParseCheckin(body); err == nil || strings.Contains(err.Error(), "c2VjcmV0") {
			t.Errorf("got %v", err)
		}
	}
}

func FuzzParseCheckin(f *testing.F) {
	for name := range checkins {
		f.Add(checkinFile(f, name))
	}
	f.Add([]byte(`<plist><dict><key>MessageType</key><array><array/></array></dict></plist>`))
	f.Add([]byte("bplist00"))
	f.Fuzz(func(t *testing.T, body []byte) {
		message, err := apns.ParseCheckin(body)
		if (message == nil) == (err == nil) {
			t.Fatalf("got %v and %v", message, err)
		}
		if err != nil {
			if _, ok := errors.AsType[*apns.InputError](err); !ok {
				t.Errorf("got %T: %v", err, err)
			}
			return
		}
		if message.Sender().Enrollment.ID == "" {
			t.Error("a message from nobody")
		}
		if update, ok := message.(*apns.TokenUpdate); ok {
			if err := update.Target.Validate(); err != nil || update.Target.Topic == "" {
				t.Errorf("a TokenUpdate that nobody can push to: %v", err)
			}
		}
	})
}
