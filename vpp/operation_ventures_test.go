package vpp_test

import (
	"context"
	"slices"
	"time"

	"github.com/applemdm/applemdm/vpp"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

var (
	revokeVenture = venture{"/mdm/v2/assets/revoke", func(ctx context.Context, w *weather, people []string) (*vpp.Operation, error) {
		devices := serials(1 + w.rand.IntN(9))
		for _, key := range keys(w.assets) {
			for _, serial := range devices {
				if w.rand.IntN(2) == 0 {
					w.AssignByOther(string(key.AdamID), "", vpptest.ToDevice(serial))
				}
			}
			for _, id := range people {
				w.AssignByOther(string(key.AdamID), "", vpptest.ToUser(id))
			}
		}
		return w.client.Revoke(ctx, vpp.Targets{ClientUserIDs: people, SerialNumbers: devices})
	}, (*weather).hasBooksAtMost}

	updateVenture = venture{"/mdm/v2/users/update", func(ctx context.Context, w *weather, people []string) (*vpp.Operation, error) {
		w.CreateUserByOther("old", "", "")
		var users []vpp.UserRequest
		for _, id := range append(people, "old") {
			users = append(users, vpp.UserRequest{ClientUserID: id, Email: "new-" + id + "@example.test"})
		}
		return w.client.UpdateUsers(ctx, users)
	}, func(w *weather, o vpp.Outcome) bool {
		u, _ := w.User(o.ClientUserID)
		return u.Email == "new-"+o.ClientUserID+"@example.test"
	}}

	giveSeatsVenture = venture{"/mdm/v2/subscriptions/associate", func(ctx context.Context, w *weather, people []string) (*vpp.Operation, error) {
		return w.client.AssociateSubscriptions(ctx, w.subscriptions(ctx, 1+w.rand.IntN(3)), w.withAccounts(people), true)
	}, func(w *weather, o vpp.Outcome) bool { there, renews := w.seat(o); return there && renews }}

	takeSeatsVenture = venture{takeSeatsPath, takeSeats(false),
		func(w *weather, o vpp.Outcome) bool { there, _ := w.seat(o); return !there }}

	takeSeatsLaterVenture = venture{takeSeatsPath, takeSeats(true),
		func(w *weather, o vpp.Outcome) bool { there, renews := w.seat(o); return !there || !renews }}
)

const takeSeatsPath = "/mdm/v2/subscriptions/disassociate"

// takeSeats takes seats back that some of the people have.
func takeSeats(deferred bool) func(context.Context, *weather, []string) (*vpp.Operation, error) {
	return func(ctx context.Context, w *weather, people []string) (*vpp.Operation, error) {
		people, ids := w.withAccounts(people), w.subscriptions(ctx, 1+w.rand.IntN(3))
		for _, id := range people {
			if w.rand.IntN(3) > 0 {
				_, _ = w.client.AssociateSubscriptions(ctx, ids, []string{id}, true) // whatever becomes of it
			}
		}
		later(20 * time.Minute)
		w.prepared = len(w.Events())
		return w.client.DisassociateSubscriptions(ctx, ids, people, deferred)
	}
}

// withAccounts gives accounts to most of the people, and adds somebody who has one.
func (w *weather) withAccounts(people []string) []string {
	for _, id := range people {
		w.RetireUserByOther(id)
		if w.rand.IntN(5) > 0 {
			w.CreateUserByOther(id, "", id+"@example.test")
		}
	}
	w.CreateUserByOther("sure", "", "sure@example.test")
	return append(people, "sure")
}

// seat tells whether a user has the seat of a subscription, and whether it renews itself.
func (w *weather) seat(o vpp.Outcome) (there, renews bool) {
	filter := vpp.SubscriptionAssignmentFilter{AdamID: o.Subscription, ClientUserID: o.ClientUserID}
	for a, err := range w.client.SubscriptionAssignments(context.Background(), filter) {
		if err != nil {
			panic(err)
		}
		there, renews = true, a.Renewing
	}
	return there, renews
}

func (w *weather) hasBooksAtMost(o vpp.Outcome) bool {
	return !slices.ContainsFunc(w.Assignments(), func(a vpptest.Assignment) bool {
		asset, _ := w.Asset(a.AdamID, a.PricingParam)
		return asset.ProductType != "Book" && a.ClientUserID == o.ClientUserID && a.SerialNumber == o.SerialNumber
	})
}
