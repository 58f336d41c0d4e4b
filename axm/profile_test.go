package axm_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/applemdm/applemdm/axm"
	"github.com/applemdm/applemdm/internal/sniff"
)

// What is refused here, the simulator would refuse as well; what is not, it takes.
func TestProfiles(t *testing.T) {
	const payload = `<dict><key>PayloadType</key><string>com.apple.wifi.managed</string></dict>`
	for name, tt := range map[string]struct{ profile, want string }{
		"sound":              {wifiProfile, ""},
		"no declaration":     {"<plist><dict><key>PayloadContent</key><array>" + payload + "</array></dict></plist>", ""},
		"other keys":         {"<plist><dict><key>PayloadVersion</key><integer>1</integer><key>PayloadContent</key><array>" + payload + payload + "</array><key>A</key><true/></dict></plist>", ""},
		"blanks around it":   {" \n" + strings.TrimPrefix(wifiProfile, `<?xml version="1.0" encoding="UTF-8"?>`) + "\n", ""},
		"Base64":             {base64.StdEncoding.EncodeToString([]byte(wifiProfile)), "must be XML as it is"},
		"binary":             {"bplist00\x01", "must be XML as it is"},
		"not UTF-8":          {strings.Replace(wifiProfile, "wifi", "w\xff", 1), "must be in UTF-8"},
		"cut short":          {wifiProfile[:len(wifiProfile)-12], "is damaged or cut short in line 1"},
		"secret not quoted":  {strings.Replace(wifiProfile, "com.apple", "\n&hunter2;", 1), "is damaged or cut short in line 2"},
		"other root":         {"<plist><array><string>a</string></array></plist>", "must have a dictionary at its root"},
		"no payloads":        {"<plist><dict><key>PayloadContent</key><array/></dict></plist>", "must have something in its PayloadContent"},
		"no PayloadContent":  {"<plist><dict><key>A</key><string>PayloadContent</string><key>B</key><string>b</string></dict></plist>", "must have something in its PayloadContent"},
		"key without value":  {"<plist><dict><key>PayloadContent</key></dict></plist>", "must have something in its PayloadContent"},
		"payloads elsewhere": {"<plist><dict><key>A</key><dict><key>PayloadContent</key><array>" + payload + "</array></dict></dict></plist>", "must have something in its PayloadContent"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, nil, nil)
				made, err := s.client.CreateConfiguration(t.Context(), axm.NewConfiguration{Name: "a", ConfigurationProfile: tt.profile})
				if tt.want == "" {
					if err != nil || made.CustomSettingsValues.ConfigurationProfile != tt.profile {
						t.Errorf("%+v, %v", made, err)
					}
					return
				}
				if _, ok := errors.AsType[*axm.InputError](err); !ok || !strings.HasPrefix(err.Error(), "ConfigurationProfile: "+tt.want) {
					t.Errorf("%v, want %s", err, tt.want)
				}
				if strings.Contains(err.Error(), "hunter2") {
					t.Error(err)
				}
			})
		})
	}
}

// An encrypted profile has its payloads elsewhere, and one that claims another encoding may have ASCII
// only: whether Apple takes them is for Apple to say.
func TestProfilesThatAreApplesToJudge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		for _, profile := range []string{
			"<plist><dict><key>EncryptedPayloadContent</key><data>AAAA</data></dict></plist>",
			strings.Replace(wifiProfile, "UTF-8", "iso-8859-1", 1),
		} {
			if _, err := s.client.CreateConfiguration(t.Context(), axm.NewConfiguration{Name: "a", ConfigurationProfile: profile}); !errors.Is(err, axm.ErrInvalidRequest) {
				t.Error(err)
			}
		}
		if n := s.srv.Count("POST", "/v1/configurations"); n != 2 {
			t.Errorf("%d requests", n)
		}
	})
}

// What is no property list is named.
func TestWrongProfiles(t *testing.T) {
	for text, want := range map[string]sniff.Kind{
		"<!DOCTYPE html><html>": sniff.HTML, `{"a":1}`: sniff.JSON, "hello": sniff.Unknown,
		string(keyPEM(t)): sniff.APIKey, string(certificateFile("lab.pem").Data): sniff.Certificate,
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newSite(t, nil, nil)
			_, err := s.client.UpdateConfiguration(t.Context(), "c-1", axm.ConfigurationUpdate{ConfigurationProfile: text})
			wrong, ok := errors.AsType[*axm.WrongFileError](err)
			if !ok || *wrong != (axm.WrongFileError{Want: sniff.Plist, Got: want}) || len(s.srv.Received()) != 0 {
				t.Errorf("%.20q: %v", text, err)
			}
		})
	}
}
