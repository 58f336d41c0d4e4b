package dep

import (
	"context"
	"iter"
	"net/http"

	"github.com/applemdm/applemdm/internal/rest"
)

// Changes returns an iterator over the device list from cursor on: the full list if cursor is the
// zero Cursor, then its changes, until Apple says that there are no more. One page is read ahead
// while the caller works, so two are in memory. Each range begins at cursor again.
//
//	for page, err := range client.Changes(ctx, cursor) {
//		if err != nil { … }       // comes once, last
//		save(page.Items, page.Cursor) // in one transaction, or the items first
//	}
//
// A cursor that Apple has forgotten (after seven days) or does not know makes the walk begin again
// with the full list, once: see Begins and Completes of [Page]. A cursor that does not move ends it
// with [ErrSameCursor]. A failure ends it too; go on from the last cursor kept. [Events] turns the
// items of a page into what happened to each device. [Syncer] is this loop with everything that
// running it for months takes.
//
// https://developer.apple.com/documentation/devicemanagement/fetch-devices
// https://developer.apple.com/documentation/devicemanagement/sync-devices
func (c *Client) Changes(ctx context.Context, cursor Cursor) iter.Seq2[*Page[Device], error] {
	return walk(ctx, cursor, c.deviceFeed)
}

// deviceFeed returns the feed of the device list from cursor on.
func (c *Client) deviceFeed(cursor Cursor) *feed[Device] {
	return &feed[Device]{op: "read the device list", ask: c.askDevices, cursor: cursor}
}

// leastDeviceSize is about what a device takes in a page without the members of version 10.
const leastDeviceSize = 400

func (c *Client) askDevices(ctx context.Context, from Cursor) (*feedAnswer[Device], error) {
	r := request{op: "fetch devices", method: http.MethodPost, path: rest.Path{"server", "devices"}, repeatable: true}
	if from.Phase == PhaseSync {
		r.op, r.path = "sync devices", rest.Path{"devices", "sync"}
	}
	limit := c.pageLimit(r.path)
	r.body = feedRequest{Cursor: from.Value, Limit: limit}

	resp, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Devices []Device `json:"devices"`
		feedTail
	}
	// Room for as many devices as the body can hold: growing into it would take twice the memory.
	answer.Devices = make([]Device, 0, min(limit, len(resp.Body)/leastDeviceSize+1))
	if err := decodeAnswer(r.op, resp, &answer); err != nil {
		return nil, err
	}
	return &feedAnswer[Device]{Items: answer.Devices, feedTail: answer.feedTail}, nil
}
