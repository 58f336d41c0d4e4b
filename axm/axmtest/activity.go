package axmtest

import (
	"slices"
	"time"
)

const orgDeviceActivities = "orgDeviceActivities"

// Types of activities.
const (
	AssignDevicesActivity   = "ASSIGN_DEVICES"
	UnassignDevicesActivity = "UNASSIGN_DEVICES"
	MigrateDevicesActivity  = "ASSIGN_DEVICES_WITH_MDM_MIGRATION_DEADLINE"
	UpdateDeadlineActivity  = "UPDATE_MDM_MIGRATION_DEADLINE"
	CancelMigrationActivity = "CANCEL_MDM_MIGRATION"
	ReleaseDevicesActivity  = "RELEASE_DEVICES"
)

// Fate is what becomes of an activity; see [Org.NextActivities].
type Fate int

const (
	Run        Fate = iota // carried out as asked, the default
	Stall                  // IN_PROGRESS for ever, never carried out
	Stop                   // STOPPED after half of the devices
	Break                  // FAILED, never carried out
	BreakAfter             // carried out, but then COMPLETED_POST_PROCESSING_FAILED, without a log
)

// Outcome is what becomes of one device in the activities to come; see [Org.SetOutcome].
type Outcome struct {
	Status    string // operation_status in the log; "" is ISSUE
	SubStatus string // operation_substatus in the log; "" is OPERATION_NOT_ALLOWED

	// Ignored leaves the device out silently, in the log too, as unknown serial numbers are.
	Ignored bool
}

// Outcomes of devices.
const (
	statusSuccess = "SUCCESS"
	statusIssue   = "ISSUE"
	statusFailure = "FAILURE"
	subUpdated    = "UPDATED"
	subNotAllowed = "OPERATION_NOT_ALLOWED"
)

// Result is what became of one device in an activity: a row of its log.
type Result struct {
	SerialNumber      string
	Status, SubStatus string
	Time              time.Time
}

// Activity is an activity as it is now.
type Activity struct {
	ID, Type          string
	ServerID          string // "" for none
	SerialNumbers     []string
	Deadline          time.Time
	Status, SubStatus string
	Created           time.Time
	Completed         time.Time // zero until it is finished
	Results           []Result
}

// activity is an Activity on its way.
type activity struct {
	Activity
	fate    Fate
	stage   int       // of the stages
	entered time.Time // when the stage began
	by      *Account
	log     []byte // instead of the one that is made
}

// stages are the states of progress. What an activity asks for is done between PROCESSING and
// POST_PROCESSING.
func stages() []string {
	return []string{"SUBMITTED", "PRE_PROCESSING", "PENDING", "PROCESSING", "POST_PROCESSING"}
}

const (
	stagePending    = 2
	stageProcessing = 3
)

// Values of Activity.Status.
const (
	StatusInProgress = "IN_PROGRESS"
	StatusCompleted  = "COMPLETED"
	StatusStopped    = "STOPPED"
	StatusFailed     = "FAILED"
)

// activityLine is the activities that are on their way, and what tests have ordered.
type activityLine struct {
	live     []*activity
	held     bool
	fates    []Fate
	outcomes map[string]Outcome // by serial number
}

// start puts an activity on its way.
func (o *Org) start(a *activity, now time.Time) {
	q := &o.line
	a.ID = uuidOf("activity", o.id, o.s.next())
	a.Created, a.entered = now, now
	a.Status, a.SubStatus = StatusInProgress, stages()[0]
	if len(q.fates) > 0 {
		a.fate, q.fates = q.fates[0], q.fates[1:]
	}
	o.activities.put(a.ID, a)
	q.live = append(q.live, a)
}

// runActivities brings all activities as far as time has brought them.
func (o *Org) runActivities(now time.Time) {
	step := o.s.opts.ActivityStep
	for _, a := range o.line.live {
		for !o.line.held && a.isLive() && !a.stalls() && now.Sub(a.entered) >= step {
			o.advance(a, a.entered.Add(step))
		}
	}
	o.sweep()
}

// sweep forgets the activities that are finished.
func (o *Org) sweep() {
	o.line.live = slices.DeleteFunc(o.line.live, func(a *activity) bool { return !a.isLive() })
}

func (a *activity) isLive() bool { return a.Status == StatusInProgress }

func (a *activity) stalls() bool { return a.fate == Stall && a.stage == stagePending }

// advance brings an activity into its next state.
func (o *Org) advance(a *activity, at time.Time) {
	a.entered = at
	if a.stage == stageProcessing {
		o.carryOut(a, at)
	}
	a.stage++
	if a.stage < len(stages()) {
		a.SubStatus = stages()[a.stage]
		if a.fate == Stop && a.stage > stageProcessing {
			a.SubStatus = "STOPPING"
		}
		return
	}
	a.Completed = at
	a.Status, a.SubStatus = a.end()
}

