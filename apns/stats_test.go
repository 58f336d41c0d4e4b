package apns_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/apns"
	"github.com/applemdm/applemdm/apns/apnstest"
)

func TestStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, &apnstest.Options{Latency: time.Second, AcceptAnyToken: true, MaxStreams: 100})
		srv.AddToken(topic, token(0), "magic-0")
		srv.Unregister(token(0), time.Now())
		srv.Fail(apnstest.Fault{Kind: apnstest.Answer, Status: 418, Token: token(1), Body: "-"})
		srv.Fail(apnstest.Fault{Kind: apnstest.RefuseStream, Token: token(2)})
		client := newClient(t, srv, &apns.Options{MaxConns: 1, HoldOff: -1})
		if diff := cmp.Diff(apns.Stats{}, client.Stats()); diff != "" {
			t.Errorf("before anything:\n%s", diff)
		}
		if _, err := client.Push(t.Context(), pushTo(999)); err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range client.PushAll(t.Context(), pushesTo(150)) {
			}
		}()
		time.Sleep(500 * time.Millisecond)
		want := apns.Stats{Connections: 1, InFlight: 100, Queued: 50, Accepted: 1, Dials: 1}
		want.Lost, want.Retried, want.InFlight, want.Queued = 1, 1, 100, 50
		if diff := cmp.Diff(want, client.Stats()); diff != "" {
			t.Errorf("on the way (-want +got):\n%s", diff)
		}
		<-done
		srv.GoAway("Shutdown")
		time.Sleep(time.Second)
		srv.Fail(apnstest.Fault{Kind: apnstest.RefuseConn})
		if _, err := client.Push(t.Context(), pushTo(3)); err != nil {
			t.Error(err)
		}
		want = apns.Stats{
			Connections: 1, Accepted: 150, Refused: map[apns.Reason]uint64{apns.ReasonUnregistered: 1, "": 1},
			Lost: 1, Retried: 1, Dials: 3, DialsFailed: 1, GoAways: 1,
		}
		if diff := cmp.Diff(want, client.Stats()); diff != "" {
			t.Errorf("in the end (-want +got):\n%s", diff)
		}
		client.Stats().Refused[""] = 7 // a copy
		if got := client.Stats().Refused[""]; got != 1 {
			t.Errorf("the snapshot is shared: %d", got)
		}
	})
}
