package apnstest

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// reply sends a push and returns the answer as "status body".
func (c *raw) reply(list []string, body string) string {
	c.t.Helper()
	id := c.push(list, body)
	head := c.next()
	if head == fmt.Sprintf("headers %d 200 end", id) {
		return "200"
	}
	data := c.next()
	_, status, _ := strings.Cut(head, fmt.Sprintf("headers %d ", id))
	_, text, _ := strings.Cut(data, fmt.Sprintf("data %d ", id))
	return status + " " + strings.TrimSuffix(text, " end")
}

func TestChecks(t *testing.T) {
	const body = `{"mdm":"` + magic + `"}`
	const bad = `400 {"reason":"`
	field := func(name, value string) []string { return with(good(), name, value) }
	lax := start(t, nil)
	strict := start(t, &Options{InMemory: true, RequireTopic: true, RefuseOtherTypes: true, RefuseBadPayloads: true})
	for name, test := range map[string]struct {
		srv        *Server
		fields     []string
		body, want string
		violation  string // "" is none
	}{
		"good":               {lax, good(), body, "200", ""},
		"good and strict":    {strict, good(), body, "200", ""},
		"GET":                {lax, field(":method", "GET"), body, `405 {"reason":"MethodNotAllowed"}`, `:method "GET"`},
		"other path":         {lax, field(":path", "/4/device/"+token), body, `404 {"reason":"BadPath"}`, ":path does not begin with /3/device/"},
		"no token":           {lax, field(":path", "/3/device/"), body, bad + `MissingDeviceToken"}`, ":path without a token"},
		"odd token":          {lax, field(":path", "/3/device/abc"), body, bad + `BadDeviceToken"}`, "even number of hex digits"},
		"base64 token":       {lax, field(":path", "/3/device/q83vEjRW"), body, bad + `BadDeviceToken"}`, "even number of hex digits"},
		"upper-case token":   {lax, field(":path", "/3/device/"+strings.ToUpper(token)), body, "200", ""},
		"unknown token":      {lax, field(":path", "/3/device/abcd"), body, bad + `BadDeviceToken"}`, ""},
		"http":               {lax, field(":scheme", "http"), body, "200", `:scheme "http"`},
		"no authority":       {lax, field(":authority", "-"), body, "200", "no :authority"},
		"topic twice":        {lax, append(good(), "apns-topic", topic), body, bad + `DuplicateHeaders"}`, "apns-topic twice"},
		"id":                 {lax, field("apns-id", "not-a-uuid"), body, bad + `BadMessageId"}`, `apns-id "not-a-uuid"`},
		"id of 36":           {lax, field("apns-id", strings.Repeat("a", 36)), body, bad + `BadMessageId"}`, `apns-id "aaa`},
		"id with g":          {lax, field("apns-id", "g23e4567-e89b-12d3-a456-426614174000"), body, bad + `BadMessageId"}`, `apns-id "g23`},
		"id in upper case":   {lax, field("apns-id", "A23E4567-E89B-12D3-A456-426614174000"), body, "200", "upper-case"},
		"expiration":         {lax, field("apns-expiration", "tomorrow"), body, bad + `BadExpirationDate"}`, `apns-expiration "tomorrow"`},
		"negative":           {lax, field("apns-expiration", "-1"), body, bad + `BadExpirationDate"}`, `apns-expiration "-1"`},
		"duration":           {lax, field("apns-expiration", "300"), body, "200", "it is no duration"},
		"no expiration":      {lax, field("apns-expiration", "-"), body, "200", ""},
		"priority":           {lax, field("apns-priority", "7"), body, bad + `BadPriority"}`, `apns-priority "7"`},
		"priority 5":         {lax, field("apns-priority", "5"), body, "200", ""},
		"priority 1":         {lax, field("apns-priority", "1"), body, "200", ""},
		"no priority":        {lax, field("apns-priority", "-"), body, "200", ""},
		"collapse id":        {lax, field("apns-collapse-id", "a"), body, "200", "apns-collapse-id"},
		"long collapse id":   {lax, field("apns-collapse-id", strings.Repeat("ä", 33)), body, bad + `BadCollapseId"}`, "apns-collapse-id"},
		"authorization":      {lax, field("authorization", "bearer x"), body, "200", "authorization"},
		"content-encoding":   {lax, field("content-encoding", "gzip"), body, "200", "content-encoding"},
		"unknown type":       {lax, field("apns-push-type", "mdn"), body, bad + `InvalidPushType"}`, `apns-push-type "mdn"`},
		"other type":         {lax, field("apns-push-type", "alert"), body, "200", `apns-push-type "alert"`},
		"other type refused": {strict, field("apns-push-type", "alert"), body, bad + `InvalidPushType"}`, `apns-push-type "alert"`},
		"no type":            {lax, field("apns-push-type", "-"), body, "200", "no apns-push-type"},
		"no type refused":    {strict, field("apns-push-type", "-"), body, bad + `InvalidPushType"}`, "no apns-push-type"},
		"no topic":           {lax, field("apns-topic", "-"), body, "200", "no apns-topic"},
		"no topic refused":   {strict, field("apns-topic", "-"), body, bad + `MissingTopic"}`, "no apns-topic"},
		"bad topic":          {lax, field("apns-topic", "com apple"), body, bad + `BadTopic"}`, `apns-topic "com apple"`},
		"empty topic":        {lax, field("apns-topic", ""), body, bad + `BadTopic"}`, `apns-topic ""`},
		"other topic":        {lax, field("apns-topic", "com.apple.mgmt.External.other"), body, bad + `TopicDisallowed"}`, ""},
		"no body":            {lax, good(), "", bad + `PayloadEmpty"}`, "no body"},
		"large body":         {lax, good(), strings.Repeat(" ", 4097), `413 {"reason":"PayloadTooLarge"}`, "4097 bytes"},
		"huge body":          {lax, good(), strings.Repeat(" ", 16384), `413 {"reason":"PayloadTooLarge"}`, "16384 bytes"},
		"full body":          {lax, good(), body + strings.Repeat(" ", 4096-len(body)), "200", ""},
		"escaped magic":      {lax, good(), `{"mdm":"\u0035F2B0A8E-6C1D-4C53-9D8B-8A3C2C0E7D11"}`, "200", ""},
		"aps":                {lax, good(), `{"mdm":"m","aps":{}}`, "200", `members besides "mdm"`},
		"aps refused":        {strict, good(), `{"mdm":"m","aps":{}}`, bad + `BadRequestPayload"}`, `members besides "mdm"`},
		"number":             {lax, good(), `{"mdm":1}`, "200", `no string "mdm"`},
		"broken":             {lax, good(), `{"mdm":"a"b"}`, "200", "no JSON object"},
		"no member":          {lax, good(), `{}`, "200", `no string "mdm"`},
		"duplicate members":  {lax, good(), `{"mdm":"a","mdm":"b"}`, "200", "no JSON object"},
	} {
		t.Run(name, func(t *testing.T) {
			test.srv.ResetReceived()
			if got := dialRaw(t, test.srv).hello().reply(test.fields, test.body); got != test.want {
				t.Errorf("answer = %s, want %s", got, test.want)
			}
			checkViolation(t, test.srv, test.violation)
		})
	}
}

