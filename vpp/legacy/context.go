package legacy

import (
	"fmt"
	"maps"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/applemdm/applemdm/vpp"
)

// MDMInfo names the device-management server that manages an account.
//
// https://developer.apple.com/documentation/devicemanagement/protecting-your-vpp-account
type MDMInfo struct {
	Hostname string // of the server, for people

	// GUID is what servers are told apart by: a UUID that an installation makes once and keeps.
	// Nothing else is compared, so a server may change its name.
	GUID string
}

// ClientContext is the text that the managers of an account leave there for each other. Apple keeps
// it and reads nothing from it. It should be a JSON object with the members hostname and guid, and
// may have others; it need not.
type ClientContext string

// ContextOfVersion2 is the client context of an account that is used with version 2 of the service:
// Apple writes it over whatever was there. Who manages the account then is told by version 2.
const ContextOfVersion2 ClientContext = "token being used in v2"

// maxContext is how many bytes of a client context Apple keeps: fewer than 256.
const maxContext = 255

// MDM returns whom the context names, and whether it names somebody in the form that Apple asks for.
func (c ClientContext) MDM() (MDMInfo, bool) {
	members := c.members()
	info := MDMInfo{Hostname: textOf(members["hostname"]), GUID: textOf(members["guid"])}
	return info, info.GUID != ""
}

// members returns the members of the JSON object that the context should be; nil if it is none.
func (c ClientContext) members() map[string]jsontext.Value {
	var members map[string]jsontext.Value
	if json.Unmarshal([]byte(c), &members) != nil {
		return nil
	}
	return members
}

func textOf(v jsontext.Value) string {
	var text string
	if v.Kind() != jsontext.KindString || json.Unmarshal(v, &text) != nil {
		return ""
	}
	return text
}

// contextOf returns a context that names mdm and keeps what else is in the one before.
func contextOf(mdm MDMInfo, before ClientContext) ClientContext {
	members := map[string]jsontext.Value{}
	maps.Copy(members, before.members())
	members["hostname"], members["guid"] = quoted(mdm.Hostname), quoted(mdm.GUID)
	text, _ := json.Marshal(members, json.Deterministic(true)) // members hold nothing but JSON
	return ClientContext(text)
}

func quoted(text string) jsontext.Value {
	quoted, _ := jsontext.AppendQuote(nil, strings.ToValidUTF8(text, "\uFFFD"))
	return quoted
}

// isOther reports whether the context is somebody else's than this server's.
func (c *Client) isOther(context ClientContext) bool {
	if context == "" || c.opts.MDM.GUID == "" {
		return false
	}
	by, _ := context.MDM()
	return !strings.EqualFold(by.GUID, c.opts.MDM.GUID)
}

// ClaimedError says that another device-management server has claimed the account, or that version 2
// is used with it. As long as that is so, this client asks nothing of the account but its
// configuration, as Apple demands. It is [vpp.ErrClaimedByOther]. An administrator decides who keeps
// the account: remove the token there and call [Client.TakeOver], or remove it here.
type ClaimedError struct {
	By      MDMInfo       // who; zero if the context names nobody
	Context ClientContext // as it was told
}

func claimedBy(context ClientContext) *ClaimedError {
	by, _ := context.MDM()
	return &ClaimedError{By: by, Context: context}
}

func (e *ClaimedError) Error() string {
	if e.By.GUID == "" {
		return fmt.Sprintf("%v: %q", vpp.ErrClaimedByOther, string(e.Context))
	}
	return fmt.Sprintf("%v: %q (GUID %q)", vpp.ErrClaimedByOther, e.By.Hostname, e.By.GUID)
}

func (e *ClaimedError) Unwrap() error { return vpp.ErrClaimedByOther }
