// Package legacy is a client of version 1 of Apple's Apps and Books service, whose requests carry the
// content token in their bodies.
//
// # When to use it
//
// Apple keeps version 1 running, without new features and without a date for its end; package vpp is
// the client of version 2, and the one to begin with. Version 1 still has what version 2 has not:
//   - answers at once: [Client.RegisterUser] resolves a Managed Apple Account, and
//     [Client.ManageLicenses] assigns, before they return, where version 2 tells later what became of
//     an event;
//   - ready-made invitations ([User.InviteURL]) and the numbers of single licences ([License]);
//   - tokens of the old kind, which belong to a person and not to a location.
//
// It has no subscriptions and no notifications to an URL, one asset for each request, and few entries
// in one. Both versions work with the same token at the same time; [Client.UID] and the client user
// IDs are the same in both.
//
// # From nothing to a client
//
// [New] makes a [Client] from a [vpp.Token], or from a [vpp.TokenSource] that reads it where it is
// kept. A token that Apple refuses is read anew from there, so a renewed one needs no restart.
//
// # One manager for each account
//
// Two servers that manage one account take each other's licences away. With version 1 they tell each
// other apart by a text that Apple keeps for them, the [ClientContext]. Say who you are in
// [Options.MDM], call [Client.Claim] once for each account, and ask an administrator before
// [Client.TakeOver]. The client looks at the text before its first call, and in every answer; as soon
// as it is somebody else's, it asks nothing more of the account and returns a [*ClaimedError].
//
// Version 2 writes [ContextOfVersion2] over that text. Who manages a location with version 2 claims
// it there, see [vpp.Client.Claim], and leaves Options.MDM here empty.
//
// # What is left out
//
// The services that [Client.ManageLicenses] replaces (associateVPPLicenseSrv,
// associateVPPLicenseWithVPPUserSrv, disassociateVPPLicenseSrv, disassociateVPPLicenseFromVPPUserSrv),
// the accounts of programme facilitators, and requests for batches by index are not there. Content
// metadata is a service of its own; [ServiceConfig.ContentMetadataLookupURL] tells where.
//
// # Limits and pace
//
// The service publishes the addresses of its services and its limits, which the client reads every
// five minutes, and once more when a service says that it has moved. Addresses at strange hosts are
// not followed.
//
// The client keeps to 15 requests per second, which version 2 publishes for both; two clients with
// one token should share that between them. After more than five internal errors in a row it stays
// away for two minutes, as Apple asks, and all its calls fail at once with what Apple said.
//
// # Errors
//
// A call returns a value or an error, never both. Version 1 answers with status 200 whatever happens;
// what it refuses is a [*vpp.Error] all the same, with Apple's number and, where this package or
// package vpp has one, the sentinel that belongs to it. A [*vpp.TransportError] says that there was no
// answer; a [*vpp.InputError] comes before any request.
//
// All calls but one ([Management.DisassociateLicenseIDs]) bear repetition, so they are repeated after
// lost connections, internal errors and 503, a few times, with pauses, within the deadline of their
// context: see [vpp.Retry].
//
// # Secrets
//
// The content token is in the body of every request. Neither bodies nor tokens are logged; what an
// error keeps of an answer is freed of the token, should a gateway have quoted it.
//
// # Testing
//
// Package vpptest is a simulator of both versions over the same data. It works in memory and under
// testing/synctest; the examples below run on it.
//
// https://developer.apple.com/documentation/devicemanagement/managing-apps-and-books-through-web-services-legacy
package legacy
