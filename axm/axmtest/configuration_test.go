package axmtest_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/applemdm/applemdm/axm/axmtest"
)

// profile is a .mobileconfig with payloads of some types.
func profile(kinds ...string) string {
	payloads := ""
	for _, k := range kinds {
		payloads += "<dict><key>PayloadType</key><string>" + k + "</string></dict>"
	}
	return `<?xml version="1.0" encoding="UTF-8"?><plist version="1.0"><dict><key>PayloadContent</key><array>` + payloads + `</array></dict></plist>`
}

func configText(id, attributes string) string {
	return strings.Replace(serverText(id, attributes), "mdmServers", "configurations", 1)
}

func quoted(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

func TestConfigurationLifecycle(t *testing.T) {
	c := start(t, nil)
	wifi := profile("com.apple.wifi.managed")
	a := c.want("POST", "configurations", configText("", `"type":"CUSTOM_SETTING","name":"Wifi (lab)","customSettingsValues":{"configurationProfile":`+quoted(wifi)+`}`), 201, "")
	made := decode[struct{ Data item }](t, a).Data
	if got := made.attributes("type", "name", "configuredForPlatforms"); made.ID == "" || got != `"CUSTOM_SETTING" "Wifi (lab)" ["PLATFORM_MACOS","PLATFORM_IOS","PLATFORM_TVOS","PLATFORM_VISIONOS"]` {
		t.Errorf("%+v", made)
	}
	path := "configurations/" + made.ID
	values := func() map[string]any { return c.one(path).Attributes["customSettingsValues"].(map[string]any) }
	if v := values(); v["configurationProfile"] != wifi || v["filename"] != "Wifi (lab).mobileconfig" {
		t.Error(v)
	}
	if got := c.list("configurations").Data[0]; got.attributes("customSettingsValues", "name") != `null "Wifi (lab)"` {
		t.Errorf("%+v", got)
	}
	dock := profile("com.apple.dock")
	c.want("PATCH", path, configText(made.ID, `"customSettingsValues":{"configurationProfile":`+quoted(dock)+`,"filename":"dock.mobileconfig"}`), 200, "")
	if v := values(); v["configurationProfile"] != dock || v["filename"] != "dock.mobileconfig" || c.one(path).attributes("configuredForPlatforms") != `["PLATFORM_MACOS"]` {
		t.Error(v)
	}
	c.want("PATCH", path, configText(made.ID, `"name":"Dock","type":"CUSTOM_SETTING","configuredForPlatforms":["PLATFORM_IOS"]`), 200, "")
	if f, _ := c.org.Configurations.Get(made.ID); f.Name != "Dock" || fmt.Sprint(f.Platforms) != "[PLATFORM_IOS]" || f.Profile != dock {
		t.Errorf("%+v", f)
	}
	c.wantNoViolations()
	c.want("PATCH", path, configText(made.ID, ``), 200, "")
	c.wantViolation("nothing to change")

	blueprint := c.org.Blueprints.Add(axmtest.Blueprint{Name: "b", Configurations: []string{made.ID, "other"}})[0]
	c.want("DELETE", path, "", 204, "")
	c.wantError("DELETE", path, "", "404 NOT_FOUND")
	c.wantError("PATCH", path, configText(made.ID, ``), "404 NOT_FOUND")
	if b, _ := c.org.Blueprints.Get(blueprint); fmt.Sprint(b.Configurations) != "[other]" {
		t.Errorf("%+v", b)
	}
	var versions []string
	for _, e := range c.org.AuditEvents.All() {
		if strings.HasPrefix(e.Type, "CONFIG_SETTINGS_") {
			versions = append(versions, strings.TrimPrefix(e.Type, "CONFIG_SETTINGS_"))
		}
	}
	if got := strings.Join(versions, " "); got != "CREATED UPDATED UPDATED UPDATED DELETED" {
		t.Error(got)
	}
}

func TestConfigurationRefusals(t *testing.T) {
	c := start(t, nil)
	good := quoted(profile("com.apple.wifi.managed"))
	with := func(profile string) string {
		return configText("", `"type":"CUSTOM_SETTING","name":"A","customSettingsValues":{"configurationProfile":`+profile+`}`)
	}
	const at = "/data/attributes/"
	const mismatch = "400 PARAMETER_ERROR.INVALID " + at + "customSettingsValues/configurationProfile"
	for name, tt := range map[string]struct{ body, want string }{
		"base64":       {with(quoted(base64.StdEncoding.EncodeToString([]byte(profile("a"))))), mismatch},
		"root":         {with(`"<plist version=\"1.0\"><array><string>a</string></array></plist>"`), mismatch},
		"no payload":   {with(quoted(profile())), mismatch},
		"empty":        {with(`""`), mismatch},
		"no profile":   {configText("", `"type":"CUSTOM_SETTING","name":"A"`), "409 ENTITY_ERROR.ATTRIBUTE.REQUIRED " + at + "customSettingsValues/configurationProfile"},
		"no type":      {strings.Replace(with(good), `"type":"CUSTOM_SETTING",`, "", 1), "409 ENTITY_ERROR.ATTRIBUTE.REQUIRED " + at + "type"},
		"other type":   {strings.Replace(with(good), "CUSTOM_SETTING", "WIFI", 1), "409 ENTITY_ERROR.ATTRIBUTE.INVALID " + at + "type"},
		"no name":      {strings.Replace(with(good), `"name":"A",`, "", 1), "409 ENTITY_ERROR.ATTRIBUTE.REQUIRED " + at + "name"},
		"empty name":   {strings.Replace(with(good), `"A"`, `""`, 1), "409 ENTITY_ERROR.ATTRIBUTE.INVALID " + at + "name"},
		"platform":     {strings.Replace(with(good), `"name"`, `"configuredForPlatforms":["IOS"],"name"`, 1), "409 ENTITY_ERROR.ATTRIBUTE.INVALID " + at + "configuredForPlatforms"},
		"type of data": {strings.Replace(with(good), `"configurations"`, `"apps"`, 1), "409 ENTITY_ERROR.ATTRIBUTE.INVALID /data/type"},
	} {
		t.Run(name, func(t *testing.T) {
			clientOf(t, c.srv, c.org).wantError("POST", "configurations", tt.body, tt.want)
		})
	}
	ids := c.org.Configurations.Add(axmtest.Configuration{Name: "Builtin", Type: "WIFI"}, axmtest.Configuration{Name: "A", Profile: "p", Filename: "a.mobileconfig"})
	c.wantError("PATCH", "configurations/"+ids[0], configText(ids[0], `"name":"B"`), "403 FORBIDDEN_ERROR")
	c.wantError("DELETE", "configurations/"+ids[0], "", "403 FORBIDDEN_ERROR")
	path := "configurations/" + ids[1]
	c.wantError("PATCH", path, configText(ids[1], `"customSettingsValues":{"filename":"a.xml"}`), "409 ENTITY_ERROR.ATTRIBUTE.INVALID "+at+"customSettingsValues/filename")
	c.wantError("PATCH", path, configText(ids[1], `"customSettingsValues":{"configurationProfile":""}`), mismatch)
	c.wantError("PATCH", path, configText(ids[1], `"type":"WIFI"`), "409 ENTITY_ERROR.ATTRIBUTE.INVALID "+at+"type")
	c.wantError("PATCH", path, configText(ids[1], `"name":""`), "409 ENTITY_ERROR.ATTRIBUTE.INVALID "+at+"name")
	c.wantError("PATCH", path, configText("x", `"name":"B"`), "409 ENTITY_ERROR.ATTRIBUTE.INVALID /data/id")
	if f, _ := c.org.Configurations.Get(ids[1]); f.Name != "A" || f.Filename != "a.mobileconfig" {
		t.Errorf("a refused PATCH has changed %+v", f)
	}
}
