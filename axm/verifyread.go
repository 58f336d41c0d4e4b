package axm

import (
	"context"
	"errors"
	"iter"

	"github.com/applemdm/applemdm/internal/rest"
)

// few devices are asked for one by one without a look at how long the list is.
const few = 2

// onServer reads which of the devices are assigned to a server: from its list, or one by one where that
// costs fewer requests. A server that is gone has none.
func (c *Client) onServer(ctx context.Context, serverID string, serials []string) (map[string]finding, error) {
	wanted := make(map[string]finding, len(serials))
	for _, serial := range serials {
		wanted[serial] = finding{}
	}
	left := len(serials)
	l := linkageList("read devices of server", ListOptions{}, "serverID", kindServers, serverID, "devices")
	whole, err := readList(ctx, c, l, len(serials), func(p *Page[string]) (enough bool) {
		for _, serial := range p.Items {
			if f, is := wanted[serial]; is && !f.is {
				wanted[serial] = finding{is: true}
				left--
			}
		}
		return left == 0
	})
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	case whole:
		return wanted, nil
	}
	return findEach(c.AssignedServerIDsOf(ctx, serials), func(id string, err error) (bool, error) {
		return id == serverID && err == nil, err
	})
}

// devicesAre reads for which of the devices look reports true: from the list of all, with the fields
// given, or one by one where that costs fewer requests. A device that is not of the organisation is
// shown as nil.
func (c *Client) devicesAre(ctx context.Context, serials, fields []string, look func(*Device) bool) (map[string]finding, error) {
	wanted := make(map[string]finding, len(serials))
	for _, serial := range serials {
		wanted[serial] = finding{is: look(nil)}
	}
	l := list[Device]{
		op: "read devices", path: rest.Path{kindDevices}, kind: kindDevices,
		options: ListOptions{Fields: fields}, decode: resourcePage[Device],
	}
	seen := make(map[string]bool, len(serials))
	whole, err := readList(ctx, c, l, len(serials), func(p *Page[Device]) (enough bool) {
		for i := range p.Items {
			d := &p.Items[i]
			if _, is := wanted[d.ID]; is {
				wanted[d.ID], seen[d.ID] = finding{is: look(d)}, true
			}
		}
		return len(seen) == len(wanted)
	})
	switch {
	case err != nil:
		return nil, err
	case whole:
		return wanted, nil
	}
	ask := func(ctx context.Context, serial string) (*Device, error) { return c.Device(ctx, serial) }
	return findEach(perDevice(ctx, c, serials, ask), func(d *Device, err error) (bool, error) {
		if errors.Is(err, ErrNotFound) {
			d, err = nil, nil
		}
		return err == nil && look(d), err
	})
}

// findEach collects what is read of each device by itself.
func findEach[T any](each iter.Seq2[PerDevice[T], error], look func(T, error) (bool, error)) (map[string]finding, error) {
	found := make(map[string]finding)
	for r, err := range each {
		if err != nil {
			return nil, err
		}
		is, err := look(r.Value, r.Err)
		found[r.Serial] = finding{is, err}
	}
	return found, nil
}

// readList shows the pages of a list until that is enough. It reports false when it has not done so,
// or not to the end, since that would cost more than so many requests.
func readList[T any](ctx context.Context, c *Client, l list[T], most int, show func(*Page[T]) (enough bool)) (whole bool, err error) {
	if most <= few {
		return false, nil
	}
	w := &walk[T]{client: c, list: l}
	for more := true; more; {
		var p *Page[T]
		if p, more, err = w.next(ctx); err != nil {
			return false, err
		}
		if show(p) {
			return true, nil
		}
		left := (p.Total+maxPageSize-1)/maxPageSize - w.pages
		if more && max(left, w.pages) > most {
			return false, nil
		}
	}
	return true, nil
}
