package axm_test

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/applemdm/applemdm/axm"
	"github.com/applemdm/applemdm/internal/exchange"
)

const labMDM = "0123456789ABCDEF0123456789ABCDEF"

func readDevice(ctx context.Context, c *axm.Client) (any, error) {
	return exchange.Value(c.Device(ctx, "A1"))
}

func readCoverage(ctx context.Context, c *axm.Client) (any, error) {
	coverage, err := c.AppleCare(ctx, "ZZ9PLURALA1")
	return any(coverage), err
}

func readAssigned(ctx context.Context, c *axm.Client) (any, error) {
	return exchange.Value(c.AssignedServer(ctx, "ZZ9PLURALA1"))
}

func readAssignedID(ctx context.Context, c *axm.Client) (any, error) {
	return c.AssignedServerID(ctx, "ZZ9PLURALA1")
}

func deviceReplays() []replay {
	return []replay{
		{"devices/two pages",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return exchange.Values(c.DevicePages(ctx, axm.ListOptions{}))
			},
			[]axm.Page[axm.Device]{
				{Begins: true, Cursor: "MQ", Total: 2, Items: []axm.Device{{
					ID: "ZZ9PLURALA1", SerialNumber: "ZZ9PLURALA1", Status: axm.DeviceAssigned,
					DeviceModel: "iPad (10th generation)", ProductFamily: axm.FamilyIPad, ProductType: "iPad13,18",
					Capacity: "64GB", PartNumber: "MPQ03ZZ/A", Color: "SILVER",
					AddedToOrg: "2026-02-03T10:00:00.000Z", Updated: "2026-02-03T10:05:00.000Z",
					OrderNumber: "4400001", OrderDate: "2026-01-20T00:00:00Z",
					PurchaseSourceType: axm.PurchasedFromReseller, PurchaseSourceID: "1A2B3C",
					IMEI: []string{"350000000000001"}, MEID: []string{}, EthernetMACAddress: []string{},
					WiFiMACAddress: "AABBCCDDEEFF", BluetoothMACAddress: "AABBCCDDEE00",
					IsMDMMigrationCapable: true, MDMMigrationStatus: axm.MigrationRequested, MDMMigrationDeadline: "2026-12-01T00:00:00Z",
				}}},
				{Completes: true, Items: []axm.Device{{
					ID: "ZZ9PLURALA2", SerialNumber: "ZZ9PLURALA2", Status: axm.DeviceUnassigned,
					IMEI: []string{"350000000000002"}, EthernetMACAddress: []string{"AABBCCDDEE01", "AABBCCDDEE02"},
					WiFiMACAddress: "AABBCCDDEE03", PurchaseSourceID: "9Z",
					Unknown: axm.Unknown{
						"chip": jsontext.Value(`"A18"`), "color": jsontext.Value(`7`), "bluetoothMacAddress": jsontext.Value(`["1","2"]`),
					},
				}}},
			}, nil},
		{"devices/chosen fields from a cursor",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return exchange.Collect(c.Devices(ctx, axm.ListOptions{Fields: []string{"serialNumber", "status"}, PageSize: 2, Cursor: "Mg"}))
			},
			[]axm.Device{{ID: "ZZ9PLURALA3", SerialNumber: "ZZ9PLURALA3", Status: axm.DeviceAssigned}}, nil},
		{"devices/released device",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return exchange.Value(c.Device(ctx, "ZZ9PLURALA4", "releasedFromOrgDateTime"))
			},
			axm.Device{ID: "ZZ9PLURALA4", ReleasedFromOrg: "2026-05-01T03:21:44.685Z"}, nil},
		{"devices/coverage", readCoverage,
			[]axm.AppleCareCoverage{
				{ID: "H2200001", Status: axm.CoverageActive, PaymentType: axm.PaidUpFront, Description: "AppleCare+",
					AgreementNumber: "70000001", Start: "2026-02-01T00:00:00Z", End: "2029-02-01T00:00:00Z",
					ContractCancel: "2027-01-01T00:00:00Z", IsCanceled: true},
				{ID: "W1", Status: axm.CoverageInactive, PaymentType: axm.PaidNone, Description: "Limited Warranty",
					Start: "2026-02-01T00:00:00Z", End: "2027-02-01T00:00:00Z", IsRenewable: true, Unknown: raw("tier", "2")},
			}, nil},
		{"devices/no coverage",
			func(ctx context.Context, c *axm.Client) (any, error) {
				coverage, err := c.AppleCare(ctx, "ZZ9PLURALA1", "status")
				return any(coverage), err
			},
			[]axm.AppleCareCoverage(nil), nil},
		{"devices/no coverage, as not found", readCoverage, []axm.AppleCareCoverage(nil), nil},
		{"devices/lock",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return exchange.Value(c.ActivationLock(ctx, "ZZ9PLURALA1"))
			},
			axm.ActivationLock{ID: "ZZ9PLURALA1", IsLocked: true, LockType: axm.LockedByMDM, Unknown: raw("since", `"2026"`)}, nil},
		{"devices/lock of a device of others",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return exchange.Value(c.ActivationLock(ctx, "ZZ9PLURALA9"))
			},
			nil, &wireError{status: 404, is: axm.ErrNotFound, op: "read Activation Lock status", items: []axm.ErrorItem{{
				ID: "5d0d", Status: "404", Code: "NOT_FOUND", Title: "The specified resource does not exist",
				Detail: "There is no resource of type 'orgDevices' with id 'ZZ9PLURALA9'"}}}},
		{"devices/assigned server",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return exchange.Value(c.AssignedServer(ctx, "ZZ9PLURALA1", "serverName", "serverType"))
			},
			axm.Server{ID: labMDM, ServerName: "Lab MDM", ServerType: axm.ServerMDM}, nil},
		{"devices/no assigned server", readAssigned, nil, nil},
		{"devices/no assigned server, as an empty ID", readAssigned, nil, nil},
		{"devices/no assigned server, as not found", readAssigned, nil, nil},
		{"devices/assigned server ID", readAssignedID, labMDM, nil},
		{"devices/no assigned server ID", readAssignedID, "", nil},
		{"devices/no assigned server ID, as not found", readAssignedID, "", nil},
	}
}

