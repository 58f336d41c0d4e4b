package dep

import (
	"context"
	"iter"
	"net/http"
	"slices"
	"strings"

	"github.com/applemdm/applemdm/internal/rest"
)

// RosterClass is a class of an organisation in Apple School Manager.
//
// https://developer.apple.com/documentation/devicemanagement/rosterclass
type RosterClass struct {
	UniqueIdentifier            string       `json:"unique_identifier,omitzero"`
	Name                        string       `json:"name,omitzero"`
	DisplayName                 string       `json:"class_display_name,omitzero"` // nickname shown in Schoolwork
	IconIdentifier              string       `json:"class_icon_identifier,omitzero"`
	ClassNumber                 string       `json:"class_number,omitzero"`
	Room                        string       `json:"room,omitzero"`
	Course                      RosterRef    `json:"course,omitzero"`
	Location                    RosterRef    `json:"location,omitzero"`
	InstructorUniqueIdentifiers []string     `json:"instructor_unique_identifiers,omitzero"`
	StudentUniqueIdentifiers    []string     `json:"student_unique_identifiers,omitzero"`
	Source                      RosterSource `json:"source,omitzero"`
	SourceSystemIdentifier      string       `json:"source_system_identifier,omitzero"`
	Status                      RosterStatus `json:"status,omitzero"`
	OpDate                      Time         `json:"op_date,omitzero"`
	Unknown                     Unknown      `json:",embed"`
}

// RosterRef names a course or a location.
type RosterRef struct {
	Name             string  `json:"name,omitzero"`
	UniqueIdentifier string  `json:"unique_identifier,omitzero"`
	Unknown          Unknown `json:",embed"`
}

// RosterPerson is a student or a member of staff.
//
// https://developer.apple.com/documentation/devicemanagement/rosterperson
type RosterPerson struct {
	UniqueIdentifier       string       `json:"unique_identifier,omitzero"`
	Name                   string       `json:"name,omitzero"`
	FirstName              string       `json:"first_name,omitzero"`
	MiddleName             string       `json:"middle_name,omitzero"`
	LastName               string       `json:"last_name,omitzero"`
	ManagedAppleID         string       `json:"managed_apple_id,omitzero"`
	EmailAddress           string       `json:"email_address,omitzero"`
	SISUsername            string       `json:"sis_username,omitzero"`
	PersonID               string       `json:"person_id,omitzero"`
	Grade                  string       `json:"grade,omitzero"` // of students
	PasscodeType           PasscodeType `json:"passcode_type,omitzero"`
	IsFederatedAuth        bool         `json:"is_federated_auth,omitzero"`
	Source                 RosterSource `json:"source,omitzero"`
	SourceSystemIdentifier string       `json:"source_system_identifier,omitzero"`
	Status                 RosterStatus `json:"status,omitzero"`
	OpDate                 Time         `json:"op_date,omitzero"`
	Unknown                Unknown      `json:",embed"`
}

// RosterCourse is a course.
//
// https://developer.apple.com/documentation/devicemanagement/rostercourse
type RosterCourse struct {
	UniqueIdentifier       string       `json:"unique_identifier,omitzero"`
	Name                   string       `json:"name,omitzero"`
	CourseNumber           string       `json:"course_number,omitzero"`
	Source                 RosterSource `json:"source,omitzero"`
	SourceSystemIdentifier string       `json:"source_system_identifier,omitzero"`
	Status                 RosterStatus `json:"status,omitzero"`
	OpDate                 Time         `json:"op_date,omitzero"`
	Unknown                Unknown      `json:",embed"`
}

// RosterLocation is a site of the organisation.
//
// https://developer.apple.com/documentation/devicemanagement/rosterlocation
type RosterLocation struct {
	UniqueIdentifier       string       `json:"unique_identifier,omitzero"`
	Name                   string       `json:"name,omitzero"`
	Source                 RosterSource `json:"source,omitzero"`
	SourceSystemIdentifier string       `json:"source_system_identifier,omitzero"`
	Status                 RosterStatus `json:"status,omitzero"`
	OpDate                 Time         `json:"op_date,omitzero"`
	Unknown                Unknown      `json:",embed"`
}

