// Package sim is what the simulators share: scripted faults ([Faults]), a record of what was received
// ([Log]), notes of what was wrong though tolerated ([Notes]), and the three put together before a
// service with an in-memory server ([Front]). The log also holds the requests that a fault answered.
package sim
