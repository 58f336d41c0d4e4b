package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// memoryService is a Device Assignment service that only has pages of 1,000 devices. It is an
// http.RoundTripper, so that nothing but the client is measured, and can also be served.
type memoryService struct {
	pages [][]byte
	delay time.Duration // of each page
}

// newMemoryService returns a service with n pages, made beforehand, of protocol version 7 or 10.
func newMemoryService(n, version int, delay time.Duration) *memoryService {
	s := &memoryService{delay: delay}
	for i := range n {
		s.pages = append(s.pages, devicePage(i, 1000, version, i+1 < n))
	}
	return s
}

// RoundTrip answers a request.
func (s *memoryService) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
		req.Body.Close()
	}
	answer := s.answer(req.URL.Path, body)
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
		Header:        http.Header{"Content-Type": {"application/json;charset=UTF8"}},
		ContentLength: int64(len(answer)), Body: io.NopCloser(bytes.NewReader(answer)),
	}, nil
}

// answer returns the body for a request. Cursors are the number of the next page; the first sync
// says that nothing changed.
func (s *memoryService) answer(path string, body []byte) []byte {
	switch {
	case strings.HasSuffix(path, "/session"):
		return []byte(`{"auth_session_token":"session"}`)
	case strings.HasSuffix(path, "/devices/sync"):
		return []byte(`{"cursor":"synced","devices":[],"more_to_follow":false}`)
	}
	var request struct {
		Cursor string `json:"cursor"`
	}
	json.Unmarshal(body, &request)
	n, _ := strconv.Atoi(request.Cursor)
	time.Sleep(s.delay)
	return s.pages[n]
}

// serve serves on loopback for ever and prints where.
func (s *memoryService) serve() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("http://" + listener.Addr().String())
	return http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json;charset=UTF8")
		w.Write(s.answer(r.URL.Path, body))
	}))
}

// devicePage returns page n of size devices, with every member that Apple documents for a fetch of
// that protocol version.
func devicePage(n, size, version int, more bool) []byte {
	var b bytes.Buffer
	b.Grow(size * 800)
	fmt.Fprintf(&b, `{"cursor":"%d","more_to_follow":%v,"fetched_until":"2026-03-09T10:00:05Z","devices":[`, n+1, more)
	for i := range size {
		if i > 0 {
			b.WriteByte(',')
		}
		id := n*size + i
		fmt.Fprintf(&b, `{"serial_number":"BNCH%08d","model":"iPhone 17","description":"IPHONE 17 256GB","color":"BLACK","asset_tag":"tag %d",`+
			`"profile_status":"assigned","profile_uuid":"0F1E2D3C4B5A69788796A5B4C3D2E1F0","profile_assign_time":"2026-03-08T09:00:00Z",`+
			`"profile_push_time":"2026-03-08T10:%02d:%02dZ","device_assigned_date":"2026-03-07T08:00:00Z","device_assigned_by":"admin@example.org",`+
			`"os":"iOS","device_family":"iPhone"`, id, id, i/60%60, i%60)
		if version >= 10 {
			fmt.Fprintf(&b, `,"imei":["35%013d"],"meid":["35%012d"],"eid":"89049032%024d",`+
				`"wifi_mac_address":"02:00:00:%02X:%02X:%02X","bluetooth_mac_address":"02:00:01:%02X:%02X:%02X","is_replacement_device":false`,
				id, id, id, id>>16&255, id>>8&255, id&255, id>>16&255, id>>8&255, id&255)
		}
		b.WriteByte('}')
	}
	b.WriteString(`]}`)
	return b.Bytes()
}
