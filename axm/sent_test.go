package axm_test

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/axm"
	"github.com/applemdm/applemdm/axm/axmtest"
	"github.com/applemdm/applemdm/internal/sent"
)

// sentCall is a method of Client with everything that it can send.
type sentCall struct {
	name string
	call func(ctx context.Context, c *axm.Client) error
}

// one asks for fields in pages of one item.
func one(fields ...string) axm.ListOptions { return axm.ListOptions{Fields: fields, PageSize: 1} }

func sentReads() []sentCall {
	serials := []string{"ZZ9PLURALA1", "ZZ9PLURALA2"}
	relations := axm.BlueprintRelations{axm.BlueprintApps: {"1", "2"}}
	include := axm.BlueprintInclude{axm.BlueprintApps: 1, axm.BlueprintPackages: 1, axm.BlueprintConfigurations: 1,
		axm.BlueprintDevices: 1, axm.BlueprintUsers: 1, axm.BlueprintUserGroups: 1}
	filter := axm.AuditFilter{ActorID: "u-1", SubjectID: "b-1", Type: axm.EventDeviceAddedToOrg,
		Start: time.Now().Add(-time.Hour), End: time.Now()}
	return []sentCall{
		{"Devices", func(ctx context.Context, c *axm.Client) error { return ends(c.Devices(ctx, one("serialNumber"))) }},
		{"Devices", func(ctx context.Context, c *axm.Client) error { return ends(c.Devices(ctx, axm.ListOptions{})) }}, // in full
		{"Users", func(ctx context.Context, c *axm.Client) error { return ends(c.Users(ctx, axm.ListOptions{})) }},
		{"Device", func(ctx context.Context, c *axm.Client) error {
			return failing(c.Device(ctx, serials[0], "serialNumber"))
		}},
		{"AssignedServer", func(ctx context.Context, c *axm.Client) error {
			return failing(c.AssignedServer(ctx, serials[0], "serverName"))
		}},
		{"AssignedServerID", func(ctx context.Context, c *axm.Client) error { return failing(c.AssignedServerID(ctx, serials[0])) }},
		{"AssignedServerIDsOf", func(ctx context.Context, c *axm.Client) error { return ends(c.AssignedServerIDsOf(ctx, serials)) }},
		{"AppleCare", func(ctx context.Context, c *axm.Client) error { return failing(c.AppleCare(ctx, serials[0], "status")) }},
		{"AppleCareOf", func(ctx context.Context, c *axm.Client) error { return ends(c.AppleCareOf(ctx, serials, "status")) }},
		{"ActivationLock", func(ctx context.Context, c *axm.Client) error {
			return failing(c.ActivationLock(ctx, serials[0], "isLocked"))
		}},
		{"ActivationLocksOf", func(ctx context.Context, c *axm.Client) error {
			return ends(c.ActivationLocksOf(ctx, serials, "isLocked"))
		}},
		{"Servers", func(ctx context.Context, c *axm.Client) error { return ends(c.Servers(ctx, one("serverName"))) }},
		{"Server", func(ctx context.Context, c *axm.Client) error { return failing(c.Server(ctx, "F1", "serverName")) }},
		{"ServerDevices", func(ctx context.Context, c *axm.Client) error { return ends(c.ServerDevices(ctx, "F1", one())) }},
		{"VerifyAssigned", func(ctx context.Context, c *axm.Client) error { return failing(c.VerifyAssigned(ctx, "F1", serials)) }},
		{"MDMDevices", func(ctx context.Context, c *axm.Client) error { return ends(c.MDMDevices(ctx, one("serialNumber"))) }},
		{"MDMDeviceDetails", func(ctx context.Context, c *axm.Client) error {
			return failing(c.MDMDeviceDetails(ctx, "m-1", "platform"))
		}},
		{"Users", func(ctx context.Context, c *axm.Client) error { return ends(c.Users(ctx, one("firstName"))) }},
		{"User", func(ctx context.Context, c *axm.Client) error { return failing(c.User(ctx, "u-1", "firstName")) }},
		{"UserGroups", func(ctx context.Context, c *axm.Client) error { return ends(c.UserGroups(ctx, one("name"))) }},
		{"UserGroup", func(ctx context.Context, c *axm.Client) error { return failing(c.UserGroup(ctx, "g-1", "name")) }},
		{"UserGroupUsers", func(ctx context.Context, c *axm.Client) error { return ends(c.UserGroupUsers(ctx, "g-1", one())) }},
		{"OrganizationalUnits", func(ctx context.Context, c *axm.Client) error { return ends(c.OrganizationalUnits(ctx, one("name"))) }},
		{"OrganizationalUnit", func(ctx context.Context, c *axm.Client) error {
			return failing(c.OrganizationalUnit(ctx, "ou-1", "name"))
		}},
		{"OrganizationalUnitUsers", func(ctx context.Context, c *axm.Client) error {
			return ends(c.OrganizationalUnitUsers(ctx, "ou-1", one()))
		}},
		{"Apps", func(ctx context.Context, c *axm.Client) error { return ends(c.Apps(ctx, one("name"))) }},
		{"App", func(ctx context.Context, c *axm.Client) error { return failing(c.App(ctx, "1", "name")) }},
		{"Packages", func(ctx context.Context, c *axm.Client) error { return ends(c.Packages(ctx, one("name"))) }},
		{"Package", func(ctx context.Context, c *axm.Client) error { return failing(c.Package(ctx, "p-1", "name")) }},
		{"Configurations", func(ctx context.Context, c *axm.Client) error { return ends(c.Configurations(ctx, one("name"))) }},
		{"Configuration", func(ctx context.Context, c *axm.Client) error { return failing(c.Configuration(ctx, "c-1", "name")) }},
		{"Blueprints", func(ctx context.Context, c *axm.Client) error { return ends(c.Blueprints(ctx, include, one("name"))) }},
		{"Blueprint", func(ctx context.Context, c *axm.Client) error {
			return failing(c.Blueprint(ctx, "b-1", include, "name"))
		}},
		{"BlueprintRelated", func(ctx context.Context, c *axm.Client) error {
			for relation := range include {
				if err := ends(c.BlueprintRelated(ctx, "b-1", relation, one())); err != nil {
					return err
				}
			}
			return nil
		}},
		{"MissingInBlueprint", func(ctx context.Context, c *axm.Client) error {
			return failing(c.MissingInBlueprint(ctx, "b-1", relations))
		}},
		{"AuditEvents", func(ctx context.Context, c *axm.Client) error {
			if err := ends(c.AuditEvents(ctx, axm.AuditFilter{Start: filter.Start, End: filter.End}, one("type"))); err != nil {
				return err
			}
			return ends(c.AuditEvents(ctx, filter, one("type")))
		}},
	}
}

