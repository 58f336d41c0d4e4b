package axm

import (
	"context"
	"slices"
	"time"

	"github.com/applemdm/applemdm/internal/field"
)

// DefaultActivitySize is how many devices one activity has at most, unless [Options.ActivitySize] says
// otherwise. Apple publishes no limit.
const DefaultActivitySize = 1000

// ActivityType is what an activity does.
//
// https://developer.apple.com/documentation/applebusinessapi/orgdeviceactivitytype
type ActivityType string

// The types that there are.
const (
	ActivityAssignDevices           ActivityType = "ASSIGN_DEVICES"
	ActivityUnassignDevices         ActivityType = "UNASSIGN_DEVICES"
	ActivityMigrateDevices          ActivityType = "ASSIGN_DEVICES_WITH_MDM_MIGRATION_DEADLINE"
	ActivityUpdateMigrationDeadline ActivityType = "UPDATE_MDM_MIGRATION_DEADLINE"
	ActivityCancelMigration         ActivityType = "CANCEL_MDM_MIGRATION"
	ActivityReleaseDevices          ActivityType = "RELEASE_DEVICES" // Apple Business only
)

// op names what an activity is for, in words; "" if there is no such type.
func (t ActivityType) op() string {
	switch t {
	case ActivityAssignDevices:
		return "assign devices"
	case ActivityUnassignDevices:
		return "unassign devices"
	case ActivityMigrateDevices:
		return "migrate devices"
	case ActivityUpdateMigrationDeadline:
		return "update migration deadline"
	case ActivityCancelMigration:
		return "cancel migration"
	case ActivityReleaseDevices:
		return "release devices"
	}
	return ""
}

// needsServer reports whether an activity moves devices to a server.
func (t ActivityType) needsServer() bool {
	return t == ActivityAssignDevices || t == ActivityMigrateDevices
}

func (t ActivityType) needsDeadline() bool {
	return t == ActivityMigrateDevices || t == ActivityUpdateMigrationDeadline
}

// order is what an [Operation] is to bring about. It is not changed after it was made.
type order struct {
	kind     ActivityType
	serverID string    // of all devices; "" for none, or if parts have their own
	deadline time.Time // zero for none
	serials  []string  // each once
}

// newOrder checks what there is in an order.
func newOrder(kind ActivityType, serverID string, deadline time.Time, serials []string) (*order, error) {
	if kind.needsServer() {
		if err := checkID("serverID", serverID); err != nil {
			return nil, err
		}
	}
	unique, err := field.Serials("serials", serials)
	if err != nil {
		return nil, err
	}
	return &order{kind, serverID, deadline.UTC().Truncate(time.Second), unique}, nil
}

// maxDeadline is how far ahead a migration may be.
const maxDeadline = 90 * 24 * time.Hour

// checkDeadline refuses what Apple would. A deadline of the past is one for which it is high time.
func checkDeadline(deadline time.Time, mayBePast bool) error {
	left := time.Until(deadline)
	switch {
	case deadline.IsZero():
		return &InputError{Field: "deadline", Rule: "must be set"}
	case left > maxDeadline:
		return &InputError{Field: "deadline", Rule: "must be within 90 days"}
	case left <= 0 && !mayBePast:
		return &InputError{Field: "deadline", Rule: "must be in the future"}
	}
	return nil
}

// AssignDevices assigns any number of devices to a device management service, also those that are
// assigned to another one. The devices are cut into activities of [Options.ActivitySize], for each of
// which a request is sent, one after the other; Apple carries them out later: see [Operation.Wait].
//
// That takes as long as [Budget] lets the requests wait, and what was begun is known when it returns: to
// keep an [Operation.Record] after each activity, pass so many devices at a time.
//
// An error means that no activity was begun. When some of several could not be, the outcomes of their
// devices are [StatusNotSent], and the others go on. A request is repeated only when Apple surely did
// not process it. When its answer gets lost, the outcomes are [StatusUncertain] until Wait has read
// whether the devices are assigned; it is never sent again blindly.
//
// Apple reports a failure for devices that are assigned to the server already, for which
// [Operation.Verify] finds that all is well, and leaves out serial numbers that it does not know:
// see [StatusMissing].
//
// https://developer.apple.com/documentation/applebusinessapi/create-an-orgdeviceactivity
func (c *Client) AssignDevices(ctx context.Context, serverID string, serials []string) (*Operation, error) {
	o, err := newOrder(ActivityAssignDevices, serverID, time.Time{}, serials)
	if err != nil {
		return nil, err
	}
	return c.begin(ctx, o)
}

// UnassignDevices takes devices from the device management service that they are assigned to, which is
// that with the ID serverID. Otherwise it is as [Client.AssignDevices].
//
// Without a serverID it reads first which server each device is assigned to, and begins activities for
// each of these servers; devices without one go into an activity that names none. That costs, for each
// server, one request and the pages of its devices, or one for each device if these are fewer.
//
// https://developer.apple.com/documentation/applebusinessapi/create-an-orgdeviceactivity
func (c *Client) UnassignDevices(ctx context.Context, serverID string, serials []string) (*Operation, error) {
	o, err := newOrder(ActivityUnassignDevices, serverID, time.Time{}, serials)
	if err != nil {
		return nil, err
	}
	if serverID != "" {
		if err := checkID("serverID", serverID); err != nil {
			return nil, err
		}
		return c.begin(ctx, o)
	}
	groups, err := c.byServer(ctx, o.serials)
	if err != nil {
		return nil, err
	}
	return c.begin(ctx, o, groups...)
}