// end is the final state of the activity.
func (a *activity) end() (status, subStatus string) {
	isFailed := func(r Result) bool { return r.Status != statusSuccess }
	isFailure := func(r Result) bool { return r.Status != statusFailure }
	switch {
	case a.fate == Stop:
		return StatusStopped, "COMPLETED_WITH_ERROR"
	case a.fate == Break:
		return StatusFailed, "COMPLETED_WITH_FAILURE"
	case a.fate == BreakAfter:
		return StatusCompleted, "COMPLETED_POST_PROCESSING_FAILED"
	case !slices.ContainsFunc(a.Results, isFailed):
		return StatusCompleted, "COMPLETED_WITH_SUCCESS"
	case !slices.ContainsFunc(a.Results, isFailure):
		return StatusCompleted, "COMPLETED_WITH_FAILURE"
	}
	return StatusCompleted, "COMPLETED_WITH_ERROR"
}

// carryOut does what an activity asks for.
func (o *Org) carryOut(a *activity, at time.Time) {
	o.actor = a.by
	defer func() { o.actor = nil }()
	serials := a.SerialNumbers
	switch a.fate {
	case Break:
		return
	case Stop:
		serials = serials[:len(serials)/2]
	}
	for _, serial := range serials {
		d, ok := o.ours(serial)
		want, ordered := o.line.outcomes[serial]
		r := Result{serial, statusSuccess, subUpdated, at}
		switch {
		case !ok || want.Ignored:
			continue // silently
		case ordered:
			r.Status, r.SubStatus = want.Status, want.SubStatus
			or(&r.Status, statusIssue)
			or(&r.SubStatus, subNotAllowed)
		case !o.apply(a, d, at):
			r.Status, r.SubStatus = statusIssue, subNotAllowed
		}
		a.Results = append(a.Results, r)
	}
}

// apply does for one device what an activity asks for. It reports whether it can be done.
func (o *Org) apply(a *activity, d *device, at time.Time) bool {
	migrating := d.migration(at) == migrationRequested || d.migration(at) == migrationStarted
	switch a.Type {
	case AssignDevicesActivity:
		if d.ServerID == a.ServerID {
			return false
		}
		o.assign(d, a.ServerID, at)
	case UnassignDevicesActivity:
		if d.ServerID == "" || a.ServerID != "" && d.ServerID != a.ServerID {
			return false
		}
		o.assign(d, "", at)
	case MigrateDevicesActivity:
		if d.ServerID == "" || d.ServerID == a.ServerID || !d.MigrationCapable {
			return false
		}
		o.assign(d, a.ServerID, at)
		d.MigrationStatus, d.MigrationDeadline = migrationRequested, a.Deadline
	case UpdateDeadlineActivity:
		if !migrating {
			return false
		}
		d.MigrationDeadline, d.Updated = a.Deadline, at
	case CancelMigrationActivity:
		if !migrating {
			return false
		}
		d.MigrationStatus, d.MigrationDeadline, d.Updated = "", time.Time{}, at
	case ReleaseDevicesActivity:
		o.release(d, at, "API")
	}
	return true
}

// HoldActivities keeps activities, those on their way too, in their state until
// [Org.StepActivities] or [Org.RunActivities].
func (o *Org) HoldActivities() { o.look(func(time.Time) { o.line.held = true }) }

// StepActivities brings the activities that are on their way n states further, and goes on holding
// them if they are held. The states are SUBMITTED, PRE_PROCESSING, PENDING, PROCESSING and
// POST_PROCESSING; what is asked for is done when PROCESSING ends.
func (o *Org) StepActivities(n int) { o.look(func(now time.Time) { o.step(n, now) }) }

func (o *Org) step(n int, now time.Time) {
	for _, a := range o.line.live {
		for i := 0; i < n && a.isLive() && !a.stalls(); i++ {
			o.advance(a, now)
		}
	}
	o.sweep()
}

// RunActivities finishes the activities that are on their way, in the order of their creation, and
// holds no more.
func (o *Org) RunActivities() {
	o.look(func(now time.Time) {
		o.line.held = false
		o.step(len(stages()), now)
	})
}

// NextActivities decides what becomes of the next activities, one fate for each.
func (o *Org) NextActivities(fates ...Fate) {
	o.look(func(time.Time) { o.line.fates = append(o.line.fates, fates...) })
}

// SetOutcome decides what becomes of a device in all activities to come: it is not changed. The
// zero Outcome is an ISSUE; [Org.ClearOutcomes] ends it.
func (o *Org) SetOutcome(serial string, want Outcome) {
	o.look(func(time.Time) { o.line.outcomes[serial] = want })
}

// ClearOutcomes forgets what SetOutcome was told.
func (o *Org) ClearOutcomes() { o.look(func(time.Time) { clear(o.line.outcomes) }) }

// Activities returns the activities so far, in the order of their creation.
func (o *Org) Activities() []Activity {
	var out []Activity
	o.look(func(time.Time) {
		for _, a := range o.activities.values() {
			told := a.Activity
			told.SerialNumbers, told.Results = slices.Clone(a.SerialNumbers), slices.Clone(a.Results)
			out = append(out, told)
		}
	})
	return out
}
