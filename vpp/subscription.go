package vpp

import (
	"context"
	"iter"
	"net/url"

	"github.com/applemdm/applemdm/internal/rest"
)

// Subscription is an auto-renewable subscription that the location owns, or once owned, seats of.
// Seats are for users, never for devices.
//
// https://developer.apple.com/documentation/devicemanagement/responsesubscription
type Subscription struct {
	AdamID        AdamNumber         `json:"adamId,omitzero"`
	ParentAdamID  AdamNumber         `json:"parentAdamId,omitzero"` // the app; 0 is none, see [AdamNumber.ID]
	Status        SubscriptionStatus `json:"status,omitzero"`
	PeriodEndDate Time               `json:"periodEndDate,omitzero"` // a day
	Counts        SubscriptionCounts `json:"counts,omitzero"`
	Unknown       Unknown            `json:",embed"`
}

// SubscriptionStatus says whether a subscription can be used.
type SubscriptionStatus string

// The conditions that Apple names.
const (
	SubscriptionActive   SubscriptionStatus = "ACTIVE"
	SubscriptionInactive SubscriptionStatus = "INACTIVE"
	SubscriptionPaused   SubscriptionStatus = "PAUSED"
)

// SubscriptionCounts counts seats. Assigned and Available together have as many as Total, but not in
// the same places: a renewing seat that was assigned to end with its period counts as expiring among
// the assigned and as renewing in the total.
//
// https://developer.apple.com/documentation/devicemanagement/subscriptioncounts
type SubscriptionCounts struct {
	Assigned  SeatCount `json:"assigned,omitzero"`
	Available SeatCount `json:"available,omitzero"`
	Total     SeatCount `json:"total,omitzero"`
	Unknown   Unknown   `json:",embed"`
}

// SeatCount counts seats that renew and seats that end with their period.
type SeatCount struct {
	Renewing int     `json:"renewing,omitzero"`
	Expiring int     `json:"expiring,omitzero"`
	Unknown  Unknown `json:",embed"`
}

// Sum returns the number of all seats.
func (s SeatCount) Sum() int { return s.Renewing + s.Expiring }

// SubscriptionFilter selects subscriptions. Zero fields select all.
//
// https://developer.apple.com/documentation/devicemanagement/get-subscriptions
type SubscriptionFilter struct {
	AdamID       AdamNumber
	ParentAdamID AdamNumber // the app
}

func (f SubscriptionFilter) query() url.Values {
	q := query{}
	q.text("adamId", string(f.AdamID.ID()))
	q.text("parentAdamId", string(f.ParentAdamID.ID()))
	return url.Values(q)
}

type subscriptionsAnswer struct {
	pageTail
	Subscriptions []Subscription `json:"subscriptions"`
}

func (a *subscriptionsAnswer) items() []Subscription { return a.Subscriptions }

// Subscriptions returns an iterator over the subscriptions of the location, those of the past too,
// whose counts are zero. It costs a request for each page, one after the other, and keeps two pages
// in memory. Each range starts afresh; an error comes once, last, with the zero Subscription. When
// Apple forgets the cursor on the way, the list begins again, once, and subscriptions come twice.
//
// https://developer.apple.com/documentation/devicemanagement/get-subscriptions
func (c *Client) Subscriptions(ctx context.Context, filter SubscriptionFilter) iter.Seq2[Subscription, error] {
	return items(cursorPages(ctx, c, list[Subscription]{
		op: "read subscriptions", path: rest.Path{"subscriptions"}, query: filter.query(),
		invalid: checkNumbers("SubscriptionFilter", filter.AdamID, filter.ParentAdamID),
		answer:  func() pageAnswer[Subscription] { return new(subscriptionsAnswer) },
	}))
}

// SubscriptionAssignment is a seat with a user.
//
// https://developer.apple.com/documentation/devicemanagement/subscriptionassignment
type SubscriptionAssignment struct {
	AdamID       AdamNumber `json:"adamId,omitzero"`
	ClientUserID string     `json:"clientUserId,omitzero"`
	Renewing     bool       `json:"renewing,omitzero"` // or it ends with its period
	Unknown      Unknown    `json:",embed"`
}

