package axmtest

import (
	"slices"
	"strconv"
	"strings"
)

const (
	defaultLimit = 100
	maxLimit     = 1000
)

// fieldNames is what may be asked for with fields[kind], relationships included. The attributes
// that tell of a migration cannot be chosen; to see them a client leaves fields out.
func fieldNames(kind string) []string {
	return strings.Fields(map[string]string{
		orgDevices: `serialNumber addedToOrgDateTime releasedFromOrgDateTime updatedDateTime deviceModel
			productFamily productType deviceCapacity partNumber orderNumber color status orderDateTime imei
			meid eid purchaseSourceId purchaseSourceType wifiMacAddress bluetoothMacAddress
			ethernetMacAddress assignedServer appleCareCoverage releaserId releaserEntityType`,
		appleCareCoverage: `status paymentType description agreementNumber startDateTime endDateTime
			isRenewable isCanceled contractCancelDateTime`,
		activationLockStatus: `isLocked lockType`,
		mdmServers: `serverName enableMdmDisownFlag defaultProductFamilies status serverType deviceCount
			lastConnectedDateTime lastConnectedIp createdDateTime updatedDateTime devices`,
		orgDeviceActivities: `status subStatus createdDateTime completedDateTime downloadUrl`,
	}[kind])
}

// readFields reads fields[kind] of the kind that the endpoint shows.
func (c *call) readFields() *reply {
	kind := c.endpoint.shows
	name := "fields[" + kind + "]"
	values, given := c.query[name]
	if !given {
		return nil
	}
	allowed := fieldNames(kind)
	v := make(view)
	for _, field := range strings.Split(values[0], ",") {
		if !slices.Contains(allowed, field) {
			return badParameter(codeParamInvalid, name, "'"+field+"' is not a valid field name.")
		}
		v[field] = true
	}
	c.views = map[string]view{kind: v}
	return nil
}

func (c *call) readLimit() *reply {
	n, rep := c.number("limit", defaultLimit)
	c.limit = n
	return rep
}

// number reads a parameter that bounds a list.
func (c *call) number(name string, absent int) (int, *reply) {
	values, given := c.query[name]
	if !given {
		return absent, nil
	}
	n, err := strconv.Atoi(values[0])
	if err != nil || n < 1 || n > maxLimit {
		return 0, badParameter(codeParamInvalid, name, "The value must be a number from 1 to 1000.")
	}
	return n, nil
}
