// Package cassette records the traffic of an [http.Client] into a file and replays it, so that a
// fault of production can be attached to a bug report and become a test. The files are those of
// go-vcr.
//
// A recording must be fit for strangers. So nothing is written as it was unless [Rules] name it:
// every other string, number, path segment, parameter and header is replaced before it is kept,
// members that no rule foresees included. There are three ways to replace:
//
//   - A secret becomes [Redacted], always the same, so that not even equal secrets show.
//   - Any other value becomes a stand-in of the same form: a serial number looks like a serial
//     number, an e-mail address is one of example.org. The same value has the same stand-in
//     everywhere in one recording, and in all recordings that are made with the same key.
//     Names of members and parameters show if they are plain words, so that it is seen when there
//     are new ones.
//   - Bodies that are neither JSON nor a form become a note of their size and media type, bare code
//     words such as FORBIDDEN excepted.
package cassette
