package axmtest

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/micromdm/plist"
)

const configurations = "configurations"

// CustomSetting is the only type of configurations that clients write.
const CustomSetting = "CUSTOM_SETTING"

// Configuration is a configuration of an organisation.
type Configuration struct {
	ID        string // default invented
	Type      string // default CustomSetting
	Name      string
	Platforms []string // PLATFORM_MACOS, PLATFORM_IOS, PLATFORM_TVOS, PLATFORM_VISIONOS
	Profile   string   // the text of the .mobileconfig; "" is none
	Filename  string
	Created   time.Time // default now
	Updated   time.Time // default Created
	Extra     map[string]any

	version int
}

func (f *Configuration) ident() *string { return &f.ID }

func (f *Configuration) complete(now time.Time) {
	or(&f.Type, CustomSetting)
	or(&f.Created, now)
	or(&f.Updated, f.Created)
}

func (f *Configuration) clone() Configuration {
	out := *f
	out.Platforms, out.Extra = slices.Clone(f.Platforms), maps.Clone(f.Extra)
	return out
}

// resource is the configuration as the API tells it. Lists do not tell the profile.
func (f *Configuration) resource(_ *call, alone bool) resource {
	var custom any
	if alone && f.Profile != "" {
		custom = object{{"configurationProfile", f.Profile}, {"filename", f.Filename}}
	}
	return resource{kind: configurations, id: f.ID, extra: f.Extra, attributes: object{
		{"type", f.Type},
		{"name", f.Name},
		{"configuredForPlatforms", list(f.Platforms)},
		{"customSettingsValues", custom},
		{"createdDateTime", formatTime(f.Created)},
		{"updatedDateTime", formatTime(f.Updated)},
	}}
}

// configAttributes are what clients write.
type configAttributes struct {
	Type      *string   `json:"type"`
	Name      *string   `json:"name"`
	Platforms *[]string `json:"configuredForPlatforms"`
	Custom    *struct {
		Profile  *string `json:"configurationProfile"`
		Filename *string `json:"filename"`
	} `json:"customSettingsValues"`
}

// createConfiguration is POST /v1/configurations.
func createConfiguration(c *call) *reply {
	body, rep := decodeData[configAttributes, none](c, configurations)
	if rep != nil {
		return rep
	}
	attrs := &body.Data.Attributes
	switch {
	case attrs.Type == nil:
		return missing("type")
	case *attrs.Type != CustomSetting:
		return conflict(codeAttrInvalid, attribute("type"), "Only configurations of type "+CustomSetting+" can be created.")
	case attrs.Custom == nil || attrs.Custom.Profile == nil:
		return missing("customSettingsValues/configurationProfile")
	}
	if rep := checkName("name", attrs.Name, true, isText); rep != nil {
		return rep
	}
	f := &Configuration{}
	if rep := f.write(attrs); rep != nil {
		return rep
	}
	or(&f.Filename, f.Name+".mobileconfig")
	c.org.Configurations.add(f, c.now)
	c.org.changed(c.now, "CREATED", f)
	return c.created(f.resource(c, true))
}

// updateConfiguration is PATCH /v1/configurations/{id}.
func updateConfiguration(c *call) *reply {
	old, rep := c.writable()
	if rep != nil {
		return rep
	}
	body, rep := decodeData[configAttributes, none](c, configurations)
	if rep != nil {
		return rep
	}
	attrs := &body.Data.Attributes
	if *attrs == (configAttributes{}) {
		c.note("nothing to change")
	}
	if attrs.Type != nil && *attrs.Type != old.Type {
		return conflict(codeAttrInvalid, attribute("type"), "The type cannot be changed.")
	}
	if rep := checkName("name", attrs.Name, false, isText); rep != nil {
		return rep
	}
	f := new(old.clone())
	if rep := f.write(attrs); rep != nil {
		return rep
	}
	if !strings.HasSuffix(f.Filename, ".mobileconfig") {
		return conflict(codeAttrInvalid, attribute("customSettingsValues/filename"), "The filename must end in .mobileconfig.")
	}
	f.Updated = c.now
	f.version++
	c.org.Configurations.table.put(f.ID, f)
	c.org.changed(c.now, "UPDATED", f)
	return c.one(f.resource(c, true))
}

