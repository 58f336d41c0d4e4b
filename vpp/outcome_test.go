package vpp_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/applemdm/applemdm/vpp"
)

func TestOutcomesSayWhy(t *testing.T) {
	r := &vpp.Result{Outcomes: vpp.Outcomes{
		{ClientUserID: "u", Status: vpp.StatusDone}, {SerialNumber: "D", Status: vpp.StatusPending},
		{SerialNumber: "D", Status: vpp.StatusFailed, Err: &vpp.Error{Op: "x", Number: 9709, Err: vpp.ErrNotEnoughLicenses}},
		{SerialNumber: "E", Status: vpp.StatusFailed, Err: &vpp.Error{Op: "x", Number: 9709, Err: vpp.ErrNotEnoughLicenses}},
	}}
	err := r.Err()
	undone, ok := errors.AsType[*vpp.UndoneError](err)
	if !ok || undone.Undone != 3 || undone.Total != 4 || len(undone.Reasons) != 2 || !errors.Is(err, vpp.ErrNotEnoughLicenses) {
		t.Errorf("%+v", err)
	}
	if got := err.Error(); got != "3 of 4 not done: pending (one of 2 reasons)" {
		t.Error(got)
	}
	if got := r.Outcomes.Targets(); len(got.ClientUserIDs) != 1 || strings.Join(got.SerialNumbers, "") != "DE" {
		t.Errorf("%+v", got)
	}
}
