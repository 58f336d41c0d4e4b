package axm

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/applemdm/applemdm/internal/poll"
	"github.com/applemdm/applemdm/internal/rest"
)

// kindActivities is the type of activities in documents and paths.
const kindActivities = "orgDeviceActivities"

// Activity is a change of many devices that Apple carries out in its own time. Every member may be
// missing, and the enumerated ones may have values that are not listed here. An [Operation] holds the
// activities that one call has begun.
//
// https://developer.apple.com/documentation/applebusinessapi/orgdeviceactivity
type Activity struct {
	ID        string            `json:"id,omitzero"`
	Status    ActivityStatus    `json:"status,omitzero"`
	SubStatus ActivitySubStatus `json:"subStatus,omitzero"`
	Created   Time              `json:"createdDateTime,omitzero"`
	Completed Time              `json:"completedDateTime,omitzero"` // once it has ended

	// DownloadURL is where the log is, for a while, once the activity has ended:
	// [Client.ActivityLog] reads it.
	DownloadURL LogURL `json:"downloadUrl,omitzero"`

	Unknown Unknown `json:",embed"`
}

// Ended reports whether nothing more will come of the activity.
func (a *Activity) Ended() bool { return a.Status != "" && a.Status != ActivityInProgress }

// Succeeded reports whether Apple says that all of it was done. Devices that Apple does not know may
// have been left out silently all the same; the log tells which.
func (a *Activity) Succeeded() bool {
	return a.Status == ActivityCompleted && a.SubStatus == SubStatusCompletedWithSuccess
}

func (a *Activity) flatten(id string) { a.ID = id }
func (a *Activity) unknown() *Unknown { return &a.Unknown }

// ActivityStatus is how far an activity is.
type ActivityStatus string

// The statuses that Apple names. All but the first are final.
const (
	ActivityInProgress ActivityStatus = "IN_PROGRESS"
	ActivityCompleted  ActivityStatus = "COMPLETED" // devices may have failed: see ActivitySubStatus
	ActivityStopped    ActivityStatus = "STOPPED"
	ActivityFailed     ActivityStatus = "FAILED"
)

// ActivitySubStatus says more of an [ActivityStatus].
type ActivitySubStatus string

// The sub-statuses that Apple names.
const (
	SubStatusSubmitted                     ActivitySubStatus = "SUBMITTED"
	SubStatusPreProcessing                 ActivitySubStatus = "PRE_PROCESSING"
	SubStatusPending                       ActivitySubStatus = "PENDING"
	SubStatusProcessing                    ActivitySubStatus = "PROCESSING"
	SubStatusPostProcessing                ActivitySubStatus = "POST_PROCESSING"
	SubStatusStopping                      ActivitySubStatus = "STOPPING"
	SubStatusCompletedWithSuccess          ActivitySubStatus = "COMPLETED_WITH_SUCCESS"
	SubStatusCompletedWithError            ActivitySubStatus = "COMPLETED_WITH_ERROR"   // some devices failed
	SubStatusCompletedWithFailure          ActivitySubStatus = "COMPLETED_WITH_FAILURE" // all of them
	SubStatusCompletedPostProcessingFailed ActivitySubStatus = "COMPLETED_POST_PROCESSING_FAILED"
)

// LogURL is the address of a log. Whoever has it can read the log for a while, so its query does not
// print; encoding it keeps it whole, and so does conversion to string.
type LogURL string

// String returns the address without its query.
func (u LogURL) String() string {
	parsed, err := url.Parse(string(u))
	switch {
	case u == "":
		return ""
	case err != nil:
		return "[redacted]"
	}
	shown := url.URL{Scheme: parsed.Scheme, Host: parsed.Host, Path: parsed.Path}
	if parsed.RawQuery == "" {
		return shown.String()
	}
	return shown.String() + "?[redacted]"
}

// Format writes what [LogURL.String] returns, whatever the verb.
func (u LogURL) Format(f fmt.State, _ rune) { fmt.Fprint(f, u.String()) }

// LogValue keeps the query out of log/slog.
func (u LogURL) LogValue() slog.Value { return slog.StringValue(u.String()) }

// Activity reads an activity, whoever began it. With fields given, Apple sends these attributes only,
// as with [ListOptions.Fields]. One that is older than 30 days is [ErrNotFound].
//
// https://developer.apple.com/documentation/applebusinessapi/get-orgdeviceactivity-information
func (c *Client) Activity(ctx context.Context, id string, fields ...string) (*Activity, error) {
	if err := checkID("id", id); err != nil {
		return nil, err
	}
	query, err := fieldsQuery(kindActivities, fields)
	if err != nil {
		return nil, err
	}
	return call[Activity](ctx, c, request{
		op: "read activity", method: http.MethodGet, path: rest.Path{kindActivities, id}, query: query,
	})
}

// How activities are asked for. Apple takes seconds to minutes for one.
const (
	firstPoll = 5 * time.Second
	mostPoll  = time.Minute
)

// pollPause returns how long to leave an activity alone that was in progress so many times.
func pollPause(polls int) time.Duration {
	return max(firstPoll, poll.Backoff{Min: firstPoll, Max: mostPoll}.Delay(polls))
}

// pollsPerMinute is what may be used for activities of the 20 reads that Apple has been seen to allow:
// the rest is for other calls.
const pollsPerMinute = 12

// pollTurn returns when the next activity may be asked for. All who wait for activities of a client
// share three fifths of [Budget].Reads, or 12 requests a minute where none is set, and stand in line.
func (c *Client) pollTurn(ctx context.Context) error {
	select {
	case <-c.pollLine:
		defer func() { c.pollLine <- struct{}{} }()
	case <-ctx.Done():
		return poll.Cause(ctx)
	}
	share := Rate{Requests: pollsPerMinute, Per: time.Minute}
	if rate := c.reads.usage().Rate; rate.Requests > 0 {
		share = Rate{Requests: max(rate.Requests*3/5, 1), Per: rate.Per}
	}
	if c.polls.usage().Rate != share {
		c.polls.set(share)
	}
	return c.polls.wait(ctx)
}

// WaitActivity returns the activity once it has ended, in whichever way: see [Activity.Succeeded]. It
// asks at once, then every 5 seconds, and less often in time, within a share of [Budget].Reads.
//
// An error means that Apple could not be asked, or that ctx ended. Waiting again goes on.
func (c *Client) WaitActivity(ctx context.Context, id string) (*Activity, error) {
	for polls := 0; ; polls++ {
		if err := c.pollTurn(ctx); err != nil {
			return nil, fmt.Errorf("wait for activity %s: %w", id, err)
		}
		a, err := c.Activity(ctx, id)
		if err != nil || a.Ended() {
			return a, err
		}
		if err := poll.Wait(ctx, pollPause(polls)); err != nil {
			return nil, fmt.Errorf("wait for activity %s: %w", id, err)
		}
	}
}
