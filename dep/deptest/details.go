package deptest

import (
	"net/http"
	"slices"
)

// deviceDetails answers POST /devices: an object by serial number, each with a response_status.
func deviceDetails(c *call) *reply {
	serials, rep := c.serials()
	if rep != nil {
		return rep
	}
	b := append(appendName([]byte{'{'}, "devices"), '{')
	for _, serial := range serials {
		if c.s.outcomes.dropped[serial] {
			continue
		}
		b = append(appendQuotedName(b, serial), '{')
		if d := c.s.fleet.get(serial); d != nil {
			b = appendDevice(b, d, c.view())
			b = appendString(b, "response_status", Success)
		} else {
			b = appendString(b, "response_status", NotAccessible)
		}
		b = append(b, '}')
	}
	return success(append(b, "}}"...))
}

// disownDevices answers POST /devices/disown.
func disownDevices(c *call) *reply {
	serials, rep := c.serials()
	if rep != nil {
		return rep
	}
	outcomes := c.each(serials, func(serial string) string {
		c.s.fleet.remove(serial, c.now, false)
		return Success
	})
	return success(append(appendOutcomes([]byte{'{'}, outcomes), '}'))
}

// serials reads a body that is a list of serial numbers. A repeated one counts once.
func (c *call) serials() ([]string, *reply) {
	var req deviceList
	if rep := c.decode(&req); rep != nil {
		return nil, rep
	}
	if rep := c.checkSerials(req.Devices, -1); rep != nil {
		return nil, rep
	}
	slices.Sort(req.Devices)
	return slices.Compact(req.Devices), nil
}

// replacementDetails answers GET /device/replacementDetails, which came with version 10.
func replacementDetails(c *call) *reply {
	serial := c.r.URL.Query().Get("device")
	if serial == "" {
		return badRequest("DEVICE_ID_REQUIRED")
	}
	r, ok := c.s.fleet.replaced[serial]
	if d := c.s.fleet.get(serial); !ok || d == nil || !d.IsReplacementDevice {
		return refusal(http.StatusNotFound, "DEVICE_NOT_FOUND")
	}
	if c.version < 10 {
		c.note("%s is %d; this call came with 10", versionHeader, c.version)
	}
	b := appendString([]byte{'{'}, "serial_number", serial)
	b = appendString(b, "original_device_serial_number", r.original)
	b = appendString(b, "replacement_date", r.date.UTC().Format("2006-01-02"))
	return success(append(b, '}'))
}
