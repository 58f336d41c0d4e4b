package vpp

import (
	"errors"
	"strings"

	"github.com/applemdm/applemdm/internal/rest"
)

// product is what is given or taken: an asset or a subscription. The zero product stands for
// everything, where a call is about its targets alone.
type product struct {
	asset        AssetKey
	subscription AdamNumber
}

// order is what an [Operation] is to bring about: something for every product and every target. It
// is not changed after it was made.
type order struct {
	kind  EventType
	topic NotificationType // of what tells of its events; "" for calls that are carried out at once
	op    string           // in words
	url   string
	path  rest.Path

	products []product // at least one
	targets  []holder  // users, then devices
	users    []UserRequest

	renewing, deferred *bool // of subscriptions

	already error // what Apple answers to whoever asks for it twice; nil if it answers as before

	productAt map[product]int
	targetAt  map[holder]int
}

// orderFor returns an order of a kind, about assets and users or about subscriptions, without what it
// is for. For a kind that is unknown, its op is "".
func orderFor(kind EventType, subscriptions bool) order {
	o := order{kind: kind, topic: NotificationAssetManagement, products: []product{{}}}
	verb := strings.ToLower(string(kind))
	switch kind {
	case EventAssociate, EventDisassociate:
		o.op, o.path = verb+" assets", rest.Path{"assets", verb}
		o.url = map[EventType]string{EventAssociate: URLAssociateAssets, EventDisassociate: URLDisassociateAssets}[kind]
		if subscriptions {
			o.op, o.path, o.url = verb+" subscriptions", rest.Path{"subscriptions", verb}, ""
			o.topic = NotificationSubscriptionManagement
		}
		if kind == EventDisassociate && subscriptions {
			o.already = ErrNoSubscription
		}
	case EventRevoke:
		o.op, o.path, o.url = "revoke assets", rest.Path{"assets", "revoke"}, URLRevokeAssets
	case EventCreate, EventUpdate, EventRetire:
		o.op, o.path, o.topic = verb+" users", rest.Path{"users", verb}, NotificationUserManagement
		o.url = map[EventType]string{EventCreate: URLCreateUsers, EventUpdate: URLUpdateUsers, EventRetire: URLRetireUsers}[kind]
		o.already = map[EventType]error{EventCreate: ErrUserExists, EventRetire: ErrUserNotFound}[kind]
	}
	return o
}

// doneBefore reports whether a refusal is what Apple answers when the same is asked for twice.
func (o *order) doneBefore(refusal error) bool {
	return o.already != nil && errors.Is(refusal, o.already)
}

// repeatable reports whether asking twice gets the same answer twice. What is not is repeated with
// a note: see [part].
func (o *order) repeatable() bool { return o.already == nil }

// cells returns the number of outcomes that the order has.
func (o *order) cells() int { return len(o.products) * len(o.targets) }

func (o *order) cell(product, target int) int { return product*len(o.targets) + target }

// at returns what a cell is about.
func (o *order) at(cell int) (product, holder) {
	return o.products[cell/len(o.targets)], o.targets[cell%len(o.targets)]
}

// index makes products and targets findable.
func (o *order) index() {
	o.productAt = make(map[product]int, len(o.products))
	for i, p := range o.products {
		o.productAt[p] = i
	}
	o.targetAt = make(map[holder]int, len(o.targets))
	for i, t := range o.targets {
		o.targetAt[t] = i
	}
}

// The bodies of requests.
type (
	assetsBody struct {
		Assets        []AssetKey `json:"assets,omitzero"`
		ClientUserIDs []string   `json:"clientUserIds,omitzero"`
		SerialNumbers []string   `json:"serialNumbers,omitzero"`
	}
	subscriptionsBody struct {
		AdamIDs       []AdamNumber `json:"adamIds"`
		ClientUserIDs []string     `json:"clientUserIds"`
		Renewing      *bool        `json:"renewing,omitzero"`
		Deferred      *bool        `json:"deferred,omitzero"`
	}
	usersBody struct {
		Users []UserRequest `json:"users"`
	}
)

// body returns what to send for a part.
func (o *order) body(p *part) any {
	if o.kind == EventCreate || o.kind == EventUpdate || o.kind == EventRetire {
		return usersBody{Users: o.requests(p)}
	}
	var assets []AssetKey
	var subscriptions []AdamNumber
	for _, i := range p.products {
		switch product := o.products[i]; {
		case product.subscription != 0:
			subscriptions = append(subscriptions, product.subscription)
		case product.asset != AssetKey{}:
			assets = append(assets, product.asset)
		}
	}
	var users, devices []string
	for _, i := range p.targets {
		if t := o.targets[i]; t.serialNumber != "" {
			devices = append(devices, t.serialNumber)
		} else {
			users = append(users, t.clientUserID)
		}
	}
	if subscriptions != nil {
		return subscriptionsBody{subscriptions, users, o.renewing, o.deferred}
	}
	return assetsBody{assets, users, devices}
}

// requests returns the users of a part.
func (o *order) requests(p *part) []UserRequest {
	users := make([]UserRequest, len(p.targets))
	for n, i := range p.targets {
		users[n] = UserRequest{ClientUserID: o.targets[i].clientUserID}
		if o.users != nil {
			users[n] = o.users[i]
		}
	}
	return users
}
