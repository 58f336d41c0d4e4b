package vpp_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/internal/exchange"
	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

// busiest returns the most requests that arrived within any second, the token's and the others.
func busiest(requests []vpptest.Request) int {
	most := 0
	for i := range requests {
		n := 0
		for _, r := range requests[i:] {
			if r.Time.Sub(requests[i].Time) < time.Second {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

// readSlowly reads 60 pages from a service that takes 200 ms for each request and publishes a rate.
// It returns how long that took.
func readSlowly(t *testing.T, perSecond int) (took time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, &vpptest.Options{PageSize: 2, Latency: 200 * time.Millisecond}, nil)
		s.srv.SetLimit("maxRequestPerSecond", perSecond)
		s.stock(120)
		if err := s.ask(t); err != nil { // the service configuration is there
			t.Fatal(err)
		}
		later(time.Minute)
		s.srv.ResetReceived()
		start := time.Now()
		assets, err := exchange.Collect(s.client.Assets(t.Context(), vpp.AssetFilter{}))
		took = time.Since(start)
		if err != nil || len(assets) != 120 || !slices.IsSortedFunc(assets, func(a, b vpp.Asset) int {
			return strings.Compare(string(a.AdamID), string(b.AdamID))
		}) {
			t.Errorf("%d assets, %v", len(assets), err)
		}
		requests := s.srv.Received()
		if n := busiest(requests); len(requests) != 60 || n > perSecond {
			t.Errorf("%d requests, %d within a second of at most %d", len(requests), n, perSecond)
		}
		if traffic := s.Traffic(); traffic.PeakPages > 5 || traffic.Throttled > 0 {
			t.Errorf("%+v", traffic)
		}
		s.noViolations(t)
	})
	return took
}

func TestPagesAreReadInParallelWithinThePublishedRate(t *testing.T) {
	const sequential = 60 * 200 * time.Millisecond
	// With room enough, five at once are five times as fast, but for the first page.
	if took := readSlowly(t, 50); took > sequential/4 {
		t.Errorf("60 pages took %v, one after the other %v", took, sequential)
	}
	// The rate of Apple's documentation allows 60 requests in four seconds; the rest is the answers.
	if took := readSlowly(t, 15); took > 5*time.Second {
		t.Errorf("60 pages took %v at 15 requests per second", took)
	}
}

func TestAllReadsOfAClientShareTheFivePages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, &vpptest.Options{PageSize: 1, Latency: time.Second}, nil)
		s.stock(20)
		for i := range 20 {
			s.CreateUserByOther(fmt.Sprint("u-", i), "", "")
		}
		var reads sync.WaitGroup
		reads.Go(func() {
			if all, err := exchange.Collect(s.client.Assets(t.Context(), vpp.AssetFilter{})); len(all) != 20 || err != nil {
				t.Errorf("%d assets, %v", len(all), err)
			}
		})
		reads.Go(func() {
			if all, err := exchange.Collect(s.client.Users(t.Context(), vpp.UserFilter{})); len(all) != 20 || err != nil {
				t.Errorf("%d users, %v", len(all), err)
			}
		})
		reads.Wait()
		if peak := s.Traffic().PeakPages; peak != 5 {
			t.Errorf("%d pages at once", peak)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		reads.Go(func() { _, _ = exchange.Collect(s.client.Assets(t.Context(), vpp.AssetFilter{})) })
		if _, err := exchange.Collect(s.client.Users(ctx, vpp.UserFilter{})); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		reads.Wait()
		s.noViolations(t)
	})
}

func TestAListThatChangesBeginsAgain(t *testing.T) {
	for name, tc := range map[string]struct {
		changes int // how often it changes while it is read
		err     error
	}{"never": {0, nil}, "once": {1, nil}, "three times": {3, nil}, "always": {1000, vpp.ErrVersionChanged}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				changes := 0
				s := newSite(t, &vpptest.Options{
					PageSize: 3,
					BeforePage: func(l *vpptest.Location, path string, index int) {
						if index == 2 && changes < tc.changes {
							changes++
							l.Buy(vpptest.Asset{AdamID: fmt.Sprint(2000000000 + changes), Total: 1})
						}
					},
				}, nil)
				s.stock(12)
				var kept []vpp.Asset
				begun := 0
				var failed error
				for p, err := range s.client.AssetPages(t.Context(), vpp.AssetFilter{}) {
					if failed = err; err != nil {
						break
					}
					if p.Begins {
						kept, begun = nil, begun+1
					}
					kept = append(kept, p.Items...)
				}
				if !errors.Is(failed, tc.err) {
					t.Fatal(failed)
				}
				if want := 12 + changes; tc.err == nil && (len(kept) != want || begun != tc.changes+1) {
					t.Errorf("%d assets of %d, begun %d times", len(kept), want, begun)
				}
				if tc.err != nil && begun != 4 {
					t.Errorf("begun %d times", begun)
				}
			})
		})
	}
}

func TestLeavingAReadEndsItsRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, &vpptest.Options{PageSize: 1, Latency: 10 * time.Second}, nil)
		s.stock(10)
		start := time.Now()
		n := 0
		for range s.client.Assets(t.Context(), vpp.AssetFilter{}) {
			if n++; n == 2 {
				break
			}
		}
		if took := time.Since(start); took.Round(time.Second) != 30*time.Second { // the configuration, two pages
			t.Errorf("took %v", took)
		}
	})
}

func TestBadFiltersAreToldBeforeAnyRequest(t *testing.T) {
	s := newSite(t, nil, nil)
	ctx := t.Context()
	for want, read := range map[string]func() error{
		"AssetFilter.AdamID": func() error {
			_, err := exchange.Collect(s.client.Assets(ctx, vpp.AssetFilter{AdamID: "x"}))
			return err
		},
		"AssetFilter.MinAssignedCount": func() error {
			_, err := exchange.Collect(s.client.Assets(ctx, vpp.AssetFilter{MinAssignedCount: new(-1)}))
			return err
		},
		"AssignmentFilter.AdamID": func() error {
			_, err := exchange.Collect(s.client.Assignments(ctx, vpp.AssignmentFilter{AdamID: "0"}))
			return err
		},
		"AssignmentFilter.SerialNumber": func() error {
			_, err := exchange.Collect(s.client.Assignments(ctx, vpp.AssignmentFilter{SerialNumber: "A B"}))
			return err
		},
		"UserFilter": func() error {
			_, err := exchange.Collect(s.client.Users(ctx, vpp.UserFilter{ActiveOnly: true, RetiredOnly: true}))
			return err
		},
		"SubscriptionFilter": func() error {
			_, err := exchange.Collect(s.client.Subscriptions(ctx, vpp.SubscriptionFilter{AdamID: -1}))
			return err
		},
		"SubscriptionAdminFilter": func() error {
			_, err := exchange.Collect(s.client.SubscriptionAdmins(ctx, vpp.SubscriptionAdminFilter{AdamID: -1}))
			return err
		},
		"SubscriptionAssignmentFilter": func() error {
			_, err := exchange.Collect(s.client.SubscriptionAssignments(ctx, vpp.SubscriptionAssignmentFilter{ParentAdamID: -1}))
			return err
		},
	} {
		if e, ok := errors.AsType[*vpp.InputError](read()); !ok || e.Field != want {
			t.Errorf("%s: %v", want, read())
		}
	}
	if n := len(s.srv.Received()); n != 0 {
		t.Errorf("%d requests", n)
	}
}

func TestSubscriptionsOfTheSimulator(t *testing.T) {
	for _, trailing := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := newSite(t, &vpptest.Options{PageSize: 2, TrailingCursor: trailing}, nil)
			if err := s.client.EnableSubscriptions(t.Context()); err != nil {
				t.Fatal(err)
			}
			for i := range 5 {
				sub := vpptest.Subscription{AdamID: int64(900001 + i), ParentAdamID: 1000000001, Renewing: 10, Expiring: i}
				if err := s.BuySubscription(sub); err != nil {
					t.Fatal(err)
				}
			}
			all, err := exchange.Collect(s.client.Subscriptions(t.Context(), vpp.SubscriptionFilter{}))
			if err != nil || len(all) != 5 || all[4].Counts.Total.Sum() != 14 || all[4].ParentAdamID.ID() != "1000000001" {
				t.Errorf("%+v, %v", all, err)
			}
			if err := s.client.DisableSubscriptions(t.Context()); !errors.Is(err, vpp.ErrSubscriptionsExist) {
				t.Error(err)
			}
			s.noViolations(t)
		})
	}
}

func TestAdamIDsInBothSpellings(t *testing.T) {
	n, ok := vpp.AdamID("1000000001").Number()
	if !ok || n != 1000000001 || n.ID() != "1000000001" || vpp.AdamNumber(0).ID() != "" {
		t.Errorf("%d, %v", n, ok)
	}
	for _, text := range []vpp.AdamID{"", "x", "-1", "0"} {
		if _, ok := text.Number(); ok {
			t.Errorf("%q is a number", text)
		}
	}
}
