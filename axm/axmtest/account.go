package axmtest

import (
	"crypto/ecdsa"
	"fmt"
	"slices"
	"time"
)

// maxAccounts is how many API accounts an organisation may have.
const maxAccounts = 50

// Permission is something that the role of an API account allows. The names are this package's own.
type Permission string

const (
	ReadDevices         Permission = "read devices and device management services"
	AssignDevices       Permission = "assign devices"
	ReleaseDevices      Permission = "release devices"
	ManageServers       Permission = "manage device management services"
	ReadMDMDevices      Permission = "read devices of the built-in device management"
	ReadPeople          Permission = "read people"
	ReadApps            Permission = "read apps and packages"
	ReadConfigurations  Permission = "read configurations"
	WriteConfigurations Permission = "write configurations"
	ReadBlueprints      Permission = "read blueprints"
	WriteBlueprints     Permission = "write blueprints"
	ReadAuditEvents     Permission = "read audit events"
)

// AccountOptions says what an API account is like. Zero fields get the documented default.
type AccountOptions struct {
	Name     string            // default "API account 1" and so on
	ClientID string            // default invented, with the prefix of the kind of organisation
	KeyID    string            // of the first key; default invented
	Key      *ecdsa.PrivateKey // the first key, of curve P-256; default generated

	// Permissions is what the role allows; what it lacks answers 403. Nil is everything.
	Permissions []Permission

	// NoKey makes an account that has no key yet.
	NoKey bool
}

// Account is an API account of an organisation: a client id and its keys. All methods are safe for
// concurrent use.
type Account struct {
	org     *Org
	opts    AccountOptions
	keys    []Key
	revoked map[string]bool // by key id
	deleted bool
	allowed []Permission
	seen    map[string]assertionUse // by jti
	tokens  use
	used    map[string]*use // by method
	made    int             // keys
}

// Account returns the first API account of the organisation, the one that AddOrg made.
func (o *Org) Account() *Account {
	o.s.mu.Lock()
	defer o.s.mu.Unlock()
	return o.accounts[0]
}

// Accounts returns the API accounts that were not deleted.
func (o *Org) Accounts() []*Account {
	o.s.mu.Lock()
	defer o.s.mu.Unlock()
	return o.liveAccounts()
}

func (o *Org) liveAccounts() []*Account {
	return slices.DeleteFunc(slices.Clone(o.accounts), func(a *Account) bool { return a.deleted })
}

// AddAccount adds an API account. It fails beyond 50, and for a client id that exists.
func (o *Org) AddAccount(opts AccountOptions) (*Account, error) {
	o.s.mu.Lock()
	defer o.s.mu.Unlock()
	if len(o.liveAccounts()) >= maxAccounts {
		return nil, fmt.Errorf("axmtest: an organisation has at most %d API accounts", maxAccounts)
	}
	if o.s.accounts[opts.ClientID] != nil {
		return nil, fmt.Errorf("axmtest: client id %q exists", opts.ClientID)
	}
	return o.addAccount(opts, time.Now()), nil
}

func (o *Org) addAccount(opts AccountOptions, now time.Time) *Account {
	n := o.s.next()
	or(&opts.Name, fmt.Sprint("API account ", len(o.accounts)+1))
	or(&opts.ClientID, o.kind.clientPrefix()+uuidOf("account", n))
	a := &Account{
		org: o, opts: opts, allowed: slices.Clone(opts.Permissions),
		revoked: make(map[string]bool), seen: make(map[string]assertionUse), used: make(map[string]*use),
	}
	o.accounts = append(o.accounts, a)
	o.s.accounts[opts.ClientID] = a
	if opts.NoKey {
		o.happened(now, "API_ACCOUNT_CREATED_WITHOUT_KEY", a.subject(), nil)
		return a
	}
	k := a.addKey(opts.KeyID, opts.Key)
	o.happened(now, "API_ACCOUNT_CREATED_WITH_KEY", a.subject(), object{{"keyId", k.ID}})
	return a
}

func (a *Account) subject() subject { return subject{"API_USER", a.opts.ClientID, a.opts.Name} }

// Org returns the organisation of the account.
func (a *Account) Org() *Org { return a.org }

// ClientID returns what a client calls itself.
func (a *Account) ClientID() string { return a.opts.ClientID }

// Key returns the newest key that was not revoked; the zero Key without one.
func (a *Account) Key() Key {
	a.org.s.mu.Lock()
	defer a.org.s.mu.Unlock()
	for _, k := range slices.Backward(a.keys) {
		if !a.revoked[k.ID] {
			return k
		}
	}
	return Key{}
}

// GenerateKey adds a key. Earlier keys stay good until they are revoked.
func (a *Account) GenerateKey() Key {
	a.org.s.mu.Lock()
	defer a.org.s.mu.Unlock()
	k := a.addKey("", nil)
	a.org.happened(time.Now(), "API_ACCOUNT_KEY_GENERATED", a.subject(), object{{"keyId", k.ID}})
	return k
}

// RevokeKey makes assertions that are signed with a key invalid. Access tokens stay good until they
// expire or [Account.ExpireTokens] is called; Apple does not say what becomes of them.
func (a *Account) RevokeKey(keyID string) {
	a.org.s.mu.Lock()
	defer a.org.s.mu.Unlock()
	a.revoked[keyID] = true
	a.org.happened(time.Now(), "API_ACCOUNT_KEY_REVOKED", a.subject(), object{{"keyId", keyID}})
}

// Delete deletes the account: its access tokens get 401, its assertions invalid_client.
func (a *Account) Delete() {
	a.org.s.mu.Lock()
	defer a.org.s.mu.Unlock()
	a.deleted = true
	a.org.happened(time.Now(), "API_ACCOUNT_DELETED", a.subject(), nil)
}

// SetPermissions changes what the role of the account allows. Without arguments it allows nothing.
func (a *Account) SetPermissions(allowed ...Permission) {
	a.org.s.set(func() { a.allowed = append([]Permission{}, allowed...) })
}

// may reports whether the role allows p.
func (a *Account) may(p Permission) bool { return a.allowed == nil || slices.Contains(a.allowed, p) }
