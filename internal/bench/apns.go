package main

import (
	"fmt"
	"time"
)

// What the figures of apns are measured with.
const (
	inFlight    = 500   // pushes under way when processor time is measured
	nghttpdFile = 16384 // devices it knows; more than a batch holds, as pushes to one device at a time share an outcome

	latency     = 50 * time.Millisecond
	slowStreams = 1000 // that the slow server allows
)

// apnsFigures measures the push client against its peers.
func apnsFigures() ([]figure, error) {
	costs, err := apnsCosts()
	if err != nil {
		return nil, err
	}
	rates, err := apnsRates()
	if err != nil {
		return nil, err
	}
	return append(costs, rates...), nil
}

// apnsCosts measures what a push takes of the client's process. All push to one nghttpd, over one
// connection, with 500 under way.
func apnsCosts() ([]figure, error) {
	server, err := startNghttpd()
	if err != nil {
		return nil, err
	}
	defer server.stop()

	results := map[string]apnsResult{}
	for _, run := range []struct {
		client string
		pushes int
	}{{"PushAll", 100_000}, {"Push", 60_000}, {"apns2", 20_000}, {"nanopush", 20_000}, {"net/http", 20_000}} {
		results[run.client], err = runApns(apnsTask{
			Client: run.client, Site: server.site, Devices: nghttpdFile, Pushes: run.pushes, InFlight: inFlight, Repeat: 4,
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", run.client, err)
		}
		if n := results[run.client].Conns; n != 1 {
			return nil, fmt.Errorf("%s opened %d connections, and the figures are for one", run.client, n)
		}
	}
	h2load, err := server.h2load(100_000, 4)
	if err != nil {
		return nil, fmt.Errorf("h2load: %w", err)
	}
	results["h2load"] = apnsResult{CPU: h2load}

	var figures []figure
	for _, ours := range []string{"PushAll", "Push"} {
		for _, peer := range []string{"apns2", "nanopush", "net/http", "h2load"} {
			figures = append(figures, figure{
				name: fmt.Sprintf("CPU of a push, %s and %s", ours, peer), unit: "µs", less: true,
				ours: results[ours].CPU, peer: results[peer].CPU,
			})
		}
	}
	for _, ours := range []string{"PushAll", "Push"} {
		for _, peer := range []string{"apns2", "nanopush", "net/http"} {
			figures = append(figures, figure{
				name: fmt.Sprintf("allocations of a push, %s and %s", ours, peer), unit: "objects", less: true,
				ours: results[ours].Objects, peer: results[peer].Objects,
			})
		}
	}
	return figures, nil
}

// apnsRates measures pushes in a second against a server that takes 50 ms for each and allows 1,000
// at a time on a connection. Ours has one connection; what it could do at best stands first.
func apnsRates() ([]figure, error) {
	server, err := startSlowServer()
	if err != nil {
		return nil, err
	}
	defer server.stop()
	rate := func(client string, pushes, atATime, times int) (apnsResult, error) {
		r, err := runApns(apnsTask{
			Client: client, Site: server.site, Devices: pushes, Pushes: pushes, InFlight: atATime, Repeat: times,
		})
		if err != nil {
			err = fmt.Errorf("%s at %v of latency: %w", client, latency, err)
		}
		return r, err
	}
	ours, err := rate("PushAll", 60_000, slowStreams, 3)
	if err != nil {
		return nil, err
	}
	row := func(what string, perSecond float64) figure {
		return figure{name: "pushes at 50 ms of latency, PushAll and " + what, unit: "per second", ours: ours.Rate, peer: perSecond}
	}
	figures := []figure{row("what 1,000 streams allow", slowStreams/latency.Seconds())}
	for _, peer := range []struct {
		what, client string
		pushes       int
		atATime      int
		times        int
	}{
		{"1,000 goroutines of apns2", "apns2", 20_000, slowStreams, 2},
		{"the 5 workers that nanopush has by default", "nanopush", 200, 5, 2},
		{"one call of nanopush, which today ignores that default", "nanopush-call", 5_000, 0, 1},
	} {
		r, err := rate(peer.client, peer.pushes, peer.atATime, peer.times)
		if err != nil {
			return nil, err
		}
		figures = append(figures, row(fmt.Sprintf("%s (connections: %d)", peer.what, r.Conns), r.Rate))
	}
	return figures, nil
}
