package browser

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// simulator is the program, running.
type simulator struct {
	t                   *testing.T
	folder              string // where it was started; its credentials are in the folder of that name in it
	guide               []string
	Control             string
	AxM, DEP, VPP, APNs struct{ API string }
}

// start builds the program and starts it on free ports. It is ended as its users end it.
func start(t *testing.T) *simulator {
	t.Helper()
	s := &simulator{t: t, folder: t.TempDir()}
	program := filepath.Join(s.folder, "simulator")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./examples/simulator")
	build.Dir = root(t)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	run := exec.CommandContext(ctx, program, "-control=0", "-axm=0", "-dep=0", "-vpp=0", "-apns=0")
	run.Dir, run.Stderr = s.folder, os.Stderr
	out, err := run.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		defer cancel()
		run.Process.Signal(os.Interrupt)
		if err := run.Wait(); err != nil {
			t.Errorf("the simulator ended with: %v", err)
		}
	})
	for lines := bufio.NewScanner(out); len(s.guide) == 0 || !strings.Contains(s.guide[len(s.guide)-1], "Ctrl-C"); {
		if !lines.Scan() {
			t.Fatalf("the guide ended with %q", s.guide)
		}
		s.guide = append(s.guide, lines.Text())
	}
	text, err := os.ReadFile(filepath.Join(s.folder, "credentials", "simulator.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, s); err != nil {
		t.Fatal(err)
	}
	return s
}

// root is the folder of the repository.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// get asks for a URL and returns status and body.
func (s *simulator) get(url string) (int, string) {
	s.t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// post sends JSON to the control API, which has to succeed.
func (s *simulator) post(path, body string) {
	s.t.Helper()
	answer, err := http.Post(s.Control+path, "application/json", strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	if text, _ := io.ReadAll(answer.Body); answer.StatusCode != http.StatusOK {
		s.t.Fatalf("%s: %s %s", path, answer.Status, text)
	}
}

// wantNoViolations checks that all clients so far have behaved.
func (s *simulator) wantNoViolations() {
	s.t.Helper()
	_, text := s.get(s.Control + "/api/violations")
	if want := `{"apns":[],"axm":[],"dep":[],"vpp":[]}`; strings.TrimSpace(text) != want {
		s.t.Errorf("violations: %s", text)
	}
}
