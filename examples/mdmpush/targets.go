package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/applemdm/applemdm/apns"
)

// readTargets returns a push for every target of the list, with its name as the key.
func readTargets(s settings) ([]apns.Push, error) {
	if s.checkins != "" {
		return readCheckins(s.checkins)
	}
	file, err := os.Open(s.targets)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readTable(s.targets, file)
}

func readTable(name string, r io.Reader) ([]apns.Push, error) {
	table := csv.NewReader(r)
	table.FieldsPerRecord = -1
	table.Comment = '#'
	var pushes []apns.Push
	for {
		row, err := table.Read()
		if err == io.EOF {
			return pushes, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		line, _ := table.FieldPos(0)
		if len(row) < 2 {
			return nil, fmt.Errorf("%s:%d: needs a token and a PushMagic", name, line)
		}
		target, err := apns.ParseTarget("", row[0], row[1])
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, line, err)
		}
		key := fmt.Sprintf("line %d", line)
		if len(row) > 2 && row[2] != "" {
			key = row[2]
		}
		pushes = append(pushes, apns.Push{Target: target, Key: key})
	}
}

// readCheckins reads TokenUpdate messages. The last one of an enrolment counts, in order of file
// names; other messages are passed over.
func readCheckins(folder string) ([]apns.Push, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.plist"))
	if err != nil {
		return nil, err
	}
	at := map[string]int{}
	var pushes []apns.Push
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		message, err := apns.ParseCheckin(body)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		update, ok := message.(*apns.TokenUpdate)
		if !ok {
			continue
		}
		push := apns.Push{Target: update.Target, Key: update.Enrollment.ID}
		if i, again := at[update.Enrollment.ID]; again {
			pushes[i] = push
			continue
		}
		at[update.Enrollment.ID] = len(pushes)
		pushes = append(pushes, push)
	}
	return pushes, nil
}
