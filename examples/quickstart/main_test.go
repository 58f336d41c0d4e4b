package main

import (
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/applemdm/applemdm/internal/sent"
)

// The story is told to its end, without a terminal, and sends nothing that the README does not list.
func TestStory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		stage := &stage{out: &out}
		if err := run(t.Context(), stage); err != nil {
			t.Fatalf("%v\n%s", err, out.String())
		}
		for _, told := range []string{
			"assigned to our server       2499 of 2500", "tried again, and read back: done", "an access token that ended (2 were issued)",
			"(2 logins)", "profiles assigned            2500 of 2500", "pushes                       2500 of 2500",
			"one more was bought, and assigned", "devices in the end, at Apple and here  2500, 2500",
			"(2 were opened)", " times in the path of POST /3/device/{token}\n              {token}\n",
		} {
			if !strings.Contains(out.String(), told) {
				t.Errorf("the story does not tell %q", told)
			}
		}
		if strings.Contains(out.String(), "\r") {
			t.Error("a progress bar without a terminal")
		}
		readme, err := os.ReadFile("../../README.md")
		if err != nil {
			t.Fatal(err)
		}
		var services []string
		for _, line := range stage.lines {
			services = append(services, line.service)
			table, err := sent.Read(string(readme), sent.Heading, line.service)
			if err != nil {
				t.Fatal(err)
			}
			for _, item := range table.Unlisted(line.Messages()) {
				t.Error(item)
			}
		}
		if got := strings.Join(services, " "); got != "axm dep apns vpp" {
			t.Errorf("of the services %s", got)
		}
		if t.Failed() {
			t.Log(out.String())
		}
	})
}
