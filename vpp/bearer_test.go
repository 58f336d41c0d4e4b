package vpp_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

func TestARenewedTokenTakesOverWhenTheOldOneIsRefused(t *testing.T) {
	for name, refuse := range map[string]func(s *site){
		"revoked": func(s *site) { s.RevokeToken(s.source) },
		"revoked, told with status 200": func(s *site) {
			s.RevokeToken(s.source)
			s.srv.SetErrorsIn200(func(int) bool { return true })
		},
		"malformed": func(s *site) { s.srv.Fail(vpptest.ErrorFault(9722)) },
		"unknown":   func(s *site) { s.srv.Fail(vpptest.ErrorFault(9601)) },
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
				s.store(renewed)
				s.srv.ResetReceived()
				if err := s.ask(t); err != nil || s.readCount() != 2 {
					t.Errorf("%v after %d reads", err, s.readCount())
				}
				if got := s.srv.Received(); len(got) != 2 || got[1].Header.Get("Authorization") != "Bearer "+string(renewed) {
					t.Errorf("%d requests", len(got))
				}
				if diff := cmp.Diff([]vpp.StateKind{vpp.StateOK}, s.kinds()); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestARefusedTokenWithoutAnotherOneCostsOneRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		s.RevokeTokens()
		for range 2 {
			before := s.srv.Count("GET", "/mdm/v2/client/config")
			if err := s.ask(t); !errors.Is(err, vpp.ErrTokenRevoked) {
				t.Error(err)
			}
			if n := s.srv.Count("GET", "/mdm/v2/client/config") - before; n != 1 {
				t.Errorf("%d requests", n)
			}
		}
		if diff := cmp.Diff([]vpp.StateKind{vpp.StateTokenRevoked}, s.kinds()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAnExpiredTokenCostsNoRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		later(366 * 24 * time.Hour)
		err := s.ask(t)
		if !errors.Is(err, vpp.ErrTokenExpired) || !strings.Contains(err.Error(), "2001-01-01") {
			t.Error(err)
		}
		if n := s.srv.Count("", "/mdm/v2/client/config"); n != 0 {
			t.Errorf("%d requests", n)
		}
		if s.client.State().TokenExpiry.Year() != 2001 {
			t.Errorf("%+v", s.client.State())
		}
		s.store(s.IssueToken(vpptest.TokenOptions{}))
		if err := s.ask(t); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]vpp.StateKind{vpp.StateTokenExpired, vpp.StateOK}, s.kinds()); diff != "" {
			t.Error(diff)
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
			c, err := vpp.New(tc.source, &vpp.Options{HTTPClient: s.srv.Client(), BaseURL: s.srv.URL + "/mdm/v2"})
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

// Whoever waits for a token that another call reads stops waiting when its own time is up.
func TestWaitingForATokenEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil, nil)
		slow := vpp.TokenFunc(func(ctx context.Context) (*vpp.Token, error) {
			later(time.Minute)
			return s.read(ctx)
		})
		c, err := vpp.New(slow, &vpp.Options{HTTPClient: s.srv.Client(), BaseURL: s.srv.URL + "/mdm/v2"})
		if err != nil {
			t.Fatal(err)
		}
		var calls sync.WaitGroup
		calls.Go(func() {
			if _, err := c.ClientConfig(t.Context()); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = c.ClientConfig(ctx)
		failed, ok := errors.AsType[*vpp.TransportError](err)
		if !ok || failed.Sent || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		calls.Wait()
	})
}
