package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/applemdm/applemdm/axm"
)

// readSerials returns the first column of a table, whose first line may be a heading.
func readSerials(name string) ([]string, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	table := csv.NewReader(file)
	table.FieldsPerRecord = -1
	table.Comment = '#'
	var serials []string
	for {
		row, err := table.Read()
		if err == io.EOF {
			return serials, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		serial := strings.TrimSpace(strings.TrimPrefix(row[0], "\ufeff"))
		heading := len(serials) == 0 && strings.Contains(strings.ToLower(serial), "serial")
		if serial != "" && !heading {
			serials = append(serials, serial)
		}
	}
}

// findServer returns the server with an ID, or else the only one with a name.
func findServer(ctx context.Context, client *axm.Client, wanted string) (*axm.Server, error) {
	var named []axm.Server
	for server, err := range client.Servers(ctx, axm.ListOptions{}) {
		switch {
		case err != nil:
			return nil, err
		case server.ID == wanted:
			return &server, nil
		case strings.EqualFold(server.ServerName, wanted):
			named = append(named, server)
		}
	}
	switch len(named) {
	case 0:
		return nil, fmt.Errorf("there is no server %q; -list shows those that there are", wanted)
	case 1:
		return &named[0], nil
	}
	return nil, fmt.Errorf("%d servers are named %q: give the ID of one; -list shows them", len(named), wanted)
}

// writeRecord keeps what was begun.
func writeRecord(name string, operation *axm.Operation) error {
	text, err := json.Marshal(operation.Record(), jsontext.Multiline(true))
	if err != nil {
		return err
	}
	return os.WriteFile(name, text, 0o600)
}

func readRecord(name string) (*axm.OperationRecord, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	record := new(axm.OperationRecord)
	if err := json.Unmarshal(text, record); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return record, nil
}