// RosterSource is where Apple School Manager has an entry from.
type RosterSource string

// The sources that Apple names.
const (
	SourceLDAP             RosterSource = "LDAP"
	SourceSIS              RosterSource = "SIS"
	SourceCSV              RosterSource = "CSV"
	SourceManual           RosterSource = "MANUAL"
	SourceSystem           RosterSource = "SYSTEM"
	SourceEnrollment       RosterSource = "ENROLLMENT"
	SourceDEP              RosterSource = "DEP"
	SourceFormulaGenerated RosterSource = "FORMULA_GENERATED"
	SourceSFTP             RosterSource = "SFTP"
)

// RosterStatus says whether an entry is in use.
type RosterStatus string

// The statuses that Apple names; the last two are of persons. Compare with [RosterStatus.Is]: Apple
// writes InActive for persons.
const (
	RosterActive               RosterStatus = "Active"
	RosterInactive             RosterStatus = "Inactive"
	RosterFailedPasswordLocked RosterStatus = "FailedPasswordLocked"
	RosterAtoLocked            RosterStatus = "AtoLocked"
)

// Is reports whether both are the same, whatever their case.
func (s RosterStatus) Is(other RosterStatus) bool { return strings.EqualFold(string(s), string(other)) }

// PasscodeType is what a person signs in with on a Shared iPad.
type PasscodeType string

// The passcodes that Apple names.
const (
	PasscodeComplex PasscodeType = "complex"
	PasscodeFour    PasscodeType = "four" // digits
	PasscodeSix     PasscodeType = "six"  // digits
)

// Classes returns an iterator over all classes. Cost, memory and errors are as with
// [Client.Devices]. All roster calls are for organisations in Apple School Manager only, and read
// the account once to learn where Apple serves them.
//
// https://developer.apple.com/documentation/devicemanagement/fetch-class-roster
func (c *Client) Classes(ctx context.Context) iter.Seq2[RosterClass, error] {
	return items(fullList(ctx, c.classFeed))
}

// ClassChanges returns an iterator over the pages of classes and their changes from cursor on, as
// [Client.Changes] does for devices. An entry may come more than once: tell entries apart by
// UniqueIdentifier and use Status and OpDate. Apple keeps changes for seven days, an older text of
// its says one; a cursor that has expired begins the full list again.
//
// https://developer.apple.com/documentation/devicemanagement/fetch-class-roster-sync
func (c *Client) ClassChanges(ctx context.Context, cursor Cursor) iter.Seq2[*Page[RosterClass], error] {
	return walk(ctx, cursor, c.classFeed)
}

// Persons returns an iterator over all persons; see [Client.Classes].
//
// https://developer.apple.com/documentation/devicemanagement/fetch-person-roster
func (c *Client) Persons(ctx context.Context) iter.Seq2[RosterPerson, error] {
	return items(fullList(ctx, c.personFeed))
}

// PersonChanges is [Client.ClassChanges] for persons.
//
// https://developer.apple.com/documentation/devicemanagement/fetch-person-roster-sync
func (c *Client) PersonChanges(ctx context.Context, cursor Cursor) iter.Seq2[*Page[RosterPerson], error] {
	return walk(ctx, cursor, c.personFeed)
}

// Courses returns an iterator over all courses; see [Client.Classes].
//
// https://developer.apple.com/documentation/devicemanagement/fetch-course-roster
func (c *Client) Courses(ctx context.Context) iter.Seq2[RosterCourse, error] {
	return items(fullList(ctx, c.courseFeed))
}

