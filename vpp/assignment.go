package vpp

import (
	"context"
	"iter"
	"net/url"

	"github.com/applemdm/applemdm/internal/field"
	"github.com/applemdm/applemdm/internal/rest"
)

// Assignment is one licence of an asset with a user or a device. Licences have no number of their
// own: [Assignment.Key] names it.
//
// https://developer.apple.com/documentation/devicemanagement/assignment
type Assignment struct {
	AdamID       AdamID       `json:"adamId,omitzero"`
	PricingParam PricingParam `json:"pricingParam,omitzero"`

	// One of both.
	ClientUserID string `json:"clientUserId,omitzero"`
	SerialNumber string `json:"serialNumber,omitzero"`

	// Of users, with [AssignmentFilter.IncludeUserState] only.
	IDHash     string     `json:"idHash,omitzero"` // see [User.IDHash]
	UserStatus UserStatus `json:"userStatus,omitzero"`

	Unknown Unknown `json:",embed"`
}

// AssignmentKey names an assignment.
type AssignmentKey struct {
	Asset        AssetKey
	ClientUserID string // or
	SerialNumber string
}

// Key returns what names the assignment.
func (a *Assignment) Key() AssignmentKey {
	return AssignmentKey{AssetKey{a.AdamID, a.PricingParam}, a.ClientUserID, a.SerialNumber}
}

// AssignmentFilter selects assignments. Zero fields select all.
//
// https://developer.apple.com/documentation/devicemanagement/get-assignments-9wv1e
type AssignmentFilter struct {
	AdamID       AdamID
	PricingParam PricingParam
	ClientUserID string
	SerialNumber string

	ExcludeInactiveUsers bool // leave out what retired users still hold
	IncludeUserState     bool // say how users are and which Apple Account they have

	// SinceVersionID asks for what has changed since [Page.VersionID] of an earlier read with the
	// same filter. Apple does not say how assignments that ended show there, so read everything from
	// time to time. When it does not know the version, everything comes: see [Page.Delta].
	SinceVersionID string
}

func (f AssignmentFilter) query() url.Values {
	q := query{}
	q.text("adamId", string(f.AdamID))
	q.text("pricingParam", string(f.PricingParam))
	q.text("clientUserId", f.ClientUserID)
	q.text("serialNumber", f.SerialNumber)
	q.flag("excludeInactiveUsers", f.ExcludeInactiveUsers)
	q.flag("includeUserState", f.IncludeUserState)
	return url.Values(q)
}

func (f AssignmentFilter) check() error {
	if f.SerialNumber != "" {
		if err := field.Serial("AssignmentFilter.SerialNumber", f.SerialNumber); err != nil {
			return err
		}
	}
	return f.AdamID.check("AssignmentFilter.AdamID")
}

type assignmentsAnswer struct {
	pageTail
	Assignments []Assignment `json:"assignments"`
}

func (a *assignmentsAnswer) items() []Assignment { return a.Assignments }

func assignmentList(filter AssignmentFilter) list[Assignment] {
	return list[Assignment]{
		op: "read assignments", url: URLGetAssignments, path: rest.Path{"assignments"}, query: filter.query(),
		invalid: filter.check(), since: filter.SinceVersionID,
		answer: func() pageAnswer[Assignment] { return new(assignmentsAnswer) },
	}
}

// Assignments returns an iterator over the assignments of the location. Cost, memory, errors and
// lists that change are as with [Client.Assets].
//
// https://developer.apple.com/documentation/devicemanagement/get-assignments-9wv1e
func (c *Client) Assignments(ctx context.Context, filter AssignmentFilter) iter.Seq2[Assignment, error] {
	return items(c.AssignmentPages(ctx, filter))
}

// AssignmentPages is [Client.Assignments] by the page.
func (c *Client) AssignmentPages(ctx context.Context, filter AssignmentFilter) iter.Seq2[*Page[Assignment], error] {
	return pages(ctx, c, assignmentList(filter))
}
