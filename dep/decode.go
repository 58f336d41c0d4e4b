package dep

import (
	"github.com/applemdm/applemdm/internal/lenient"
)

// decode decodes an answer, leniently. A member of a device that is of another type than documented
// goes into its Unknown, so that one device cannot hold up the stream of all.
func decode(body []byte, v any) error {
	return lenient.Decode(body, v, lenient.Record(func(d *Device) *Unknown { return &d.Unknown }))
}
