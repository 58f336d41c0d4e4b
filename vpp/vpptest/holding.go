package vpptest

// Target is what an asset is assigned to: a user or a device.
type Target struct{ ClientUserID, SerialNumber string }

// ToUser returns the target that is a user.
func ToUser(clientUserID string) Target { return Target{ClientUserID: clientUserID} }

// ToDevice returns the target that is a device.
func ToDevice(serialNumber string) Target { return Target{SerialNumber: serialNumber} }

// name is the one of the two that is set.
func (t Target) name() string { return t.ClientUserID + t.SerialNumber }

// Assignment is an asset in the hands of a user or on a device.
type Assignment struct {
	AdamID, PricingParam       string
	ClientUserID, SerialNumber string

	UserStatus string // of a user: Registered or Associated, and Retired or Deleted for one who has kept a book
}

// holder is whom an assignment belongs to: a record of a user, or a device.
type holder struct {
	user   *user
	serial string
}

func (h holder) target() Target {
	if h.user != nil {
		return ToUser(h.user.clientID)
	}
	return ToDevice(h.serial)
}

type holdingKey struct {
	asset  *asset
	holder holder
}

// assignment is an assignment with its licence. It stays in the order when it is gone, marked so,
// until the order is tidied.
type assignment struct {
	asset  *asset
	holder holder
	lic    *licence
	rev    int // of assignmentSet
	gone   bool
}

func (a *assignment) public() Assignment {
	t := a.holder.target()
	out := Assignment{
		AdamID: a.asset.ref.AdamID, PricingParam: a.asset.ref.PricingParam,
		ClientUserID: t.ClientUserID, SerialNumber: t.SerialNumber,
	}
	if a.holder.user != nil {
		out.UserStatus = a.holder.user.status
	}
	return out
}

// holdings are the assignments of a location.
type holdings struct {
	byKey map[holdingKey]*assignment
	order []*assignment // in the order of assignment
	gone  int           // how many in it are
}

func (h *holdings) init() { h.byKey = make(map[holdingKey]*assignment) }

// all calls f for each assignment, which may remove it.
func (h *holdings) all(f func(*assignment)) {
	for _, a := range h.order {
		if !a.gone {
			f(a)
		}
	}
}

// tidy takes those that are gone out of the order once they are more than the others.
func (h *holdings) tidy() {
	if h.gone < 64 || h.gone < len(h.order)/2 {
		return
	}
	kept := make([]*assignment, 0, len(h.order)-h.gone)
	h.all(func(a *assignment) { kept = append(kept, a) })
	h.order, h.gone = kept, 0
}

// assign gives a licence of an asset to a holder. One that has it already keeps it. It returns the
// error number of what stands against it, or 0.
func (l *Location) assign(a *asset, to holder) int {
	key := holdingKey{a, to}
	if l.holdings.byKey[key] != nil {
		return 0
	}
	lic := a.take(l.s)
	if lic == nil {
		return notEnough
	}
	as := &assignment{asset: a, holder: to, lic: lic, rev: l.bump(assignmentSet)}
	lic.holder, lic.rev = as, as.rev
	l.holdings.byKey[key] = as
	l.holdings.order = append(l.holdings.order, as)
	a.assigned++
	a.rev = l.bump(assetSet)
	return 0
}

// unassign frees the licence of an assignment.
func (l *Location) unassign(as *assignment) {
	a := as.asset
	as.gone = true
	l.holdings.gone++
	delete(l.holdings.byKey, holdingKey{a, as.holder})
	as.lic.holder = nil
	as.lic.rev = l.bump(assignmentSet)
	a.free = append(a.free, as.lic)
	a.assigned--
	a.rev = l.bump(assetSet)
}

// move gives an assignment another holder, unless that one has the asset already.
func (l *Location) move(as *assignment, to holder) bool {
	key := holdingKey{as.asset, to}
	if l.holdings.byKey[key] != nil {
		return false
	}
	delete(l.holdings.byKey, holdingKey{as.asset, as.holder})
	as.holder = to
	l.holdings.byKey[key] = as
	as.rev = l.bump(assignmentSet)
	as.lic.rev = as.rev
	return true
}

// Assignments returns the assignments as they are now, in the order in which they were made. Books
// of retired users are among them.
func (l *Location) Assignments() []Assignment {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	out := make([]Assignment, 0, len(l.holdings.byKey))
	l.holdings.all(func(a *assignment) { out = append(out, a.public()) })
	return out
}
