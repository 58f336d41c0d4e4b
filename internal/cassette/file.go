package cassette

import (
	"fmt"
	"net/http"
	"net/url"
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

// Exchange is a recorded request and its answer.
type Exchange struct {
	Method string
	URL    *url.URL
	Header http.Header // of the request
	Sent   string      // its body

	Status int // 0 if there is no answer
	Body   string
}

// Read returns what is in a recording, in order.
func Read(name string) ([]Exchange, error) {
	c, err := load(name)
	if err != nil {
		return nil, fmt.Errorf("read the recording: %w", err)
	}
	var list []Exchange
	for _, i := range c.Interactions {
		u, err := url.Parse(i.Request.URL)
		if err != nil {
			return nil, fmt.Errorf("%s: request %d: %w", name, i.ID, err)
		}
		list = append(list, Exchange{
			Method: i.Request.Method, URL: u, Header: i.Request.Headers, Sent: i.Request.Body,
			Status: i.Response.Code, Body: i.Response.Body,
		})
	}
	return list, nil
}