// certificateFile reads a certificate of testdata.
func certificateFile(name string) axm.ServerCertificate {
	data, err := os.ReadFile(filepath.Join("testdata", "certificate", name))
	if err != nil {
		panic(err)
	}
	return axm.ServerCertificate{Name: name, Data: data}
}

func update(id string, change axm.ServerUpdate) func(context.Context, *axm.Client) (any, error) {
	return func(ctx context.Context, c *axm.Client) (any, error) {
		return exchange.Value(c.UpdateServer(ctx, id, change))
	}
}

func serverReplays() []replay {
	renewed := certificateFile("lab.pem")
	renewed.Name = "new.pem"
	return []replay{
		{"servers/list",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return exchange.Collect(c.Servers(ctx, axm.ListOptions{PageSize: 50,
					Fields: []string{"serverName", "serverType", "createdDateTime", "updatedDateTime"}}))
			},
			[]axm.Server{
				{ID: labMDM, ServerName: "Lab MDM", ServerType: axm.ServerMDM, Created: "2026-06-04T08:00:00.000Z", Updated: "2026-06-09T08:00:00.000Z"},
				{ID: "F1", ServerName: "Configurator", ServerType: axm.ServerConfigurator},
			}, nil},
		{"servers/one",
			func(ctx context.Context, c *axm.Client) (any, error) { return exchange.Value(c.Server(ctx, labMDM)) },
			axm.Server{
				ID: labMDM, ServerName: "Lab MDM", ServerType: axm.ServerMDM, Status: axm.ServerActive,
				DeviceCount: new(12), EnableMDMDisownFlag: new(false),
				DefaultProductFamilies: []axm.DefaultFamily{axm.DefaultIPad, axm.DefaultMac},
				LastConnected:          "2026-06-09T08:00:00Z", LastConnectedIP: "192.0.2.10",
				Created: "2026-06-04T08:00:00.000Z", Updated: "2026-06-09T08:00:00.000Z", Unknown: raw("region", `"eu"`),
			}, nil},
		{"servers/one, chosen fields",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return exchange.Value(c.Server(ctx, "F1", "deviceCount", "defaultProductFamilies"))
			},
			axm.Server{ID: "F1", DeviceCount: new(0), DefaultProductFamilies: []axm.DefaultFamily{}}, nil},
		{"servers/create",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return exchange.Value(c.CreateServer(ctx, axm.NewServer{
					ServerName: "Lab MDM", Certificate: certificateFile("lab.pem"), EnableMDMDisownFlag: new(false)}))
			},
			axm.Server{ID: labMDM, ServerName: "Lab MDM", ServerType: axm.ServerMDM}, nil},
		{"servers/create the least",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return exchange.Value(c.CreateServer(ctx, axm.NewServer{ServerName: "Lab MDM", Certificate: certificateFile("lab.cer")}))
			},
			axm.Server{ID: "F2", ServerName: "Lab MDM"}, nil},
		{"servers/update",
			update("F1", axm.ServerUpdate{ServerName: "New", EnableMDMDisownFlag: new(true),
				DefaultProductFamilies: &[]axm.DefaultFamily{axm.DefaultIPad, axm.DefaultMac}}),
			axm.Server{ID: "F1", ServerName: "New", EnableMDMDisownFlag: new(true),
				DefaultProductFamilies: []axm.DefaultFamily{axm.DefaultIPad, axm.DefaultMac}}, nil},
		{"servers/clear the default families", update("F1", axm.ServerUpdate{DefaultProductFamilies: new([]axm.DefaultFamily{})}),
			axm.Server{ID: "F1", ServerName: "New", DefaultProductFamilies: []axm.DefaultFamily{}}, nil},
		{"servers/change the certificate", update("F1", axm.ServerUpdate{Certificate: &renewed}),
			axm.Server{ID: "F1", ServerName: "New"}, nil},
		{"servers/delete",
			func(ctx context.Context, c *axm.Client) (any, error) { return nil, c.DeleteServer(ctx, "F1") }, nil, nil},
		{"servers/delete while devices are assigned",
			func(ctx context.Context, c *axm.Client) (any, error) { return nil, c.DeleteServer(ctx, "F1") }, nil,
			&wireError{status: 409, is: axm.ErrConflict, op: "delete server", items: []axm.ErrorItem{{
				ID: "e1", Status: "409", Code: "STATE_ERROR", Detail: "devices are assigned",
				Title: "The request cannot be fulfilled because of the state of another resource."}}}},
		{"servers/devices",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return exchange.Values(c.ServerDevicePages(ctx, "F1", axm.ListOptions{PageSize: 2}))
			},
			[]axm.Page[string]{
				{Items: []string{"ZZ9PLURALA1", "ZZ9PLURALA2"}, Cursor: "a/b", Total: 3, Begins: true},
				{Items: []string{"ZZ9PLURALA3"}, Total: 3, Completes: true},
			}, nil},
	}
}

