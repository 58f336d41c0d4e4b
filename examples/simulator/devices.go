package main

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// maxDevices is how many devices one call adds at most.
const maxDevices = 100_000

func (c *control) listDevices(r *http.Request) (any, error) {
	n, err := limit(r)
	if err != nil {
		return nil, err
	}
	if err := c.world.follow(); err != nil {
		return nil, err
	}
	list, total := c.world.devices(r.URL.Query().Get("serialNumber"), n)
	return map[string]any{"devices": list, "total": total}, nil
}

// newDevices is what POST /api/devices takes.
type newDevices struct {
	Count         int      `json:"count"`         // so many random ones
	SerialNumbers []string `json:"serialNumbers"` // or these
	Server        *string  `json:"server"`        // name; absent is ours, "" none
	Enrolled      bool     `json:"enrolled"`      // they enroll at once
}

func (c *control) addDevices(r *http.Request) (any, error) {
	in, err := read[newDevices](r)
	if err != nil {
		return nil, err
	}
	if (in.Count > 0) == (len(in.SerialNumbers) > 0) || in.Count < 0 || in.Count > maxDevices {
		return nil, fmt.Errorf("needs a count from 1 to %d, or serialNumbers", maxDevices)
	}
	for _, serial := range in.SerialNumbers {
		if _, there := c.world.org.Device(serial); there || strings.TrimSpace(serial) == "" {
			return nil, conflict(fmt.Errorf("serialNumbers: %q is empty or there already", serial))
		}
	}
	server := ourServer
	if in.Server != nil {
		server = *in.Server
	}
	id, err := c.world.serverID(server)
	if err != nil {
		return nil, err
	}
	if in.Enrolled && server != ourServer {
		return nil, fmt.Errorf("enrolled: only devices of %q can enroll", ourServer)
	}
	serials := in.SerialNumbers
	if in.Count > 0 {
		serials = c.world.org.AddRandomDevices(in.Count)
	} else {
		c.world.org.AddSerials(serials...)
	}
	c.world.org.AssignDevices(id, serials...)
	err = c.world.follow()
	if in.Enrolled {
		err = errors.Join(err, c.world.enroll(serials...))
	}
	return map[string]any{"serialNumbers": serials}, errors.Join(err, c.world.writeLists())
}

// serverID returns the id of the server of that name.
func (w *world) serverID(name string) (string, error) {
	id, known := w.servers[name]
	if !known && name != "" {
		return "", notFound("server: there is no %q, only %q and %q", name, ourServer, otherServer)
	}
	return id, nil
}

// deviceChange is what PATCH takes; members that are absent change nothing.
type deviceChange struct {
	Server   *string `json:"server"` // name; "" is none
	Enrolled *bool   `json:"enrolled"`
	Online   *bool   `json:"online"`
}

func (c *control) changeDevice(r *http.Request) (any, error) {
	serial, err := c.serial(r)
	if err != nil {
		return nil, err
	}
	change, err := read[deviceChange](r)
	if err != nil {
		return nil, err
	}
	if err := c.world.change(serial, change); err != nil {
		return nil, err
	}
	list, _ := c.world.devices(serial, 1)
	return list[0], c.world.writeLists()
}

func (w *world) change(serial string, change deviceChange) error {
	if change.Server != nil {
		id, err := w.serverID(*change.Server)
		if err != nil {
			return err
		}
		w.org.AssignDevices(id, serial)
	}
	if err := w.follow(); err != nil {
		return err
	}
	if change.Enrolled != nil && !*change.Enrolled {
		w.unenroll(serial)
	}
	if change.Enrolled != nil && *change.Enrolled {
		if err := w.enroll(serial); err != nil {
			return conflict(err)
		}
	}
	if change.Online != nil {
		return conflict(w.connect(serial, *change.Online))
	}
	return nil
}

// removeDevice takes a device out of the organisation.
func (c *control) removeDevice(r *http.Request) (any, error) {
	serial, err := c.serial(r)
	if err != nil {
		return nil, err
	}
	c.world.org.ReleaseDevices(serial)
	c.world.unenroll(serial)
	return ok{true}, cmp.Or(c.world.follow(), c.world.writeLists())
}

// serial returns the serial number of the path, of a device that there is.
func (c *control) serial(r *http.Request) (string, error) {
	serial := r.PathValue("serial")
	if list, _ := c.world.devices(serial, 1); len(list) == 0 {
		return "", notFound("there is no device %q", serial)
	}
	return serial, nil
}
