package vpptest

// What another MDM does with the same location, or a content manager in the portal. It is carried
// out at once, needs no token, and is notified like everything else.

// otherEvent carries out an event that the client has not asked for.
func (l *Location) otherEvent(e *event) int {
	e.loc = l
	e.id = uuidOf("event", l.opts.UID, l.s.next())
	e.run(len(e.tasks))
	return len(e.passed)
}

// AssignByOther assigns an asset to targets, as far as there are licences and users, and returns to
// how many.
func (l *Location) AssignByOther(adamID, pricingParam string, targets ...Target) int {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	return l.otherEvent(l.assetEvent(Associate, []assetRef{refOf(adamID, pricingParam)}, targets))
}

// UnassignByOther takes an asset back from targets and returns from how many it could.
func (l *Location) UnassignByOther(adamID, pricingParam string, targets ...Target) int {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	return l.otherEvent(l.assetEvent(Disassociate, []assetRef{refOf(adamID, pricingParam)}, targets))
}

// RevokeByOther takes everything revocable back from targets and returns how many licences that
// were.
func (l *Location) RevokeByOther(targets ...Target) int {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	return l.otherEvent(l.revokeEvent(targets))
}

// CreateUserByOther creates a user, linked at once if there is a managedAppleID. It reports whether
// it could.
func (l *Location) CreateUserByOther(clientUserID, email, managedAppleID string) bool {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	return l.otherEvent(&event{kind: Create, topic: UserManagement, exec: l.createTask, tasks: []task{{
		user: userRequest{ClientUserID: clientUserID, Email: email, ManagedAppleID: managedAppleID},
	}}}) == 1
}

// RetireUserByOther retires a user. It reports whether there was one.
func (l *Location) RetireUserByOther(clientUserID string) bool {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	return l.otherEvent(&event{kind: Retire, topic: UserManagement, exec: l.retireTask, tasks: []task{{
		user: userRequest{ClientUserID: clientUserID},
	}}}) == 1
}
