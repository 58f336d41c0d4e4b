package apnstest

import "maps"

// Stats counts what has happened since the server was made.
type Stats struct {
	Dials            int // connections, those that a fault refused included
	Open             int // connections that exist now
	HandshakesFailed int
	Pushes           int            // complete requests
	Accepted         int            // pushes answered, or meant to be answered, with 200
	Reasons          map[string]int // refused pushes, by reason
	Delivered        int            // pushes that reached a device, accepted or ignored there
	MostStreams      int            // the most streams that were open at once on one connection
	SettingsAcks     int
	Pings            int // PINGs of clients
	Resets           int // RST_STREAMs of clients
	GoAways          int // GOAWAYs sent
}

// Stats returns the counts so far.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	st.Reasons = maps.Clone(st.Reasons)
	return st
}

func (s *Server) count(change func(st *Stats)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.stats)
}
