package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// ports are where everything listens on the loopback interface; 0 is any free port.
type ports struct{ control, axm, dep, vpp, apns int }

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// serving is a world with its listeners.
type serving struct {
	world   *world
	control string // URL of the page and the control API
	servers []*http.Server
	stop    context.CancelFunc
	done    chan struct{} // closed when following has ended
}

// start makes a world, serves it and writes its credentials.
func start(s settings) (*serving, error) {
	w, err := newWorld(s)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	out := &serving{world: w, stop: stop, done: make(chan struct{})}
	go out.follow(ctx)
	if err := errors.Join(out.listen(s.ports), w.writeCredentials()); err != nil {
		out.close()
		return nil, err
	}
	return out, nil
}

// listen opens the ports. The control API comes last, because it tells the addresses of the others.
func (s *serving) listen(p ports) (err error) {
	w := s.world
	if w.axmURL, err = s.serve("axm", p.axm, w.axm); err != nil {
		return err
	}
	if w.depURL, err = s.serve("dep", p.dep, w.dep); err != nil {
		return err
	}
	if w.vppURL, err = s.serve("vpp", p.vpp, w.vpp); err != nil {
		return err
	}
	if s.control, err = s.serve("control", p.control, newControl(w)); err != nil {
		return err
	}
	w.controlURL = s.control
	return nil
}

// serve opens a port for h and returns its URL.
func (s *serving) serve(name string, port int, h http.Handler) (string, error) {
	listener, err := net.Listen("tcp", loopback(port))
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	server := &http.Server{Handler: loopbackOnly(h), ReadHeaderTimeout: 10 * time.Second}
	s.servers = append(s.servers, server)
	go server.Serve(listener)
	return "http://" + listener.Addr().String(), nil
}

// loopbackOnly refuses requests that were meant for another host: a page in a browser on this
// machine, whose name was made to point here (DNS rebinding), must not reach the simulators.
func loopbackOnly(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isLoopback(r.Host) {
			http.Error(w, "the simulators are at 127.0.0.1 and localhost only", http.StatusMisdirectedRequest)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// isLoopback reports whether a Host header names this machine's loopback interface.
func isLoopback(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.Trim(host, "[]")
	}
	if name == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(name)
	return err == nil && addr.IsLoopback()
}

// follow keeps the services in step with each other: four times a second, or less often when there are
// so many devices that a look at them takes long.
func (s *serving) follow(ctx context.Context) {
	defer close(s.done)
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-pause.C:
			start := time.Now()
			s.world.follow() // an error shows at the next look at the state
			pause.Reset(max(250*time.Millisecond, 10*time.Since(start)))
		case <-ctx.Done():
			return
		}
	}
}

func (s *serving) close() {
	s.stop()
	<-s.done
	for _, server := range s.servers {
		server.Close()
	}
	s.world.close()
}
