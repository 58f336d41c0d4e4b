package memhttp

// Pipe returns the two ends of a connection as a [Server] has them, for simulators of services that
// net/http cannot play. The arguments are what the ends call themselves.
func Pipe(client, server string) (c, s *End) {
	a, b := newPipe(addr(client), addr(server))
	return &End{a}, &End{b}
}

// End is one end of a [Pipe]. It is a [net.Conn] that is buffered and has deadlines, SetLinger, and:
type End struct{ *conn }

// CloseWrite ends what this end says, as that of a [net.TCPConn] does: the peer reads what was
// written and then io.EOF, and can still write.
func (e *End) CloseWrite() error {
	e.out.closeWrite()
	return nil
}
