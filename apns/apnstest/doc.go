// Package apnstest is a simulator of Apple's push service (APNs) as an MDM server sees it, for tests
// of clients in any language.
//
// A [Server] speaks TLS 1.2 and 1.3 and HTTP/2 on a loopback port, or in memory without any network,
// which works under [testing/synctest]. It is written on raw frames, so it can do what APNs does and
// an ordinary HTTP server cannot. It issues push certificates, knows tokens, checks what it gets as
// Apple is known to, answers with Apple's status and reason, and keeps the last push for a device
// that is offline:
//
//	srv := apnstest.NewServer(nil)
//	defer srv.Close()
//	cert, key := srv.IssuePushCertificate(topic, nil) // PEM; the client trusts srv.RootCAs()
//	srv.AddToken(topic, token, magic)
//	// ... the client pushes to srv.URL + "/3/device/" + token ...
//	srv.Device(token).Received()
//
// A client in Go reaches one in memory with [Server.Dial] and [Server.LookupNetIP].
//
// What it implements is told in Apple's [Sending notification requests to APNs] and [Handling
// notification responses from APNs]. Where these are silent, comments on options and methods say what
// this server does.
//
// # What happens at Apple's side
//
// Tokens end with [Server.Unregister] and [Server.Expire] and come back with [Server.AddToken];
// [Server.Throttle] makes pushes to one of them too many. A device is offline or online
// ([Device.Online]); it ignores a push whose magic is not that of its enrolment, though the push was
// accepted. [Server.RevokeCertificate] ends a certificate. [Options] has the limits of the service and
// how it treats a connection on which pushes were refused.
//
// # What goes wrong there
//
// [Server.Fail] scripts faults of single pushes and of connections; each [Kind] is one. Live
// connections are dealt with by [Server.GoAway], [Server.SetStreamLimit], [Server.Silence],
// [Server.Disconnect] and [Server.Reset]. A command has happened to the frames that arrived before it;
// it does not wait for what is still on the way.
//
// # What the client did
//
// [Server.Received] and [Server.Stats] tell the pushes and connections, [Server.Violations] what a
// client did that it should not have, [Server.Log] the course of events.
//
// # Recordings
//
// A [Recorder] writes pushes to the real service, and what became of them, into a file without
// anybody's data, for a bug report; [Replay] makes a simulator of it that does the same, for a test.
//
// # Cost
//
// One connection is two goroutines and some 100 KB. A push costs 3 to 4 µs of CPU when
// [Options.KeepPushes] is negative, and about 1 µs more, and 2 KB of memory, while pushes are kept.
//
// [Sending notification requests to APNs]: https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns
// [Handling notification responses from APNs]: https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns
package apnstest
