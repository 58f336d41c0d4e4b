package legacy_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/internal/exchange"
	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/legacy"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

const otherContext = `{"hostname":"mdm.example.test","guid":"c0ffee","ac2":1}`

// everyCall has every call that a claim of another server forbids.
var everyCall = map[string]func(t *testing.T, c *legacy.Client) error{
	"Assets": func(t *testing.T, c *legacy.Client) error {
		_, err := c.Assets(t.Context(), legacy.AssetFilter{})
		return err
	},
	"Assignments": func(t *testing.T, c *legacy.Client) error {
		_, err := exchange.Collect(c.Assignments(t.Context(), legacy.AssignmentFilter{}))
		return err
	},
	"Licenses": func(t *testing.T, c *legacy.Client) error {
		_, err := exchange.Collect(c.Licenses(t.Context(), legacy.LicenseFilter{}))
		return err
	},
	"Users": func(t *testing.T, c *legacy.Client) error {
		_, err := exchange.Collect(c.Users(t.Context(), legacy.UserFilter{}))
		return err
	},
	"User": func(t *testing.T, c *legacy.Client) error {
		_, err := c.User(t.Context(), legacy.UserKey{ClientUserID: "u"})
		return err
	},
	"RegisterUser": func(t *testing.T, c *legacy.Client) error {
		_, err := c.RegisterUser(t.Context(), vpp.UserRequest{ClientUserID: "new"})
		return err
	},
	"EditUser": func(t *testing.T, c *legacy.Client) error {
		_, err := c.EditUser(t.Context(), legacy.UserKey{ClientUserID: "u"}, legacy.UserChange{Email: "x@example.test"})
		return err
	},
	"RetireUser": func(t *testing.T, c *legacy.Client) error {
		_, err := c.RetireUser(t.Context(), legacy.UserKey{ClientUserID: "u"})
		return err
	},
	"ManageLicenses": func(t *testing.T, c *legacy.Client) error {
		_, err := c.ManageLicenses(t.Context(), legacy.Management{AdamID: "1", AssociateSerialNumbers: []string{"A"}})
		return err
	},
	"SetNotificationToken": func(t *testing.T, c *legacy.Client) error {
		_, err := c.SetNotificationToken(t.Context(), vpp.NewSecret("push"))
		return err
	},
}

// Nothing at all happens to an account of another server, not even by the first call.
func TestTheAccountOfAnotherServerIsLeftAlone(t *testing.T) {
	for name, context := range map[string]string{
		"another server": otherContext, "version 2": string(legacy.ContextOfVersion2), "no JSON": "{", "no object": `"text"`,
		"no guid": `{"hostname":"mdm.example.test"}`, "a guid that is no text": `{"hostname":"mdm.example.test","guid":1}`,
	} {
		for call, do := range everyCall {
			t.Run(name+"/"+call, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newSite(t, nil, asOwn)
					s.CreateUserByOther("u", "", "")
					s.Buy(vpptest.Asset{AdamID: "1", Total: 1})
					s.SetClientContext(context)
					for range 2 {
						err := do(t, s.client)
						e, ok := errors.AsType[*legacy.ClaimedError](err)
						if !ok || !errors.Is(err, vpp.ErrClaimedByOther) || string(e.Context) != context {
							t.Error(err)
						}
					}
					if n := len(s.srv.Received()); n != 2 { // the service configuration, and the client's
						t.Errorf("%d requests", n)
					}
					if config, err := s.client.ClientConfig(t.Context()); err != nil || string(config.ClientContext) != context {
						t.Errorf("%+v, %v", config, err)
					}
				})
			})
		}
	}
}

func TestAClaimOfAnotherServerIsNoticedInEveryAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, asOwn)
		if _, err := s.client.Claim(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.SetClientContext(otherContext)
		if err := s.ask(t); err != nil { // whose answer tells
			t.Error(err)
		}
		s.srv.ResetReceived()
		err := s.ask(t)
		want := `read assets: the location is claimed by another device-management server: "mdm.example.test" (GUID "c0ffee")`
		if err == nil || err.Error() != want || len(s.srv.Received()) != 0 {
			t.Errorf("%v after %d requests", err, len(s.srv.Received()))
		}
		if _, err := s.client.Claim(t.Context()); !errors.Is(err, vpp.ErrClaimedByOther) {
			t.Error(err)
		}
		config, err := s.client.TakeOver(t.Context())
		if by, _ := config.ClientContext.MDM(); err != nil || by != own || !strings.Contains(string(config.ClientContext), `"ac2":1`) {
			t.Errorf("%+v, %v", config, err)
		}
		if err := s.ask(t); err != nil {
			t.Error(err)
		}
	})
}

// A claim that is noticed while a call waits to be repeated stops the call.
func TestAClaimDuringARetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, func(o *legacy.Options) { o.MDM, o.Retry.MinWait = own, 10*time.Second })
		if err := s.ask(t); err != nil {
			t.Fatal(err)
		}
		s.srv.Fail(vpptest.Fault{Kind: vpptest.Empty, Path: "/mdm/registerVPPUserSrv"})
		var call sync.WaitGroup
		call.Go(func() {
			err := everyCall["RegisterUser"](t, s.client)
			if !errors.Is(err, vpp.ErrClaimedByOther) || s.count("registerVPPUserSrv") != 1 {
				t.Errorf("%v after %d requests", err, s.count("registerVPPUserSrv"))
			}
		})
		time.Sleep(time.Second)
		s.SetClientContext(otherContext)
		if err := s.ask(t); err != nil { // whose answer tells
			t.Error(err)
		}
		call.Wait()
	})
}

