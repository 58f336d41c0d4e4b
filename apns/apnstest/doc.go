// Package apnstest is a simulator of Apple's push service.
package apnstest