func errorReplays() []replay {
	return []replay{
		{"errors/every member of an error", readDevice, nil, &wireError{
			status: 400, is: axm.ErrInvalidRequest, op: "read device",
			requestID: "11111111-2222-4333-8444-555555555555", correlationKey: "ABCDEFGH",
			items: []axm.ErrorItem{
				{ID: "5d0c", Status: "409", Code: "PARAMETER_ERROR.INVALID", Title: "A parameter has an invalid value",
					Detail: "'x' is not a valid field", Source: axm.ErrorSource{Parameter: "fields[orgDevices]"},
					Links: axm.ErrorLinks{About: "https://example.test/a",
						Associated: jsontext.Value(`{"href":"https://example.test/b","meta":{"source":"z"}}`)},
					Meta: raw("n", "1"), Unknown: raw("extra", "true")},
				{Status: "400", Code: "ENTITY_ERROR.ATTRIBUTE.INVALID", Title: "t", Detail: "d",
					Source: axm.ErrorSource{Pointer: "/data/attributes/serverName", Unknown: raw("line", "3")},
					Links:  axm.ErrorLinks{Associated: jsontext.Value(`"https://example.test/c"`)}},
			}}},
		{"errors/sources one level deeper", readDevice, nil, &wireError{
			status: 422, is: axm.ErrInvalidRequest, items: []axm.ErrorItem{
				{Status: "422", Code: "ENTITY_ERROR", Title: "t", Source: axm.ErrorSource{Pointer: "/data"}},
				{Code: "PARAMETER_ERROR", Detail: "d", Source: axm.ErrorSource{Parameter: "limit"}, Unknown: raw("status", "422")},
				{Status: "422", Code: "OTHER", Title: "t", Detail: "d", Unknown: raw("source", `"none"`)},
			}}},
		{"errors/forbidden verb", readDevice, nil, &wireError{status: 403, is: axm.ErrForbidden, items: []axm.ErrorItem{{
			ID: "f", Status: "403", Code: "FORBIDDEN_ERROR", Title: "The given operation is not allowed",
			Detail: "The relationship 'devices' does not allow 'GET_RELATED'. Allowed operation is: GET_RELATIONSHIP"}}}},
		{"errors/conflict", readDevice, nil, &wireError{status: 409, is: axm.ErrConflict, items: []axm.ErrorItem{{
			Status: "409", Code: "ENTITY_ERROR.ATTRIBUTE.INVALID", Title: "An attribute value is invalid.",
			Detail: "name has unsupported characters", Source: axm.ErrorSource{Pointer: "/data/attributes/name"}}}}},
		{"errors/too many requests", readDevice, nil, &wireError{status: 429, is: axm.ErrTooManyRequests, retryAfter: 61 * time.Second,
			items: []axm.ErrorItem{{Status: "429", Code: "RATE_LIMIT_EXCEEDED", Title: "t", Detail: "d"}}}},
		{"errors/gateway", readDevice, nil, &wireError{status: 502, is: axm.ErrServer}},
		{"errors/down", readDevice, nil, &wireError{status: 503, is: axm.ErrUnavailable, retryAfter: 30 * time.Second}},
		{"errors/wrong media type", readDevice, nil, &wireError{status: 406}},
		{"errors/gone", readDevice, nil, &wireError{status: 410, is: axm.ErrCursor}},
		{"errors/elsewhere", readDevice, nil, &wireError{status: 307, is: axm.ErrUnexpectedAnswer}},
		{"errors/cut off", readDevice, nil, &wireError{status: 200, is: axm.ErrUnexpectedAnswer}},
		{"errors/no resource", readDevice, nil, &wireError{status: 200, is: axm.ErrUnexpectedAnswer}},
		{"errors/no server at all", readAssigned, nil, &wireError{status: 200, is: axm.ErrUnexpectedAnswer}},
		{"errors/no linkage at all", readAssignedID, "", &wireError{status: 200, is: axm.ErrUnexpectedAnswer}},
		{"errors/a page without data",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return exchange.Collect(c.Devices(ctx, axm.ListOptions{}))
			},
			[]axm.Device(nil), &wireError{status: 200, is: axm.ErrUnexpectedAnswer}},
		{"errors/a page of linkages without data",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return exchange.Collect(c.ServerDevices(ctx, "F1", axm.ListOptions{}))
			},
			[]string(nil), &wireError{status: 200, is: axm.ErrUnexpectedAnswer}},
		{"errors/a next page without a cursor",
			func(ctx context.Context, c *axm.Client) (any, error) {
				return exchange.Collect(c.Devices(ctx, axm.ListOptions{}))
			},
			[]axm.Device(nil), &wireError{status: 200, is: axm.ErrUnexpectedAnswer}},
	}
}
