package vpp

import (
	"errors"
	"testing"
	"time"
)

// A list without end takes too long to be read here, so the walks are put just before their cap.
func TestPageCaps(t *testing.T) {
	w := &cursorWalk[Subscription]{pages: maxPages, list: list[Subscription]{op: "read subscriptions"}}
	if _, more, err := w.next(t.Context()); !errors.Is(err, ErrPageCap) || more {
		t.Error(err)
	}
	if _, err := assetList(AssetFilter{}).fetch(nil)(t.Context(), maxPages); !errors.Is(err, ErrPageCap) {
		t.Error(err)
	}
}

func TestAnAnswerOfAnOldTokenSaysNothingOfTheExpiryOfTheNewOne(t *testing.T) {
	var l location
	old, renewed := &Token{Expiry: time.Unix(1e9, 0)}, &Token{Expiry: time.Unix(2e9, 0)}
	era := l.useToken(old)
	l.useToken(renewed)
	if err := l.note(envelope{TokenExpirationDate: "2001-01-01T00:00:00+0000"}, old, era); err != nil {
		t.Fatal(err)
	}
	if expiry, _, _ := l.shown(); !expiry.Equal(renewed.Expiry) {
		t.Errorf("expires %v", expiry)
	}
}
