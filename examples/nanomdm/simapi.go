package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/micromdm/nanomdm/api"
	"github.com/micromdm/plist"

	"github.com/applemdm/applemdm/apns/apnstest"
)

// call calls the API of the server, and returns its answer. A status other than 200 is an error.
func (w *world) call(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, w.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.SetBasicAuth(apiAccount, simAPIKey)
	return w.send(request)
}

func (w *world) send(request *http.Request) ([]byte, error) {
	answer, err := w.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s: %s", request.Method, request.URL.Path, answer.Status, bytes.TrimSpace(text))
	}
	return text, err
}

// enqueue queues a command for devices through the API, which also pushes to them, and returns its
// UUID. The error is what the API says of the first device with one.
func (w *world) enqueue(ctx context.Context, requestType string, devices ...*simDevice) (string, error) {
	type request struct{ RequestType string }
	command := struct {
		CommandUUID string
		Command     request
	}{uuid.NewString(), request{requestType}}
	body, err := plist.Marshal(command)
	if err != nil {
		return "", err
	}
	ids := make([]string, len(devices))
	for i, d := range devices {
		ids[i] = d.udid
	}
	text, failed := w.call(ctx, http.MethodPut, "/v1/enqueue/"+strings.Join(ids, ","), body)
	var answer api.APIResult
	if err := json.Unmarshal(text, &answer); err != nil {
		return "", errors.Join(failed, err)
	}
	return command.CommandUUID, answer.Error()
}

// tellAll queues a command for all devices, and waits until the push has woken each of them and it
// has answered.
func (w *world) tellAll(ctx context.Context, devices []*simDevice, requestType string) error {
	command, err := w.enqueue(ctx, requestType, devices...)
	if err != nil {
		return err
	}
	for _, d := range devices {
		if err := d.awaitWake(ctx); err != nil {
			return err
		}
		answered, err := d.connect(ctx)
		if err != nil {
			return err
		}
		if last := answered[len(answered)-1]; last != command {
			return fmt.Errorf("%s answered %q, and not the command", d.serial, answered)
		}
	}
	return nil
}

// pushesTo returns the pushes to the token of a device, whatever became of them.
func (w *world) pushesTo(d *simDevice) (list []apnstest.Push) {
	for _, push := range w.apple.Received() {
		if push.Token == d.tokenHex() {
			list = append(list, push)
		}
	}
	return list
}

// eventually waits until something has happened.
func eventually(ctx context.Context, what string, happened func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	ticks := time.NewTicker(5 * time.Millisecond)
	defer ticks.Stop()
	for !happened() {
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting until %s: %w", what, ctx.Err())
		}
	}
	return nil
}
