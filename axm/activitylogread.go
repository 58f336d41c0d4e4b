package axm

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/applemdm/applemdm/internal/rest"
)

// DefaultLogHost is where Apple keeps the logs of activities.
const DefaultLogHost = "store.blobstore.apple.com"

// ErrActivityLog: the log of an activity cannot be read: it is at a host that is not allowed (see
// [Options.LogHosts]), Apple refuses to hand it out, or it is something else.
var ErrActivityLog = errors.New("the log of the activity cannot be read")

// ErrNoActivityLog: the activity has no log, or not yet. It is [ErrActivityLog] as well.
var ErrNoActivityLog = fmt.Errorf("%w: there is none", ErrActivityLog)

// opLog names the reading of a log in errors and logs.
const opLog = "read activity log"

// ActivityLog reads the log of an activity that has ended. It costs a request for the activity, and
// one for the log, which is at another host: only [DefaultLogHost] and those of [Options.LogHosts] are
// asked, over TLS, and never with the access token. When its address has expired, both are asked once
// more. Apple keeps activities for 30 days.
//
// Errors that are [ErrActivityLog] are final. [Options.MaxBody] bounds the log.
func (c *Client) ActivityLog(ctx context.Context, id string) (*ActivityLog, error) {
	a, err := c.Activity(ctx, id)
	if err != nil {
		return nil, err
	}
	return c.logOf(ctx, a)
}

// logOf reads the log of an activity that was read just now.
func (c *Client) logOf(ctx context.Context, a *Activity) (*ActivityLog, error) {
	log, err := c.fetchLog(ctx, a.DownloadURL)
	if e, refused := errors.AsType[*Error](err); !refused || !errors.Is(e, ErrActivityLog) {
		return log, err
	}
	again, err := c.Activity(ctx, a.ID)
	if err != nil {
		return nil, err
	}
	return c.fetchLog(ctx, again.DownloadURL)
}

// fetchLog reads the log at an address. The address is signed, so it travels as it came.
func (c *Client) fetchLog(ctx context.Context, address LogURL) (*ActivityLog, error) {
	at, err := c.checkLogURL(address)
	if err != nil {
		return nil, err
	}
	config := c.config(at.Scheme + "://" + at.Host)
	config.Header.Set("Accept", "*/*")
	engine, err := rest.New(config)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrActivityLog, err)
	}
	resp, err := engine.Do(ctx, rest.Request{
		Op: opLog, Method: http.MethodGet, Path: rest.ParsePath(at.Path), Repeatable: true,
		Sign: func(r *http.Request) error {
			whole := *at
			r.URL = &whole
			return nil
		},
	})
	_, unfit := errors.AsType[*InputError](err) // as an address
	switch {
	case unfit || errors.Is(err, ErrBodyTooLarge):
		return nil, fmt.Errorf("%w: %w", ErrActivityLog, err)
	case err != nil:
		return nil, err
	case resp.Status != http.StatusOK:
		return nil, logRefusal(resp)
	}
	log, err := ParseActivityLog(resp.Body)
	resp.Release()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrActivityLog, err)
	}
	return log, nil
}

// checkLogURL returns the parts of an address that may be asked. A simulator without TLS keeps its
// logs without TLS too.
func (c *Client) checkLogURL(address LogURL) (*url.URL, error) {
	if address == "" {
		return nil, ErrNoActivityLog
	}
	at, err := url.Parse(string(address))
	if err != nil || at.Host == "" || at.User != nil {
		return nil, fmt.Errorf("%w: its address is none", ErrActivityLog)
	}
	switch plain := strings.HasPrefix(c.opts.BaseURL, "http://"); {
	case at.Scheme != "https" && !(plain && at.Scheme == "http"):
		return nil, fmt.Errorf("%w: its address begins with %q, not with https", ErrActivityLog, at.Scheme)
	case !c.isLogHost(at.Host):
		return nil, fmt.Errorf("%w: it is at %q, which is not among Options.LogHosts", ErrActivityLog, at.Host)
	}
	at.Fragment, at.RawFragment = "", ""
	return at, nil
}

func (c *Client) isLogHost(host string) bool {
	return strings.EqualFold(host, DefaultLogHost) ||
		slices.ContainsFunc(c.opts.LogHosts, func(allowed string) bool { return strings.EqualFold(host, allowed) })
}

// checkLogHosts refuses what is no host.
func checkLogHosts(hosts []string) error {
	for i, host := range hosts {
		at, err := url.Parse("https://" + host)
		if err != nil || at.Hostname() == "" || at.Host != host {
			return &InputError{Field: fmt.Sprintf("Options.LogHosts[%d]", i), Rule: "must be a host, perhaps with a port, and nothing else"}
		}
	}
	return nil
}

// logRefusal makes the Error for an answer of the host of the logs that is no log. It knows nothing of
// the API and its documents.
func logRefusal(resp *rest.Response) *Error {
	e := answerError(opLog, resp)
	e.Err = statusSentinel(resp.Status)
	if resp.Status < 500 && resp.Status != http.StatusTooManyRequests {
		e.Err = ErrActivityLog
	}
	return e
}
