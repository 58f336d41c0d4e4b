// Package vpp is a client of Apple's Apps and Books service (App, Book and Subscription Management,
// formerly the Volume Purchase Program, VPP), version 2, for device-management servers in Go.
//
// # From nothing to a client
//
// The licences of one location are reached with a content token, the .vpptoken file that Apple
// Business and Apple School Manager hand out. [ParseToken] reads it and says so when the file is some
// other one; [New] makes a [Client] from a token, or from a [TokenSource] that reads it where it is
// kept. A token that Apple refuses is read anew from there, so a renewed one needs no restart.
//
// # One manager for each location
//
// Two device-management servers on one location take each other's licences away, and Apple does not
// prevent it. Say who you are in [Options.MDM] and call [Client.Claim] once for each location: it
// refuses to overwrite the claim of another server. From then on every answer is watched for a claim
// of somebody else, after which the client refuses to write: see [ErrClaimedByOther].
//
// # Lists
//
// [Client.Assets], [Client.Assignments] and [Client.Users] iterate over everything, up to five pages
// at once, under one version of the list; [Client.Subscriptions] and its like go by cursor.
// [Client.AssetPages] and its like are the same lists with their page boundaries, for those who keep
// what they read and must know when a list has begun anew. [Client.Snapshot] reads a whole location
// and [Snapshot.Diff] tells what is different since the last one.
//
// # Writing
//
// [Client.Associate], [Client.Disassociate] and [Client.Revoke] give assets to users and devices and
// take them back; [Client.CreateUsers], [Client.UpdateUsers] and [Client.RetireUsers] do what their
// names say; [Client.AssociateSubscriptions] and [Client.DisassociateSubscriptions] are for
// subscriptions. Each takes any number of things and sends as many requests as the limits of the
// service make of them. What Apple refuses in one request is taken out, and the rest is sent again.
// All of them stop when another server claims the location.
//
// An error means that nothing was queued. Otherwise there is an [Operation], and whatever goes wrong
// from then on is an [Outcome]: of each asset for each target, or of each user.
//
// # Operations
//
// Apple answers a writing request before it acts, and names an event. [Operation.Wait] waits until it
// is known what became of all events, by notification or by asking, whichever is first, within the
// pace that Apple wants; [Operation.Result] and [Operation.Progress] tell what is known meanwhile. An
// event that has failed has done the rest of what it was for: the outcomes say which, also where
// Apple's answer does not, for then the assignments or users are read back. So they are when Apple
// forgets an event, or does not end it.
//
//	op, err := client.Associate(ctx, assets, vpp.Devices(serials...))
//	…
//	result, err := op.Wait(ctx)
//	…
//	install(result.Outcomes.With(vpp.StatusDone))
//
// [Operation.Record] keeps an operation over a restart, for [Client.ResumeOperation].
// [Operation.Verify] and [Client.Verify] look whether what should be there is. [Client.EventStatus] is
// for events of others.
//
// # Reconciliation
//
// [Client.Reconcile] takes wishes, as [Grant] values, of who is to have which asset, compares them with
// what there is, and gives and takes what makes the difference. A [Scope] says what may be taken back at
// all. [Client.PlanAssignments] makes a [Plan] of it to look at, with what cannot be: licences that are
// short, users who are not active, books that cannot be taken back; [Snapshot.Plan] does so from what
// was read before, and [Client.RunPlan] runs it. It is meant to be done over and over: a backend that
// knows what it wants needs no other memory of what was sent than that.
//
// # Notifications
//
// Apple posts to a URL what became of events, and what others do: purchases, refunds, invitations
// accepted. [NewReceiver] makes the http.Handler for one location, and [Client.Subscribe] tells Apple
// where it is. It ends the waiting of operations and hands each notification on, once for each ID
// that this process has seen; [ParseNotification] and [Client.Notice] are for those that arrive
// elsewhere. Notifications make things quick, nothing depends on them: operations ask by themselves,
// and lists are to be read from time to time all the same.
//
// # Users
//
// Licences for people go to users, whose client user IDs you choose. With a Managed Apple Account a
// user is associated at once; without, it is registered until the person accepts an invitation with
// an Apple Account: send what [Client.Invitation] returns. [Client.EnsureUser] sees to it that a person
// has exactly one active user, and finds the one that is there already when Apple answers that the
// user is not known, exists, or that the account is taken (9609, 9716, 9635, 9641).
// [Client.CreateUsers], [Client.UpdateUsers] and [Client.RetireUsers] are for many at once.
//
// # Limits and pace
//
// The service publishes its limits, its URLs and the rate at which it wants to be called. The client
// reads them every five minutes and keeps to them; when Apple says that there were too many
// requests it halves its pace, and recovers slowly. [Client.ServiceConfig] shows them.
//
// # Errors
//
// A call returns a value or an error, never both. An [*Error] is an answer of Apple's, also when it
// came with status 200; a [*TransportError] says that there was none; an [*InputError] comes before
// any request. Each [Number] that Apple documents is a constant, and sentinels such as
// [ErrTokenRevoked] say what it is and, in their documentation, what to do. [Options.OnState] tells
// when a location stops working, once, and when it works again.
//
// Calls are repeated when that is safe, a few times, with pauses, within the deadline of their
// context: see [Retry].
//
// # Secrets
//
// Tokens are [Secret]s or hold them: printing, logging and encoding them shows "[redacted]". Only
// methods whose names begin with Reveal give them away.
//
// # Testing
//
// Package vpptest is a simulator of the service. It works in memory and under testing/synctest; the
// examples below run on it.
//
// https://developer.apple.com/documentation/devicemanagement/app-book-and-subscription-management
package vpp
