package content

import (
	"context"
	"strings"
	"time"

	"github.com/applemdm/applemdm/internal/lease"
	"github.com/applemdm/applemdm/vpp"
)

const (
	homeLife  = time.Hour
	homeRetry = time.Minute // after a failure to read it again
)

// home is what the client configuration of a location says of where it buys.
type home struct {
	country  string // in small letters; "" if the configuration names none
	platform LookupPlatform
	due      time.Time // to be read again
}

// homeReader keeps the home of Options.Location.
type homeReader struct {
	opts  *Options
	lease *lease.Lease[*home]
}

func newHomeReader(opts *Options) *homeReader {
	r := &homeReader{opts: opts}
	r.lease = lease.New(r.fetch)
	return r
}

// read returns the home, reading it if it is due.
func (r *homeReader) read(ctx context.Context) (*home, error) {
	return r.lease.Fresh(ctx, func(h *home) bool { return !time.Now().Before(h.due) })
}

// fetch is what the lease calls for a home. When it cannot be read again, the last one stays good.
func (r *homeReader) fetch(ctx context.Context, last *home) (*home, error) {
	config, err := r.opts.Location.ClientConfig(ctx)
	switch {
	case err == nil:
		return &home{
			country:  strings.ToLower(config.CountryCode),
			platform: LookupPlatform(config.DefaultPlatform),
			due:      time.Now().Add(homeLife),
		}, nil
	case last == nil || ctx.Err() != nil:
		return nil, err
	}
	if r.opts.Logger != nil {
		r.opts.Logger.WarnContext(ctx, "the client configuration could not be read again", "error", err)
	}
	return &home{country: last.country, platform: last.platform, due: time.Now().Add(homeRetry)}, nil
}

// countries returns where to look: in wanted, if it is set, and then in the fallbacks.
func (r *homeReader) countries(ctx context.Context, wanted string) ([]string, error) {
	first := strings.ToLower(wanted)
	if first == "" {
		first = r.opts.Storefront
	}
	if first == "" && r.opts.Location != nil {
		h, err := r.read(ctx)
		if err != nil {
			return nil, err
		}
		first = h.country
	}
	if first == "" {
		return nil, &vpp.InputError{Field: "Options.Storefront", Rule: "must be set, for no client configuration names the country"}
	}
	all := []string{first}
	for _, country := range r.opts.Fallbacks {
		if country != first {
			all = append(all, country)
		}
	}
	return all, nil
}

// checkCountry writes a country in small letters, if it is set.
func checkCountry(field string, country *string) error {
	lower := strings.ToLower(*country)
	if lower != "" && (len(lower) != 2 || strings.Trim(lower, "abcdefghijklmnopqrstuvwxyz") != "") {
		return &vpp.InputError{Field: field, Rule: "must be a country of two letters, such as \"us\""}
	}
	*country = lower
	return nil
}