// MigrateDevices assigns devices to another device management service and lets them move there without
// being erased, which the user can put off until the deadline: Apple's
// ASSIGN_DEVICES_WITH_MDM_MIGRATION_DEADLINE. The deadline, which counts to the second, must be in the
// future and within 90 days. The devices must be assigned to a server and able to move: see
// [Device.IsMDMMigrationCapable]. Otherwise it is as [Client.AssignDevices].
//
// https://developer.apple.com/documentation/applebusinessapi/create-an-orgdeviceactivity
func (c *Client) MigrateDevices(ctx context.Context, serverID string, deadline time.Time, serials []string) (*Operation, error) {
	o, err := newOrder(ActivityMigrateDevices, serverID, deadline, serials)
	if err == nil {
		err = checkDeadline(deadline, false)
	}
	if err != nil {
		return nil, err
	}
	return c.begin(ctx, o)
}

// UpdateMigrationDeadline sets another deadline for devices that are to move: see
// [Client.MigrateDevices]. One that is earlier, or has passed, holds at once, and the user cannot put
// the move off any longer. It must not be more than 90 days ahead. For a device that is not to move it
// fails. Otherwise it is as [Client.AssignDevices].
//
// https://developer.apple.com/documentation/applebusinessapi/create-an-orgdeviceactivity
func (c *Client) UpdateMigrationDeadline(ctx context.Context, deadline time.Time, serials []string) (*Operation, error) {
	o, err := newOrder(ActivityUpdateMigrationDeadline, "", deadline, serials)
	if err == nil {
		err = checkDeadline(deadline, true)
	}
	if err != nil {
		return nil, err
	}
	return c.begin(ctx, o)
}

// CancelMigration calls off the move of devices: see [Client.MigrateDevices]. They stay assigned to the
// new server; to have them back, assign them to the old one. Otherwise it is as
// [Client.AssignDevices].
//
// https://developer.apple.com/documentation/applebusinessapi/create-an-orgdeviceactivity
func (c *Client) CancelMigration(ctx context.Context, serials []string) (*Operation, error) {
	o, err := newOrder(ActivityCancelMigration, "", time.Time{}, serials)
	if err != nil {
		return nil, err
	}
	return c.begin(ctx, o)
}

// ReleaseDevicesIrreversibly takes devices out of the organisation, for good: Apple's RELEASE_DEVICES.
// They are assigned to no server any more, leave the device management that is built into Apple
// Business, and every blueprint. No call brings them back. The API account needs a permission of its
// own. Otherwise it is as [Client.AssignDevices]. Apple Business only.
//
// https://developer.apple.com/documentation/applebusinessapi/create-an-orgdeviceactivity
func (c *Client) ReleaseDevicesIrreversibly(ctx context.Context, serials []string) (*Operation, error) {
	o, err := newOrder(ActivityReleaseDevices, "", time.Time{}, serials)
	if err != nil {
		return nil, err
	}
	return c.begin(ctx, o)
}

// part is a share of an order: the devices of one activity, and what became of the request for it.
type part struct {
	devices  []int  // indexes of the serials of the order
	serverID string // "" for none

	activityID string
	sentAt     time.Time
	status     Status // of the request: pending if it was taken, or else what that of its devices is
	err        error  // why it was not taken, or why that is not clear

	watch
}

// serials returns the serial numbers of a part.
func (o *order) serialsOf(devices []int) []string {
	serials := make([]string, len(devices))
	for n, i := range devices {
		serials[n] = o.serials[i]
	}
	return serials
}

// whole returns all of an order as one part, which may be too much for an activity.
func (o *order) whole() *part {
	p := &part{devices: make([]int, len(o.serials)), serverID: o.serverID}
	for i := range p.devices {
		p.devices[i] = i
	}
	return p
}

// split cuts parts into those of one activity each.
func split(whole []*part, size int) (pieces []*part) {
	for _, p := range whole {
		for devices := range slices.Chunk(p.devices, size) {
			pieces = append(pieces, &part{devices: devices, serverID: p.serverID})
		}
	}
	return pieces
}

// activityAttributes are those that are sent.
type activityAttributes struct {
	Type     ActivityType      `json:"activityType"`
	Metadata *activityMetadata `json:"activityTypeMetadata,omitzero"`
}

type activityMetadata struct {
	Deadline Time `json:"mdmMigrationDeadlineDateTime"`
}

// body returns what to send for a part.
func (o *order) body(p *part) outgoing {
	attributes := activityAttributes{Type: o.kind}
	if o.kind.needsDeadline() {
		attributes.Metadata = &activityMetadata{field.NewTime(o.deadline)}
	}
	relationships := map[string]relationship{"devices": {linkages(kindDevices, o.serialsOf(p.devices))}}
	if p.serverID != "" {
		relationships["mdmServer"] = relationship{linkage{kindServers, p.serverID}}
	}
	return outgoing{outgoingResource{Type: kindActivities, Attributes: attributes, Relationships: relationships}}
}
