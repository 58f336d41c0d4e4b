// Package vpptest is a simulator of Apple's Apps and Books service (App, Book and Subscription
// Management, "VPP"), for tests of clients in any language.
//
// A [Server] holds any number of locations (organizational units), each with its content tokens,
// assets, licences, users, assignments, subscriptions and events. It answers version 2 of the API,
// version 1 (the "legacy" services with the sToken in the body) and both services of content
// metadata over one store, checks what it gets as strictly as the documents allow, and is an
// [net/http.Handler] for any listener. It carries an in-memory server that needs no network and
// works under testing/synctest:
//
//	srv := vpptest.NewServer(nil)
//	defer srv.Close()
//	loc := srv.AddLocation(vpptest.LocationOptions{Name: "Head office"})
//	loc.Buy(vpptest.Asset{AdamID: "1000000001", Total: 10})
//	token := loc.Token()    // the bytes of a .vpptoken file
//	client := srv.Client()  // an *http.Client that reaches srv.URL
//
// # What happens at Apple's side
//
// Content managers buy, refund and move licences with [Location.Buy], [Location.Refund] and
// [Location.TransferTo]; people accept invitations with [Location.AcceptInvitation]; another MDM
// interferes with [Location.ClaimByOther], [Location.AssignByOther] and their like. Tokens expire
// by themselves and are revoked with [Location.RevokeTokens]. Each change gives the data it touches
// a new versionId, and those who subscribed a notification.
//
// # Events
//
// Calls that change licences and users answer with an eventId and are carried out later:
// [Options.EventDelay] is how much later, in the time of package time, so that a synctest bubble
// need not wait. [Location.HoldEvents] and [Location.RunEvents] do it by hand,
// [Location.NextEvents] loses events or lets them never end, and [Location.SetOutcome] makes
// single tasks fail; those that fail for lack of licences do so by themselves.
//
// # Notifications
//
// They go to the URL that the client has configured, through [Options.NotifyClient] or to the
// handler of [Server.DeliverTo], with up to three attempts. [Location.SetDelivery] delays, repeats
// and loses them, [Location.Notify] sends one of any type, [Location.Notifications] tells what became
// of each.
//
// # What goes wrong
//
// Limits change live with [Server.SetLimit]; more requests than maxRequestPerSecond get 9646;
// [Server.SetErrorsIn200] hides errors in answers of status 200; [Server.SetUnavailable] and
// [Server.SetMaintenance] are what their names say. [Server.Fail] scripts faults of the line, of
// gateways and, with [ErrorFault], any error of the service.
//
// # What the client did
//
// [Server.Received] and [Server.Count] tell the requests, [Server.Violations] what a client did
// that the documents ask it not to do and the service tolerates, or that failed for a reason the
// answer does not show; a test of a client should end with no violation. [Location.Assets],
// [Location.Assignments] and [Location.Users] are the truth to compare with.
//
// # Recordings
//
// [Record] writes the traffic of a client with the real service into a file without secrets and
// without anybody's data, for a bug report; [Replay] answers from it, for a test.
//
// # What it follows
//
// Apple's pages begin at
// https://developer.apple.com/documentation/devicemanagement/getting-started-with-the-management-api;
// see also handling-error-responses, using-paginated-endpoints, service-config and
// subscribing-to-notifications there. Where they say nothing, the comments on the options and
// methods say what this server does.
package vpptest
