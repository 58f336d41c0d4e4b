package dep

import (
	"context"
	"fmt"
)

// What a Syncer does with a page, from Apple to the handler.

// deliver makes a batch of a page and hands it over. Removals that are too many to be believed are
// left out of it, and are the error after it.
func (s *Syncer) deliver(ctx context.Context, run *Run, page *Page[Device], reconciling bool) error {
	batch := &Batch{
		Devices: page.Items, Events: Events(page.Items), Cursor: page.Cursor,
		Full: page.Phase == PhaseFetch, Begins: page.Begins, Completes: page.Completes, Reconciling: reconciling,
	}
	var tooMany error
	if batch.Full && s.opts.Inventory != nil {
		var err error
		if tooMany, err = s.compare(ctx, batch); err != nil {
			return err
		}
	}
	if err := s.hand(ctx, run, batch); err != nil {
		return err
	}
	return tooMany
}

// hand hands a batch to the handler and keeps its cursor.
func (s *Syncer) hand(ctx context.Context, run *Run, batch *Batch) error {
	if err := s.handle(ctx, batch); err != nil {
		return fmt.Errorf("%w: %w", ErrHandler, err)
	}
	if !s.opts.HandlerSavesCursor {
		if err := s.opts.Cursors.SaveCursor(ctx, batch.Cursor); err != nil {
			return fmt.Errorf("save the cursor: %w", err)
		}
	}
	s.settle(batch)
	run.Batches++
	run.Devices += len(batch.Devices)
	run.Events += len(batch.Events)
	run.Full = run.Full || batch.Full
	return nil
}

// compare replaces the events of a batch of the full list by its differences to the inventory. tooMany
// says that the removals were left out.
func (s *Syncer) compare(ctx context.Context, batch *Batch) (tooMany, err error) {
	if batch.Begins {
		c, err := takeCensus(s.opts.Inventory(ctx))
		if err != nil {
			return nil, fmt.Errorf("read the inventory: %w", err)
		}
		s.census = c
	}
	batch.Events = s.census.differences(batch.Events)
	if !batch.Completes {
		return nil, nil
	}
	removed, err := s.confirmRemoved(ctx, s.census.unseen(batch.Devices))
	if err != nil {
		return nil, err
	}
	if n := len(removed); n > 10 && float64(n) > s.opts.RemovalLimit*float64(s.census.size) {
		return fmt.Errorf("%w: %d of %d", ErrTooManyRemoved, n, s.census.size), nil
	}
	batch.Events = append(batch.Events, removed...)
	return nil, nil
}

// confirmRemoved asks Apple for every device that the full list lacks, and returns the removals of
// those that really are out of reach. A list that ended too early costs no device.
func (s *Syncer) confirmRemoved(ctx context.Context, removed []Event) ([]Event, error) {
	if len(removed) == 0 {
		return nil, nil
	}
	serials := make([]string, len(removed))
	for i, e := range removed {
		serials[i] = e.Device.SerialNumber
	}
	details, err := s.client.DeviceDetails(ctx, serials)
	if err != nil {
		return nil, err
	}
	confirmed := removed[:0]
	for i, d := range details {
		if d.ResponseStatus.Gone() {
			confirmed = append(confirmed, removed[i])
		}
	}
	return confirmed, nil
}

// settle notes that a batch was dealt with. Only then are its devices seen: a batch that failed
// comes again and is compared again.
func (s *Syncer) settle(batch *Batch) {
	if batch.Begins && !batch.Reconciling {
		s.restart = false
	}
	if batch.Full && s.census != nil {
		s.census.see(batch)
	}
	if batch.Completes {
		s.census = nil
	}
}
