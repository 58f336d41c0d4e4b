package apnstest

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// refusal is how a push is refused; nil is not at all.
type refusal struct {
	status int
	reason string
	stamp  int64 // milliseconds since 1970, for status 410
}

func badRequest(reason string) *refusal {
	return &refusal{status: http.StatusBadRequest, reason: reason}
}

// check looks at everything in a push that can be judged without knowing the device. The order is
// this server's own; Apple's is not known. note is told what a client should not do.
func (c *conn) check(r *request, st *stream, note func(text string)) *refusal {
	if c.bar != "" {
		return &refusal{status: http.StatusForbidden, reason: c.bar}
	}
	for _, part := range []func(*request, *stream, func(string)) *refusal{
		c.checkLine, c.checkFields, c.checkType, c.checkTopic, c.checkBody, c.checkToken,
	} {
		if no := part(r, st, note); no != nil {
			return no
		}
	}
	return nil
}

func (c *conn) checkLine(r *request, _ *stream, note func(string)) *refusal {
	if r.scheme != "https" {
		note(":scheme " + strconv.Quote(r.scheme))
	}
	if r.authority == "" {
		note("no :authority")
	}
	if r.method != http.MethodPost {
		note(":method " + strconv.Quote(r.method))
		return &refusal{status: http.StatusMethodNotAllowed, reason: "MethodNotAllowed"}
	}
	if !strings.HasPrefix(r.path, pathPrefix) {
		note(":path does not begin with " + pathPrefix)
		return &refusal{status: http.StatusNotFound, reason: "BadPath"}
	}
	if r.twice != "" {
		note(r.twice + " twice")
		return badRequest("DuplicateHeaders")
	}
	if r.path == pathPrefix {
		note(":path without a token")
		return badRequest("MissingDeviceToken")
	}
	return nil
}

func (c *conn) checkFields(r *request, _ *stream, note func(string)) *refusal {
	if r.has&hasID != 0 {
		ok, lower := isUUID(r.id)
		if !ok {
			note("apns-id " + strconv.Quote(r.id))
			return badRequest("BadMessageId")
		}
		if !lower {
			note("apns-id with upper-case letters")
		}
	}
	if r.has&hasExpiration != 0 {
		if no := checkExpiration(r.expiration, note); no != nil {
			return no
		}
	}
	if p := r.priority; r.has&hasPriority != 0 && p != "10" && p != "5" && p != "1" {
		note("apns-priority " + strconv.Quote(p))
		return badRequest("BadPriority")
	}
	if r.has&hasCollapseID != 0 {
		note("apns-collapse-id in an MDM push")
		if len(r.collapseID) > 64 {
			return badRequest("BadCollapseId")
		}
	}
	if r.has&hasAuthorization != 0 {
		note("authorization in an MDM push")
	}
	if r.has&hasEncoding != 0 {
		note("content-encoding in a push")
	}
	return nil
}

func checkExpiration(value string, note func(string)) *refusal {
	seconds, err := strconv.ParseUint(value, 10, 63)
	if err != nil {
		note("apns-expiration " + strconv.Quote(value))
		return badRequest("BadExpirationDate")
	}
	if seconds != 0 && time.Since(time.Unix(int64(seconds), 0)) > 24*time.Hour {
		note("apns-expiration " + value + " was over long ago; it is no duration")
	}
	return nil
}

func (c *conn) checkType(r *request, _ *stream, note func(string)) *refusal {
	if r.pushType == "mdm" {
		return nil
	}
	if r.has&hasPushType == 0 {
		note("no apns-push-type")
	} else {
		note("apns-push-type " + strconv.Quote(r.pushType))
	}
	switch r.pushType {
	case "alert", "background", "complication", "controls", "fileprovider", "liveactivity", "location",
		"pushtotalk", "voip", "widgets":
	default:
		if r.has&hasPushType != 0 {
			return badRequest("InvalidPushType")
		}
	}
	if c.srv.opts.RefuseOtherTypes {
		return badRequest("InvalidPushType")
	}
	return nil
}

func (c *conn) checkTopic(r *request, _ *stream, note func(string)) *refusal {
	if r.has&hasTopic == 0 {
		note("no apns-topic")
		if c.srv.opts.RequireTopic || c.topic == "" {
			return badRequest("MissingTopic")
		}
		r.topic = c.topic
	}
	if !isTopic(r.topic) {
		note("apns-topic " + strconv.Quote(r.topic))
		return badRequest("BadTopic")
	}
	if r.topic != c.topic {
		return badRequest("TopicDisallowed")
	}
	if !strings.HasPrefix(r.topic, "com.apple.mgmt.") {
		note("the topic of the certificate is none of MDM")
	}
	return nil
}

// isTopic reports whether text could be a topic at all: labels of letters, digits and hyphens.
func isTopic(text string) bool {
	for i := range len(text) {
		c := text[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && c != '.' && c != '-' && c != '_' {
			return false
		}
	}
	return text != "" && len(text) <= 255
}

func (c *conn) checkBody(r *request, st *stream, note func(string)) *refusal {
	switch {
	case st.size == 0:
		note("no body")
		return badRequest("PayloadEmpty")
	case st.size > maxBody:
		note("a body of " + strconv.Itoa(st.size) + " bytes")
		return &refusal{status: http.StatusRequestEntityTooLarge, reason: "PayloadTooLarge"}
	case r.bad != "":
		note(r.bad)
		if c.srv.opts.RefuseBadPayloads {
			return badRequest("BadRequestPayload")
		}
	}
	return nil
}

func (c *conn) checkToken(r *request, _ *stream, note func(string)) *refusal {
	if !isToken(r.token) {
		note("the token in :path is not an even number of hex digits")
		return badRequest("BadDeviceToken")
	}
	return nil
}

// isToken reports whether text is lower-case hex of whole bytes.
func isToken(text string) bool {
	if text == "" || len(text)%2 != 0 {
		return false
	}
	for i := range len(text) {
		if c := text[i]; !('0' <= c && c <= '9' || 'a' <= c && c <= 'f') {
			return false
		}
	}
	return true
}
