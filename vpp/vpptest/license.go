package vpptest

import "slices"

// unlimitedCount is how counts say "any number".
const unlimitedCount = 2147483647

// Product types and qualities.
const (
	App  = "App"
	Book = "Book"

	Standard = "STDQ"
	Plus     = "PLUS"
)

// Asset is an app or a book that the location owns. AdamID and PricingParam together are its
// identity.
type Asset struct {
	AdamID       string
	PricingParam string   // Standard (default) or Plus
	ProductType  string   // App (default) or Book
	Platforms    []string // default iOS; "iOS", "macOS", "tvOS", "watchOS", "visionOS"

	// Total is how many licences there are. Unlimited makes it 2147483647 for ever.
	Total     int
	Unlimited bool

	// NotDeviceAssignable is for apps that can only be assigned to users; books never can be
	// assigned to devices, and are never Revocable.
	NotDeviceAssignable bool

	// Assigned, Available and Retired are told by [Location.Assets]; when buying they mean nothing.
	// Total is their sum. Retired are licences of books lost to users who have been retired.
	Assigned, Available, Retired int
}

// asset is an asset with its licences.
//
// Licences have identifiers, which version 1 tells, so each is a thing of its own; but most are
// never touched, and come into being when they are first assigned or listed.
type asset struct {
	ref       assetRef
	product   string
	platforms []string
	onDevices bool
	unlimited bool
	total     int
	assigned  int
	retired   int
	rev       int // of assetSet

	licences []*licence // those that have come into being and are not refunded
	free     []*licence // of these, the ones that nobody has
	refunded []*licence
}

// licence is one licence. Its holder is nil while it is available.
type licence struct {
	id     int64
	asset  *asset
	holder *assignment
	rev    int // of assignmentSet
}

func (a *asset) revocable() bool { return a.product != Book }

func (a *asset) available() int {
	if a.unlimited {
		return unlimitedCount
	}
	return a.total - a.assigned - a.retired
}

func (a *asset) totalCount() int {
	if a.unlimited {
		return unlimitedCount
	}
	return a.total
}

// take returns a licence that nobody has, nil if there is none.
func (a *asset) take(s *Server) *licence {
	if a.available() < 1 {
		return nil
	}
	if n := len(a.free); n > 0 {
		lic := a.free[n-1]
		a.free = a.free[:n-1]
		return lic
	}
	return a.make(s)
}

func (a *asset) make(s *Server) *licence {
	lic := &licence{id: int64(s.next()), asset: a}
	a.licences = append(a.licences, lic)
	return lic
}

// materialize brings all licences of a limited asset into being.
func (a *asset) materialize(s *Server) {
	if a.unlimited {
		return
	}
	for len(a.licences) < a.total {
		a.free = append(a.free, a.make(s))
	}
}

// public returns the asset as tests see it.
func (a *asset) public() Asset {
	return Asset{
		AdamID: a.ref.AdamID, PricingParam: a.ref.PricingParam, ProductType: a.product,
		Platforms: slices.Clone(a.platforms), Total: a.totalCount(), Unlimited: a.unlimited,
		NotDeviceAssignable: !a.onDevices,
		Assigned:            a.assigned, Available: a.available(), Retired: a.retired,
	}
}

func refOf(adamID, pricingParam string) assetRef {
	setDefault(&pricingParam, Standard)
	return assetRef{adamID, pricingParam}
}

// Buy adds licences, a.Total of them, of an asset that the location has or has not. Subscribers
// get ASSET_COUNT. The other fields of a count when the asset is new.
func (l *Location) Buy(a Asset) {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	l.buy(a)
}

func (l *Location) buy(a Asset) {
	ref := refOf(a.AdamID, a.PricingParam)
	own := l.assets[ref]
	if own == nil {
		setDefault(&a.ProductType, App)
		if len(a.Platforms) == 0 {
			a.Platforms = []string{"iOS"}
		}
		own = &asset{
			ref: ref, product: a.ProductType, platforms: slices.Clone(a.Platforms), unlimited: a.Unlimited,
			onDevices: a.ProductType != Book && !a.NotDeviceAssignable,
		}
		l.assets[ref] = own
		l.assetOrder = append(l.assetOrder, own)
	}
	own.total += a.Total
	own.rev = l.bump(assetSet)
	l.countNotification(ref, a.Total)
}

// Refund takes n licences out, but only such as nobody has, and returns how many it took.
// Subscribers get ASSET_COUNT.
func (l *Location) Refund(adamID, pricingParam string, n int) int {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	return l.withdraw(refOf(adamID, pricingParam), n, true)
}

// TransferTo moves n licences that nobody has to another location of the server, as content managers
// do, and returns how many it moved. Both locations get ASSET_COUNT.
func (l *Location) TransferTo(to *Location, adamID, pricingParam string, n int) int {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	ref := refOf(adamID, pricingParam)
	moved := l.withdraw(ref, n, false)
	if moved > 0 {
		from := l.assets[ref].public()
		from.Total = moved
		to.buy(from)
	}
	return moved
}

// withdraw takes up to n available licences away.
func (l *Location) withdraw(ref assetRef, n int, refund bool) int {
	a := l.assets[ref]
	if a == nil || a.unlimited {
		return 0
	}
	n = max(min(n, a.available()), 0)
	if n == 0 {
		return 0
	}
	rev := l.bump(assignmentSet)
	a.materialize(l.s)
	for _, lic := range a.free[len(a.free)-n:] {
		lic.rev = rev
		if refund {
			a.refunded = append(a.refunded, lic)
		}
	}
	gone := make(map[*licence]bool, n)
	for _, lic := range a.free[len(a.free)-n:] {
		gone[lic] = true
	}
	a.free = a.free[:len(a.free)-n]
	a.licences = slices.DeleteFunc(a.licences, func(lic *licence) bool { return gone[lic] })
	a.total -= n
	a.rev = l.bump(assetSet)
	l.countNotification(ref, -n)
	return n
}

// Assets returns the assets as they are now, in the order in which they were bought first.
func (l *Location) Assets() []Asset {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	out := make([]Asset, 0, len(l.assetOrder))
	for _, a := range l.assetOrder {
		out = append(out, a.public())
	}
	return out
}

// Asset returns one asset as it is now. An empty pricingParam is Standard.
func (l *Location) Asset(adamID, pricingParam string) (Asset, bool) {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	if a := l.assets[refOf(adamID, pricingParam)]; a != nil {
		return a.public(), true
	}
	return Asset{}, false
}
