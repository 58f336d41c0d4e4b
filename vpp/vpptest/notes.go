package vpptest

func (c *call) note(format string, args ...any) { c.s.front.Notes.Add(c.r, format, args...) }

// Violations returns what clients did that Apple tolerates although its documents ask otherwise, or
// that has failed for a reason not visible in the answer, each as "METHOD /path: what". A test of a
// client should end with none. They never contain tokens.
//
// Noted are: a Content-Type that is not exactly application/json; a token that was encoded anew or
// sent without its envelope; more than 5 page requests, or more than one cursor request, at once;
// more requests in a second than maxRequestPerSecond; requests before a Retry-After is over;
// targets of both kinds in one call; assets without pricingParam; GET /status more often than every
// 30 seconds for an event that is pending; members and query parameters that do not exist; several
// values of one query parameter; writes to a location after the client was told that another MDM
// has claimed it.
func (s *Server) Violations() []string { return s.front.Notes.List() }
