// Package memhttp runs a real [http.Server] on an in-memory listener.
//
// It is what the simulators stand on. Nothing leaves the process: a dial is a channel send, a
// connection is a pair of bounded buffers with deadlines, so a whole exchange works inside a
// [testing/synctest] bubble, where every wait counts as blocked and time jumps. [NewServer] speaks
// HTTP/1.1; [NewTLSServer] speaks HTTP/1.1 and HTTP/2 over TLS, with client certificates where its
// configuration asks for them.
//
// Connections behave like TCP where clients can tell the difference: writes are buffered and block
// when the peer does not read, Close lets the peer drain what was sent, SetLinger(0) before Close
// resets the connection, and [Server.Refuse] makes dials fail with ECONNREFUSED.
package memhttp
