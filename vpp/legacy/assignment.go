package legacy

import (
	"context"
	"fmt"
	"iter"
	"strconv"

	"github.com/applemdm/applemdm/internal/field"
	"github.com/applemdm/applemdm/internal/page"
	"github.com/applemdm/applemdm/vpp"
)

// Assignment is one licence of an asset with a user or a device.
//
// https://developer.apple.com/documentation/devicemanagement/vppassignment
type Assignment struct {
	AdamID       vpp.AdamID       `json:"adamIdStr,omitzero"`
	PricingParam vpp.PricingParam `json:"pricingParam,omitzero"`

	// One of both.
	ClientUserID string `json:"clientUserIdStr,omitzero"`
	SerialNumber string `json:"serialNumber,omitzero"`

	Unknown vpp.Unknown `json:",embed"`
}

// Key returns what names the assignment.
func (a *Assignment) Key() vpp.AssignmentKey {
	return vpp.AssignmentKey{
		Asset:        vpp.AssetKey{AdamID: a.AdamID, PricingParam: a.PricingParam},
		ClientUserID: a.ClientUserID, SerialNumber: a.SerialNumber,
	}
}

// AssignmentFilter selects assignments. Zero fields select all.
//
// https://developer.apple.com/documentation/devicemanagement/getassignmentsrequest
type AssignmentFilter struct {
	AdamID       vpp.AdamID `json:"adamIdStr,omitzero"`
	ClientUserID string     `json:"clientUserIdStr,omitzero"`
	SerialNumber string     `json:"serialNumber,omitzero"`
}

func (f AssignmentFilter) check() error {
	if f.SerialNumber != "" {
		if err := field.Serial("AssignmentFilter.SerialNumber", f.SerialNumber); err != nil {
			return err
		}
	}
	return checkAdamID("AssignmentFilter.AdamID", f.AdamID)
}

// checkAdamID returns why id cannot be the ID of a product, if it is set.
func checkAdamID(field string, id vpp.AdamID) error {
	if _, ok := id.Number(); id != "" && !ok {
		return &vpp.InputError{Field: field, Rule: fmt.Sprintf("is %q; an Adam ID is a number greater than 0", string(id))}
	}
	return nil
}

type assignmentsRequest struct {
	AssignmentFilter
	PageIndex int    `json:"pageIndex,omitzero"`
	RequestID string `json:"requestId,omitzero"`
}

type assignmentsAnswer struct {
	envelope
	Assignments      []Assignment `json:"assignments"`
	CurrentPageIndex *int         `json:"currentPageIndex"`
	NextPageIndex    *int         `json:"nextPageIndex"`
	RequestID        string       `json:"requestId"`
}

const opAssignments = "read assignments"

// Assignments returns an iterator over the assignments of the account, as they were when the first
// request came. It costs a request for each 300, reads one ahead of the caller, and keeps two answers
// in memory. Each range starts afresh; an error comes once, last, with the zero Assignment.
//
// https://developer.apple.com/documentation/devicemanagement/get-assignments-158kc
func (c *Client) Assignments(ctx context.Context, filter AssignmentFilter) iter.Seq2[Assignment, error] {
	pages := page.ReadAhead(ctx, func() page.Next[[]Assignment] {
		w := &assignmentWalk{client: c, invalid: filter.check(), next: assignmentsRequest{AssignmentFilter: filter}}
		return w.read
	})
	return page.Items(pages, func(p []Assignment) []Assignment { return p })
}

// assignmentWalk is one walk through the assignments. It is for one goroutine.
type assignmentWalk struct {
	client  *Client
	invalid error // of the filter
	next    assignmentsRequest
}

// read is a [page.Next].
func (w *assignmentWalk) read(ctx context.Context) ([]Assignment, bool, error) {
	switch {
	case w.invalid != nil:
		return nil, false, w.invalid
	case w.next.PageIndex >= maxPages:
		return nil, false, fmt.Errorf("%s: %w", opAssignments, vpp.ErrPageCap)
	}
	answer := new(assignmentsAnswer)
	err := w.client.callPage(ctx, request{op: opAssignments, service: serviceAssignments, body: w.next}, answer)
	if err != nil {
		return nil, false, err
	}
	if err := answer.check(w.next.PageIndex); err != nil {
		return nil, false, err
	}
	w.next.PageIndex++
	if answer.RequestID != "" {
		w.next.RequestID = answer.RequestID
	}
	more := answer.NextPageIndex != nil
	if more && w.next.RequestID == "" {
		return nil, false, incomplete(opAssignments, "another page follows, but it has no request ID")
	}
	return answer.Assignments, more, nil
}

// check returns an error if the page is not the one asked for, or the next one is not behind it.
func (a *assignmentsAnswer) check(index int) error {
	switch {
	case a.CurrentPageIndex != nil && *a.CurrentPageIndex != index:
		return incomplete(opAssignments, "it has page "+strconv.Itoa(*a.CurrentPageIndex)+" in the place of page "+strconv.Itoa(index))
	case a.NextPageIndex != nil && *a.NextPageIndex != index+1:
		return incomplete(opAssignments, "page "+strconv.Itoa(*a.NextPageIndex)+" follows page "+strconv.Itoa(index))
	}
	return nil
}
