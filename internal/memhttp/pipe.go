package memhttp

import "net"

// Pipe returns the two ends of a connection as a [Server] has them, for simulators of services that
// net/http cannot play. The arguments are what the ends call themselves.
func Pipe(client, server string) (c, s net.Conn) { return newPipe(addr(client), addr(server)) }
