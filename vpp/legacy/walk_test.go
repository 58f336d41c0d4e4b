package legacy

import (
	"errors"
	"testing"

	"github.com/applemdm/applemdm/vpp"
)

// A list without end takes too long to be read here, so the walks are put just before their cap.
func TestPageCaps(t *testing.T) {
	w := &walk[User]{pages: maxPages, list: userList(UserFilter{})}
	if _, more, err := w.next(t.Context()); !errors.Is(err, vpp.ErrPageCap) || more {
		t.Error(err)
	}
	a := &assignmentWalk{next: assignmentsRequest{PageIndex: maxPages}}
	if _, more, err := a.read(t.Context()); !errors.Is(err, vpp.ErrPageCap) || more {
		t.Error(err)
	}
}
