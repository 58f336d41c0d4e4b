package main

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/applemdm/applemdm/apns/apnstest"
	"github.com/applemdm/applemdm/axm/axmtest"
	"github.com/applemdm/applemdm/dep/deptest"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

// fault is what POST /api/faults takes: what goes wrong, where, and how often.
type fault struct {
	Service string `json:"service"`
	Kind    string `json:"kind"`

	Method       string `json:"method"`       // "" is any; not for apns
	Path         string `json:"path"`         // may be a pattern; "" is any; not for apns
	SerialNumber string `json:"serialNumber"` // of the device that is pushed to; "" is any; only for apns

	Skip  int `json:"skip"`  // so many requests pass first
	Count int `json:"count"` // so many meet the fault; 0 is 1, -1 is all until the faults are forgotten

	Status     int               `json:"status"`
	Code       string            `json:"code"` // what the service calls the error; for apns the reason
	Body       string            `json:"body"`
	Header     map[string]string `json:"header"`
	Delay      duration          `json:"delay"`
	RetryAfter duration          `json:"retryAfter"` // for BusySeconds and BusyDate
	Size       int64             `json:"size"`       // of Oversize, in bytes
}

// duration is a time.Duration that JSON tells as "1.5s".
type duration time.Duration

func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err == nil && parsed < 0 {
		err = errors.New("must not be negative")
	}
	*d = duration(parsed)
	return err
}

// errorKind is a kind that all services have besides their own: their own error of a code.
const errorKind = "Error"

// httpKinds are the kinds of faults that axm, dep and vpp share. Refuse is not among them: only the
// simulators' servers in memory can refuse connections.
func httpKinds() map[string]deptest.Kind {
	return map[string]deptest.Kind{
		"Answer": deptest.Answer, "Reset": deptest.Reset, "Lose": deptest.Lose, "ResetBody": deptest.ResetBody,
		"Truncate": deptest.Truncate, "Drip": deptest.Drip, "Late": deptest.Late, "Silence": deptest.Silence,
		"HTML": deptest.HTML, "Empty": deptest.Empty, "Busy": deptest.Busy, "BusySeconds": deptest.BusySeconds,
		"BusyDate": deptest.BusyDate, "Redirect": deptest.Redirect, "Oversize": deptest.Oversize,
		"Gzip": deptest.Gzip, "WrongType": deptest.WrongType, "Duplicate": deptest.Duplicate, "Unknown": deptest.Unknown,
	}
}

func apnsKinds() map[string]apnstest.Kind {
	kinds := map[string]apnstest.Kind{}
	for kind := apnstest.Answer; kind <= apnstest.SilentConn; kind++ {
		kinds[kind.String()] = kind
	}
	return kinds
}

// kindNames lists the kinds, the one that all services have first.
func kindNames[K any](kinds map[string]K) []string {
	return append([]string{errorKind}, slices.Sorted(maps.Keys(kinds))...)
}

func unknownKind[K any](name string, kinds map[string]K) error {
	return fmt.Errorf("kind: %q is none of %s", name, strings.Join(kindNames(kinds), ", "))
}

// failHTTP hands a fault to one of the simulators that speak plain HTTP. serviceError makes the
// service's own error of a code.
func failHTTP(f fault, serviceError func(fault) (deptest.Fault, error), fail func(deptest.Fault)) error {
	if _, err := path.Match(f.Path, ""); err != nil {
		return fmt.Errorf("path: %w", err)
	}
	if f.SerialNumber != "" {
		return errors.New("serialNumber: only for apns; name a path")
	}
	out, err := scripted(f, serviceError)
	if err != nil {
		return err
	}
	out.Method, out.Path = f.Method, f.Path
	out.Skip, out.Count = f.Skip, f.Count
	out.Delay, out.RetryAfter, out.Size = time.Duration(f.Delay), time.Duration(f.RetryAfter), f.Size
	out.Header = http.Header{}
	for name, value := range f.Header {
		out.Header.Set(name, value)
	}
	fail(out)
	return nil
}

func scripted(f fault, serviceError func(fault) (deptest.Fault, error)) (deptest.Fault, error) {
	if f.Kind == errorKind {
		return serviceError(f)
	}
	if f.Code != "" {
		return deptest.Fault{}, fmt.Errorf("code: only for the kind %s", errorKind)
	}
	kind, ok := httpKinds()[f.Kind]
	if !ok {
		return deptest.Fault{}, unknownKind(f.Kind, httpKinds())
	}
	return deptest.Fault{Kind: kind, Status: f.Status, Body: f.Body}, nil
}

// axmError is an error document.
func axmError(f fault) (deptest.Fault, error) {
	if f.Status < 400 || f.Code == "" {
		return deptest.Fault{}, errors.New("an Error of axm needs a status from 400 and a code such as INTERNAL_ERROR")
	}
	return axmtest.ErrorFault(f.Status, f.Code, "injected"), nil
}

// depError is a bare word.
func depError(f fault) (deptest.Fault, error) {
	if f.Status < 400 || f.Code == "" {
		return deptest.Fault{}, errors.New("an Error of dep needs a status from 400 and a code such as T_C_NOT_SIGNED")
	}
	return deptest.Fault{Kind: deptest.Answer, Status: f.Status, Body: f.Code}, nil
}

// vppError is a number of version 2, which knows its own status.
func vppError(f fault) (deptest.Fault, error) {
	number, err := strconv.Atoi(f.Code)
	if err != nil {
		return deptest.Fault{}, errors.New("an Error of vpp needs a code that is a number such as 9646")
	}
	out := vpptest.ErrorFault(number)
	if f.Status != 0 {
		out.Status = f.Status
	}
	return out, nil
}

// failAPNs hands a fault to the simulator of APNs.
func (w *world) failAPNs(f fault) error {
	if f.Method != "" || f.Path != "" || len(f.Header) > 0 || f.Size != 0 || f.RetryAfter != 0 {
		return errors.New("method, path, header, size and retryAfter are not for apns; name a serialNumber")
	}
	kind, ok := apnsKinds()[f.Kind]
	if f.Kind == errorKind {
		if f.Status < 400 || f.Code == "" {
			return errors.New("an Error of apns needs a status from 400 and a code such as TooManyRequests")
		}
		kind, ok = apnstest.Answer, true
	}
	if !ok {
		return unknownKind(f.Kind, apnsKinds())
	}
	token := ""
	if f.SerialNumber != "" {
		w.mu.Lock()
		e := w.enrolled[f.SerialNumber]
		w.mu.Unlock()
		if e == nil {
			return fmt.Errorf("serialNumber: %s has not enrolled", f.SerialNumber)
		}
		token = e.token
	}
	w.apns.Fail(apnstest.Fault{Kind: kind, Token: token, Skip: f.Skip, Count: f.Count,
		Status: f.Status, Reason: f.Code, Body: f.Body, Delay: time.Duration(f.Delay)})
	return nil
}
