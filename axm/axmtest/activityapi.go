package axmtest

import (
	"fmt"
	"net/http"
	"slices"
	"time"
)

const (
	maxDeadline  = 90 * 24 * time.Hour // how far ahead a deadline may be
	activityLife = 30 * 24 * time.Hour // how long an activity is told about
)

// ref names a resource in the body of a request.
type ref struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

type activityBody struct {
	Data struct {
		Type       string `json:"type"`
		Attributes struct {
			Type     string `json:"activityType"`
			Metadata *struct {
				Deadline string `json:"mdmMigrationDeadlineDateTime"`
			} `json:"activityTypeMetadata"`
		} `json:"attributes"`
		Relationships struct {
			MDMServer *struct {
				Data *ref `json:"data"`
			} `json:"mdmServer"`
			Devices struct {
				Data []ref `json:"data"`
			} `json:"devices"`
		} `json:"relationships"`
	} `json:"data"`
}

// Places in the body of an activity.
const (
	atType         = "/data/type"
	atID           = "/data/id"
	atActivityType = "/data/attributes/activityType"
	atDeadline     = "/data/attributes/activityTypeMetadata/mdmMigrationDeadlineDateTime"
	atServer       = "/data/relationships/mdmServer"
	atDevices      = "/data/relationships/devices"
)

// activityRule is what an activity needs.
type activityRule struct {
	server, anyServer bool // needs one; may have one
	deadline          bool
	business          bool // not of the School API
}

func activityRules() map[string]activityRule {
	return map[string]activityRule{
		AssignDevicesActivity:   {server: true},
		UnassignDevicesActivity: {anyServer: true},
		MigrateDevicesActivity:  {server: true, deadline: true},
		UpdateDeadlineActivity:  {deadline: true},
		CancelMigrationActivity: {},
		ReleaseDevicesActivity:  {business: true},
	}
}

// createActivity is POST /v1/orgDeviceActivities.
func createActivity(c *call) *reply {
	body, rep := decode[activityBody](c)
	if rep != nil {
		return rep
	}
	data := &body.Data
	kind := data.Attributes.Type
	rule, known := activityRules()[kind]
	switch {
	case data.Type != orgDeviceActivities:
		return conflict(codeAttrInvalid, atType, "The type must be '"+orgDeviceActivities+"'.")
	case kind == "":
		return conflict(codeAttrRequired, atActivityType, "The activityType is missing.")
	case !known || rule.business && c.org.kind == School:
		return conflict(codeAttrInvalid, atActivityType, "'"+kind+"' is not a valid activityType.")
	case kind == ReleaseDevicesActivity && !c.account.may(ReleaseDevices):
		return forbidden("The role of the API account lacks a permission: " + string(ReleaseDevices) + ".")
	}
	a := &activity{Activity: Activity{Type: kind}, by: c.account}
	for _, read := range []func(*call, *activityBody, activityRule, *activity) *reply{readServer, readDeadline, readSerials} {
		if rep := read(c, &body, rule, a); rep != nil {
			return rep
		}
	}
	c.org.start(a, c.now)
	rep = c.one(a.resource(c))
	rep.status = http.StatusCreated
	return rep
}

func readServer(c *call, body *activityBody, rule activityRule, a *activity) *reply {
	id := ""
	if rel := body.Data.Relationships.MDMServer; rel != nil && rel.Data != nil {
		if rel.Data.Type != mdmServers {
			return conflict(codeRelInvalid, atServer, "The type of the mdmServer must be '"+mdmServers+"'.")
		}
		id = rel.Data.ID
	}
	switch {
	case id == "" && rule.server:
		return conflict(codeRelRequired, atServer, "The mdmServer is missing.")
	case id == "":
		return nil
	case !rule.server && !rule.anyServer:
		c.note("%s has no mdmServer", a.Type)
		return nil
	case !c.org.servers.has(id):
		return conflict(codeRelInvalid, atServer, "There is no mdmServer with id '"+id+"'.")
	}
	a.ServerID = id
	return nil
}

func readDeadline(c *call, body *activityBody, rule activityRule, a *activity) *reply {
	text := ""
	if m := body.Data.Attributes.Metadata; m != nil {
		text = m.Deadline
	}
	switch {
	case !rule.deadline && text != "":
		c.note("%s has no deadline", a.Type)
		return nil
	case !rule.deadline:
		return nil
	case text == "":
		return conflict(codeAttrRequired, atDeadline, "The deadline is missing.")
	}
	deadline, err := time.Parse(time.RFC3339, text)
	switch {
	case err != nil:
		return conflict(codeAttrInvalid, atDeadline, "The deadline is not a date and time of ISO 8601.")
	case deadline.Sub(c.now) > maxDeadline:
		return conflict(codeAttrInvalid, atDeadline, "The deadline is more than 90 days ahead.")
	}
	a.Deadline = deadline
	return nil
}

func readSerials(c *call, body *activityBody, _ activityRule, a *activity) *reply {
	devices := body.Data.Relationships.Devices.Data
	if len(devices) == 0 {
		return conflict(codeRelRequired, atDevices, "The devices are missing.")
	}
	if most := c.s.opts.MaxActivityDevices; most > 0 && len(devices) > most {
		return fail(http.StatusUnprocessableEntity, problem{
			code: codeTooMany, pointer: atDevices, detail: fmt.Sprintf("At most %d devices are possible.", most),
		})
	}
	seen := make(map[string]bool, len(devices))
	for i, d := range devices {
		at := fmt.Sprintf("%s/data/%d", atDevices, i)
		switch _, ours := c.org.ours(d.ID); {
		case d.Type != orgDevices:
			return conflict(codeRelInvalid, at, "The type of a device must be '"+orgDevices+"'.")
		case !isSerial(d.ID) || c.s.opts.StrictSerials && !ours:
			return conflict(codeRelInvalid, at, "'"+d.ID+"' is not a valid serial number.")
		case seen[d.ID]:
			c.note("device %s is there twice", d.ID)
			continue
		}
		seen[d.ID] = true
		a.SerialNumbers = append(a.SerialNumbers, d.ID)
	}
	return nil
}

// isSerial reports whether s looks like a serial number.
func isSerial(s string) bool {
	return s != "" && len(s) <= 32 && !slices.ContainsFunc([]byte(s), func(b byte) bool {
		return (b < '0' || b > '9') && (b < 'A' || b > 'Z') && (b < 'a' || b > 'z') && b != '-'
	})
}

// getActivity is GET /v1/orgDeviceActivities/{id}.
func getActivity(c *call) *reply {
	a, ok := c.org.activities.get(c.id)
	if !ok || c.now.Sub(a.Created) > activityLife {
		return notFound(orgDeviceActivities, c.id)
	}
	return c.one(a.resource(c))
}

// resource is the activity as the API tells it.
func (a *activity) resource(c *call) resource {
	r := resource{kind: orgDeviceActivities, id: a.ID, attributes: object{
		{"status", a.Status}, {"subStatus", a.SubStatus}, {"createdDateTime", formatTime(a.Created)},
	}}
	if !a.isLive() {
		r.attributes = append(r.attributes, member{"completedDateTime", formatTime(a.Completed)})
		if a.fate != BreakAfter {
			r.attributes = append(r.attributes, member{"downloadUrl", c.logURL(a)})
		}
	}
	return r
}
