package axm

import (
	"context"
	"fmt"
	"slices"
)

// FamilyMove is the two servers after [Client.MoveDefaultFamilies].
type FamilyMove struct {
	From, To *Server
}

// FamilyMoveError says that the families were taken from one server but not given to the other: new
// devices of these families are assigned to none meanwhile. Calling again does what is left.
type FamilyMoveError struct {
	From, To string          // IDs of the servers
	Families []DefaultFamily // that were taken
	Err      error           // why the second step failed
}

func (e *FamilyMoveError) Error() string {
	return fmt.Sprintf("move default families %v: taken from %s but not given to %s: %v", e.Families, e.From, e.To, e.Err)
}

func (e *FamilyMoveError) Unwrap() error { return e.Err }

// MoveDefaultFamilies makes one server the default of product families that are another's. Apple
// wants that in two steps, first the one that loses; a step that would change nothing is left out.
// It costs up to four requests. When the second step fails, the error is a [*FamilyMoveError]; every
// other error means that nothing was changed, unless it is one after which that cannot be known
// ([TransportError.Sent], [ErrServer], [ErrUnavailable], [ErrUnexpectedAnswer]). Apple Business only.
//
// https://developer.apple.com/documentation/applebusinessapi/update-an-mdmserver
func (c *Client) MoveDefaultFamilies(ctx context.Context, fromID, toID string, families ...DefaultFamily) (*FamilyMove, error) {
	switch {
	case len(families) == 0:
		return nil, &InputError{Field: "families", Rule: "needs at least one"}
	case fromID == toID:
		return nil, &InputError{Field: "toID", Rule: "must not be fromID"}
	}
	if err := c.allows(ctx, request{op: "move default families", businessOnly: true}); err != nil {
		return nil, err
	}
	from, err := c.Server(ctx, fromID)
	if err != nil {
		return nil, err
	}
	to, err := c.Server(ctx, toID)
	if err != nil {
		return nil, err
	}
	left := without(from.DefaultProductFamilies, families)
	taken := without(from.DefaultProductFamilies, left)
	if from, err = c.setFamilies(ctx, from, left); err != nil {
		return nil, err
	}
	gained := append(slices.Clone(to.DefaultProductFamilies), without(families, to.DefaultProductFamilies)...)
	to, err = c.setFamilies(ctx, to, gained)
	switch {
	case err != nil && len(taken) > 0:
		return nil, &FamilyMoveError{From: fromID, To: toID, Families: taken, Err: err}
	case err != nil:
		return nil, err
	}
	return &FamilyMove{From: from, To: to}, nil
}

// setFamilies makes families the default families of s, if they are not.
func (c *Client) setFamilies(ctx context.Context, s *Server, families []DefaultFamily) (*Server, error) {
	if len(families) == len(s.DefaultProductFamilies) {
		return s, nil
	}
	return c.UpdateServer(ctx, s.ID, ServerUpdate{DefaultProductFamilies: &families})
}

// without returns those of families that are not among the others, each once. It never is nil.
func without(families, others []DefaultFamily) []DefaultFamily {
	left := []DefaultFamily{}
	for _, family := range families {
		if !slices.Contains(others, family) && !slices.Contains(left, family) {
			left = append(left, family)
		}
	}
	return left
}