func sentWrites() []sentCall {
	everything := axm.BlueprintRelations{axm.BlueprintApps: {"1"}, axm.BlueprintPackages: {"p-1"}, axm.BlueprintConfigurations: {"c-1"},
		axm.BlueprintDevices: {"ZZ9PLURALA1"}, axm.BlueprintUsers: {"u-1"}, axm.BlueprintUserGroups: {"g-1"}}
	certificate := certificateFile("lab.pem")
	serials := []string{"ZZ9PLURALA1", "ZZ9PLURALA2"}
	var made []string // a server, a configuration, a blueprint
	keep := func(id string, err error) error { made = append(made, id); return err }
	return []sentCall{
		{"CreateServer", func(ctx context.Context, c *axm.Client) error {
			s, err := c.CreateServer(ctx, axm.NewServer{ServerName: "New", Certificate: certificate, EnableMDMDisownFlag: new(true)})
			if err != nil {
				return err
			}
			return keep(s.ID, nil)
		}},
		{"UpdateServer", func(ctx context.Context, c *axm.Client) error {
			return failing(c.UpdateServer(ctx, made[0], axm.ServerUpdate{ServerName: "Newer", Certificate: &certificate,
				EnableMDMDisownFlag: new(false), DefaultProductFamilies: &[]axm.DefaultFamily{axm.DefaultMac}}))
		}},
		{"MoveDefaultFamilies", func(ctx context.Context, c *axm.Client) error {
			return failing(c.MoveDefaultFamilies(ctx, made[0], "F1", axm.DefaultMac))
		}},
		{"DeleteServer", func(ctx context.Context, c *axm.Client) error { return c.DeleteServer(ctx, made[0]) }},
		{"CreateConfiguration", func(ctx context.Context, c *axm.Client) error {
			f, err := c.CreateConfiguration(ctx, axm.NewConfiguration{Name: "Wifi 2", ConfigurationProfile: wifiProfile,
				Filename: "wifi2.mobileconfig", ConfiguredForPlatforms: []axm.Platform{axm.PlatformIOS}})
			if err != nil {
				return err
			}
			return keep(f.ID, nil)
		}},
		{"UpdateConfiguration", func(ctx context.Context, c *axm.Client) error {
			return failing(c.UpdateConfiguration(ctx, made[1], axm.ConfigurationUpdate{Name: "Wifi 3", ConfigurationProfile: wifiProfile,
				Filename: "wifi3.mobileconfig", ConfiguredForPlatforms: &[]axm.Platform{axm.PlatformIOS}}))
		}},
		{"DeleteConfiguration", func(ctx context.Context, c *axm.Client) error { return c.DeleteConfiguration(ctx, made[1]) }},
		{"CreateBlueprint", func(ctx context.Context, c *axm.Client) error {
			b, err := c.CreateBlueprint(ctx, axm.NewBlueprint{Name: "new", Description: "for everyone", Relations: everything})
			if err != nil {
				return err
			}
			return keep(b.ID, nil)
		}},
		{"UpdateBlueprint", func(ctx context.Context, c *axm.Client) error {
			return failing(c.UpdateBlueprint(ctx, made[2], axm.BlueprintUpdate{Name: "newer", Description: new("for some"), Relations: everything}))
		}},
		{"RemoveFromBlueprint", func(ctx context.Context, c *axm.Client) error {
			for relation, ids := range everything {
				if err := c.RemoveFromBlueprint(ctx, "b-1", relation, ids); err != nil {
					return err
				}
			}
			return nil
		}},
		{"AddToBlueprint", func(ctx context.Context, c *axm.Client) error {
			for relation, ids := range everything {
				if err := c.AddToBlueprint(ctx, "b-1", relation, ids); err != nil {
					return err
				}
			}
			return nil
		}},
		{"DeleteBlueprint", func(ctx context.Context, c *axm.Client) error { return c.DeleteBlueprint(ctx, made[2]) }},
		{"UnassignDevices", waits(func(ctx context.Context, c *axm.Client) (*axm.Operation, error) {
			return c.UnassignDevices(ctx, "F1", serials[:1])
		})},
		{"AssignDevices", func(ctx context.Context, c *axm.Client) error {
			op, err := c.AssignDevices(ctx, "F1", serials)
			if err != nil {
				return err
			}
			return keep(op.ActivityIDs()[0], nil)
		}},
		{"WaitActivity", func(ctx context.Context, c *axm.Client) error { return failing(c.WaitActivity(ctx, made[3])) }},
		{"Activity", func(ctx context.Context, c *axm.Client) error { return failing(c.Activity(ctx, made[3], "status")) }},
		{"ActivityLog", func(ctx context.Context, c *axm.Client) error { return failing(c.ActivityLog(ctx, made[3])) }},
		{"MigrateDevices", waits(func(ctx context.Context, c *axm.Client) (*axm.Operation, error) {
			return c.MigrateDevices(ctx, "F1", time.Now().AddDate(0, 0, 30), serials[:1])
		})},
		{"UpdateMigrationDeadline", waits(func(ctx context.Context, c *axm.Client) (*axm.Operation, error) {
			return c.UpdateMigrationDeadline(ctx, time.Now().AddDate(0, 0, 40), serials[:1])
		})},
		{"CancelMigration", waits(func(ctx context.Context, c *axm.Client) (*axm.Operation, error) {
			return c.CancelMigration(ctx, serials[:1])
		})},
		{"ReleaseDevicesIrreversibly", waits(func(ctx context.Context, c *axm.Client) (*axm.Operation, error) {
			return c.ReleaseDevicesIrreversibly(ctx, serials[:1])
		})},
	}
}

