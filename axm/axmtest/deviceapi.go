package axmtest

import (
	"net/http"
	"strings"
)

// Kinds of resources about devices.
const (
	orgDevices           = "orgDevices"
	appleCareCoverage    = "appleCareCoverage"
	activationLockStatus = "activationLockStatus"
)

// resource is the device as the API tells it.
func (d *device) resource(c *call) resource {
	status := "UNASSIGNED"
	if d.server(c.now, c.s.opts.Lag) != "" {
		status = "ASSIGNED"
	}
	serial := d.SerialNumber
	return resource{
		kind: orgDevices, id: serial, extra: d.Extra,
		attributes: object{
			{"serialNumber", serial},
			{"addedToOrgDateTime", formatTime(d.Added)},
			{"releasedFromOrgDateTime", timeOrNull(d.Released)},
			{"updatedDateTime", formatTime(d.Updated)},
			{"deviceModel", d.DeviceModel},
			{"productFamily", d.ProductFamily},
			{"productType", d.ProductType},
			{"deviceCapacity", d.DeviceCapacity},
			{"partNumber", d.PartNumber},
			{"orderNumber", d.OrderNumber},
			{"orderDateTime", dateOrNull(d.Ordered)},
			{"color", d.Color},
			{"status", status},
			{"imei", list(d.IMEI)},
			{"meid", list(d.MEID)},
			{"eid", d.EID},
			{"wifiMacAddress", d.WiFiMAC},
			{"bluetoothMacAddress", d.BluetoothMAC},
			{"ethernetMacAddress", list(d.EthernetMAC)},
			{"purchaseSourceType", d.PurchaseSourceType},
			{"purchaseSourceId", d.PurchaseSourceID},
			{"isMdmMigrationCapable", d.MigrationCapable},
			{"mdmMigrationStatus", stringOrNull(d.migration(c.now))},
			{"mdmMigrationDeadlineDateTime", dateOrNull(d.MigrationDeadline)},
		},
		relationships: object{
			{"assignedServer", object{{"links", object{
				{"self", c.url(orgDevices, serial, "relationships", "assignedServer")},
				{"related", c.url(orgDevices, serial, "assignedServer")},
			}}}},
			{"appleCareCoverage", object{{"links", object{{"related", c.url(orgDevices, serial, appleCareCoverage)}}}}},
			{"activationLockStatus", object{{"links", object{{"related", c.url(orgDevices, serial, activationLockStatus)}}}}},
		},
	}
}

// show makes the object of a resource, with the fields that the client has asked for.
func (c *call) show(r resource) object { return r.show(c.baseURL(), c.views[r.kind]) }

// one answers with one resource.
func (c *call) one(r resource) *reply {
	return success(object{{"data", c.show(r)}, {"links", object{{"self", c.self()}}}})
}

func listDevices(c *call) *reply {
	return page(c, c.org.devices.all((*device).isOurs), func(d *device) object { return c.show(d.resource(c)) })
}

func getDevice(c *call) *reply {
	d, ok := c.org.devices.get(c.id)
	if !ok {
		return notFound(orgDevices, c.id)
	}
	return c.one(d.resource(c))
}

func listCoverage(c *call) *reply {
	d, ok := c.org.ours(c.id)
	if !ok {
		return notFound(orgDevices, c.id)
	}
	if len(d.Coverage) == 0 && c.s.opts.NoCoverage404 {
		return notFound(appleCareCoverage, c.id)
	}
	return page(c, numbered(d.Coverage), func(v Coverage) object { return c.show(v.resource()) })
}

func (v Coverage) resource() resource {
	or(&v.Status, "ACTIVE")
	or(&v.PaymentType, "NONE")
	or(&v.Description, "Limited Warranty")
	or(&v.ID, strings.ToUpper(upperHexOf("coverage", v.Description, v.AgreementNumber, v.Start)[:12]))
	return resource{kind: appleCareCoverage, id: v.ID, extra: v.Extra, attributes: object{
		{"status", v.Status},
		{"paymentType", v.PaymentType},
		{"description", v.Description},
		{"agreementNumber", stringOrNull(v.AgreementNumber)},
		{"startDateTime", dateOrNull(v.Start)},
		{"endDateTime", dateOrNull(v.End)},
		{"isRenewable", v.Renewable},
		{"isCanceled", v.Canceled},
		{"contractCancelDateTime", dateOrNull(v.ContractCancel)},
	}}
}

func getActivationLock(c *call) *reply {
	d, ok := c.org.ours(c.id)
	if !ok {
		return notFound(activationLockStatus, c.id)
	}
	switch d.ActivationLock {
	case "MDM", "USER", "NONE":
		return c.one(resource{kind: activationLockStatus, id: c.id, attributes: object{
			{"isLocked", d.ActivationLock != "NONE"}, {"lockType", d.ActivationLock},
		}})
	}
	return fail(http.StatusInternalServerError, problem{code: codeUnexpected, detail: "An unexpected error occurred."})
}

// assignedLink is the linkage of the server of a device, assignedServer the server itself.
func assignedLink(c *call) *reply {
	return c.assigned(func(m *mdmServer) object { return linkage(mdmServers, m.ID) })
}

func assignedServer(c *call) *reply {
	return c.assigned(func(m *mdmServer) object { return c.show(m.resource(c, false)) })
}

func (c *call) assigned(show func(*mdmServer) object) *reply {
	d, ok := c.org.ours(c.id)
	if !ok {
		return notFound(orgDevices, c.id)
	}
	if m, ok := c.org.servers.get(d.server(c.now, c.s.opts.Lag)); ok {
		return c.data(show(m))
	}
	switch c.s.opts.Unassigned {
	case UnassignedNull:
		return c.data(nil)
	case UnassignedNullID:
		return c.data(object{{"type", mdmServers}, {"id", nil}})
	case UnassignedEmptyID:
		return c.data(linkage(mdmServers, ""))
	}
	return notFound(mdmServers, "")
}

// data answers with data that is not a list; a nil object is null.
func (c *call) data(o object) *reply {
	var data any
	if o != nil {
		data = o
	}
	return success(object{{"data", data}, {"links", object{{"self", c.self()}}}})
}
