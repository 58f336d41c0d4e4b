// Package axmtest is a simulator of the Apple Business API and the Apple School Manager API, for
// tests of clients in any language.
//
// A [Server] is Apple's token service, both APIs and the host that keeps the logs of activities, for
// any number of organisations. It checks what it gets as strictly as the documents, and those who
// have used the service, allow, and is an [net/http.Handler] for any listener. It carries an
// in-memory server that needs no network and works under testing/synctest:
//
//	srv := axmtest.NewServer(nil)
//	defer srv.Close()
//	org := srv.AddOrg(axmtest.OrgOptions{Kind: axmtest.School})
//	server := org.AddServer(axmtest.MDMServer{Name: "Lab MDM"})
//	serials := org.AddRandomDevices(2_500)
//	account := org.Account() // account.ClientID(), account.Key().ID and account.Key().PEM()
//	client := srv.Client()   // an *http.Client that reaches srv.URL, and Apple's host names
//
// # Credentials
//
// [Account] is an API account: [Account.GenerateKey] and [Account.RevokeKey] rotate its keys,
// [Key.PEMAs] writes them in every form that key files have been seen in, and
// [Account.SetPermissions] says what its role allows; the rest answers 403. The token service
// verifies each assertion and answers in the words of OAuth 2, which say little; why it refused is
// among the violations. [Account.ExpireTokens] ends access tokens, as [Options.TokenLife] does in
// the time of package time.
//
// # What happens at Apple's side
//
// Devices and device management services come and go with [Org.AddDevices], [Org.ModifyDevice],
// [Org.AssignDevices], [Org.ReleaseDevices], [Org.AddServer] and their like. People, software,
// configurations, blueprints and audit events of an Apple Business organisation are collections:
// see [Collection]. Organisations of kind [School] answer 403 for all of that.
//
// # Activities
//
// They go through their states at the pace of [Options.ActivityStep], or by hand with
// [Org.HoldActivities], [Org.StepActivities] and [Org.RunActivities]. [Org.NextActivities] lets them
// stall, stop and fail, [Org.SetOutcome] decides what becomes of single devices, [Options.Lag] how
// long it takes until others see it. Their logs are on another host, behind addresses that expire,
// and in the forms of [LogStyle]; [Org.SetLog] writes any other.
//
// # What goes wrong
//
// [Options.Budget] limits requests, [Options.MaxStreams] and [Options.PagesPerConnection] drop them,
// [Options.Paging], [Org.ExpireCursors] and [Server.RepeatCursor] make lists hard to read. All
// options can be changed at any time with [Server.UpdateOptions]. [Server.Fail] scripts faults of
// the line, of gateways and, with [ErrorFault], any error of the service.
//
// # What the client did
//
// [Server.Received], [Server.Count] and [Server.Traffic] tell the requests, [Server.Violations] what
// a client did that the documents ask it not to do, or that failed for a reason the answer does not
// show; a test of a client should end with no violation. [Org.Devices], [Org.Servers],
// [Org.Activities] and the collections are the truth to compare with.
//
// # Recordings
//
// [Record] writes the traffic of a client with the real service into a file without secrets and
// without anybody's data, for a bug report; [Replay] answers from it, for a test.
//
// # What it follows
//
// Apple's pages begin at https://developer.apple.com/documentation/applebusinessapi,
// https://developer.apple.com/documentation/appleschoolmanagerapi and
// https://developer.apple.com/documentation/apple-school-and-business-manager-api. Where they say
// nothing, the comments on the options and methods say what this server does. Apple publishes no
// list of error codes: those that no client has reported are made in the likeness of the others.
package axmtest
