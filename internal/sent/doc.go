// Package sent finds the data items in the traffic with Apple: which names travel, and where. The
// README promises a complete table of them; [Table] reads it, and the tests of the service packages
// compare it with what a [Wire] has seen.
package sent
