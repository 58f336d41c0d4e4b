package dep

import (
	"context"
	"net/http"
	"time"

	"github.com/applemdm/applemdm/internal/rest"
)

// AssignResult is Apple's answer to an assignment.
type AssignResult struct {
	ProfileUUID string
	Outcomes    Outcomes // one for each distinct serial number, in the order given
}

// RetryAt returns the time from which all the devices that are throttled may be asked for again, or
// the zero time if none is, or Apple named no time. [Outcome.NotBefore] has that of each.
func (r *AssignResult) RetryAt() time.Time {
	var latest time.Time
	for _, o := range r.Outcomes {
		if o.NotBefore.After(latest) {
			latest = o.NotBefore
		}
	}
	return latest
}

// AssignProfile assigns a profile to devices, in one request for every [MaxBatch]. A device has at
// most one profile; the new one replaces it and takes effect when the device is activated next.
//
// What became of each device is in the result: a device that Apple throttles, refuses or does not
// mention is no error. Apple throttles devices that are assigned often, also with the profile that
// they have: an [Assigner] avoids that and waits for the others.
//
// An error after the first request is a [*PartialError], with what was answered before. Assigning
// twice does no harm, so a lost connection is repeated by itself.
//
// https://developer.apple.com/documentation/devicemanagement/assign-profile
func (c *Client) AssignProfile(ctx context.Context, profileUUID string, serials []string) (*AssignResult, error) {
	if err := checkProfileUUID(profileUUID); err != nil {
		return nil, err
	}
	outcomes, err := outcomesOf(serials, func(batch []string) (*statusAnswer, error) {
		answer, err := call[statusAnswer](ctx, c, request{
			op: "assign the profile", method: c.opts.AssignMethod, path: rest.Path{"profile", "devices"},
			body: assignment{ProfileUUID: profileUUID, Devices: batch}, repeatable: true,
		})
		return answer, profileNotFound(err)
	})
	if err != nil {
		return nil, err
	}
	return &AssignResult{ProfileUUID: profileUUID, Outcomes: outcomes}, nil
}

type assignment struct {
	ProfileUUID string   `json:"profile_uuid"`
	Devices     []string `json:"devices"`
}

// RemoveProfile takes the profile, whichever it is, away from devices. A device that has already
// fetched it keeps it until it is erased. Batches and errors are as with [Client.AssignProfile].
//
// https://developer.apple.com/documentation/devicemanagement/clear-device-profile
func (c *Client) RemoveProfile(ctx context.Context, serials []string) (Outcomes, error) {
	return outcomesOf(serials, func(batch []string) (*statusAnswer, error) {
		return call[statusAnswer](ctx, c, request{
			op: "remove the profile", method: http.MethodDelete, path: rest.Path{"profile", "devices"},
			body: deviceList{Devices: batch}, repeatable: true,
		})
	})
}
