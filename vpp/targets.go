package vpp

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/applemdm/applemdm/internal/field"
)

// Targets are those whom assets are given to or taken from: users, devices, or both. [Devices] and
// [Users] make them of one kind.
type Targets struct {
	ClientUserIDs []string
	SerialNumbers []string
}

// Devices returns devices as [Targets].
func Devices(serialNumbers ...string) Targets { return Targets{SerialNumbers: serialNumbers} }

// Users returns users as [Targets].
func Users(clientUserIDs ...string) Targets { return Targets{ClientUserIDs: clientUserIDs} }

// holder is one target: the user or the device.
type holder struct {
	clientUserID string
	serialNumber string
}

// holders checks t and returns the users, then the devices, each once.
func (t Targets) holders(name string) ([]holder, error) {
	if len(t.ClientUserIDs)+len(t.SerialNumbers) == 0 {
		return nil, &InputError{Field: name, Rule: "needs at least one client user ID or serial number"}
	}
	var holders []holder
	if len(t.ClientUserIDs) > 0 {
		users, err := userHolders(name+".ClientUserIDs", t.ClientUserIDs)
		if err != nil {
			return nil, err
		}
		holders = users
	}
	if len(t.SerialNumbers) == 0 {
		return holders, nil
	}
	serials, err := field.Serials(name+".SerialNumbers", t.SerialNumbers)
	if err != nil {
		return nil, err
	}
	for _, serial := range serials {
		holders = append(holders, holder{serialNumber: serial})
	}
	return holders, nil
}

// userHolders checks client user IDs and returns the users, each once.
func userHolders(name string, ids []string) ([]holder, error) {
	holders := make([]holder, len(ids))
	for i, id := range ids {
		if err := checkUserID(fmt.Sprintf("%s[%d]", name, i), id); err != nil {
			return nil, err
		}
		holders[i] = holder{clientUserID: id}
	}
	return unique(name, "client user ID", holders)
}

func checkUserID(name, id string) error {
	switch {
	case id == "":
		return &InputError{Field: name, Rule: "must not be empty"}
	case !utf8.ValidString(id) || strings.ContainsFunc(id, unicode.IsControl):
		return &InputError{Field: name, Rule: fmt.Sprintf("is %q; a client user ID has no control characters", id)}
	}
	return nil
}

// assetProducts checks assets and returns them with their quality, each once.
func assetProducts(assets []AssetKey) ([]product, error) {
	products := make([]product, len(assets))
	for i, asset := range assets {
		name := fmt.Sprintf("assets[%d].AdamID", i)
		if asset.AdamID == "" {
			return nil, &InputError{Field: name, Rule: "must not be empty"}
		}
		if err := asset.AdamID.check(name); err != nil {
			return nil, err
		}
		products[i] = product{asset: asset.complete()}
	}
	return unique("assets", "asset", products)
}

// complete returns k with the quality that is meant where none is given.
func (k AssetKey) complete() AssetKey {
	if k.PricingParam == "" {
		k.PricingParam = PricingStandard
	}
	return k
}

// subscriptionProducts checks the IDs of subscriptions and returns them, each once.
func subscriptionProducts(ids []AdamNumber) ([]product, error) {
	products := make([]product, len(ids))
	for i, id := range ids {
		if id <= 0 {
			return nil, &InputError{Field: fmt.Sprintf("subscriptions[%d]", i), Rule: "must be greater than 0"}
		}
		products[i] = product{subscription: id}
	}
	return unique("subscriptions", "subscription", products)
}

// unique returns the items in their order without repetitions. There must be one.
func unique[T comparable](name, what string, items []T) ([]T, error) {
	if len(items) == 0 {
		return nil, &InputError{Field: name, Rule: "needs at least one " + what}
	}
	seen := make(map[T]bool, len(items))
	once := make([]T, 0, len(items))
	for _, item := range items {
		if !seen[item] {
			seen[item] = true
			once = append(once, item)
		}
	}
	return once, nil
}
