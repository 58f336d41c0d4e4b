package legacy_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/internal/exchange"
	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/legacy"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

func TestEveryCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, func(o *legacy.Options) { o.MDM = own })
		s.Buy(vpptest.Asset{AdamID: "1", Total: 3})
		s.Buy(vpptest.Asset{AdamID: "2", Total: 3, ProductType: vpptest.Book})
		ctx := t.Context()
		if _, err := s.client.Claim(ctx); err != nil {
			t.Fatal(err)
		}
		user, err := s.client.RegisterUser(ctx, vpp.UserRequest{ClientUserID: "u", Email: "u@example.test"})
		if err != nil || user.Status != vpp.UserRegistered || user.InviteCode == "" || !strings.Contains(user.InviteURL, user.InviteCode) {
			t.Fatalf("%+v, %v", user, err)
		}
		config, err := s.client.ServiceConfig(ctx)
		if err != nil || config.InvitationURL(user.InviteCode) != user.InviteURL {
			t.Errorf("%q, want %q, %v", config.InvitationURL(user.InviteCode), user.InviteURL, err)
		}
		user, err = s.client.EditUser(ctx, legacy.UserKey{ClientUserID: "u"}, legacy.UserChange{Email: "v@example.test", ManagedAppleAccount: "u@school.example"})
		if err != nil || user.Email != "v@example.test" || user.Status != vpp.UserAssociated || user.IDHash == "" {
			t.Errorf("%+v, %v", user, err)
		}
		result, err := s.client.ManageLicenses(ctx, legacy.Management{AdamID: "2", AssociateClientUserIDs: []string{"u"}})
		if err != nil || !result.Done() || result.ProductType != legacy.ProductPublication || !result.Irrevocable {
			t.Errorf("%+v, %v", result, err)
		}
		byID, err := s.client.User(ctx, legacy.UserKey{UserID: user.UserID})
		if err != nil || len(byID.Licenses) != 1 || byID.Licenses[0].AdamID != "2" || byID.Licenses[0].ID == "" {
			t.Errorf("%+v, %v", byID, err)
		}
		assets, err := s.client.Assets(ctx, legacy.AssetFilter{IncludeLicenseCounts: true})
		if err != nil || len(assets) != 2 || assets[1].AssignedCount != 1 || assets[1].Key().AdamID != "2" {
			t.Errorf("%+v, %v", assets, err)
		}
		assignments, err := exchange.Collect(s.client.Assignments(ctx, legacy.AssignmentFilter{}))
		if err != nil || len(assignments) != 1 || assignments[0].Key().ClientUserID != "u" {
			t.Errorf("%+v, %v", assignments, err)
		}
		licenses, err := exchange.Collect(s.client.Licenses(ctx, legacy.LicenseFilter{AssignedOnly: true}))
		if err != nil || len(licenses) != 1 || licenses[0].Status != legacy.LicenseAssociated || licenses[0].ClientUserID != "u" {
			t.Errorf("%+v, %v", licenses, err)
		}
		retired, err := s.client.RetireUser(ctx, legacy.UserKey{ClientUserID: "u"})
		if err != nil || retired.Status != vpp.UserRetired || len(retired.Licenses) != 1 {
			t.Errorf("%+v, %v", retired, err)
		}
		if _, err := s.client.RetireUser(ctx, legacy.UserKey{UserID: user.UserID}); !errors.Is(err, legacy.ErrUserRetired) {
			t.Error(err)
		}
		users, err := exchange.Collect(s.client.Users(ctx, legacy.UserFilter{IncludeRetired: true}))
		if err != nil || len(users) != 1 || users[0].Status != vpp.UserRetired {
			t.Errorf("%+v, %v", users, err)
		}
		if s.client.UID() != s.UID() {
			t.Errorf("UID %q", s.client.UID())
		}
		if n := s.count("VPPServiceConfigSrv"); n != 1 {
			t.Errorf("the service configuration was read %d times", n)
		}
		s.noViolations(t)
	})
}

func TestNewChecksItsOptions(t *testing.T) {
	token := mustParse(t)
	for want, opts := range map[string]*legacy.Options{
		"Options.UserAgent": {UserAgent: "line\nbreak"},
		"Options.MaxBody":   {MaxBody: -1},
		"Options.MDM":       {MDM: legacy.MDMInfo{GUID: "x"}},
		"BaseURL":           {BaseURL: "ftp://a.test"},
		"Retry.Tries":       {Retry: vpp.Retry{Tries: -1}},
	} {
		c, err := legacy.New(token, opts)
		if e, ok := errors.AsType[*vpp.InputError](err); !ok || e.Field != want || c != nil {
			t.Errorf("%+v: %v", opts, err)
		}
	}
	long := legacy.MDMInfo{Hostname: strings.Repeat("h", 240), GUID: "x"}
	if _, err := legacy.New(token, &legacy.Options{MDM: long}); err == nil || !strings.Contains(err.Error(), "255 bytes") {
		t.Error(err)
	}
	if _, err := legacy.New(nil, nil); err == nil {
		t.Error("New took no source")
	}
	c, err := legacy.New(token, nil)
	if err != nil || c.UID() != "" {
		t.Errorf("%+v, %v", c, err)
	}
}

