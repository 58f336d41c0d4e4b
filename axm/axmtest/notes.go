package axmtest

func (c *call) note(format string, args ...any) { c.s.front.Notes.Add(c.r, format, args...) }

// Violations returns what clients did that Apple tolerates although its documents ask otherwise, or
// that has failed for a reason not visible in the answer, each as "METHOD /path: what". A test of a
// client should end with none. They never contain tokens or assertions.
//
// Noted are: why an assertion or a token request was refused, and an assertion without iss or jti;
// a token that is unknown, is used after its time, or is used at the host of the other API; an
// Accept that is not application/json; a body of another type; unknown members of a body; requests
// dropped by [Options.MaxStreams]; requests of an API before a Retry-After is over; an access token
// sent along when a log is fetched; paths, methods and hosts that do not exist; writes that change
// nothing or hold what the service ignores.
func (s *Server) Violations() []string { return s.front.Notes.List() }
