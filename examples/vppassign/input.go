package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/applemdm/applemdm/vpp"
)

// readApps takes the Adam IDs apart. What is wrong with one, Associate says.
func readApps(list string) []vpp.AssetKey {
	var apps []vpp.AssetKey
	for id := range strings.SplitSeq(list, ",") {
		apps = append(apps, vpp.AssetKey{AdamID: vpp.AdamID(strings.TrimSpace(id))})
	}
	return apps
}

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
		serial := strings.TrimSpace(row[0])
		heading := len(serials) == 0 && strings.Contains(strings.ToLower(serial), "serial")
		if serial != "" && !heading {
			serials = append(serials, serial)
		}
	}
}
