package deptest

import "time"

// RosterRef names a course or a location inside a class.
type RosterRef struct{ Name, UniqueIdentifier string }

// Class is an entry of the class roster. An empty Status is "Active". Nil lists are told as null.
type Class struct {
	UniqueIdentifier            string
	Name                        string
	DisplayName                 string
	IconIdentifier              string
	Number                      string
	Room                        string
	Course                      RosterRef
	Location                    RosterRef
	InstructorUniqueIdentifiers []string
	StudentUniqueIdentifiers    []string
	Source                      string
	SourceSystemIdentifier      string
	Status                      string
}

// Person is an entry of the person roster. An empty Status is "Active"; an empty Grade is told as
// null.
type Person struct {
	UniqueIdentifier       string
	Name                   string
	FirstName              string
	MiddleName             string
	LastName               string
	ManagedAppleID         string
	EmailAddress           string
	SISUsername            string
	PersonID               string
	Grade                  string
	PasscodeType           string
	IsFederatedAuth        bool
	Source                 string
	SourceSystemIdentifier string
	Status                 string
}

// Course is an entry of the course roster. An empty Status is "Active".
type Course struct {
	UniqueIdentifier       string
	Name                   string
	CourseNumber           string
	Source                 string
	SourceSystemIdentifier string
	Status                 string
}

// Location is an entry of the location roster. An empty Status is "Active".
type Location struct {
	UniqueIdentifier       string
	Name                   string
	Source                 string
	SourceSystemIdentifier string
	Status                 string
}

func (e Class) identifier() string    { return e.UniqueIdentifier }
func (e Person) identifier() string   { return e.UniqueIdentifier }
func (e Course) identifier() string   { return e.UniqueIdentifier }
func (e Location) identifier() string { return e.UniqueIdentifier }

func (e Class) sortedBy() string    { return e.SourceSystemIdentifier }
func (e Person) sortedBy() string   { return e.SourceSystemIdentifier }
func (e Course) sortedBy() string   { return e.SourceSystemIdentifier }
func (e Location) sortedBy() string { return e.SourceSystemIdentifier }

func (e Class) inactive() rosterEntry    { e.Status = "Inactive"; return e }
func (e Person) inactive() rosterEntry   { e.Status = "InActive"; return e } // Apple's spelling
func (e Course) inactive() rosterEntry   { e.Status = "Inactive"; return e }
func (e Location) inactive() rosterEntry { e.Status = "Inactive"; return e }

func (e Class) append(b []byte, version int, opDate time.Time) []byte {
	b = appendString(b, "unique_identifier", e.UniqueIdentifier)
	b = appendString(b, "name", e.Name)
	if version >= 5 {
		b = appendOptional(b, "class_display_name", e.DisplayName)
		b = appendOptional(b, "class_icon_identifier", e.IconIdentifier)
	}
	if version >= 4 {
		b = appendOptional(b, "class_number", e.Number)
	}
	b = appendOptional(b, "room", e.Room)
	b = e.Course.append(b, "course")
	b = e.Location.append(b, "location")
	b = appendNullableList(b, "instructor_unique_identifiers", e.InstructorUniqueIdentifiers)
	b = appendNullableList(b, "student_unique_identifiers", e.StudentUniqueIdentifiers)
	b = appendOptional(b, "source", e.Source)
	b = appendOptional(b, "source_system_identifier", e.SourceSystemIdentifier)
	if version >= 3 {
		b = appendStatus(b, e.Status)
		b = appendTime(b, "op_date", opDate)
	}
	return b
}

func (e Person) append(b []byte, version int, opDate time.Time) []byte {
	b = appendString(b, "unique_identifier", e.UniqueIdentifier)
	b = appendString(b, "name", e.Name)
	if version >= 3 {
		b = appendOptional(b, "first_name", e.FirstName)
		b = appendOptional(b, "middle_name", e.MiddleName)
		b = appendOptional(b, "last_name", e.LastName)
		b = appendOptional(b, "passcode_type", e.PasscodeType)
		b = appendStatus(b, e.Status)
	}
	b = appendOptional(b, "managed_apple_id", e.ManagedAppleID)
	if version >= 4 {
		b = appendOptional(b, "person_id", e.PersonID)
	}
	if version >= 5 {
		b = appendOptional(b, "email_address", e.EmailAddress)
		b = appendOptional(b, "sis_username", e.SISUsername)
	}
	if version >= 6 {
		b = appendBool(b, "is_federated_auth", e.IsFederatedAuth)
	}
	b = appendNullable(b, "grade", e.Grade)
	b = appendOptional(b, "source", e.Source)
	b = appendOptional(b, "source_system_identifier", e.SourceSystemIdentifier)
	return appendTime(b, "op_date", opDate)
}

func (e Course) append(b []byte, _ int, opDate time.Time) []byte {
	b = appendString(b, "unique_identifier", e.UniqueIdentifier)
	b = appendString(b, "name", e.Name)
	b = appendOptional(b, "course_number", e.CourseNumber)
	b = appendOptional(b, "source", e.Source)
	b = appendNullable(b, "source_system_identifier", e.SourceSystemIdentifier)
	b = appendStatus(b, e.Status)
	return appendTime(b, "op_date", opDate)
}

func (e Location) append(b []byte, _ int, opDate time.Time) []byte {
	b = appendString(b, "unique_identifier", e.UniqueIdentifier)
	b = appendString(b, "name", e.Name)
	b = appendOptional(b, "source", e.Source)
	b = appendOptional(b, "source_system_identifier", e.SourceSystemIdentifier)
	b = appendStatus(b, e.Status)
	return appendTime(b, "op_date", opDate)
}

func (r RosterRef) append(b []byte, name string) []byte {
	if r == (RosterRef{}) {
		return b
	}
	b = appendString(append(appendName(b, name), '{'), "name", r.Name)
	return append(appendString(b, "unique_identifier", r.UniqueIdentifier), '}')
}

func appendStatus(b []byte, status string) []byte {
	or(&status, "Active")
	return appendString(b, "status", status)
}

// appendNullable writes null for the empty string.
func appendNullable(b []byte, name, value string) []byte {
	if value == "" {
		return append(appendName(b, name), "null"...)
	}
	return appendString(b, name, value)
}

// appendNullableList writes null for a nil list and [] for an empty one.
func appendNullableList(b []byte, name string, list []string) []byte {
	switch {
	case list == nil:
		return append(appendName(b, name), "null"...)
	case len(list) == 0:
		return append(appendName(b, name), "[]"...)
	}
	return appendStrings(b, name, list)
}
