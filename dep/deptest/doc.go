// Package deptest is a simulator of Apple's Device Assignment service (DEP, Automated Device
// Enrollment), for tests of clients in any language.
//
// A [Server] holds one organisation's side of the service: a server token, sessions, devices with
// their history, profiles, rosters, activation locks. It answers every endpoint, checks what it
// gets as strictly as Apple is known to and in places more strictly, and answers errors in Apple's
// words. It is an [net/http.Handler] for any listener, and carries an in-memory server that needs
// no network and works under testing/synctest:
//
//	srv := deptest.NewServer(nil)
//	defer srv.Close()
//	srv.AddRandomDevices(2_500)
//	token := srv.Token()    // sign GET /session with it, or let srv.IssueToken make a .p7m file
//	client := srv.Client()  // an *http.Client that reaches srv.URL
//
// # What happens at Apple's side
//
// Devices come and go with [Server.AddDevices], [Server.ModifyDevice], [Server.RemoveDevices],
// [Server.ReplaceDevice]; fetch and sync tell it as Apple does, with cursors that age and exhaust.
// The organisation changes with [Server.SetTermsSigned], [Server.RevokeToken],
// [Server.SetServerInactive] and their like; sessions end with [Server.ExpireSessions] and change
// with [Server.RotateSessions]. Time is that of package time: in a synctest bubble a cursor is
// seven days old as soon as everybody sleeps that long.
//
// # What goes wrong there
//
// The known oddities of the service are on call: [Server.RepeatCursor], [Server.MoveDevice],
// [Server.HideFromSync], [Server.SetFetchedUntil], [Server.Throttle], [Server.SetOutcome],
// [Server.DropFromAnswer]; a device that is added and at once modified comes twice on one page
// without being asked to. [Server.Fail] scripts faults of the line and of gateways.
//
// # What the client did
//
// [Server.Received] and [Server.Count] tell the requests, [Server.Violations] what a client did
// that Apple tolerates or that failed for a reason the answer does not show; a test of a client
// should end with no violation. [Server.Devices] is the truth to compare with.
//
// # Recordings
//
// [Record] writes the traffic of a client with the real service into a file without secrets and
// without anybody's data, for a bug report; [Replay] answers from it, for a test.
//
// # Manners
//
// Apple's own simulator for vendors, depsim, differs from the service. [Options.Manner] chooses.
// Where the public documents say nothing, the comments on the options and methods say what this
// server does.
package deptest