// checkViolation checks that there is one violation with that text, or none.
func checkViolation(t *testing.T, srv *Server, text string) {
	t.Helper()
	list := srv.Violations()
	switch {
	case text == "" && len(list) > 0:
		t.Errorf("violations: %q", list)
	case text != "" && (len(list) != 1 || !strings.Contains(list[0], text)):
		t.Errorf("violations: %q, want one with %q", list, text)
	}
	for _, line := range list {
		if strings.Contains(line, token) || strings.Contains(line, magic) {
			t.Errorf("a secret in %q", line)
		}
	}
}

func TestMalformedHeaders(t *testing.T) {
	for name, test := range map[string]struct {
		fields []string
		want   string
	}{
		"no path":          {with(good(), ":path", "-"), "a missing pseudo header field"},
		"path twice":       {append([]string{":path", "/"}, good()...), "the field :path twice"},
		"pseudo behind":    {append(slices.Clone(with(good(), ":method", "-")), ":method", "POST"), "a pseudo header field behind others"},
		"unknown pseudo":   {append([]string{":protocol", "x"}, good()...), "the pseudo header field :protocol"},
		"connection":       {with(good(), "connection", "close"), "the field connection"},
		"upper case":       {with(good(), "Apns-Id", "x"), "a name with upper-case letters"},
		"content-length":   {with(good(), "content-length", "11"), "a content-length that is not"},
		"huge header list": {with(good(), "x-large", strings.Repeat("x", 8000)), "a header list of"},
	} {
		t.Run(name, func(t *testing.T) {
			srv := start(t, nil)
			c := dialRaw(t, srv).hello()
			c.goodPush()
			c.want("headers 1 200 end")
			id := c.push(test.fields, `{"mdm":"x"}x`)
			if got := c.next(); !strings.HasPrefix(got, fmt.Sprintf("reset %d ", id)) {
				t.Errorf("got %q", got)
			}
			checkViolation(t, srv, test.want)
			c.goodPush() // the connection goes on
			c.want("headers 5 200 end")
		})
	}
}

