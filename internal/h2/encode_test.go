package h2

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/http2/hpack"
)

// Whatever repeats, changes, moves, turns secret or falls out of the table: a decoder gets it all.
func TestEncoderAgainstDecoder(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var out outBuffer
	var enc encoder
	enc.init(&out)
	dec := hpack.NewDecoder(maxTableSize, nil)
	remembered := 0
	for round := range 3000 {
		switch rnd.IntN(60) {
		case 0:
			enc.resize(uint32(rnd.IntN(300)))
		case 1:
			enc.resize(maxTableSize * 2)
		}
		fields := request(fmt.Sprint("/", round))
		for i := range rnd.IntN(6) {
			name, value := fmt.Sprint("name-", i), fmt.Sprint("value-", i)
			if rnd.IntN(12) == 0 {
				value = fmt.Sprint("rare-", rnd.IntN(200))
			}
			fields = append(fields, hpack.HeaderField{Name: name, Value: value, Sensitive: rnd.IntN(20) == 0})
		}
		if rnd.IntN(10) == 0 {
			rnd.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
		}
		for _, m := range enc.memo {
			remembered += int(min(m.n, 1))
		}
		out.b = out.b[:0]
		enc.write(fields)
		got, err := dec.DecodeFull(out.b)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if d := cmp.Diff(fields, got); d != "" {
			t.Fatalf("round %d (-want +got):\n%s", round, d)
		}
	}
	if remembered < 3000 {
		t.Errorf("only %d fields were remembered", remembered)
	}
}

func TestLongRequestsAreNotRememberedWhole(t *testing.T) {
	var out outBuffer
	var enc encoder
	enc.init(&out)
	fields := make([]hpack.HeaderField, 100)
	for i := range fields {
		fields[i] = hpack.HeaderField{Name: ":method", Value: "GET"}
	}
	enc.write(fields)
	if len(enc.memo) != maxRememberedPlace || len(out.b) != len(fields) {
		t.Errorf("%d remembered, %d bytes", len(enc.memo), len(out.b))
	}
}

// The path of a push is written without the help of the hpack package, to the same bytes.
func TestPathsAsThePackageWritesThem(t *testing.T) {
	for _, token := range []string{"", "00", strings.Repeat("0f9a", 16), strings.Repeat("ab", 60), strings.Repeat("ab", 127), strings.Repeat("\x01", 40)} {
		fields := request("/3/device/" + token)
		var out outBuffer
		var enc encoder
		enc.init(&out)
		enc.write(fields)
		var want outBuffer
		reference := hpack.NewEncoder(&want)
		for _, f := range fields {
			_ = reference.WriteField(f)
		}
		got, err := hpack.NewDecoder(maxTableSize, nil).DecodeFull(out.b)
		if err != nil || !slices.Equal(got, fields) {
			t.Errorf("%q: %v, %v", token, got, err)
		}
		if printable := !strings.Contains(token, "\x01"); printable && !bytes.Equal(out.b, want.b) {
			t.Errorf("%q: % x, want % x", token, out.b, want.b)
		}
	}
}
