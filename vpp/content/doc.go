// Package content is a client of Apple's two services that tell what an app or a book is: its name,
// icon, bundle identifier, version and price. The licence service, package vpp, tells none of these.
//
// # From nothing to a client
//
// [Client] speaks to Apps and Books Metadata for Organizations, the current service. It wants to know
// the maker of the device-management server: a [DeveloperKey] that Apple gives to MDM vendors only. An
// organisation that runs its own server has none; a vendor who does not want to hand out the key
// signs on a server of its own, and gives a [DeveloperTokenFunc] and [Options.BaseURL] to the rest.
//
// [Lookup] speaks to the legacy lookup, which needs no key. It tells less, one thing at a time, and
// cannot tell what is missing from what may not be seen.
//
// Both take the content token of a location, to also tell of custom and withdrawn apps that the
// location owns, and a [vpp.Client] in [Options.Location], to look in the storefront of its country.
//
// # What is found, and what is missing
//
// Calls take any number of identifiers and cut them to what one request may carry. [Found] has what
// was found, in order, and names what is missing; with [Options.Fallbacks] it is looked for in other
// storefronts first. No identifiers at all are an error before any request, for Apple answers them as
// it answers a wrong content token.
//
// # What to expect of the answers
//
// Nothing is sure to be there: treat every attribute as optional. What Apple adds is kept in fields
// named Unknown, and so is what comes in another type than documented. [AppAttributes.On] puts
// together what an app is on one platform; [Artwork.URL] makes the address of an icon.
//
// # Limits and pace
//
// Apple limits the rate of all clients of a vendor together, and does not tell to what. A call has up
// to 4 requests under way at once, at most 15 a second leave a client, and fewer after Apple has said
// that there were too many.
//
// # Errors
//
// A call returns a value or an error, never both. An [*Error] is an answer of Apple's; a
// [*vpp.TransportError] says that there was none; a [*vpp.InputError] comes before any request.
// Sentinels such as [ErrDeveloperToken] say what it is and, in their documentation, what to do. A
// developer token that is refused is made anew once, and a content token read anew once.
//
// All calls only read, so they are repeated, a few times, with pauses, within the deadline of their
// context: see [vpp.Retry].
//
// # Secrets
//
// The content token travels in a cookie, to the host of this service only. Neither it nor the
// developer's key or token is printed, logged or part of an error.
//
// # Testing
//
// Package vpptest is a simulator of both services, with the licences. It works in memory and under
// testing/synctest; the examples below run on it.
//
// https://developer.apple.com/documentation/devicemanagement/apps-and-books-metadata-for-organizations
package content
