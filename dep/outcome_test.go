package dep_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/applemdm/applemdm/dep"
)

func someSerials(n int) []string {
	serials := make([]string, n)
	for i := range serials {
		serials[i] = fmt.Sprintf("DEMO%05d", i)
	}
	return serials
}

// batchServer answers each batch of serial numbers, counted from 1, with what status returns for
// them, or with a failure.
type batchServer struct {
	status func(serial string) string // "" leaves the serial number out
	after  map[int]int                // retry_after_seconds of batches
	failAt int                        // the batch that gets a failure
	sizes  []int
}

func (b *batchServer) answer(_ *http.Request, body string) (int, string) {
	var request struct {
		Devices []string `json:"devices"`
	}
	if err := json.Unmarshal([]byte(body), &request); err != nil {
		return 400, "MALFORMED_REQUEST_BODY"
	}
	b.sizes = append(b.sizes, len(request.Devices))
	if len(b.sizes) == b.failAt {
		return 403, "T_C_NOT_SIGNED"
	}
	devices := map[string]string{}
	for _, serial := range request.Devices {
		if status := b.status(serial); status != "" {
			devices[serial] = status
		}
	}
	answer := map[string]any{"devices": devices, "profile_uuid": "A"}
	if seconds := b.after[len(b.sizes)]; seconds != 0 {
		answer["retry_after_seconds"] = seconds
	}
	text, err := json.Marshal(answer)
	if err != nil {
		return 500, err.Error()
	}
	return 200, string(text)
}

// manyDevices are the calls that take any number of serial numbers.
var manyDevices = map[string]func(ctx context.Context, c *dep.Client, serials []string) (dep.Outcomes, error){
	"AssignProfile": func(ctx context.Context, c *dep.Client, serials []string) (dep.Outcomes, error) {
		result, err := c.AssignProfile(ctx, "A", serials)
		if err != nil {
			return nil, err
		}
		return result.Outcomes, nil
	},
	"RemoveProfile": func(ctx context.Context, c *dep.Client, serials []string) (dep.Outcomes, error) {
		return c.RemoveProfile(ctx, serials)
	},
	"Disown": func(ctx context.Context, c *dep.Client, serials []string) (dep.Outcomes, error) {
		return c.Disown(ctx, serials)
	},
}

func success(string) string { return "SUCCESS" }