// Without a certificate every push is refused for the lack of a token.
func TestNoCertificate(t *testing.T) {
	srv := start(t, nil)
	conn, err := dialTLS(t, srv, clientTLS(srv))
	if err != nil {
		t.Fatal(err)
	}
	c := newRaw(t, conn).hello()
	for range 2 {
		if got := c.reply(good(), `{"mdm":"x"}`); got != `403 {"reason":"MissingProviderToken"}` {
			t.Errorf("answer = %s", got)
		}
	}
	if n := srv.Stats().Reasons["MissingProviderToken"]; n != 2 {
		t.Errorf("counted %d", n)
	}

	anonymous := start(t, &Options{InMemory: true, Anonymous: topic})
	if conn, err = dialTLS(t, anonymous, clientTLS(anonymous)); err != nil {
		t.Fatal(err)
	}
	if got := newRaw(t, conn).hello().reply(good(), `{"mdm":"x"}`); got != "200" {
		t.Errorf("anonymous: %s", got)
	}
}

// A certificate whose UID is none of MDM, or that has none.
func TestOtherTopics(t *testing.T) {
	srv := start(t, nil)
	const mail = "com.apple.mail.XServer.0f3ce3a5-8c39-4a9b-9d11-5b1f6a0c6b51"
	dial := func(uid string, opts CertOptions) *raw {
		opts.EC = true
		cert, err := tls.X509KeyPair(srv.IssuePushCertificate(uid, &opts))
		if err != nil {
			t.Fatal(err)
		}
		conn, err := dialTLS(t, srv, clientTLS(srv, cert))
		if err != nil {
			t.Fatal(err)
		}
		return newRaw(t, conn).hello()
	}
	if got := dial(mail, CertOptions{}).reply(with(good(), "apns-topic", mail), `{"mdm":"x"}`); got != `400 {"reason":"DeviceTokenNotForTopic"}` {
		t.Errorf("mail: %s", got)
	}
	checkViolation(t, srv, "none of MDM")
	srv.ResetReceived()
	if got := dial("", CertOptions{NoUID: true}).reply(with(good(), "apns-topic", "-"), `{"mdm":"x"}`); got != `400 {"reason":"MissingTopic"}` {
		t.Errorf("no UID: %s", got)
	}
}
