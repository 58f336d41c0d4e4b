// Package dep is a client of Apple's Device Assignment service, the web service behind Automated
// Device Enrollment (formerly the Device Enrollment Program, DEP), for device-management servers in
// Go.
//
// # From nothing to a client
//
// A server is known to Apple by a server token. [Credentials] makes the key pair whose certificate
// is uploaded to Apple Business or Apple School Manager, opens the .p7m file that comes back, and
// renews both a year later. [New] makes a [Client] from a token, or from a [TokenSource] that reads
// it where it is kept. Logging in, and logging in again when Apple ends the session, happens by
// itself.
//
// # Lists
//
// [Client.Devices] iterates over all devices. Use a [Syncer] to keep a database in step with them:
// it calls a handler with what happened, keeps the cursor only after the handler is done, and runs
// for months. [Client.Changes] is the stream below it, by the page, for those who want a loop of
// their own. [Events] tells what happened from what Apple sent, which is not always the same.
//
// Apple School Manager also has rosters: [Client.Classes], [Client.Courses], [Client.Locations] and
// [Client.Persons], each with its changes ([Client.ClassChanges] and its like).
//
// # Profiles
//
// [Client.DefineProfile] defines a profile and [Client.AssignProfile] assigns it to any number of
// devices, with one [Outcome] for each. Use an [Assigner] to be done with it: it leaves alone what is
// assigned already and waits for devices that Apple throttles.
//
// # What else there is
//
// [Client.Account] tells of the account, [Client.ReplacementDetails] of devices that a repair
// replaced, [Client.BetaTokens] of beta programmes; [Client.SetDiscoveryURL] is for account-driven
// enrolment. [Client.LockActivation] turns on Activation Lock with a [BypassCode], and an [Unlocker]
// turns it off.
//
// # Limits and pace
//
// Apple publishes no rate. When there were too many requests, a call waits for as long as Apple asks
// and is repeated; [Options.Limiter] sets a rate of your own, for one client or for many. Calls for
// many devices put [MaxBatch] serial numbers into each request.
//
// # Errors
//
// A call returns a value or an error, never both. An [*Error] is an answer of Apple's; a
// [*TransportError] says that there was none; an [*InputError] comes before any request. Sentinels
// such as [ErrTermsNotSigned] say what it is and, in their documentation, what to do.
// [Options.OnState] tells when the account stops working, once, and when it works again. What
// becomes of each device in a call for many is a result, not an error; a call that changes devices
// and fails after some were answered for returns a [*PartialError]. Calls that only read return
// the failure alone.
//
// Calls are repeated when that is safe, a few times, with pauses, within the deadline of their
// context: see [Retry].
//
// # Secrets
//
// Tokens, sessions, private keys and bypass codes are [Secret]s or hold them: printing, logging and
// encoding them shows "[redacted]". Only methods whose names begin with Reveal give them away.
//
// # Testing
//
// Package deptest is a simulator of the service. It works in memory and under testing/synctest; the
// examples below run on it.
//
// https://developer.apple.com/documentation/devicemanagement/device-assignment
package dep
