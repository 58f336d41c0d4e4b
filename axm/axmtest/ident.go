package axmtest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Identifiers that clients see in answers are hashes of what they name, so that they are the same in
// every run and may be printed by examples; those of requests are random.

func hashOf(parts ...any) []byte {
	h := sha256.Sum256(fmt.Append(nil, parts...))
	return h[:]
}

func uuid(b []byte) string {
	h := hex.EncodeToString(b[:16])
	return strings.Join([]string{h[:8], h[8:12], "4" + h[13:16], "8" + h[17:20], h[20:]}, "-")
}

func uuidOf(parts ...any) string { return uuid(hashOf(parts...)) }

// upperHexOf is the form of the identifiers of servers.
func upperHexOf(parts ...any) string {
	return strings.ToUpper(hex.EncodeToString(hashOf(parts...)[:16]))
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}

func randomUUID() string { return uuid(randomBytes(16)) }

// jingle is a request identifier in the form of X-Apple-Jingle-Correlation-Key.
func jingle(id string) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(hashOf(id)[:16])
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
