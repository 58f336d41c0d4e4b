package apns_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/applemdm/applemdm/apns"
	"github.com/applemdm/applemdm/apns/apnstest"
)

// Until the first answer a connection carries one push; then as many as the server allows.
func TestOneProbeThenTheBurst(t *testing.T) {
	const pushes = 300
	for name, c := range map[string]struct {
		server apnstest.Options
		fault  *apnstest.Fault
	}{
		"limit":         {apnstest.Options{MaxStreams: 40, EnforceEarly: true}, nil},
		"limit of 1":    {apnstest.Options{MaxStreams: 1, EnforceEarly: true}, nil},
		"late settings": {apnstest.Options{MaxStreams: 40, EnforceEarly: true}, &apnstest.Fault{Kind: apnstest.LateSettings, Delay: 5 * time.Second}},
		"none":          {apnstest.Options{}, nil},
	} {
		bubble(t, name, func(t *testing.T) {
			c.server.AcceptAnyToken, c.server.Latency = true, time.Second
			srv := newServer(t, &c.server)
			if c.fault != nil {
				srv.Fail(*c.fault)
			}
			client := newClient(t, srv, &apns.Options{MaxConns: 1, Timeout: time.Hour})
			var first, second time.Time
			start := time.Now()
			for range client.PushAll(t.Context(), pushesTo(pushes)) {
				if first.IsZero() {
					first = time.Now()
				} else if second.IsZero() {
					second = time.Now()
				}
			}
			received := srv.Received()
			if len(received) != pushes || received[1].Time.Sub(received[0].Time) < time.Second {
				t.Errorf("the second push came %v after the first", received[1].Time.Sub(received[0].Time))
			}
			limit := c.server.MaxStreams
			if limit == 0 {
				limit = pushes - 1
			}
			if got := srv.Stats(); got.MostStreams != limit || got.GoAways != 0 || got.Dials != 1 {
				t.Errorf("%+v", got)
			}
			rounds := 1 + (pushes-1+limit-1)/limit
			if took := time.Since(start); took > time.Duration(rounds)*time.Second+5*time.Second {
				t.Errorf("took %v, want %d s", took, rounds)
			}
		})
	}
}

// MaxStreams caps below what the server allows.
func TestMaxStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, &apnstest.Options{AcceptAnyToken: true, Latency: time.Millisecond})
		pushMany(t, newClient(t, srv, &apns.Options{MaxStreams: 7, MaxConns: 1}), 500)
		if got := srv.Stats().MostStreams; got != 7 {
			t.Errorf("%d streams at once", got)
		}
	})
}

// APNs lowers the limit to 1 after a refusal and restores it with the next success. Nothing stalls,
// and the limit is never exceeded.
func TestALimitThatIsLoweredAfterErrors(t *testing.T) {
	const n = 5000
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, &apnstest.Options{AcceptAnyToken: true, LimitAfterError: 1, Latency: 100 * time.Millisecond, Jitter: 50 * time.Millisecond})
		for i := range n / 20 {
			srv.AddToken(topic, token(i*20), "old")
			srv.Fail(apnstest.Fault{Kind: apnstest.Answer, Status: 400, Reason: "BadDeviceToken", Token: token(i * 20)})
		}
		client := newClient(t, srv, nil)
		results, bad := newOnce(t, n), 0
		start := time.Now()
		for r := range client.PushAll(t.Context(), pushesTo(n)) {
			results.note(r)
			if errors.Is(r.Err, apns.ErrBadDeviceToken) {
				bad++
			} else if r.Err != nil {
				t.Fatal(r.Err)
			}
		}
		if results.n != n || bad != n/20 || srv.Stats().GoAways != 0 {
			t.Errorf("%d results, %d bad, %+v", results.n, bad, srv.Stats())
		}
		t.Logf("%v, %d dials", time.Since(start), srv.Stats().Dials)
	})
}

// A limit of 0 stops everything until it is raised; what waits longer than it may is told.
func TestALimitOfZero(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := anyToken(t)
		client := newClient(t, srv, &apns.Options{MaxConns: 1})
		pushMany(t, client, 10)
		srv.SetStreamLimit(0)
		time.AfterFunc(10*time.Second, func() { srv.SetStreamLimit(5) })
		start := time.Now()
		time.Sleep(2 * time.Second)
		if _, err := client.Push(t.Context(), pushTo(99)); err != nil || time.Since(start) != 10*time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		srv.SetStreamLimit(0)
		time.Sleep(time.Second)
		_, err := client.Push(t.Context(), pushTo(100))
		wants(t, err, apns.RetryLater, context.DeadlineExceeded)
		if e := lost(t, err); e.Sent || e.Attempts != 0 {
			t.Errorf("%+v", e)
		}
	})
}

// Another connection is opened when those there are have been full for a while, not before.
func TestMoreConnectionsWhenFull(t *testing.T) {
	for name, c := range map[string]struct {
		latency  time.Duration
		pushes   int
		maxConns int
		want     int
	}{
		"never full":        {time.Second, 90, 3, 1},
		"full for a while":  {time.Second, 1000, 3, 3},
		"full for a moment": {10 * time.Millisecond, 500, 3, 1},
		"no more allowed":   {time.Second, 1000, 2, 2},
	} {
		bubble(t, name, func(t *testing.T) {
			srv := newServer(t, &apnstest.Options{AcceptAnyToken: true, MaxStreams: 100, Latency: c.latency})
			client := newClient(t, srv, &apns.Options{MaxConns: c.maxConns})
			if _, err := client.Push(t.Context(), pushTo(999_999)); err != nil {
				t.Fatal(err)
			}
			pushMany(t, client, c.pushes)
			if got := srv.Stats(); got.Dials != c.want || client.Stats().Connections != c.want {
				t.Errorf("%d dials, want %d", got.Dials, c.want)
			}
		})
	}
}

// Connections are replaced when they are old, without losing a push.
func TestMaxConnAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, &apnstest.Options{AcceptAnyToken: true, Latency: 3 * time.Second})
		client := newClient(t, srv, &apns.Options{MaxConnAge: time.Hour})
		for i := range 5 * 60 * 12 {
			go func() {
				if _, err := client.Push(t.Context(), pushTo(i)); err != nil {
					t.Error(err)
				}
			}()
			time.Sleep(5 * time.Second)
		}
		time.Sleep(time.Minute)
		if got := srv.Stats(); got.Dials != 5 || got.Open > 1 {
			t.Errorf("%d connections in 5 hours, %d open", got.Dials, got.Open)
		}
		time.Sleep(2 * time.Hour)
		if got := srv.Stats(); got.Open != 0 || got.Dials != 5 {
			t.Errorf("%d are open after 2 hours of silence, %d dials", got.Open, got.Dials)
		}
	})
}
