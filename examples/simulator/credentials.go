package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/applemdm/applemdm/dep"
)

// The files of the folder. The manifest tells where everything is; a folder that holds it may be
// written over.
const (
	manifestFile  = "simulator.json"
	serverKeyFile = "server.pem"
	serverP7M     = "server.p7m"
	serverJSON    = "server-token.json"
	contentFile   = "content.vpptoken"
	axmKeyFile    = "axm-key.pem"
	pushCertFile  = "push.pem"
	pushKeyFile   = "push.key"
	pushCAFile    = "apns-ca.pem"
	oursFile      = "devices.csv"
	unassignFile  = "unassigned.csv"
	targetsFile   = "targets.csv"
)

// folder is where the credentials are written for the clients to read. Only its owner can read them.
type folder struct {
	dir string

	mu      sync.Mutex
	written map[string][]byte
}

// openFolder makes the folder, or takes one that an earlier start has made.
func openFolder(dir string) (*folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	_, err = os.Stat(filepath.Join(dir, manifestFile))
	if len(entries) > 0 && err != nil {
		return nil, fmt.Errorf("%s has other files in it: name an empty or a new folder with -dir", dir)
	}
	f := &folder{dir: dir, written: map[string][]byte{}}
	// The folder may be inside a checkout; what is in it should never be committed.
	return f, errors.Join(f.put(".gitignore", []byte("*\n")), f.put(manifestFile, []byte("{}\n")))
}

// put replaces a file at once, so that no client reads half of it.
func (f *folder) put(name string, data []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if old, ok := f.written[name]; ok && bytes.Equal(old, data) {
		return nil
	}
	temporary := filepath.Join(f.dir, "."+name+".new")
	if err := os.WriteFile(temporary, data, 0o600); err != nil {
		return err
	}
	f.written[name] = data
	return os.Rename(temporary, filepath.Join(f.dir, name))
}

// path returns where a file is, as a command line wants it.
func (f *folder) path(name string) string { return filepath.Join(f.dir, name) }

// writeCredentials writes what administrators download from Apple's portals.
func (w *world) writeCredentials() error {
	pair, err := dep.GenerateKeyPair(nil)
	if err != nil {
		return err
	}
	return errors.Join(
		w.folder.put(serverKeyFile, pair.RevealPEM()),
		w.writeServerToken(),
		w.folder.put(contentFile, w.location.Token()),
		w.writeAxMKey(),
		w.writePushCertificate(),
		w.folder.put(pushCAFile, w.apns.RootCAsPEM()),
		w.writeManifest(),
	)
}

// writeServerToken writes a new server token, encrypted to the key pair in the folder, and the JSON
// inside it for clients that cannot open S/MIME.
func (w *world) writeServerToken() error {
	text, err := os.ReadFile(w.folder.path(serverKeyFile))
	if err != nil {
		return err
	}
	pair, err := dep.ParseKeyPair(text)
	if err != nil {
		return err
	}
	file, err := w.dep.IssueToken(pair.Certificate())
	if err != nil {
		return err
	}
	return errors.Join(w.folder.put(serverP7M, file), w.folder.put(serverJSON, w.dep.Token().JSON()))
}

func (w *world) writeAxMKey() error {
	return w.folder.put(axmKeyFile, w.org.Account().Key().PEM())
}

func (w *world) writePushCertificate() error {
	certPEM, keyPEM := w.apns.IssuePushCertificate(pushTopic, nil)
	w.mu.Lock()
	w.pushCert = certPEM
	w.mu.Unlock()
	return errors.Join(w.folder.put(pushCertFile, certPEM), w.folder.put(pushKeyFile, keyPEM))
}

// writeLists writes the tables that the other examples read: our devices, those of no server, and
// the targets of pushes.
func (w *world) writeLists() error {
	var ours, unassigned, targets strings.Builder
	ours.WriteString("serial number\n")
	unassigned.WriteString("serial number\n")
	targets.WriteString("# token, PushMagic, name\n")
	w.mu.Lock()
	for _, device := range w.org.Devices() {
		serial := device.SerialNumber
		switch {
		case w.here[serial]:
			fmt.Fprintln(&ours, serial)
		case device.ServerID == "":
			fmt.Fprintln(&unassigned, serial)
		}
		if e := w.enrolled[serial]; e != nil {
			fmt.Fprintf(&targets, "%s,%s,%s\n", e.token, e.magic, serial)
		}
	}
	w.mu.Unlock()
	return errors.Join(
		w.folder.put(oursFile, []byte(ours.String())),
		w.folder.put(unassignFile, []byte(unassigned.String())),
		w.folder.put(targetsFile, []byte(targets.String())),
	)
}
