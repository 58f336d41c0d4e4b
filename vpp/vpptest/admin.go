package vpptest

import "slices"

// listAdmins is GET /subscriptions/admins.
func listAdmins(c *call) *reply {
	adamIDs, ok1 := c.ids("adamId")
	state, ok2 := c.is("includeUserState")
	if !ok1 || !ok2 {
		return c.fail(badAdamID, nil)
	}
	list := []object{}
	for _, k := range c.loc.seats.admins {
		if accepts(adamIDs, k.adamID) {
			u := c.loc.roster.active[k.clientID]
			o := object{"adamId": k.adamID, "clientUserId": k.clientID, "idHash": u.hash()}
			if state {
				o["userStatus"] = u.status
			}
			list = append(list, o)
		}
	}
	return cursorPage(c, adminSet, "admins", list)
}

// addAdmins is POST /subscriptions/admins/add. Who is an administrator already stays one.
func addAdmins(c *call) *reply {
	return c.changeAdmins(func(admins []seatKey, k seatKey) ([]seatKey, int) {
		if slices.Contains(admins, k) {
			return admins, 0
		}
		return append(admins, k), 0
	})
}

// removeAdmins is POST /subscriptions/admins/remove. Who is no administrator meets 9815.
func removeAdmins(c *call) *reply {
	return c.changeAdmins(func(admins []seatKey, k seatKey) ([]seatKey, int) {
		i := slices.Index(admins, k)
		if i < 0 {
			return nil, notHeld
		}
		return slices.Delete(admins, i, i+1), 0
	})
}

func (c *call) changeAdmins(change func([]seatKey, seatKey) ([]seatKey, int)) *reply {
	var req seatsRequest
	if rep := c.decode(&req, &req.Rest); rep != nil {
		return rep
	}
	admins := slices.Clone(c.loc.seats.admins)
	number := req.check(c)
	if number == 0 {
		number = req.each(func(k seatKey) (number int) {
			admins, number = change(admins, k)
			return number
		})
	}
	if number != 0 {
		return c.fail(number, nil)
	}
	c.loc.seats.admins = admins
	c.loc.bump(adminSet)
	return c.ok(object{"versionId": c.loc.versionID(adminSet)})
}
