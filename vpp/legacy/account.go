package legacy

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	"github.com/applemdm/applemdm/internal/rest"
	"github.com/applemdm/applemdm/vpp"
)

// account is what the answers have told of the account.
type account struct {
	mu      sync.Mutex
	uid     string
	strayed error // set while the token is one of another location

	context ClientContext // as told last
	told    bool          // by an answer, if only that there is none
	era     int           // counts the claims of this client: older answers know nothing of them
}

// UID returns Apple's number of the location, or "" before the first answer and without
// [Options.UID]. All tokens of a location have the same, and version 2 has it too, so store what
// belongs to a location under it.
func (c *Client) UID() string {
	c.account.mu.Lock()
	defer c.account.mu.Unlock()
	return c.account.uid
}

// now returns the era, for [account.note].
func (a *account) now() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.era
}

// note takes in what an answer to a call begun in era says of the account. Its error says that this
// is not the account it was.
func (a *account) note(said envelope, era int) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if said.UID != "" {
		if a.uid != "" && a.uid != said.UID {
			a.strayed = fmt.Errorf("%w: it is %s, and was %s", vpp.ErrOtherLocation, said.UID, a.uid)
			return a.strayed
		}
		a.uid, a.strayed = said.UID, nil
	}
	if said.ClientContext != nil && era == a.era {
		a.context = *said.ClientContext
	}
	a.told = true
	return nil
}

// claimedNow notes what Apple has just taken as the client context.
func (a *account) claimedNow(context ClientContext) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.context, a.told = context, true
	a.era++
}

// standing returns what is known of the account.
func (a *account) standing() (context ClientContext, told bool, strayed error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.context, a.told, a.strayed
}

// mayCall returns why nothing may be asked of the account, or nil. Where it is not known yet whose
// account it is, and that matters, the client configuration tells: Apple wants its managers to look
// at the start of every session.
func (c *Client) mayCall(ctx context.Context) error {
	_, told, strayed := c.account.standing()
	var err error
	switch {
	case strayed != nil:
		_, err = c.ClientConfig(ctx)
	case !told && (c.opts.MDM.GUID != "" || c.opts.UID != ""):
		if _, err = c.session.Get(ctx); err != nil {
			look := rest.Request{Op: opClientConfig, Method: http.MethodPost, Path: rest.Path{serviceClientConfig}}
			err = rest.OwnError[vpp.Error](ctx, look, err)
		}
	}
	if err != nil {
		return err
	}
	return c.claimed()
}

// claimed returns a [*ClaimedError] if the account is another server's, as far as answers have told.
func (c *Client) claimed() error {
	if context, _, _ := c.account.standing(); c.isOther(context) {
		return claimedBy(context)
	}
	return nil
}