// waits is a call that waits for the operation that it begins, whatever becomes of the devices.
func waits(begin func(context.Context, *axm.Client) (*axm.Operation, error)) func(context.Context, *axm.Client) error {
	return func(ctx context.Context, c *axm.Client) error {
		op, err := begin(ctx, c)
		if err != nil {
			return err
		}
		_, err = op.Wait(ctx)
		return err
	}
}

// neverSend are the methods that make no requests by themselves.
var neverSend = []string{"API", "Budget", "ResumeOperation", "SetBudget", "State", "TokenSource"}

func TestEveryCallShowsWhatIsSent(t *testing.T) {
	shown := slices.Clone(neverSend)
	for _, call := range append(sentReads(), sentWrites()...) {
		shown = append(shown, call.name)
	}
	for m := range reflect.TypeFor[*axm.Client]().Methods() {
		of, pages := strings.CutSuffix(m.Name, "Pages") // of what another method yields one by one
		if !slices.Contains(shown, m.Name) && !(pages && (slices.Contains(shown, of) || slices.Contains(shown, of+"s"))) {
			t.Errorf("%s is not shown", m.Name)
		}
	}
}

// newSentSite is an organisation with at least two of everything.
func newSentSite(t *testing.T) *site {
	t.Helper()
	s := newBusiness(t)
	s.AddServer(axmtest.MDMServer{ID: "F1", Name: "Lab"})
	s.AddServer(axmtest.MDMServer{Name: "Other"})
	s.ModifyDevice("ZZ9PLURALA1", func(d *axmtest.Device) {
		d.Coverage, d.OrderNumber, d.EID = []axmtest.Coverage{{ID: "AC-1"}}, "ORDER-1", "89049032000000000000000000000017"
		d.IMEI, d.WiFiMAC, d.BluetoothMAC = []string{"352099001761481"}, "02005E100017", "02005E100018"
	})
	s.AssignDevices("F1", "ZZ9PLURALA1", "ZZ9PLURALA2")
	s.MDMDevices.Add(axmtest.MDMDevice{ID: "m-2", SerialNumber: "ZZ9PLURALA2"})
	s.UserGroups.Add(axmtest.UserGroup{ID: "g-2", Name: "Office"})
	s.OrgUnits.Add(axmtest.OrgUnit{ID: "ou-2", Name: "Branch"})
	s.OrgUnits.Update("ou-1", func(o *axmtest.OrgUnit) { o.Users = []string{"u-1", "u-2"} })
	s.Packages.Add(axmtest.Package{ID: "p-2", Name: "Tools"})
	s.Configurations.Add(axmtest.Configuration{ID: "c-3", Name: "Mail", Profile: wifiProfile})
	s.Blueprints.Add(axmtest.Blueprint{ID: "b-2", Name: "all", Users: []string{"u-1"}, Apps: []string{"1"}})
	s.Blueprints.Update("b-1", func(b *axmtest.Blueprint) {
		b.Apps, b.Packages, b.Configurations = []string{"1", "2"}, []string{"p-1", "p-2"}, []string{"c-1", "c-3"}
		b.Devices, b.Users, b.UserGroups = []string{"ZZ9PLURALA1", "ZZ9PLURALA2"}, []string{"u-1", "u-2"}, []string{"g-1", "g-2"}
	})
	return s
}

// What every call sends is in the README's table, and nothing is there that is never sent.
func TestWhatIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSentSite(t)
		base := s.srv.Client()
		wire := &sent.Wire{Base: base.Transport}
		base.Transport = wire
		client := s.newClient(t, func(o *axm.Options) { o.HTTPClient = base })
		for _, call := range append(sentReads(), sentWrites()...) {
			if err := call.call(t.Context(), client); err != nil {
				t.Errorf("%s: %v", call.name, err)
			}
		}
		for _, wrong := range sent.Check("../README.md", "axm", wire.Messages()) {
			t.Error(wrong)
		}
	})
}
