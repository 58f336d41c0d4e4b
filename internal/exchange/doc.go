// Package exchange replays raw exchanges to a client under test: requests as a service expects
// them, answers as it gives them. The texts lie in the testdata of the service packages and are
// made from Apple's documentation; no type of the client takes part in reading them, so that a
// wrong tag in the client fails. It is for tests only.
//
// A file holds a list of exchanges, each of one or more requests with their answers, in order:
//
//	=== exchange: its name within the file
//	--- request
//	METHOD /path?query
//
//	body, if any
//	--- response
//	status
//	Header: value
//
//	body, if any
//
// Lines before the first "=== exchange" are notes. Line ends around a body do not count.
package exchange
