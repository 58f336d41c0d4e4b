// Package faultmatrix is what the fault matrices of the services have in common: the faults of the
// line and what has to come of each, the names of what comes, the run, and the table that is printed
// with -v. It is for tests only.
//
// A matrix has a row for each thing that goes wrong and a column for each sort of call. A cell runs the
// call in a bubble of testing/synctest while the fault happens once, and again while it happens for
// ever. It must end in success or in an error of a type that callers can act on.
package faultmatrix
