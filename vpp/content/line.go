package content

import (
	"context"
	"net/http"

	"github.com/go-json-experiment/json"

	"github.com/applemdm/applemdm/internal/lenient"
	"github.com/applemdm/applemdm/internal/pace"
	"github.com/applemdm/applemdm/internal/rest"
	"github.com/applemdm/applemdm/vpp"
)

// line is how a client sends, wherever to.
type line struct {
	opts *Options
	pace *pace.Pacer[*Error]
}

func newLine(opts *Options) *line { return &line{opts, pace.New[*Error]()} }

// newEngine returns an engine for what is below baseURL. All engines of a line have one pace.
func (l *line) newEngine(baseURL string) (*rest.Engine, error) {
	return rest.New(rest.Config{
		HTTPClient:      l.opts.HTTPClient,
		BaseURL:         baseURL,
		Header:          http.Header{"Accept": {"application/json"}, "User-Agent": {l.opts.UserAgent}},
		Logger:          l.opts.Logger,
		Retry:           l.opts.Retry,
		MaxBody:         l.opts.MaxBody,
		Trace:           l.opts.Trace,
		RequestIDHeader: "X-Apple-Request-UUID",
		Turn:            l.pace.Wait,
		Judge:           l.judge,
	})
}

// judge keeps to what an answer asks for: it slows down all calls, or holds them.
func (l *line) judge(resp *rest.Response) int {
	l.pace.Heed(resp.Status, resp.RetryAfter, func() *Error { return refusal("", resp, false, false) })
	return resp.Status
}

// send sends r and returns the success that comes back. While Apple wants to be left alone for longer
// than a call may wait, it returns what Apple said instead.
func (l *line) send(ctx context.Context, engine *rest.Engine, r request, header http.Header) (*rest.Response, error) {
	if left, by := l.pace.Held(); left > engine.Retry.MaxWait {
		own := *by
		own.Op, own.RetryAfter = r.op, left
		return nil, &own
	}
	resp, err := engine.Do(ctx, rest.Request{
		Op: r.op, Method: http.MethodGet, Path: r.path, Query: r.query, Header: header, Repeatable: true,
	})
	if err != nil {
		return nil, err
	}
	if resp.Status != http.StatusOK {
		return nil, refusal(r.op, resp, header.Get("Authorization") != "", r.owned)
	}
	return resp, nil
}

// withCookie returns header with the content token where these services look for it.
func withCookie(header http.Header, token *vpp.Token) http.Header {
	own := header.Clone()
	if own == nil {
		own = http.Header{}
	}
	own.Set("Cookie", "itvt="+string(token.Reveal()))
	return own
}

// decode decodes an answer, leniently: a member of another type than documented goes into the Unknown
// of what it is in.
func decode(body []byte, v any) error {
	artwork := lenient.Record(func(a *Artwork) *vpp.Unknown { return &a.Unknown })
	offer := lenient.Record(func(o *Offer) *vpp.Unknown { return &o.Unknown })
	genre := lenient.Record(func(g *GenreAttributes) *vpp.Unknown { return &g.Unknown })
	inner := json.JoinUnmarshalers(artwork, offer, genre)
	return lenient.Decode(body, v, inner,
		lenient.Record(func(a *AppAttributes) *vpp.Unknown { return &a.Unknown }, inner),
		lenient.Record(func(b *BookAttributes) *vpp.Unknown { return &b.Unknown }, inner),
		lenient.Record(func(i *InAppAttributes) *vpp.Unknown { return &i.Unknown }, inner),
		lenient.Record(func(s *StorefrontAttributes) *vpp.Unknown { return &s.Unknown }),
		lenient.Record(func(i *LookupItem) *vpp.Unknown { return &i.Unknown }, inner),
	)
}