// CourseChanges is [Client.ClassChanges] for courses.
//
// https://developer.apple.com/documentation/devicemanagement/fetch-course-roster-sync
func (c *Client) CourseChanges(ctx context.Context, cursor Cursor) iter.Seq2[*Page[RosterCourse], error] {
	return walk(ctx, cursor, c.courseFeed)
}

// Locations returns an iterator over all locations; see [Client.Classes].
//
// https://developer.apple.com/documentation/devicemanagement/fetch-location-roster
func (c *Client) Locations(ctx context.Context) iter.Seq2[RosterLocation, error] {
	return items(fullList(ctx, c.locationFeed))
}

// LocationChanges is [Client.ClassChanges] for locations.
//
// https://developer.apple.com/documentation/devicemanagement/fetch-location-roster-sync
func (c *Client) LocationChanges(ctx context.Context, cursor Cursor) iter.Seq2[*Page[RosterLocation], error] {
	return walk(ctx, cursor, c.locationFeed)
}

func (c *Client) classFeed(cursor Cursor) *feed[RosterClass] {
	return &feed[RosterClass]{op: "read classes", cursor: cursor, ask: func(ctx context.Context, from Cursor) (*feedAnswer[RosterClass], error) {
		var answer struct {
			Classes []RosterClass `json:"classes"`
			feedTail
		}
		err := c.askRoster(ctx, "read classes", from, &answer, "/roster/class")
		return &feedAnswer[RosterClass]{answer.Classes, answer.feedTail}, err
	}}
}

func (c *Client) personFeed(cursor Cursor) *feed[RosterPerson] {
	return &feed[RosterPerson]{op: "read persons", cursor: cursor, ask: func(ctx context.Context, from Cursor) (*feedAnswer[RosterPerson], error) {
		var answer struct {
			Persons []RosterPerson `json:"persons"`
			feedTail
		}
		err := c.askRoster(ctx, "read persons", from, &answer, "/roster/class/person")
		return &feedAnswer[RosterPerson]{answer.Persons, answer.feedTail}, err
	}}
}

func (c *Client) courseFeed(cursor Cursor) *feed[RosterCourse] {
	return &feed[RosterCourse]{op: "read courses", cursor: cursor, ask: func(ctx context.Context, from Cursor) (*feedAnswer[RosterCourse], error) {
		var answer struct {
			Courses []RosterCourse `json:"courses"`
			feedTail
		}
		// Apple's pages and the accounts themselves disagree about this path.
		err := c.askRoster(ctx, "read courses", from, &answer, "/roster/class/course", "/roster/course")
		return &feedAnswer[RosterCourse]{answer.Courses, answer.feedTail}, err
	}}
}

func (c *Client) locationFeed(cursor Cursor) *feed[RosterLocation] {
	return &feed[RosterLocation]{op: "read locations", cursor: cursor, ask: func(ctx context.Context, from Cursor) (*feedAnswer[RosterLocation], error) {
		var answer struct {
			Locations []RosterLocation `json:"locations"`
			feedTail
		}
		err := c.askRoster(ctx, "read locations", from, &answer, "/roster/class/location")
		return &feedAnswer[RosterLocation]{answer.Locations, answer.feedTail}, err
	}}
}

// askRoster asks for one page. uris are where Apple may serve the list, the documented one first;
// the one that the account publishes is used.
func (c *Client) askRoster(ctx context.Context, op string, from Cursor, answer any, uris ...string) error {
	published, err := c.accountURLs(ctx)
	if err != nil {
		return err
	}
	uri := uris[0]
	for _, candidate := range uris {
		if slices.ContainsFunc(published, func(u AccountURL) bool { return u.URI == candidate }) {
			uri = candidate
			break
		}
	}
	if from.Phase == PhaseSync {
		uri += "/sync"
	}
	path := rest.ParsePath(uri)
	return callInto(ctx, c, request{
		op: op, method: http.MethodPost, path: path, repeatable: true,
		body: feedRequest{Cursor: from.Value, Limit: c.pageLimit(path)},
	}, answer)
}
