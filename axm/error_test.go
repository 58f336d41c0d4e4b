package axm_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/axm"
)

func TestHasCode(t *testing.T) {
	e := &axm.Error{Items: []axm.ErrorItem{{Code: "NOT_FOUND"}, {Code: "ENTITY_ERROR.ATTRIBUTE.INVALID"}, {}}}
	for code, want := range map[string]bool{
		"ENTITY_ERROR": true, "ENTITY_ERROR.ATTRIBUTE": true, "ENTITY_ERROR.ATTRIBUTE.INVALID": true, "NOT_FOUND": true,
		"ENTITY_ERROR.ATTRIBUTE.INVALID.TYPE": false, "ENTITY": false, "ATTRIBUTE": false, "ENTITY_ERROR.": false, "": false,
	} {
		if e.HasCode(code) != want {
			t.Errorf("HasCode(%q) = %v", code, !want)
		}
	}
}

func TestErrorTexts(t *testing.T) {
	for want, err := range map[string]error{
		"read device: status 429: too many requests (retry after 7s)": &axm.Error{
			Op: "read device", StatusCode: 429, Err: axm.ErrTooManyRequests, RetryAfter: 7 * time.Second},
		`create: status 409: the request does not fit what is there: ENTITY_ERROR "in\nvalid" (at "/data"): X "title": Y`: &axm.Error{
			Op: "create", StatusCode: 409, Err: axm.ErrConflict, Items: []axm.ErrorItem{
				{Code: "ENTITY_ERROR", Title: "title", Detail: "in\nvalid", Source: axm.ErrorSource{Pointer: "/data"}},
				{Code: "X", Title: "title"}, {Code: "Y"},
			}},
		"op: status 418": &axm.Error{Op: "op", StatusCode: 418},
	} {
		if err.Error() != want {
			t.Errorf("%s, want %s", err, want)
		}
	}
}

// Codes say more than a status that does not fit them, but not more than 401 and 429.
func TestCodesAndStatuses(t *testing.T) {
	for name, tc := range map[string]struct {
		status int
		code   string
		want   error
	}{
		"not found with 400":     {400, "NOT_FOUND", axm.ErrNotFound},
		"forbidden with 409":     {409, "FORBIDDEN_ERROR.X", axm.ErrForbidden},
		"forbidden with 406":     {406, "FORBIDDEN_ERROR", axm.ErrForbidden},
		"unauthorized with code": {401, "FORBIDDEN_ERROR", axm.ErrUnauthorized},
		"too many with code":     {429, "FORBIDDEN_ERROR", axm.ErrTooManyRequests},
		"server with code":       {500, "NOT_FOUND", axm.ErrServer},
		"an unknown status":      {418, "TEAPOT", nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := wireClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == tokenPath {
						_, _ = io.WriteString(w, `{"access_token":"a"}`)
						return
					}
					w.WriteHeader(tc.status)
					_, _ = io.WriteString(w, `{"errors":[{"code":"`+tc.code+`"}]}`)
				}), nil)
				_, err := c.Device(t.Context(), "A1")
				e, ok := errors.AsType[*axm.Error](err)
				if !ok || e.Err != tc.want || !e.HasCode(tc.code) {
					t.Errorf("%+v", err)
				}
			})
		})
	}
}

// Large bodies of others, and of proxies, are cut.
func TestErrorBodiesAreCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := wireClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == tokenPath {
				_, _ = io.WriteString(w, `{"access_token":"a"}`)
				return
			}
			w.WriteHeader(http.StatusBadGateway)
			_, _ = io.WriteString(w, strings.Repeat("x", 100_000))
		}), nil)
		_, err := c.Device(t.Context(), "A1")
		if e, ok := errors.AsType[*axm.Error](err); !ok || len(e.Body) != 64<<10 || !errors.Is(err, axm.ErrServer) {
			t.Errorf("%v", err)
		}
	})
}

func TestNewTime(t *testing.T) {
	if got := axm.NewTime(time.Date(2026, 12, 1, 1, 0, 0, 0, time.FixedZone("", 3600))); got != "2026-12-01T00:00:00Z" {
		t.Error(got)
	}
}
