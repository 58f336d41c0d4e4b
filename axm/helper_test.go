package axm

import (
	"bytes"
	"io"
	"net/http"

	"github.com/applemdm/applemdm/internal/rest"
)

// always is a transport that gives the same answer to every request.
type always struct{ answer *rest.Response }

func (a always) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: a.answer.Status, Header: a.answer.Header,
		Body: io.NopCloser(bytes.NewReader(a.answer.Body)), Request: req,
	}, nil
}
