package vpp

import (
	"context"
	"fmt"

	"github.com/applemdm/applemdm/internal/field"
)

// Verify reads assignments back and returns, for each of keys, whether it is there. It takes the way
// that costs the fewest requests: one for each user and device, the pages of each asset, or all of the
// list. What retired users still hold does not count.
func (c *Client) Verify(ctx context.Context, keys []AssignmentKey) (map[AssignmentKey]bool, error) {
	for i, key := range keys {
		if err := key.check(fmt.Sprintf("keys[%d]", i)); err != nil {
			return nil, err
		}
	}
	return c.assigned(ctx, keys)
}

func (k AssignmentKey) check(name string) error {
	switch {
	case k.Asset.AdamID == "":
		return &InputError{Field: name + ".Asset.AdamID", Rule: "must not be empty"}
	case (k.ClientUserID == "") == (k.SerialNumber == ""):
		return &InputError{Field: name, Rule: "must have one of ClientUserID and SerialNumber"}
	case k.SerialNumber != "":
		if err := field.Serial(name+".SerialNumber", k.SerialNumber); err != nil {
			return err
		}
	}
	return k.Asset.AdamID.check(name + ".Asset.AdamID")
}

// Verify reads back what the operation was to bring about, and returns its outcomes as they are then:
// [StatusDone] for what was open and is as it was asked for, [StatusUnverified] for what Apple said
// is done and is not. It costs requests as [Client.Verify] does. Of users that were created or updated,
// only the e-mail address can be read back, and whether they have an Apple Account.
func (op *Operation) Verify(ctx context.Context) (*Result, error) {
	r := op.Result()
	var cells []int
	for i, o := range r.Outcomes {
		if o.Status == StatusDone || o.Status == StatusPending || o.Status == StatusUncertain {
			cells = append(cells, i)
		}
	}
	is, err := op.asWanted(ctx, cells)
	if err != nil {
		return nil, err
	}
	for _, i := range cells {
		o := &r.Outcomes[i]
		switch {
		case is[i]:
			o.Status, o.Err = StatusDone, nil
		case o.Status == StatusDone:
			o.Status = StatusUnverified
		}
	}
	return r, nil
}
