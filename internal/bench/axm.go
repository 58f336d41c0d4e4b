package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/applemdm/applemdm/axm"
)

const (
	axmClientID = "BUSINESSAPI.bench"
	axmKeyID    = "bench-key"
	axmPages    = 60
)

// axmFigures measures the client of the Apple Business API: against nanoaxm, whose types are those of
// the first version of the API, and against encoding/json with structs made for today's.
func axmFigures() ([]figure, error) {
	key, err := axmKey()
	if err != nil {
		return nil, err
	}
	var figures []figure
	for _, m := range []struct {
		name   string
		schema axmSchema
		peer   axmWalker
	}{
		{"nanoaxm's types", axmFirst, nanoaxmWalk},
		{"encoding/json, plain structs", axmToday, plainWalk},
	} {
		f, err := axmDecoding(m.name, newAXMService(axmPages, m.schema), key, m.peer)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
		figures = append(figures, f...)
	}
	return figures, nil
}

// axmKey makes a private key in the form in which the portal hands it out.
func axmKey() ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), nil
}

// axmWalker walks through the device list of the service that a transport reaches.
type axmWalker func(ctx context.Context, transport http.RoundTripper, key []byte) (devices int, err error)

// axmDecoding reads pages of 1,000 devices out of memory, through the whole of each client.
func axmDecoding(name string, service *axmService, key []byte, peerWalk axmWalker) ([]figure, error) {
	read := func(who string, walk axmWalker) (cost, error) {
		stop, err := profile("axm-" + who)
		if err != nil {
			return cost{}, err
		}
		c, err := best(5, func() error {
			devices, err := walk(context.Background(), service, key)
			if err != nil {
				return err
			}
			return complete(devices, axmPages*1000)
		})
		return c, errors.Join(err, stop())
	}
	ours, err := read("ours", oursAXMWalk)
	if err != nil {
		return nil, err
	}
	peer, err := read("peer", peerWalk)
	if err != nil {
		return nil, err
	}
	megabytes := float64(len(service.pages[0])) * axmPages / 1e6
	return []figure{
		{name: "decode a page of 1,000 devices: " + name, unit: "MB per CPU second", ours: megabytes / ours.cpu.Seconds(), peer: megabytes / peer.cpu.Seconds()},
		{name: "memory allocated for it", unit: "KiB", less: true, ours: float64(ours.allocated) / axmPages / 1024, peer: float64(peer.allocated) / axmPages / 1024},
	}, nil
}

// oursAXMWalk is axmWalker with this SDK.
func oursAXMWalk(ctx context.Context, transport http.RoundTripper, key []byte) (int, error) {
	parsed, err := axm.ParseKey(axmClientID, axmKeyID, key)
	if err != nil {
		return 0, err
	}
	client, err := axm.New(parsed, &axm.Options{HTTPClient: &http.Client{Transport: transport}})
	if err != nil {
		return 0, err
	}
	devices := 0
	for page, err := range client.DevicePages(ctx, axm.ListOptions{}) {
		if err != nil {
			return devices, err
		}
		for _, d := range page.Items {
			if d.ID != "" && d.SerialNumber == d.ID && d.WiFiMACAddress != "" {
				devices++
			}
		}
	}
	return devices, nil
}

// plainPage is a page of devices as one would write it for encoding/json, with the attributes that
// axm.Device has.
type plainPage struct {
	Data []struct {
		ID         string `json:"id"`
		Attributes struct {
			SerialNumber                 string   `json:"serialNumber"`
			Status                       string   `json:"status"`
			DeviceModel                  string   `json:"deviceModel"`
			ProductFamily                string   `json:"productFamily"`
			ProductType                  string   `json:"productType"`
			DeviceCapacity               string   `json:"deviceCapacity"`
			PartNumber                   string   `json:"partNumber"`
			Color                        string   `json:"color"`
			AddedToOrgDateTime           string   `json:"addedToOrgDateTime"`
			ReleasedFromOrgDateTime      string   `json:"releasedFromOrgDateTime"`
			UpdatedDateTime              string   `json:"updatedDateTime"`
			OrderNumber                  string   `json:"orderNumber"`
			OrderDateTime                string   `json:"orderDateTime"`
			PurchaseSourceType           string   `json:"purchaseSourceType"`
			PurchaseSourceID             string   `json:"purchaseSourceId"`
			IMEI                         []string `json:"imei"`
			MEID                         []string `json:"meid"`
			EID                          string   `json:"eid"`
			WiFiMACAddress               string   `json:"wifiMacAddress"`
			BluetoothMACAddress          string   `json:"bluetoothMacAddress"`
			EthernetMACAddress           []string `json:"ethernetMacAddress"`
			IsMDMMigrationCapable        bool     `json:"isMdmMigrationCapable"`
			MDMMigrationStatus           string   `json:"mdmMigrationStatus"`
			MDMMigrationDeadlineDateTime string   `json:"mdmMigrationDeadlineDateTime"`
		} `json:"attributes"`
	} `json:"data"`
	Meta struct {
		Paging struct {
			NextCursor string `json:"nextCursor"`
		} `json:"paging"`
	} `json:"meta"`
}

// plainWalk is axmWalker with net/http and encoding/json alone, without a token.
func plainWalk(ctx context.Context, transport http.RoundTripper, _ []byte) (devices int, err error) {
	client := &http.Client{Transport: transport}
	for query := (url.Values{"limit": {"1000"}}); ; {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://api-business.apple.com/v1/orgDevices?"+query.Encode(), nil)
		if err != nil {
			return devices, err
		}
		resp, err := client.Do(req)
		if err != nil {
			return devices, err
		}
		var page plainPage
		err = json.NewDecoder(resp.Body).Decode(&page)
		resp.Body.Close()
		if err != nil {
			return devices, err
		}
		devices += len(page.Data)
		if page.Meta.Paging.NextCursor == "" {
			return devices, nil
		}
		query.Set("cursor", page.Meta.Paging.NextCursor)
	}
}