func TestBatches(t *testing.T) {
	for name, call := range manyDevices {
		for n, want := range map[int][]int{1: {1}, 999: {999}, 1000: {1000}, 1001: {1000, 1}, 2500: {1000, 1000, 500}} {
			t.Run(fmt.Sprint(name, " ", n), func(t *testing.T) {
				service := &batchServer{status: success}
				serials := someSerials(n)
				outcomes, err := call(t.Context(), wireClient(t, &plainServer{answer: service.answer}, nil), serials)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, service.sizes); diff != "" {
					t.Errorf("batches (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(serials, outcomes.With(dep.StatusSuccess).Serials()); diff != "" {
					t.Errorf("order (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestOutcomesKeepTheOrderGiven(t *testing.T) {
	for name, call := range manyDevices {
		service := &batchServer{status: func(serial string) string {
			return map[string]string{"C": "SUCCESS", "A": "NOT_ACCESSIBLE", "B": "", "D": "A_NEW_ONE", "E": "success"}[serial]
		}}
		server := &plainServer{answer: service.answer}
		got, err := call(t.Context(), wireClient(t, server, nil), []string{"C", "A", "C", "B", "D", "A", "E"})
		want := dep.Outcomes{
			{SerialNumber: "C", Status: dep.StatusSuccess}, {SerialNumber: "A", Status: dep.StatusNotAccessible},
			{SerialNumber: "B", Status: dep.StatusMissing}, {SerialNumber: "D", Status: "A_NEW_ONE"}, {SerialNumber: "E", Status: "success"},
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: error %v, outcomes (-want +got):\n%s", name, err, diff)
		}
		if diff := cmp.Diff([]int{5}, service.sizes); diff != "" {
			t.Errorf("%s: batches (-want +got):\n%s", name, diff)
		}
	}
}

// An answer without a status for a device, in whatever way, says that it is missing.
func TestAnswersWithoutAStatus(t *testing.T) {
	for _, text := range []string{`{}`, `{"devices":null}`, `{"devices":{}}`, `{"devices":{"A":""}}`, `{"devices":{"A":null}}`, `{"devices":{"a":"SUCCESS"}}`} {
		for name, call := range manyDevices {
			got, err := call(t.Context(), wireClient(t, always(200, text), nil), []string{"A"})
			want := dep.Outcomes{{SerialNumber: "A", Status: dep.StatusMissing}}
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%s, answer %s: error %v (-want +got):\n%s", name, text, err, diff)
			}
		}
	}
}

func TestPartialError(t *testing.T) {
	serials := someSerials(3500)
	for name, call := range manyDevices {
		for failAt, want := range map[int]struct{ answered, unknown, notSent int }{
			2: {1000, 1000, 1500}, 3: {2000, 1000, 500}, 4: {3000, 500, 0},
		} {
			t.Run(fmt.Sprint(name, " ", failAt), func(t *testing.T) {
				service := &batchServer{status: success, failAt: failAt}
				outcomes, err := call(t.Context(), wireClient(t, &plainServer{answer: service.answer}, nil), serials)
				partial, ok := errors.AsType[*dep.PartialError](err)
				if !ok || outcomes != nil || !errors.Is(err, dep.ErrTermsNotSigned) {
					t.Fatalf("error %v, outcomes %d", err, len(outcomes))
				}
				var status []dep.Status
				status = append(status, slices.Repeat([]dep.Status{dep.StatusSuccess}, want.answered)...)
				status = append(status, slices.Repeat([]dep.Status{dep.StatusUncertain}, want.unknown)...)
				status = append(status, slices.Repeat([]dep.Status{dep.StatusNotSent}, want.notSent)...)
				for i, o := range partial.Outcomes {
					if o.SerialNumber != serials[i] || o.Status != status[i] {
						t.Fatalf("outcome %d is %+v, want %s %s", i, o, serials[i], status[i])
					}
				}
				if len(partial.Outcomes) != len(serials) || len(service.sizes) != failAt {
					t.Errorf("%d outcomes after %d requests", len(partial.Outcomes), len(service.sizes))
				}
				text := fmt.Sprintf("after %d of 3500 devices: ", want.answered)
				if e, ok := errors.AsType[*dep.Error](err); !ok || partial.Error() != text+e.Error() {
					t.Errorf("text %q", partial.Error())
				}
				if partial.Outcomes.Done() {
					t.Error("a part is not all")
				}
			})
		}
	}
}

// When the first batch fails nothing was answered, and the error is the failure alone.
func TestFirstBatchFails(t *testing.T) {
	for name, call := range manyDevices {
		service := &batchServer{status: success, failAt: 1}
		outcomes, err := call(t.Context(), wireClient(t, &plainServer{answer: service.answer}, nil), someSerials(1500))
		if _, partial := errors.AsType[*dep.PartialError](err); partial || outcomes != nil || !errors.Is(err, dep.ErrTermsNotSigned) {
			t.Errorf("%s: error %v", name, err)
		}
		if len(service.sizes) != 1 {
			t.Errorf("%s: %d requests after the failure", name, len(service.sizes)-1)
		}
	}
}

func TestAssignResultRetryAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := &batchServer{after: map[int]int{1: 60, 2: 3600}, status: func(serial string) string {
			if serial == "DEMO00001" || serial == "DEMO01001" {
				return "throttled"
			}
			return "SUCCESS"
		}}
		c := wireClient(t, &plainServer{answer: service.answer}, nil)
		result, err := c.AssignProfile(t.Context(), "A", someSerials(1500))
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		if got := result.RetryAt(); !got.Equal(now.Add(time.Hour)) {
			t.Errorf("retry at %v, it is %v", got, now)
		}
		if got := result.Outcomes[1].NotBefore; !got.Equal(now.Add(time.Minute)) {
			t.Errorf("the first device not before %v", got)
		}
		for i, o := range result.Outcomes {
			if throttled := i == 1 || i == 1001; throttled == o.NotBefore.IsZero() {
				t.Errorf("device %d not before %v", i, o.NotBefore)
			}
		}
	})
	for _, text := range []string{
		`{"devices":{"A":"THROTTLED"}}`, `{"devices":{"A":"THROTTLED"},"retry_after_seconds":0}`,
		`{"devices":{"A":"THROTTLED"},"retry_after_seconds":-5}`, `{"devices":{"A":"THROTTLED"},"retry_after_seconds":null}`,
		`{"devices":{"A":"SUCCESS"},"retry_after_seconds":60}`,
	} {
		result, err := wireClient(t, always(200, text), nil).AssignProfile(t.Context(), "A", []string{"A"})
		if err != nil || !result.RetryAt().IsZero() {
			t.Errorf("%s: %+v, error %v", text, result, err)
		}
	}
}

func TestStatusPredicates(t *testing.T) {
	for _, test := range []struct {
		status     dep.Status
		done, gone bool
	}{
		{"SUCCESS", true, false}, {"success", true, false}, {dep.StatusSkipped, true, false},
		{"NOT_ACCESSIBLE", false, true}, {"not_found", false, true},
		{"FAILED", false, false}, {"THROTTLED", false, false}, {"", false, false}, {"NEW", false, false},
		{dep.StatusMissing, false, false}, {dep.StatusUncertain, false, false}, {dep.StatusNotSent, false, false}, {dep.StatusUnverified, false, false},
	} {
		if test.status.Done() != test.done || test.status.Gone() != test.gone {
			t.Errorf("%q: done %v, gone %v", test.status, test.status.Done(), test.status.Gone())
		}
	}
	all := dep.Outcomes{{SerialNumber: "A", Status: "SUCCESS"}, {SerialNumber: "B", Status: dep.StatusSkipped}}
	if !all.Done() || !(dep.Outcomes{}).Done() {
		t.Error("what is done is not done")
	}
	some := append(slices.Clone(all), dep.Outcome{SerialNumber: "C", Status: "failed"})
	if some.Done() {
		t.Error("what failed is done")
	}
	if diff := cmp.Diff([]string{"C"}, some.With(dep.StatusFailed).Serials()); diff != "" {
		t.Errorf("serials (-want +got):\n%s", diff)
	}
	if got := some.With(dep.StatusThrottled).Serials(); len(got) != 0 {
		t.Errorf("serials %v", got)
	}
}
