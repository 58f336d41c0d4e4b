// Package axm is a client of the Apple Business API and the Apple School Manager API, for
// device-management servers in Go.
//
// # From nothing to a client
//
// An administrator makes an API account in Apple Business or Apple School Manager and downloads its
// private key. [ParseKey] reads that, together with the client ID and the key ID that the portal shows,
// and says so when the file is some other one; [New] makes a [Client] from the key, or from a
// [KeySource] that reads it where it is kept. The client ID tells which of the two services it is:
// what only Apple Business has fails on a client of a school with [ErrNotInThisAPI], before any
// request.
//
// Access tokens come and go by themselves: one exchange for all calls, a new one a minute before the
// old one ends, and one more try after a refusal. [Client.TokenSource] gives them to others, and
// [Options.TokenSource] takes them from others.
//
// # Lists
//
// [Client.Devices], [Client.Servers] and their like iterate over everything, a page ahead of the
// caller; [Client.DevicePages] and its like are the same lists with their page boundaries and the
// [Page.Cursor] from which a read that ended early is resumed. Attributes that Apple adds are kept in
// Unknown. Whoever needs few attributes asks for those only: see [ListOptions.Fields].
//
// AppleCare coverage, Activation Lock and the assigned server can be asked for one device at a time
// only; [Client.AppleCareOf] and its like do so for many, in order, and can be resumed as well.
//
// # Changing devices
//
// [Client.AssignDevices] and its like take any number of devices. Apple carries that out later, in
// activities, which an [Operation] holds: [Operation.Wait] learns what became of each device from the
// logs of the activities, [Operation.Verify] reads the devices back until it shows, and
// [Operation.Record] is for going on after a restart. That some devices failed, or are not known to
// Apple, is a [Result] and no error.
//
// # What only Apple Business has
//
// People: [Client.Users], [Client.UserGroups] and [Client.OrganizationalUnits] are read only, and
// [Client.UserGroupUsers] and [Client.OrganizationalUnitUsers] tell who belongs to one.
//
// Software: [Client.Apps] and [Client.Packages] are read only, too. A [Configuration] is made from a
// profile of one's own ([Client.CreateConfiguration]), changed and deleted; those of other types,
// which are made in the portal, can be read.
//
// A [Blueprint] brings apps, packages and configurations to devices, users and user groups.
// [Client.Blueprints] reads them, with what they relate if a [BlueprintInclude] says so,
// [Client.AddToBlueprint] and [Client.RemoveFromBlueprint] change one relation, and
// [Client.MissingInBlueprint] tells which IDs Apple has left out silently.
//
// [Client.AuditEvents] tells what has happened between two points in time: an [AuditEvent] says who
// did what to whom, and its Data what events of its type have of their own.
//
// [Client.MDMDevices] are the devices that Apple's own device management holds. Servers can be made,
// changed and deleted ([Client.CreateServer], [Client.MoveDefaultFamilies]), and devices released for
// good ([Client.ReleaseDevicesIrreversibly]). All else a school has as well.
//
// # Limits and pace
//
// Apple publishes no limits. At most four requests of a client are under way at once, and when there
// were too many, the client leaves Apple alone for as long as it asks, reading and writing apart.
// [Budget] sets limits of your own, and [Client.Budget] shows what is used of them.
//
// # Errors
//
// A call returns a value or an error, never both. An [*Error] is an answer of Apple's, with all that it
// objects to: [Error.HasCode] tests its codes by their hierarchy, and sentinels such as [ErrForbidden]
// say what it is and, in their documentation, what to do. An [*AuthError] means that there is no
// access token, a [*TransportError] that there was no answer, and an [*InputError] comes before any
// request. [Options.OnState] tells when an account stops working, once, and when it works again.
//
// Calls are repeated when that is safe, a few times, with pauses, within the deadline of their
// context: see [Retry]. What makes something is repeated only when Apple surely did not process it.
//
// # Secrets
//
// Keys do not print: printing, logging and encoding them shows their identifiers. Tokens and
// assertions are in no error, log or trace; only [Client.TokenSource] gives tokens away.
//
// # Testing
//
// Package axmtest is a simulator of both services. It works in memory and under testing/synctest; the
// examples below run on it.
//
// https://developer.apple.com/documentation/apple-school-and-business-manager-api
package axm
