package deptest

import (
	"encoding/base64"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// field is a member that a profile may have.
type field struct {
	isType func(jsontext.Value) bool
	since  int // the protocol version that has it
}

func isText(v jsontext.Value) bool { return v.Kind() == '"' }
func isBool(v jsontext.Value) bool { return v.Kind() == 't' || v.Kind() == 'f' }
func isTexts(v jsontext.Value) bool {
	var list []string
	return v.Kind() == '[' && json.Unmarshal(v, &list) == nil
}

func profileFields() map[string]field {
	return map[string]field{
		"profile_name":                   {isText, 1},
		"url":                            {isText, 1},
		"configuration_web_url":          {isText, 1},
		"is_supervised":                  {isBool, 1},
		"is_mdm_removable":               {isBool, 1},
		"is_mandatory":                   {isBool, 1},
		"allow_pairing":                  {isBool, 1},
		"supervising_host_certs":         {isTexts, 1},
		"anchor_certs":                   {isTexts, 1},
		"await_device_configured":        {isBool, 2},
		"auto_advance_setup":             {isBool, 2},
		"language":                       {isText, 1},
		"region":                         {isText, 1},
		"is_multi_user":                  {isBool, 2},
		"skip_setup_items":               {isTexts, 1},
		"department":                     {isText, 1},
		"support_phone_number":           {isText, 1},
		"support_email_address":          {isText, 2},
		"org_magic":                      {isText, 1},
		"devices":                        {isTexts, 1},
		"do_not_use_profile_from_backup": {isBool, 1},
		"is_return_to_service":           {isBool, 1},
		"profile_uuid":                   {isText, 1},
	}
}

// profileMembers reads the body of a definition and checks names and types.
func (c *call) profileMembers() (map[string]jsontext.Value, *reply) {
	var members map[string]jsontext.Value
	if rep := c.decode(&members); rep != nil {
		return nil, rep
	}
	fields := profileFields()
	for name, value := range members {
		known, ok := fields[name]
		switch {
		case !ok && !c.s.opts.LaxBodies:
			c.note("unknown member %q", name)
			return nil, errMalformed
		case value.Kind() == 'n':
			delete(members, name)
		case ok && !known.isType(value):
			c.note("member %q has the wrong type", name)
			return nil, errMalformed
		}
	}
	if _, ok := members["profile_uuid"]; ok {
		c.note("profile_uuid is sent in a definition")
		delete(members, "profile_uuid")
	}
	return members, nil
}

// text returns a member that is known to be text, "" if it is not there.
func text(members map[string]jsontext.Value, name string) string {
	var s string
	if v, ok := members[name]; ok && json.Unmarshal(v, &s) != nil {
		return ""
	}
	return s
}

// checkProfile applies the rules of definition, in the order of Apple's table.
func (c *call) checkProfile(members map[string]jsontext.Value) *reply {
	_, hasName := members["profile_name"]
	_, hasURL := members["url"]
	is := func(name string) bool { return string(members[name]) == "true" }
	longer := func(name string, limit int) bool {
		return utf8.RuneCountInString(text(members, name)) > limit
	}
	switch {
	case !hasName:
		return badRequest("CONFIG_NAME_REQUIRED")
	case text(members, "profile_name") == "" || longer("profile_name", 125):
		return badRequest("CONFIG_NAME_INVALID")
	case !hasURL:
		return badRequest("CONFIG_URL_REQUIRED")
	case !validURL(text(members, "url")):
		return badRequest("CONFIG_URL_INVALID")
	case longer("department", 125):
		return badRequest("DEPARTMENT_INVALID")
	case string(members["is_mdm_removable"]) == "false" && !is("is_supervised"):
		return badRequest("FLAGS_INVALID")
	case !validLocale(members):
		return badRequest("LOCALE_INVALID")
	case longer("org_magic", 256):
		return badRequest("MAGIC_INVALID")
	case longer("support_email_address", 250):
		return badRequest("SUPPORT_EMAIL_INVALID")
	case longer("support_phone_number", 50):
		return badRequest("SUPPORT_PHONE_INVALID")
	}
	c.noteProfile(members)
	return nil
}

// noteProfile notes what has no error word of its own.
func (c *call) noteProfile(members map[string]jsontext.Value) {
	if web := text(members, "configuration_web_url"); web != "" && !strings.HasPrefix(web, "https://") {
		c.note("configuration_web_url is not https")
	}
	for _, name := range []string{"anchor_certs", "supervising_host_certs"} {
		var list []string
		_ = json.Unmarshal(members[name], &list)
		for _, cert := range list {
			if _, err := base64.StdEncoding.DecodeString(cert); err != nil {
				c.note("%s has an entry that is not base64", name)
			}
		}
	}
}

// validURL reports whether u is an absolute URL in the characters of RFC 2396, not too long.
func validURL(u string) bool {
	parsed, err := url.Parse(u)
	if err != nil || parsed.Host == "" || parsed.Scheme != "https" && parsed.Scheme != "http" {
		return false
	}
	outside := func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`<>"{}|\^`+"`", r) }
	return len(u) <= 2000 && !strings.ContainsFunc(u, outside)
}

// validLocale checks language (ISO 639: two or three small letters) and region (ISO 3166-1: two
// capitals).
func validLocale(members map[string]jsontext.Value) bool {
	_, hasLanguage := members["language"]
	_, hasRegion := members["region"]
	language, region := text(members, "language"), text(members, "region")
	if hasLanguage && (len(language) < 2 || len(language) > 3 || strings.Trim(language, "abcdefghijklmnopqrstuvwxyz") != "") {
		return false
	}
	return !hasRegion || len(region) == 2 && strings.Trim(region, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}
