// Package sim is what the simulators share: scripted faults ([Faults]) and a record of what was
// received ([Log]). Both are middleware around the handler that answers rightly.
//
// A simulator puts them together as
//
//	handler := log.Wrap(faults.Wrap(service))
//
// so that the log also holds the requests that a fault answered.
package sim
