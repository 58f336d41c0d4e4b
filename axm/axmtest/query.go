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
// that tell of a migration cannot be chosen; to see them a client leaves fields out. Of audit events,
// whose attributes depend on their type, anything may be asked for: nil.
func fieldNames(kind string) []string {
	if kind == auditEvents {
		return nil
	}
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
		mdmDevices:          `serialNumber deviceName productFamily enrolledUserId details`,
		mdmDeviceDetails: `serialNumber deviceName deviceModel osVersion platform imei meid wifiMacAddress
			bluetoothMacAddress ethernetMacAddress lastCheckInDateTime isFirewallEnabled isFileVaultEnabled
			storageFreeCapacity storageTotalCapacity deviceLockStatus deviceEraseStatus lostModeStatus`,
		users: `firstName lastName middleName status managedAppleAccount isExternalUser roleOuList email
			employeeNumber costCenter division department jobTitle startDateTime createdDateTime
			updatedDateTime phoneNumbers`,
		userGroups:          `ouId name type totalMemberCount createdDateTime updatedDateTime status users`,
		organizationalUnits: `name description createdDateTime updatedDateTime users`,
		apps:                `name bundleId websiteUrl version supportedOS isCustomApp appStoreUrl`,
		packages:            `name url hash bundleIds description version createdDateTime updatedDateTime`,
		configurations: `type name configuredForPlatforms customSettingsValues createdDateTime
			updatedDateTime`,
		blueprints: `name description status createdDateTime updatedDateTime appLicenseDeficient apps packages
			configurations orgDevices users userGroups`,
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
	for field := range strings.SplitSeq(values[0], ",") {
		if allowed != nil && !slices.Contains(allowed, field) {
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
