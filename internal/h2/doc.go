// Package h2 is the client's end of one HTTP/2 connection (RFC 9113, RFC 7541), made for many small
// requests with small answers. It knows nothing of what the requests are about, of dialling, and
// of other connections: those are the business of package apns.
//
// # The life of a call
//
// The caller fills in a [Call] and hands it to [Conn.Start]. Under the lock of the connection Start
// takes the next stream id, encodes HEADERS and DATA behind whatever else waits in the output, enters
// the call in the table of streams, and wakes the writer; then it returns.
//
//	caller             writer                    server                  reader
//	Start ── frames ─▶ takes all that waits ───▶
//	  ⋮                and writes it at once        ⋮
//	Start ── frames ─▶ (collects meanwhile)     ◀── answers ──────▶ takes all whole frames
//	                                                                that are buffered, then
//	Done  ◀────────────────────────────────────────────────────────  Done of each call
//	Start ── frames ─▶ (collects until the reader has called all)
//
// The writer is one goroutine (write.go). It takes the whole output at a time, so what collects
// while a write is under way leaves with the next one: many requests in one TLS record, and never
// the two frames of one request in two. The reader is another (read.go). It handles all frames it
// has under one lock, releases the lock, and calls Done of the calls that they completed. A caller
// that starts the next call from Done needs no goroutine of its own, and its calls leave together.
//
// A call ends exactly once, when it leaves the table of streams (stream.go): with the answer, a
// reset, a GOAWAY, its deadline, [Conn.Cancel], or the end of the connection. Deadlines and PINGs
// share one timer for each connection (clock.go). Bodies that a window does not admit wait in turn
// (flow.go).
//
// # How many calls
//
// [Conn.Room] is the lower of the caller's and the server's limit, less what is under way. Until the
// server's SETTINGS are here it is [Config.EarlyStreams]. A call that is reset from our side still
// counts until the server has answered the PING that follows the reset, as the server may be
// working on it. When the limit is lowered below what is under way, nothing happens but that Room
// stays 0 until enough calls have ended.
//
// # How a connection ends
//
// Whoever finds out first, it ends once (fail in stream.go): all calls fail, a GOAWAY is sent if
// there is somebody to read it, the socket is closed. When writing fails, the reader gets a moment
// to find the cause, for a server that rejects a client certificate after a TLS 1.3 handshake says
// so in an alert that only a reader sees. [Unprocessed] tells which calls may be sent again at once.
package h2
