package cassette

import (
	"os"

	"go.yaml.in/yaml/v4"
	"gopkg.in/dnaeon/go-vcr.v4/pkg/cassette"
)

// file is a file system of go-vcr that has one file, whatever it is called: go-vcr adds an ending
// to names.
type file string

func (f file) ReadFile(string) ([]byte, error)       { return os.ReadFile(string(f)) }
func (f file) WriteFile(_ string, data []byte) error { return write(string(f), data) }
func (f file) IsFileExists(string) bool              { return true }

func save(c *cassette.Cassette, name string) error {
	c.MarshalFunc = yaml.Marshal
	return c.SaveWithFS(file(name))
}

func load(name string) (*cassette.Cassette, error) { return cassette.LoadWithFS(name, file(name)) }

// write makes a file that its owner alone can read, until somebody has looked what is in it.
func write(name string, data []byte) error { return os.WriteFile(name, data, 0o600) }
