package browser

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// bash runs a script in dir and returns what it prints.
func bash(t *testing.T, dir, script string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	run := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", script)
	run.Dir = dir
	out, err := run.CombinedOutput()
	if err != nil {
		t.Fatalf("%s\n%v\n%s", script, err, out)
	}
	return string(out)
}

// TestGuide runs the command lines that the program prints, as they are; only depsync, which would
// follow the list for ever, is told to end after one run.
func TestGuide(t *testing.T) {
	t.Parallel()
	s := start(t)
	want := map[string]string{"axmmove": "5 devices to \"MDM\"", "depsync": "25 records",
		"vppassign": "50 assignments", "mdmpush": "20  accepted"}
	for _, line := range s.guide {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "go run ./examples/") {
			continue
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(line, "go run ./examples/"), " ")
		// The files are where the program was started; the examples are run from the repository.
		line = strings.ReplaceAll(line, " credentials/", " "+s.folder+"/credentials/")
		if name == "depsync" {
			line += " -once"
		}
		if out := bash(t, root(t), line); !strings.Contains(out, want[name]) || want[name] == "" {
			t.Errorf("%s printed %s, want %q", name, out, want[name])
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("the guide lacks %v", want)
	}
	s.wantNoViolations()
}

// TestReadme runs the commands of the README that come after the one which starts the program. Only the
// ports are others.
func TestReadme(t *testing.T) {
	t.Parallel()
	s := start(t)
	text, err := os.ReadFile(filepath.Join(root(t), "examples", "simulator", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`"adamId":"1000000001"`, "", "'JJHVLWHXPT'", "'JJHVLWHXPT'", `{"apns":[],"axm":[],"dep":[],"vpp":[]}`}
	for i, block := range strings.Split(string(text), "\n```sh\n")[2:] {
		block, _, _ = strings.Cut(block, "\n```\n")
		if i >= len(want) {
			t.Fatalf("nothing is known of %s", block)
		}
		if out := bash(t, s.folder, s.withPorts(block)); !strings.Contains(out, want[i]) {
			t.Errorf("%s\nprinted %s, want %q", block, out, want[i])
		}
	}
	if _, told := s.get(s.Control + "/api/requests?service=apns"); !strings.Contains(told, `"status":200`) {
		t.Errorf("curl has not pushed: %s", told)
	}
	s.wantNoViolations()
}

// withPorts puts the real ports in place of the documented ones.
func (s *simulator) withPorts(text string) string {
	for port, real := range map[string]string{
		"8800": s.Control, "8801": s.AxM.API, "8802": s.DEP.API, "8803": s.VPP.API, "8804": s.APNs.API,
	} {
		u, err := url.Parse(real)
		if err != nil {
			s.t.Fatal(err)
		}
		text = strings.ReplaceAll(text, "127.0.0.1:"+port, u.Host)
	}
	return text
}
