package apnstest_test

import (
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/applemdm/applemdm/apns/apnstest"
)

func TestReplayRefuses(t *testing.T) {
	nowhere := filepath.Join(t.TempDir(), "no", "folder.yaml")
	if _, err := apnstest.Record(nowhere); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if s, err := apnstest.Replay(nowhere, nil); s != nil || !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	file := filepath.Join(t.TempDir(), "bad.yaml")
	for text, want := range map[string]string{
		"url: '%zz'":                             "request 0",
		"url: /3/device/xyz, body: '{}'":         `push 0: "xyz" is no token in hex`,
		"url: /3/device/0a, body: '{'":           "push 0: ",
		"url: /3/device/0a, body: '{\"mdm\":5}'": "push 0: ",
	} {
		if err := os.WriteFile(file, []byte("version: 2\ninteractions: [{id: 0, request: {"+text+"}}]"), 0o600); err != nil {
			t.Fatal(err)
		}
		if s, err := apnstest.Replay(file, nil); s != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestOutcomesSurvive(t *testing.T) {
	file := filepath.Join(t.TempDir(), "demo.yaml")
	recorder, err := apnstest.RecordWithKey(file, []byte("key"))
	if err != nil {
		t.Fatal(err)
	}
	at := time.UnixMilli(1767225600123)
	recorder.Note(apnstest.Outcome{Topic: topic, Token: strings.ToUpper(token), PushMagic: magic, ID: "6BA7B810-9DAD", Status: 410, Reason: "Unregistered", Since: at})
	recorder.Note(apnstest.Outcome{Token: token, PushMagic: magic, Err: errors.New("lost")})
	if err := recorder.Save(); err != nil {
		t.Fatal(err)
	}
	got, err := apnstest.Replayed(file)
	if err != nil || len(got) != 2 {
		t.Fatal(got, err)
	}
	want := apnstest.Outcome{
		Topic: recorder.StandIn(topic), Token: recorder.StandIn(token), PushMagic: recorder.StandIn(magic), ID: recorder.StandIn("6BA7B810-9DAD"),
		Status: 410, Reason: "Unregistered", Since: at,
	}
	if got[0] != want || want.Topic == topic || want.Token == token || want.PushMagic == magic {
		t.Errorf("%+v, want %+v", got[0], want)
	}
	if lost := (apnstest.Outcome{Token: want.Token, PushMagic: want.PushMagic}); got[1] != lost {
		t.Errorf("%+v, want %+v", got[1], lost)
	}
}

// Somebody has noted what became of the pushes of a day; here the outcomes are made up.
func ExampleRecord() {
	folder, err := os.MkdirTemp("", "demo")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	file := filepath.Join(folder, "pushes.yaml")
	recorder, err := apnstest.Record(file)
	if err != nil {
		log.Fatal(err)
	}
	recorder.Note(apnstest.Outcome{Topic: topic, Token: token, PushMagic: magic, Status: 429, Reason: "TooManyRequests"})
	recorder.Note(apnstest.Outcome{Topic: topic, Token: token, PushMagic: magic, Status: 200})
	if err := recorder.Save(); err != nil {
		log.Fatal(err)
	}

	// Whoever gets the file has a simulator that behaves as APNs did.
	srv, err := apnstest.Replay(file, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	pushes, err := apnstest.Replayed(file)
	if err != nil {
		log.Fatal(err)
	}
	for _, push := range pushes {
		fmt.Println(push.Status, push.Reason, "hidden:", push.Token != token && push.Topic != topic)
	}
	// Output:
	// 429 TooManyRequests hidden: true
	// 200  hidden: true
}