// SubscriptionAssignmentFilter selects seats. Zero fields select all.
//
// https://developer.apple.com/documentation/devicemanagement/get-subscription-assignments
type SubscriptionAssignmentFilter struct {
	AdamID       AdamNumber
	ParentAdamID AdamNumber // the app
	ClientUserID string
}

func (f SubscriptionAssignmentFilter) query() url.Values {
	q := query{}
	q.text("adamId", string(f.AdamID.ID()))
	q.text("parentAdamId", string(f.ParentAdamID.ID()))
	q.text("clientUserId", f.ClientUserID)
	return url.Values(q)
}

type subscriptionAssignmentsAnswer struct {
	pageTail
	Assignments []SubscriptionAssignment `json:"assignments"`
}

func (a *subscriptionAssignmentsAnswer) items() []SubscriptionAssignment { return a.Assignments }

// SubscriptionAssignments returns an iterator over the seats that are with users. It is read as
// [Client.Subscriptions] is.
//
// https://developer.apple.com/documentation/devicemanagement/get-subscription-assignments
func (c *Client) SubscriptionAssignments(ctx context.Context, filter SubscriptionAssignmentFilter) iter.Seq2[SubscriptionAssignment, error] {
	return items(cursorPages(ctx, c, list[SubscriptionAssignment]{
		op: "read subscription assignments", path: rest.Path{"subscriptions", "assignments"}, query: filter.query(),
		invalid: checkNumbers("SubscriptionAssignmentFilter", filter.AdamID, filter.ParentAdamID),
		answer:  func() pageAnswer[SubscriptionAssignment] { return new(subscriptionAssignmentsAnswer) },
	}))
}

// SubscriptionAdmin is a user who may administer a subscription in its app. Some apps need one.
//
// https://developer.apple.com/documentation/devicemanagement/subscriptionadmin
type SubscriptionAdmin struct {
	AdamID       AdamNumber `json:"adamId,omitzero"`
	ClientUserID string     `json:"clientUserId,omitzero"`
	IDHash       string     `json:"idHash,omitzero"`     // see [User.IDHash]
	UserStatus   UserStatus `json:"userStatus,omitzero"` // with [SubscriptionAdminFilter.IncludeUserState] only
	Unknown      Unknown    `json:",embed"`
}

// SubscriptionAdminFilter selects administrators. Zero fields select all.
//
// https://developer.apple.com/documentation/devicemanagement/get-subscription-administrators
type SubscriptionAdminFilter struct {
	AdamID           AdamNumber
	IncludeUserState bool
}

func (f SubscriptionAdminFilter) query() url.Values {
	q := query{}
	q.text("adamId", string(f.AdamID.ID()))
	q.flag("includeUserState", f.IncludeUserState)
	return url.Values(q)
}

type subscriptionAdminsAnswer struct {
	pageTail
	Admins []SubscriptionAdmin `json:"admins"`
}

func (a *subscriptionAdminsAnswer) items() []SubscriptionAdmin { return a.Admins }

// SubscriptionAdmins returns an iterator over the administrators of subscriptions. It is read as
// [Client.Subscriptions] is.
//
// https://developer.apple.com/documentation/devicemanagement/get-subscription-administrators
func (c *Client) SubscriptionAdmins(ctx context.Context, filter SubscriptionAdminFilter) iter.Seq2[SubscriptionAdmin, error] {
	return items(cursorPages(ctx, c, list[SubscriptionAdmin]{
		op: "read subscription administrators", path: rest.Path{"subscriptions", "admins"}, query: filter.query(),
		invalid: checkNumbers("SubscriptionAdminFilter", filter.AdamID),
		answer:  func() pageAnswer[SubscriptionAdmin] { return new(subscriptionAdminsAnswer) },
	}))
}

func checkNumbers(filter string, numbers ...AdamNumber) error {
	for _, n := range numbers {
		if n < 0 {
			return &InputError{Field: filter, Rule: "must not have a negative Adam ID"}
		}
	}
	return nil
}
