package axm

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

// everything asks for all relations.
func everything() BlueprintInclude {
	include := BlueprintInclude{}
	for _, relation := range allRelations() {
		include[relation] = 0
	}
	return include
}

func FuzzBusinessAnswer(f *testing.F) {
	seedJSON(f,
		`{"data":[{"type":"users","id":"u-77","attributes":{"firstName":"Ada","status":"ACTIVE","isExternalUser":false,"roleOuList":[{"roleName":"Staff","ouId":"ou-1","x":1}],"phoneNumbers":[{"phoneNumber":"+46","type":"WORK"}],"startDateTime":null}}],"meta":{"paging":{"limit":100}}}`,
		`{"data":{"type":"userGroups","id":"g-1","attributes":{"ouId":"ou-1","name":"Lab","type":"SMART","totalMemberCount":3},"relationships":{"users":{"links":{"self":"s"}}}}}`,
		`{"data":{"type":"mdmDeviceDetails","id":"dev-1","attributes":{"imei":"1","ethernetMacAddress":["2"],"isFileVaultEnabled":true,"storageTotalCapacity":64000000000,"storageFreeCapacity":1.5}}}`,
		`{"data":{"type":"apps","id":"1","attributes":{"name":"Sums","supportedOS":["SUPPORTED_OS_IOS"],"isCustomApp":"no"}}}`,
		`{"data":[{"type":"packages","id":"p-1","attributes":{"bundleIds":"a","hash":null}},{"type":"mdmDevices","id":"m","attributes":{"serialNumber":"A"}}]}`,
		`{"data":{"type":"configurations","id":"c","attributes":{"type":"CUSTOM_SETTING","configuredForPlatforms":["PLATFORM_IOS"],"customSettingsValues":{"configurationProfile":"<plist/>","filename":"f","y":[]}}}}`,
		`{"data":{"type":"blueprints","id":"b-1","attributes":{"name":"lab","apps":1,"users":{"items":[{"id":"u","z":2}],"total":1}},"relationships":{"apps":{"data":[{"type":"apps","id":"1"}],"meta":{"paging":{"total":2,"limit":1}}},"orgDevices":{"data":[{"type":"orgDevices","id":"A"}]},"users":{"links":{}},"userGroups":null}},"included":[{"type":"apps","id":"1","attributes":{"name":5}},{"type":"orgDevices","id":"A"}]}`,
		`{"data":[{"type":"blueprints","id":"b-1","attributes":{"name":"lab"},"relationships":{"packages":{"data":[{"type":"packages","id":"p"},{"type":"packages","id":"p"}]}}}],"included":[{"type":"packages","id":"p","attributes":{"id":"q","bundleIds":"x","a":{"a":1,"a":2}}}]}`,
		`{"data":[{"type":"auditEvents","id":"e","attributes":{"type":"DEVICE_ADDED_TO_ORG","eventDataPropertyKey":"eventDataDeviceAddedToORG","eventDataDeviceAddedToOrg":{"serialNumber":1,"purchaseSourceType":"APPLE","configVersion":1e3,"accountRoleLocationList":[{"roleName":"a"}]}}}]}`,
		`{"data":[{"type":"auditEvents","id":"e","attributes":{"eventData":5,"eventDataA":{"keyId":"1"}}},{"id":"f","attributes":{"eventdataB":{"name":[]},"eventDataC":null}}]}`,
		`{"eventData":{"keyId":"k","q":1},"eventDataA":{},"eventDataPropertyKey":"eventDataA","name":"n","roleOuList":[{}],"phoneNumbers":[{"type":1}],"customSettingsValues":{},"apps":{"items":[{"name":"a","extra":1}],"more":true}}`,
	)
	f.Fuzz(func(t *testing.T, data []byte) {
		checkAnswers[MDMDevice](t, data)
		checkAnswers[MDMDeviceDetails](t, data)
		checkAnswers[User](t, data)
		checkAnswers[UserGroup](t, data)
		checkAnswers[OrganizationalUnit](t, data)
		checkAnswers[App](t, data)
		checkAnswers[Package](t, data)
		checkAnswers[Configuration](t, data)
		checkAnswers[Blueprint](t, data)
		checkAnswers[AuditEvent](t, data)

		one, err := everything().decodeBlueprint("read", answerOf(200, data))
		checkAnswer(t, data, one, err)
		if one != nil {
			checkIncluding(t, data, one)
		}
		items, _, err := everything().decodePage(data)
		if err != nil && items != nil {
			t.Fatalf("%q: both", data)
		}
		for _, b := range items {
			checkIncluding(t, data, &b)
		}
	})
}

// checkIncluding: what was asked for is there, and what there is encodes.
func checkIncluding(t *testing.T, data []byte, b *Blueprint) {
	t.Helper()
	if b.Apps == nil || b.Packages == nil || b.Configurations == nil || b.Devices == nil || b.Users == nil || b.UserGroups == nil {
		t.Fatalf("%q: %+v", data, b)
	}
	if _, err := json.Marshal(b); err != nil {
		t.Fatalf("%q holds a blueprint that cannot be encoded: %v", data, err)
	}
}

func FuzzProfile(f *testing.F) {
	for _, text := range []string{
		`<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "x"><plist version="1.0"><dict><key>PayloadContent</key><array><dict/></array></dict></plist>`,
		`<plist><dict><key>EncryptedPayloadContent</key><data>AAAA</data></dict></plist>`, `<plist><dict><key>PayloadContent</key></dict>`, `<plist>&hunter2;`,
		`<?xml encoding="x"?><plist><array/></plist>`, "bplist00", "PHBsaXN0Pg==", `{"a":1}`, "",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		err := checkProfile(text)
		if err == nil && !strings.Contains(text, "PayloadContent") && !strings.Contains(text, "&") {
			t.Fatalf("%q was taken", text)
		}
		if err != nil && (len(err.Error()) > 200 || strings.Contains(err.Error(), "hunter2")) {
			t.Fatalf("%q: %v", text, err)
		}
	})
}
