package axmtest

import (
	"net/http"
	"strconv"
)

// Codes of errors. Apple publishes no list; those that no client has seen are made in the likeness
// of the others.
const (
	codeNotFound     = "NOT_FOUND"
	codeForbidden    = "FORBIDDEN_ERROR"
	codeUnauthorized = "NOT_AUTHORIZED"

	codeParamRequired = "PARAMETER_ERROR.REQUIRED"
	codeParamInvalid  = "PARAMETER_ERROR.INVALID"
	codeParamIllegal  = "PARAMETER_ERROR.ILLEGAL"

	codeBody         = "ENTITY_INVALID"
	codeAttrInvalid  = "ENTITY_ERROR.ATTRIBUTE.INVALID"
	codeAttrRequired = "ENTITY_ERROR.ATTRIBUTE.REQUIRED"
	codeRelInvalid   = "ENTITY_ERROR.RELATIONSHIP.INVALID"
	codeRelRequired  = "ENTITY_ERROR.RELATIONSHIP.REQUIRED"
	codeState        = "STATE_ERROR"
	codeResources    = "ENTITY_ERROR.MISSING_RESOURCES"
	codeMembers      = "ENTITY_ERROR.MISSING_MEMBERS"
	codeTooMany      = "ENTITY_UNPROCESSABLE.TOO_MANY"

	codeRate        = "RATE_LIMIT_EXCEEDED"
	codeUnexpected  = "UNEXPECTED_ERROR"
	codeUnavailable = "SERVICE_UNAVAILABLE"
)

// titles are what goes with the codes.
func title(code string) string {
	return map[string]string{
		codeNotFound:      "The specified resource does not exist.",
		codeForbidden:     "The request is not permitted.",
		codeUnauthorized:  "The credentials are missing or not valid.",
		codeParamRequired: "A required parameter is missing.",
		codeParamInvalid:  "A parameter value is invalid.",
		codeParamIllegal:  "A parameter is not allowed.",
		codeBody:          "The request body is not valid.",
		codeAttrInvalid:   "An attribute value is invalid.",
		codeAttrRequired:  "A required attribute is missing.",
		codeRelInvalid:    "A relationship value is invalid.",
		codeRelRequired:   "A required relationship is missing.",
		codeState:         "The resource does not allow this now.",
		codeResources:     "Resources are missing.",
		codeMembers:       "Members are missing.",
		codeTooMany:       "The request is too large.",
		codeRate:          "Too many requests.",
		codeUnavailable:   "The service is not available.",
	}[code]
}

// codeOf is the code of an error of which only the status is known.
func codeOf(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return codeUnauthorized
	case http.StatusForbidden:
		return codeForbidden
	case http.StatusNotFound:
		return codeNotFound
	case http.StatusTooManyRequests:
		return codeRate
	case http.StatusServiceUnavailable:
		return codeUnavailable
	}
	return codeUnexpected
}

// problem is one error of an error document.
type problem struct {
	code, detail string
	pointer      string // into the body
	parameter    string // of the query
}

func (p problem) object(status int) object {
	text := title(p.code)
	or(&text, "An error has occurred.")
	o := object{
		{"id", randomUUID()}, {"status", strconv.Itoa(status)}, {"code", p.code},
		{"title", text}, {"detail", p.detail},
	}
	switch {
	case p.pointer != "":
		o = append(o, member{"source", object{{"pointer", p.pointer}}})
	case p.parameter != "":
		o = append(o, member{"source", object{{"parameter", p.parameter}}})
	}
	return o
}

// document is an error document.
func document(status int, problems ...problem) []byte {
	errors := make([]object, 0, len(problems))
	for _, p := range problems {
		errors = append(errors, p.object(status))
	}
	return encode(object{{"errors", errors}})
}

// fail is a reply with an error document.
func fail(status int, problems ...problem) *reply {
	return &reply{status: status, body: document(status, problems...)}
}

func notFound(kind, id string) *reply {
	return fail(http.StatusNotFound, problem{code: codeNotFound, detail: "There is no resource of type '" + kind + "' with id '" + id + "'."})
}

func forbidden(detail string) *reply {
	return fail(http.StatusForbidden, problem{code: codeForbidden, detail: detail})
}

func badParameter(code, name, detail string) *reply {
	return fail(http.StatusBadRequest, problem{code: code, detail: detail, parameter: name})
}

func badBody(detail string) *reply {
	return fail(http.StatusBadRequest, problem{code: codeBody, detail: detail})
}

// conflict is a 409 for a place in the body.
func conflict(code, pointer, detail string) *reply {
	return fail(http.StatusConflict, problem{code: code, detail: detail, pointer: pointer})
}
