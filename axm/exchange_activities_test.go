package axm_test

import (
	"context"
	"time"

	"github.com/applemdm/applemdm/axm"
	"github.com/applemdm/applemdm/internal/exchange"
)

const (
	oneActivity     = "7c9e6679-0000-4000-8000-000000000001"
	anotherActivity = "7c9e6679-0000-4000-8000-000000000002"
)

// startOfTime is when time begins in the bubbles of testing/synctest.
var startOfTime = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// record shows what an operation has sent.
func record(op *axm.Operation, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	r := *op.Record()
	for i := range r.Activities {
		r.Activities[i].SentAt = r.Activities[i].SentAt.UTC()
	}
	return r, nil
}

// sentRecord is that of one device in one activity that was begun just now.
func sentRecord(kind axm.ActivityType, serverID string, deadline time.Time) axm.OperationRecord {
	return axm.OperationRecord{
		Type: kind, ServerID: serverID, Deadline: deadline, SerialNumbers: []string{"ZZ9PLURALA1"},
		Activities: []axm.ActivityRecord{{ID: oneActivity, ServerID: serverID, SentAt: startOfTime, Devices: []int{0}, Status: axm.StatusPending}},
	}
}

func readActivity(fields ...string) func(context.Context, *axm.Client) (any, error) {
	return func(ctx context.Context, c *axm.Client) (any, error) {
		return exchange.Value(c.Activity(ctx, oneActivity, fields...))
	}
}

func activityReplays() []replay {
	serials := []string{"ZZ9PLURALA1"}
	inHalf := time.Date(2000, 1, 1, 0, 0, 0, 5e8, time.FixedZone("", 90*60)) // which is before the start
	return []replay{
		{"activities/assign",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return record(c.AssignDevices(ctx, labMDM, []string{"ZZ9PLURALA1", "ZZ9PLURALA2", "ZZ9PLURALA1"}))
			},
			axm.OperationRecord{
				Type: axm.ActivityAssignDevices, ServerID: labMDM, SerialNumbers: []string{"ZZ9PLURALA1", "ZZ9PLURALA2"},
				Activities: []axm.ActivityRecord{{ID: oneActivity, ServerID: labMDM, SentAt: startOfTime, Devices: []int{0, 1}, Status: axm.StatusPending}},
			}, nil},
		{"activities/unassign",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return record(c.UnassignDevices(ctx, labMDM, serials))
			},
			sentRecord(axm.ActivityUnassignDevices, labMDM, time.Time{}), nil},
		{"activities/unassign from wherever they are",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return record(c.UnassignDevices(ctx, "", []string{"ZZ9PLURALA1", "ZZ9PLURALA2"}))
			},
			axm.OperationRecord{
				Type: axm.ActivityUnassignDevices, SerialNumbers: []string{"ZZ9PLURALA1", "ZZ9PLURALA2"},
				Activities: []axm.ActivityRecord{
					{ID: oneActivity, ServerID: "F1", SentAt: startOfTime, Devices: []int{0}, Status: axm.StatusPending},
					{ID: anotherActivity, SentAt: startOfTime, Devices: []int{1}, Status: axm.StatusPending},
				},
			}, nil},
		{"activities/migrate",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return record(c.MigrateDevices(ctx, labMDM, startOfTime.AddDate(0, 0, 90), serials))
			},
			sentRecord(axm.ActivityMigrateDevices, labMDM, time.Date(2000, 3, 31, 0, 0, 0, 0, time.UTC)), nil},
		{"activities/update the deadline",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return record(c.UpdateMigrationDeadline(ctx, inHalf, serials))
			},
			sentRecord(axm.ActivityUpdateMigrationDeadline, "", time.Date(1999, 12, 31, 22, 30, 0, 0, time.UTC)), nil},
		{"activities/cancel",
			func(ctx context.Context, c *axm.Client) (any, error) { return record(c.CancelMigration(ctx, serials)) },
			sentRecord(axm.ActivityCancelMigration, "", time.Time{}), nil},
		{"activities/release",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return record(c.ReleaseDevicesIrreversibly(ctx, serials))
			},
			sentRecord(axm.ActivityReleaseDevices, "", time.Time{}), nil},
		{"activities/assign to an unknown server",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return record(c.AssignDevices(ctx, "F9", serials))
			},
			nil, &wireError{status: 409, is: axm.ErrConflict, op: "assign devices", items: []axm.ErrorItem{{
				ID: "5d0e", Status: "409", Code: "ENTITY_ERROR.RELATIONSHIP.INVALID", Detail: "There is no mdmServer with id 'F9'.",
				Title:  "The provided entity includes a relationship with an invalid value",
				Source: axm.ErrorSource{Pointer: "/data/relationships/mdmServer"}}}}},
		{"activities/in progress", readActivity(),
			axm.Activity{ID: oneActivity, Status: axm.ActivityInProgress, SubStatus: axm.SubStatusPreProcessing,
				Created: "2026-09-01T10:00:00.000Z", Unknown: raw("eta", "9")}, nil},
		{"activities/ended", readActivity("status", "subStatus", "completedDateTime", "downloadUrl"),
			axm.Activity{ID: oneActivity, Status: axm.ActivityCompleted, SubStatus: axm.SubStatusCompletedWithError,
				Completed:   "2026-09-01T10:00:12.000Z",
				DownloadURL: "https://store.blobstore.apple.com/a/ABM-ActivityLog_20260901.csv?Expires=1788256812&Signature=c2lnbmVk"}, nil},
		{"activities/too old", readActivity(), nil,
			&wireError{status: 404, is: axm.ErrNotFound, op: "read activity", items: []axm.ErrorItem{{
				ID: "5d0f", Status: "404", Code: "NOT_FOUND", Title: "The specified resource does not exist",
				Detail: "There is no resource of type 'orgDeviceActivities' with id '" + oneActivity + "'"}}}},
		{"activities/wait",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return exchange.Value(c.WaitActivity(ctx, oneActivity))
			},
			axm.Activity{ID: oneActivity, Status: axm.ActivityStopped, SubStatus: axm.SubStatusCompletedWithError}, nil},
	}
}