func mustParse(t testing.TB) *vpp.Token {
	t.Helper()
	token, err := vpp.ParseToken([]byte(stoken))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestARenewedTokenTakesOverWhenTheOldOneIsRefused(t *testing.T) {
	for name, refuse := range map[string]func(s *site){
		"revoked":   func(s *site) { s.RevokeToken(s.source) },
		"malformed": func(s *site) { s.srv.Fail(vpptest.LegacyErrorFault(9622)) },
		"unknown":   func(s *site) { s.srv.Fail(vpptest.LegacyErrorFault(9601)) },
		"bare 401":  func(s *site) { s.srv.Fail(vpptest.Fault{Kind: vpptest.Answer, Status: 401}) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, nil, nil)
				if err := s.ask(t); err != nil {
					t.Fatal(err)
				}
				renewed := s.IssueToken(vpptest.TokenOptions{})
				refuse(s)
				s.srv.ResetReceived()
				s.store(renewed)
				if err := s.ask(t); err != nil {
					t.Error(err)
				}
				if got := s.srv.Received(); len(got) != 2 || !strings.Contains(string(got[1].Body), string(renewed)) {
					t.Errorf("%d requests", len(got))
				}
				s.noViolations(t)
			})
		})
	}
}

func TestARefusedTokenWithoutAnotherOneCostsOneRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.RevokeTokens()
		for range 2 {
			before := s.count("getVPPAssetsSrv")
			if err := s.ask(t); !errors.Is(err, vpp.ErrTokenRevoked) {
				t.Error(err)
			}
			if n := s.count("getVPPAssetsSrv") - before; n != 1 {
				t.Errorf("%d requests", n)
			}
		}
	})
}

func TestAnExpiredTokenCostsNoRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		if err := s.ask(t); err != nil {
			t.Fatal(err)
		}
		time.Sleep(366 * 24 * time.Hour)
		s.srv.ResetReceived()
		if err := s.ask(t); !errors.Is(err, vpp.ErrTokenExpired) || !strings.Contains(err.Error(), "2001-01-01") {
			t.Error(err)
		}
		if n := s.count("getVPPAssetsSrv"); n != 0 {
			t.Errorf("%d requests", n)
		}
		s.store(s.IssueToken(vpptest.TokenOptions{}))
		if err := s.ask(t); err != nil {
			t.Error(err)
		}
	})
}

func TestATokenThatCannotBeRead(t *testing.T) {
	broken := errors.New("the database is away")
	for name, tc := range map[string]struct {
		source vpp.TokenFunc
		is     error
	}{
		"failure": {func(context.Context) (*vpp.Token, error) { return nil, broken }, broken},
		"nil":     {func(context.Context) (*vpp.Token, error) { return nil, nil }, nil},
		"empty":   {func(context.Context) (*vpp.Token, error) { return &vpp.Token{OrgName: "x"}, nil }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, nil, nil)
			c, err := legacy.New(tc.source, &legacy.Options{HTTPClient: s.srv.Client(), BaseURL: s.srv.URL + "/mdm"})
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.ClientConfig(t.Context())
			_, input := errors.AsType[*vpp.InputError](err)
			if err == nil || tc.is != nil && !errors.Is(err, tc.is) || tc.is == nil && !input {
				t.Error(err)
			}
		})
	}
}

// Those who wait for the token of another call give up when their own time is up.
func TestWaitingForATokenEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		source := vpp.TokenFunc(func(ctx context.Context) (*vpp.Token, error) {
			time.Sleep(time.Minute)
			return s.read(ctx)
		})
		c, err := legacy.New(source, &legacy.Options{HTTPClient: s.srv.Client(), BaseURL: s.srv.URL + "/mdm"})
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = c.ClientConfig(t.Context()) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = c.Assets(ctx, legacy.AssetFilter{})
		line, ok := errors.AsType[*vpp.TransportError](err)
		if !ok || !errors.Is(err, context.DeadlineExceeded) || line.Sent || line.Path != "/getVPPAssetsSrv" {
			t.Error(err)
		}
		time.Sleep(time.Minute)
	})
}

func TestATokenOfAnotherLocation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		if err := s.ask(t); err != nil {
			t.Fatal(err)
		}
		right := s.source
		s.RevokeTokens()
		s.store(s.srv.AddLocation(vpptest.LocationOptions{}).Token())
		s.srv.ResetReceived()
		for range 2 {
			if err := s.ask(t); !errors.Is(err, vpp.ErrOtherLocation) {
				t.Error(err)
			}
		}
		if n := s.count("getVPPAssetsSrv"); n != 2 { // with the revoked token, and the strange one
			t.Errorf("%d requests", n)
		}
		s.store(s.IssueToken(vpptest.TokenOptions{}))
		if err := s.ask(t); err != nil {
			t.Error(err)
		}
		wrong := s.newClient(t, func(o *legacy.Options) { o.UID = "17" })
		_, err := wrong.RegisterUser(t.Context(), vpp.UserRequest{ClientUserID: "u"})
		if !errors.Is(err, vpp.ErrOtherLocation) || len(s.Users()) != 0 {
			t.Errorf("%v, users %v", err, s.Users())
		}
		if string(right) == string(s.source) {
			t.Error("the token was not renewed")
		}
	})
}