// The administrator has ended the other server's claim: the configuration tells so.
func TestAClaimThatHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, asOwn)
		s.SetClientContext(otherContext)
		if err := s.ask(t); !errors.Is(err, vpp.ErrClaimedByOther) {
			t.Fatal(err)
		}
		s.SetClientContext("")
		if _, err := s.client.ClientConfig(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.ask(t); err != nil {
			t.Error(err)
		}
	})
}

func TestWithoutMDMNobodysClaimCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.SetClientContext(string(legacy.ContextOfVersion2))
		if err := s.ask(t); err != nil || s.count("VPPClientConfigSrv") != 0 {
			t.Errorf("%v, %d reads of the client configuration", err, s.count("VPPClientConfigSrv"))
		}
		for name, call := range map[string]func() (*legacy.ClientConfig, error){
			"Claim":    func() (*legacy.ClientConfig, error) { return s.client.Claim(t.Context()) },
			"TakeOver": func() (*legacy.ClientConfig, error) { return s.client.TakeOver(t.Context()) },
			"Release":  func() (*legacy.ClientConfig, error) { return s.client.Release(t.Context()) },
		} {
			_, err := call()
			if e, ok := errors.AsType[*vpp.InputError](err); !ok || e.Field != "Options.MDM" {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestClaimAndRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, asOwn)
		ctx := t.Context()
		for range 2 {
			if config, err := s.client.Claim(ctx); err != nil || config.ClientContext != ownContext {
				t.Errorf("%+v, %v", config, err)
			}
		}
		if n := s.count("VPPClientConfigSrv"); n != 3 {
			t.Errorf("%d requests", n)
		}
		if config, err := s.client.Release(ctx); err != nil || config.ClientContext != "" {
			t.Errorf("%+v, %v", config, err)
		}
		s.SetClientContext(otherContext)
		if _, err := s.client.Release(ctx); !errors.Is(err, vpp.ErrClaimedByOther) {
			t.Error(err)
		}
		if config, err := s.client.ClientConfig(ctx); err != nil || config.ClientContext != otherContext {
			t.Errorf("%+v, %v", config, err)
		}
	})
}

// What others keep in the context is theirs: a claim does not push it out, a take-over may.
func TestAClaimWithoutRoomForWhatOthersKeep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, asOwn)
		full := `{"guid":"` + own.GUID + `","hostname":"a","more":"` + strings.Repeat("x", 180) + `"}`
		s.SetClientContext(full)
		_, err := s.client.Claim(t.Context())
		if e, ok := errors.AsType[*vpp.InputError](err); !ok || e.Field != "Options.MDM" || !strings.Contains(e.Rule, "Apple keeps 255") {
			t.Error(err)
		}
		if config, err := s.client.ClientConfig(t.Context()); err != nil || string(config.ClientContext) != full {
			t.Errorf("%+v, %v", config, err)
		}
		if config, err := s.client.TakeOver(t.Context()); err != nil || config.ClientContext != ownContext {
			t.Errorf("%+v, %v", config, err)
		}
	})
}

// An answer that was under way during a take-over knows nothing of it.
func TestALateAnswerDoesNotUndoATakeOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, asOwn)
		if err := s.ask(t); err != nil {
			t.Fatal(err)
		}
		s.SetClientContext(otherContext)
		s.srv.Fail(vpptest.Fault{Kind: vpptest.Late, Path: "/mdm/getVPPAssetsSrv", Delay: 10 * time.Second})
		var slow sync.WaitGroup
		slow.Go(func() {
			if err := s.ask(t); err != nil {
				t.Error(err)
			}
		})
		time.Sleep(time.Second)
		if _, err := s.client.TakeOver(t.Context()); err != nil {
			t.Fatal(err)
		}
		slow.Wait()
		if err := s.ask(t); err != nil {
			t.Error(err)
		}
	})
}

// However many calls begin at once, one of them looks who has the account.
func TestOneCallLooksForTheClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, &vpptest.Options{Latency: time.Second}, asOwn)
		var calls sync.WaitGroup
		for range 10 {
			calls.Go(func() {
				if err := s.ask(t); err != nil {
					t.Error(err)
				}
			})
		}
		calls.Wait()
		if n := s.count("VPPClientConfigSrv"); n != 1 {
			t.Errorf("%d looks", n)
		}
		if n := s.count("VPPServiceConfigSrv"); n != 1 {
			t.Errorf("%d reads of the service configuration", n)
		}
	})
}

func TestAClaimThatCannotBeSeenStopsTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, func(o *legacy.Options) { o.MDM, o.Retry.Tries = own, 1 })
		s.srv.Fail(vpptest.Fault{Kind: vpptest.Empty, Path: "/mdm/VPPClientConfigSrv"})
		if err := s.ask(t); !errors.Is(err, vpp.ErrServer) || s.count("getVPPAssetsSrv") != 0 {
			t.Error(err)
		}
		if err := s.ask(t); err != nil {
			t.Error(err)
		}
	})
}
