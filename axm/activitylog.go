package axm

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
)

// ActivityLog is the log of an activity: what became of each of its devices.
type ActivityLog struct {
	Header   []LogField   // of the activity itself, such as OPERATION and ACTIVITY_ID
	Sections []LogSection // one of them is about devices; others may be there

	cut bool // its last line has no end, so it may be the first part of a log
}

// LogField is a name and what the log says under it.
type LogField struct{ Name, Value string }

// LogSection is a table within a log.
type LogSection struct {
	Columns []string   // as Apple writes them
	Rows    [][]string // may have fewer fields than there are columns, or more
}

// DeviceResult is what a log says of one device.
type DeviceResult struct {
	SerialNumber string
	Status       string // SUCCESS, or something else if it failed, such as ISSUE
	SubStatus    string // such as UPDATED or OPERATION_NOT_ALLOWED; Apple publishes no list
	Time         Time

	// Unknown are the fields of other columns, under the names of these; of a field without one, the
	// name is "".
	Unknown []LogField
}

// Succeeded reports whether what was asked for was done.
func (r *DeviceResult) Succeeded() bool { return strings.EqualFold(r.Status, "SUCCESS") }

// Columns of the section about devices.
const (
	columnSerial    = "serial_number"
	columnStatus    = "operation_status"
	columnSubStatus = "operation_substatus"
	columnTime      = "timestamp"
)

// Value returns what the header says under name, whatever its case; "" if nothing.
func (l *ActivityLog) Value(name string) string {
	for _, field := range l.Header {
		if strings.EqualFold(field.Name, name) {
			return field.Value
		}
	}
	return ""
}

// Devices returns the rows about devices, in the order of the log. A device may have several.
func (l *ActivityLog) Devices() []DeviceResult {
	var results []DeviceResult
	for _, section := range l.Sections {
		results = append(results, section.devices()...)
	}
	return results
}

// devices returns the rows that have a serial number.
func (s *LogSection) devices() (results []DeviceResult) {
	columns := make([]string, len(s.Columns))
	for i, column := range s.Columns {
		columns[i] = columnName(column)
	}
	if !slices.Contains(columns, columnSerial) {
		return nil
	}
	for _, row := range s.Rows {
		var r DeviceResult
		for i, text := range row {
			name := ""
			if i < len(columns) {
				name = columns[i]
			}
			switch {
			case slices.Index(columns, name) != i:
				r.keep(s.Columns, i, text)
			case name == columnSerial:
				r.SerialNumber = text
			case name == columnStatus:
				r.Status = text
			case name == columnSubStatus:
				r.SubStatus = text
			case name == columnTime:
				r.Time = Time(text)
			default:
				r.keep(s.Columns, i, text)
			}
		}
		if r.SerialNumber != "" {
			results = append(results, r)
		}
	}
	return results
}

// keep keeps a field that there is no place for.
func (r *DeviceResult) keep(columns []string, i int, text string) {
	switch {
	case i < len(columns):
		r.Unknown = append(r.Unknown, LogField{columns[i], text})
	case text != "":
		r.Unknown = append(r.Unknown, LogField{"", text})
	}
}

// columnName returns the name of a column in one spelling.
func columnName(text string) string {
	return strings.ReplaceAll(strings.ToLower(text), " ", "_")
}

// ParseActivityLog reads a log: CSV with lines of a name and a value, an empty line, and then a
// section with a line of column names and one line for each device; other sections may come before
// and after it. It is not strict about the number of fields, quotes, line ends and a byte order mark.
// Its error is an [*InputError]: the data is something else.
func ParseActivityLog(data []byte) (*ActivityLog, error) {
	log := &ActivityLog{cut: !bytes.HasSuffix(data, []byte("\n"))}
	for i, group := range logGroups(data) {
		log.take(group, i == 0)
	}
	if !log.isOne() {
		return nil, &InputError{Field: "log", Rule: "is not the log of an activity"}
	}
	return log, nil
}

// logGroups returns the lines of a log in groups, which empty lines stand between.
func logGroups(data []byte) (groups [][][]string) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	r := csv.NewReader(bytes.NewReader(data))
	r.FieldsPerRecord, r.LazyQuotes = -1, true
	apart := true
	for {
		rest := data[r.InputOffset():]
		apart = apart || bytes.HasPrefix(rest, []byte("\n")) || bytes.HasPrefix(rest, []byte("\r\n"))
		record, err := r.Read()
		if err != nil { // the end: of what is in memory, a reader that is not strict fails at nothing
			return groups
		}
		for i := range record {
			record[i] = strings.TrimSpace(record[i])
		}
		if isEmptyRecord(record) { // as spreadsheets write an empty line
			apart = true
			continue
		}
		if apart {
			groups, apart = append(groups, nil), false
		}
		last := len(groups) - 1
		groups[last] = append(groups[last], record)
	}
}

func isEmptyRecord(record []string) bool {
	return !slices.ContainsFunc(record, func(text string) bool { return text != "" })
}

// take takes a group of lines in. Lines of a name and a value may be there again before each section,
// and a section of devices begins at its column names, wherever these are.
func (l *ActivityLog) take(group [][]string, first bool) {
	inSection := false
	for i, record := range group {
		switch {
		case namesDevices(record):
			inSection = true
		case inSection:
			s := &l.Sections[len(l.Sections)-1]
			s.Rows = append(s.Rows, record)
			continue
		case isPair(record) && (first || i > 0 || !hasLower(record[0])):
			l.Header = append(l.Header, LogField{record[0], strings.Join(record[1:], "")})
			continue
		}
		inSection = true
		l.Sections = append(l.Sections, LogSection{Columns: record})
	}
}

// namesDevices reports whether a line is the column names of a section about devices.
func namesDevices(record []string) bool {
	return slices.ContainsFunc(record, func(text string) bool { return columnName(text) == columnSerial })
}

// isPair reports whether a line has a name and at most one value.
func isPair(record []string) bool {
	return record[0] != "" && (len(record) < 3 || isEmptyRecord(record[2:]))
}

// hasLower: the names of a header are in capitals, those of columns are not.
func hasLower(text string) bool { return strings.ToUpper(text) != text }

// isOne reports whether there is something of a log in it.
func (l *ActivityLog) isOne() bool {
	for _, s := range l.Sections {
		if namesDevices(s.Columns) || slices.ContainsFunc(s.Columns, func(c string) bool { return columnName(c) == columnStatus }) {
			return true
		}
	}
	return l.Value("ACTIVITY_ID") != "" || l.Value("OPERATION") != ""
}

// String names the activity and counts what is in the log.
func (l *ActivityLog) String() string {
	return fmt.Sprintf("log of activity %s: %d rows about devices", l.Value("ACTIVITY_ID"), len(l.Devices()))
}

// whole returns the rows about devices without one that may be cut off within.
func (l *ActivityLog) whole() []DeviceResult {
	devices := l.Devices()
	last := &l.Sections[len(l.Sections)-1]
	if rows := len(last.Rows); l.cut && rows > 0 && len(last.Rows[rows-1]) < len(last.Columns) && last.devices() != nil {
		return devices[:len(devices)-1]
	}
	return devices
}

// isAboutDevices reports whether there is a section about devices, perhaps without any.
func (l *ActivityLog) isAboutDevices() bool {
	return slices.ContainsFunc(l.Sections, func(s LogSection) bool { return namesDevices(s.Columns) })
}
