package apns_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/apns"
	"github.com/applemdm/applemdm/apns/apnstest"
	"github.com/applemdm/applemdm/internal/cassette/proof"
	"github.com/applemdm/applemdm/internal/leak"
)

// outcomeOf is a result as a recording takes it.
func outcomeOf(certificate *apns.Certificate, r apns.Result) apnstest.Outcome {
	o := apnstest.Outcome{Topic: certificate.Topic(), Token: r.Push.Token, PushMagic: r.Push.PushMagic, ID: r.ID, Status: 200}
	if r.Err == nil {
		return o
	}
	o.Status, o.Err = 0, r.Err
	if e, ok := errors.AsType[*apns.Error](r.Err); ok {
		o.Status, o.Reason, o.Since, o.Err = e.StatusCode, string(e.Reason), e.Since, nil
	}
	return o
}

// endOf is what has to be the same in a replay.
func endOf(r apns.Result) string {
	end := fmt.Sprint(r.Disposition())
	if e, ok := errors.AsType[*apns.Error](r.Err); ok {
		end += fmt.Sprint(" ", e.StatusCode, " ", e.Reason, " ", e.Since.UnixMilli())
	}
	return end
}

func TestRecording(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := apnstest.NewServer(&apnstest.Options{InMemory: true})
		t.Cleanup(srv.Close)
		var pushes []apns.Push
		for i := range 7 {
			token, magic := strings.Repeat(fmt.Sprintf("%d%s", i+1, "ab4c7"), 10)+"beef", fmt.Sprintf("6BA7B810-MAGIC-%04d", i)
			pushes = append(pushes, apns.Push{Target: apns.Target{Token: token, PushMagic: magic}})
			if i != 1 {
				srv.AddToken(topic, token, magic)
			}
		}
		srv.Unregister(pushes[2].Token, time.Now().Add(-time.Hour))
		srv.Throttle(pushes[3].Token, time.Hour)
		srv.Fail(apnstest.Fault{Kind: apnstest.ResetStream, Token: pushes[4].Token, Count: 3})
		srv.Fail(apnstest.Fault{Kind: apnstest.Answer, Status: 503, Reason: "Shutdown", Token: pushes[5].Token, Count: 3})
		srv.Fail(apnstest.Fault{Kind: apnstest.Answer, Status: 400, Reason: "BadPriority " + pushes[6].Token, Token: pushes[6].Token})
		certificate := issue(t, srv, apnstest.CertOptions{})
		client := newClientWith(t, srv, certificate, nil)

		file := filepath.Join(t.TempDir(), "apns.yaml")
		recorder, err := apnstest.Record(file)
		if err != nil {
			t.Fatal(err)
		}
		var recorded []string
		confidential := []string{topic, strings.TrimPrefix(topic, "com.apple.mgmt.External.")}
		for _, push := range append(pushes, pushes[0]) {
			r := apns.Result{Push: push}
			r.ID, r.Err = client.Push(t.Context(), push)
			recorder.Note(outcomeOf(certificate, r))
			recorded = append(recorded, endOf(r))
			confidential = append(confidential, push.Token, strings.ToUpper(push.Token), push.PushMagic, r.ID)
		}
		if err := recorder.Save(); err != nil {
			t.Fatal(err)
		}
		leak.Watch(t, func() []string { return secrets(srv, certificate) }).NoteFile(t, file)
		if leaks := new(proof.Wire).Leaks(t, file, confidential, func(string) bool { return false }); len(leaks) > 0 {
			t.Errorf("in the recording: %q", leaks)
		}
		if kinds := slices.Compact(slices.Sorted(slices.Values(recorded))); len(kinds) < 6 {
			t.Errorf("recorded %q", kinds)
		}

		again, err := apnstest.Replay(file, &apnstest.Options{InMemory: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(again.Close)
		shown, err := apns.ParseCertificate(again.IssuePushCertificate(recorder.StandIn(topic), &apnstest.CertOptions{EC: true}))
		if err != nil {
			t.Fatal(err)
		}
		client = newClientWith(t, again, shown, nil)
		outcomes, err := apnstest.Replayed(file)
		if err != nil {
			t.Fatal(err)
		}
		var replayed []string
		for i, o := range outcomes {
			if i < len(pushes) && (o.Token != recorder.StandIn(strings.ToUpper(pushes[i].Token)) || o.PushMagic != recorder.StandIn(pushes[i].PushMagic)) {
				t.Errorf("push %d is %+v", i, o)
			}
			r := apns.Result{Push: apns.Push{Target: apns.Target{Topic: o.Topic, Token: o.Token, PushMagic: o.PushMagic}}}
			r.ID, r.Err = client.Push(t.Context(), r.Push)
			replayed = append(replayed, strings.ReplaceAll(endOf(r), o.Token, pushes[min(i, 6)].Token))
		}
		if diff := cmp.Diff(recorded, replayed); diff != "" {
			t.Errorf("(-recorded +replayed):\n%s", diff)
		}
		if n := again.PendingFaults(); n != 0 {
			t.Errorf("%d outcomes were not met", n)
		}
		if woken := again.Device(outcomes[0].Token).Woken(); woken != 2 {
			t.Errorf("woken %d times", woken)
		}
	})
}
