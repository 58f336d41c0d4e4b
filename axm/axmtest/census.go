package axmtest

import "time"

// census is how many devices are visible on each server. Counting them anew for each answer would
// make reading the servers of many devices, one by one, a matter of their square.
type census struct {
	counts map[string]int // by server; nil after a change
	until  time.Time      // when something that has changed becomes visible; zero is never
}

// count returns how many devices a server has, as far as is visible.
func (o *Org) count(serverID string, now time.Time) int {
	n := &o.census
	if n.counts == nil || !n.until.IsZero() && !now.Before(n.until) {
		o.takeCensus(now)
	}
	return n.counts[serverID]
}

func (o *Org) takeCensus(now time.Time) {
	n := &o.census
	lag := o.s.opts.Lag
	n.counts, n.until = make(map[string]int), time.Time{}
	for _, r := range o.devices.rows {
		d := r.value
		if !d.isOurs() {
			continue
		}
		n.counts[d.server(now, lag)]++
		if seen := d.changed.Add(lag); seen.After(now) && (n.until.IsZero() || seen.Before(n.until)) {
			n.until = seen
		}
	}
}
