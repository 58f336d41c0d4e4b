// Package interop holds no code, only tests: our simulators against other people's clients, and our
// clients against other people's programs. It is a module of its own, so that none of them becomes
// a dependency of the SDK. It needs the openssl command.
package interop
