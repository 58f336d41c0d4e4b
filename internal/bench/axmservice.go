package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// axmService is an Apple Business API that only has pages of 1,000 devices and gives every account an
// access token. It is an http.RoundTripper, so that nothing but the client is measured.
type axmService struct{ pages [][]byte }

// axmSchema says which attributes the devices have.
type axmSchema int

const (
	axmFirst axmSchema = iota // the first version of the API: Macs, which have none of the attributes that became lists
	axmToday                  // today's: iPhones, with everything that Apple documents
)

func newAXMService(n int, schema axmSchema) *axmService {
	s := new(axmService)
	for i := range n {
		s.pages = append(s.pages, orgDevicePage(i, n, schema))
	}
	return s
}

// RoundTrip answers a request. Cursors are the number of the next page.
func (s *axmService) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return nil, err
		}
		req.Body.Close()
	}
	answer := []byte(`{"access_token":"access","token_type":"Bearer","expires_in":3600,"scope":"business.api"}`)
	if strings.HasSuffix(req.URL.Path, "/orgDevices") {
		n, _ := strconv.Atoi(req.URL.Query().Get("cursor"))
		answer = s.pages[n]
	}
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
		Header:        http.Header{"Content-Type": {"application/json"}},
		ContentLength: int64(len(answer)), Body: io.NopCloser(bytes.NewReader(answer)),
	}, nil
}

// orgDevicePage returns page n of pages.
func orgDevicePage(n, pages int, schema axmSchema) []byte {
	const size, list = 1000, "https://api-business.apple.com/v1/orgDevices"
	var b bytes.Buffer
	b.Grow(size * 1500)
	b.WriteString(`{"data":[`)
	for i := range size {
		if i > 0 {
			b.WriteByte(',')
		}
		writeOrgDevice(&b, n*size+i, schema)
	}
	fmt.Fprintf(&b, `],"links":{"self":"%[1]s?limit=1000","first":"%[1]s?limit=1000"`, list)
	cursor := ""
	if n+1 < pages {
		fmt.Fprintf(&b, `,"next":"%s?limit=1000&cursor=%d"`, list, n+1)
		cursor = fmt.Sprintf(`,"nextCursor":"%d"`, n+1)
	}
	fmt.Fprintf(&b, `},"meta":{"paging":{"total":%d,"limit":1000%s}}}`, pages*size, cursor)
	return b.Bytes()
}

func writeOrgDevice(b *bytes.Buffer, id int, schema axmSchema) {
	serial := fmt.Sprintf("BNCH%08d", id)
	fmt.Fprintf(b, `{"type":"orgDevices","id":"%s","attributes":{"serialNumber":"%[1]s","addedToOrgDateTime":"2026-03-07T08:00:00.000Z",`+
		`"updatedDateTime":"2026-03-08T10:%02d:%02d.000Z","deviceCapacity":"256GB","partNumber":"MPQ03ZZ/A","orderNumber":"44%08d",`+
		`"color":"SILVER","status":"ASSIGNED","orderDateTime":"2026-03-01T00:00:00Z","purchaseSourceId":"1A2B3C","purchaseSourceType":"APPLE",`+
		`"wifiMacAddress":"0200%08X","bluetoothMacAddress":"0201%08X"`, serial, id/60%60, id%60, id, id, id)
	if schema == axmFirst {
		b.WriteString(`,"deviceModel":"MacBook Air 13\"","productFamily":"Mac","productType":"Mac16,12"`)
	} else {
		fmt.Fprintf(b, `,"deviceModel":"iPhone 17","productFamily":"iPhone","productType":"iPhone18,3","imei":["35%013d"],"meid":["35%012d"],`+
			`"eid":"89049032%024d","ethernetMacAddress":[],"releasedFromOrgDateTime":null,"isMdmMigrationCapable":true,`+
			`"mdmMigrationStatus":null,"mdmMigrationDeadlineDateTime":null`, id, id, id)
	}
	fmt.Fprintf(b, `},"relationships":{"assignedServer":{"links":{"self":"%[1]s/relationships/assignedServer","related":"%[1]s/assignedServer"}}`,
		"https://api-business.apple.com/v1/orgDevices/"+serial)
	if schema == axmToday {
		fmt.Fprintf(b, `,"appleCareCoverage":{"links":{"related":"https://api-business.apple.com/v1/orgDevices/%s/appleCareCoverage"}}`, serial)
	}
	fmt.Fprintf(b, `},"links":{"self":"https://api-business.apple.com/v1/orgDevices/%s"}}`, serial)
}