// deleteConfiguration is DELETE /v1/configurations/{id}.
func deleteConfiguration(c *call) *reply {
	f, rep := c.writable()
	if rep != nil {
		return rep
	}
	c.org.Configurations.table.remove(f.ID)
	c.org.forget(configurations, f.ID)
	c.org.changed(c.now, "DELETED", f)
	return noContent()
}

// writable finds the configuration of the call, if clients may write it.
func (c *call) writable() (*Configuration, *reply) {
	f, ok := c.org.Configurations.table.get(c.id)
	if !ok {
		return nil, notFound(configurations, c.id)
	}
	if f.Type != CustomSetting {
		return nil, forbidden("Configurations of type " + f.Type + " cannot be changed.")
	}
	return f, nil
}

// write takes over what a client has written.
func (f *Configuration) write(attrs *configAttributes) *reply {
	replace(&f.Name, attrs.Name)
	if attrs.Custom != nil {
		if attrs.Custom.Profile != nil {
			payloads, why := readProfile(*attrs.Custom.Profile)
			if why != "" {
				return fail(http.StatusBadRequest, problem{
					code: codeParamInvalid, pointer: attribute("customSettingsValues/configurationProfile"), detail: why,
				})
			}
			f.Platforms = platformsOf(payloads)
		}
		replace(&f.Profile, attrs.Custom.Profile)
		replace(&f.Filename, attrs.Custom.Filename)
	}
	if attrs.Platforms != nil {
		for _, p := range *attrs.Platforms {
			if !slices.Contains(allPlatforms(), p) {
				return conflict(codeAttrInvalid, attribute("configuredForPlatforms"), "'"+p+"' is not a platform.")
			}
		}
		f.Platforms = slices.Clone(*attrs.Platforms)
	}
	return nil
}

// readProfile returns the types of the payloads of a profile, or why it is none.
func readProfile(text string) (payloads []string, why string) {
	var root any
	if err := plist.NewXMLDecoder(strings.NewReader(text)).Decode(&root); err != nil {
		return nil, "The plist cannot be read: type mismatch."
	}
	dict, isDict := root.(map[string]any)
	if !isDict {
		return nil, "The root of the plist is of another type than dict: type mismatch."
	}
	content, _ := dict["PayloadContent"].([]any)
	if len(content) == 0 {
		return nil, "PayloadContent is empty."
	}
	for _, p := range content {
		payload, _ := p.(map[string]any)
		kind, _ := payload["PayloadType"].(string)
		payloads = append(payloads, kind)
	}
	return payloads, ""
}

func allPlatforms() []string {
	return []string{"PLATFORM_MACOS", "PLATFORM_IOS", "PLATFORM_TVOS", "PLATFORM_VISIONOS"}
}

// platformsOf is what platforms a profile is taken to be for. How the service finds out is not
// known; here payloads that exist on the Mac only make it one for the Mac.
func platformsOf(payloads []string) []string {
	for _, kind := range payloads {
		switch kind {
		case "com.apple.dock", "com.apple.finder", "com.apple.loginwindow", "com.apple.MCX", "com.apple.MCX.FileVault2",
			"com.apple.TCC.configuration-profile-policy", "com.apple.system-extension-policy", "com.apple.servicemanagement":
			return []string{"PLATFORM_MACOS"}
		}
	}
	return allPlatforms()
}

// changed tells of a change of a configuration.
func (o *Org) changed(at time.Time, what string, f *Configuration) {
	o.happened(at, "CONFIG_SETTINGS_"+what, subject{"DEVICE_MANAGEMENT_SETTING", f.ID, f.Name}, object{
		{"configType", f.Type}, {"configId", f.ID}, {"configVersion", f.version + 1},
	})
}
