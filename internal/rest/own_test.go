package rest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/applemdm/applemdm/internal/rest"
)

// refusal is an error of some service.
type refusal struct{ code string }

func (r *refusal) Error() string { return r.code }

func TestOwnError(t *testing.T) {
	ended, end := context.WithCancel(t.Context())
	end()
	req := rest.Request{Op: "read", Method: "GET"}

	shared := &refusal{"no"}
	own, ok := rest.OwnError[refusal](ended, req, shared).(*refusal)
	if !ok || own == shared || *own != *shared {
		t.Errorf("%#v", own)
	}
	waited := fmt.Errorf("wait: %w", context.Canceled)
	e, ok := rest.OwnError[refusal](ended, req, waited).(*rest.TransportError)
	if !ok || e.Op != "read" || e.Method != "GET" || e.Sent || !errors.Is(e, context.Canceled) {
		t.Errorf("%#v", e)
	}
	told := fmt.Errorf("log in: %w", &rest.TransportError{Err: context.Canceled})
	for _, same := range []struct {
		ctx context.Context
		err error
	}{{ended, told}, {ended, errors.New("damaged")}, {t.Context(), waited}} {
		if got := rest.OwnError[refusal](same.ctx, req, same.err); got != same.err {
			t.Errorf("%v became %v", same.err, got)
		}
	}
}
