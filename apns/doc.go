// Package apns wakes devices through Apple's push service (APNs), for device-management servers in Go.
//
// A server cannot connect to a device. It asks APNs to wake it; the device then connects to the server
// and asks for commands. The push itself carries nothing but the PushMagic, by which the device knows
// that it comes from its server.
//
// # From nothing to a client
//
// Pushes are authorised by a push certificate, which an administrator gets from Apple's push portal and
// renews once a year. [NewCertificateRequest] and [Vendor] make what the portal wants to have,
// [ParseCertificate] reads what it hands out. A certificate stands for one topic, to which devices are
// bound when they enrol: [CheckRenewal] compares a new certificate with the one in use before it is
// stored, for one with another topic cuts off every device.
//
// [New] makes a [Client] for a certificate, or for a [CertificateSource] that reads it where it is
// kept: that is asked anew before connections are opened, so a renewed one needs no restart.
//
// # Whom to wake
//
// [ParseCheckin] reads the messages in which a device says how to wake it. Store the [Target] of a
// [TokenUpdate], all of it in one step, and for good before the answer: a device whose token is lost
// must be enrolled again.
//
// # Pushing
//
// [Client.Push] sends one push and [Client.PushAll] any number of them. Both may be used at once, by any
// number of goroutines; one Client for each certificate serves the whole process. Pushes to one device
// within a moment become one wake-up, sent after the last of them was asked for: the device fetches
// all commands anyway.
//
// An accepted push is not yet a delivered one. APNs keeps the newest push for a device that is offline,
// for 7 days unless told otherwise; the proof is the device that connects. There is no need to push
// again every day.
//
// # What to do with the outcome
//
// [DispositionOf] turns the outcome into an instruction:
//
//	Accepted        nothing; the device will connect
//	DropToken       stop pushing to this token, unless a TokenUpdate came after [Error.Since]
//	KeepToken       refused, but do not delete the token: the configuration may be wrong
//	FixCertificate  nothing goes out any more until an administrator has acted
//	FixRequest      never send this push again as it is
//	RetryLater      the same push may succeed after a pause: seconds for a lost line or a throttled
//	                device, 15 minutes after a failure of the service
//	RetryElsewhere  as RetryLater; the client has already tried on other connections
//
// # When it stops working
//
// When APNs refuses the certificate, whatever waits fails at once with that reason, and so does what
// comes within the next half minute; then one push is tried. The pauses grow to 15 minutes, so that a
// refused certificate never becomes a storm of connections, for which Apple blocks servers.
// [Client.Refresh] ends the pause as soon as a renewed certificate is stored. [Options.OnState] tells of
// all this once, when it begins, and once when it is over, also of a certificate that is about to
// expire, of a source that has one for another topic, of a line that is down, and of tokens that are
// refused in numbers.
//
// # Limits and pace
//
// The client keeps connections open for hours, sends many pushes at a time over each, opens another
// when they are full, and replaces those that die, age, or show an old certificate.
// [Options.MaxConns], [Options.MaxStreams] and [Options.MaxDials] bound how many. Nothing else slows
// it down: Apple publishes no rate, and throttles single devices only.
//
// # Errors
//
// A call returns a value or an error, never both. An [*Error] is an answer of Apple's; a
// [*TransportError] says that there was none; an [*InputError] comes before anything was sent.
// Sentinels such as [ErrUnregistered] say what it is and, in their documentation, what to do.
//
// A push is harmless to send twice, so whatever got no answer is sent again by itself, on another
// connection, a few times and within [Options.Timeout].
//
// # Secrets
//
// Private keys are never printed, logged or encoded; only methods whose names begin with Reveal give
// them away. Errors and log lines contain no token and no PushMagic.
//
// # Testing
//
// Package apnstest is a simulator of the service, down to the frames. It works in memory and under
// testing/synctest; the examples below run on it.
//
// https://developer.apple.com/documentation/devicemanagement/setting-up-push-notifications-for-your-mdm-customers
package apns
