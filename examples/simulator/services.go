package main

import (
	"crypto/x509"
	"encoding/pem"
	"strings"
	"time"

	"github.com/applemdm/applemdm/apns/apnstest"
	"github.com/applemdm/applemdm/axm/axmtest"
	"github.com/applemdm/applemdm/vpp/vpptest"
)

func (w *world) axmService() *service {
	account := w.org.Account()
	return &service{
		name: "axm", url: w.axmURL,
		counts: func() []count {
			assigned := 0
			devices := w.org.Devices()
			for _, device := range devices {
				if device.ServerID != "" {
					assigned++
				}
			}
			return []count{{"devices", len(devices)}, {"assigned", assigned}, {"activities", len(w.org.Activities())}}
		},
		requests: func() int { return w.axm.Count("", "") },
		received: received("axm", w.axm.Received), violations: w.axm.Violations, forget: w.axm.ResetReceived,
		kinds: kindNames(httpKinds()), fail: func(f fault) error { return failHTTP(f, axmError, w.axm.Fail) },
		pending: w.axm.PendingFaults, heal: w.axm.ResetFaults,
		happenings: []happening{
			{"expire-tokens", "all access tokens end", nothing(account.ExpireTokens)},
			{"expire-cursors", "lists that are being read cannot go on", nothing(w.org.ExpireCursors)},
			{"revoke-key", "the key in the folder is revoked, access tokens with it", func() error {
				account.RevokeKey(account.Key().ID)
				account.ExpireTokens()
				return nil
			}},
			{"generate-key", "a new key is written to the folder; its id is in " + manifestFile, func() error {
				account.GenerateKey()
				if err := w.writeAxMKey(); err != nil {
					return err
				}
				return w.writeManifest()
			}},
			{"stall-next-activity", "the next activity stays in progress for ever", func() error {
				w.org.NextActivities(axmtest.Stall)
				return nil
			}},
			{"fail-next-activity", "the next activity fails", func() error {
				w.org.NextActivities(axmtest.Break)
				return nil
			}},
		},
	}
}

func (w *world) depService() *service {
	return &service{
		name: "dep", url: w.depURL,
		counts: func() []count {
			profiles := 0
			devices := w.dep.Devices()
			for _, device := range devices {
				if device.ProfileUUID != "" {
					profiles++
				}
			}
			return []count{{"devices", len(devices)}, {"with a profile", profiles}, {"logins", w.dep.Logins()}}
		},
		requests: func() int { return w.dep.Count("", "") },
		received: received("dep", w.dep.Received), violations: w.dep.Violations, forget: w.dep.ResetReceived,
		kinds: kindNames(httpKinds()), fail: func(f fault) error { return failHTTP(f, depError, w.dep.Fail) },
		pending: w.dep.PendingFaults, heal: w.dep.ResetFaults,
		happenings: []happening{
			{"expire-sessions", "all sessions end", nothing(w.dep.ExpireSessions)},
			{"change-terms", "new terms: every call is refused until they are signed",
				nothing(func() { w.dep.SetTermsSigned(false) })},
			{"sign-terms", "somebody signs the terms", nothing(func() { w.dep.SetTermsSigned(true) })},
			{"expire-token", "the server token expires", nothing(func() { w.dep.SetTokenExpiry(time.Now().Add(-time.Hour)) })},
			{"revoke-token", "the server token stops working", nothing(w.dep.RevokeToken)},
			{"renew-token", "a new server token is written to the folder; the old one stops working", w.writeServerToken},
		},
	}
}

func (w *world) vppService() *service {
	return &service{
		name: "vpp", url: w.vppURL,
		counts: func() []count {
			assets := w.location.Assets()
			return []count{{"apps", len(assets)}, {"assignments", len(w.location.Assignments())},
				{"users", len(w.location.Users())}, {"events", len(w.location.Events())},
				{"notifications", len(w.location.Notifications())}}
		},
		requests: func() int { return w.vpp.Count("", "") },
		received: received("vpp", w.vpp.Received), violations: w.vpp.Violations, forget: w.vpp.ResetReceived,
		kinds: kindNames(httpKinds()), fail: func(f fault) error { return failHTTP(f, vppError, w.vpp.Fail) },
		pending: w.vpp.PendingFaults, heal: w.vpp.ResetFaults,
		happenings: []happening{
			{"buy-licences", "ten more licences of each app that has a number of them", nothing(w.buy)},
			{"claim-by-other", "another MDM claims the location",
				nothing(func() { w.location.ClaimByOther("other-mdm", otherServer, "") })},
			{"expire-tokens", "the content token expires", nothing(w.location.ExpireTokens)},
			{"revoke-tokens", "the content token is revoked", nothing(w.location.RevokeTokens)},
			{"issue-token", "a new content token is written to the folder", func() error {
				return w.folder.put(contentFile, w.location.IssueToken(vpptest.TokenOptions{}))
			}},
			{"start-maintenance", "events fail, and so does every call of version 1",
				nothing(func() { w.vpp.SetMaintenance(true) })},
			{"end-maintenance", "the maintenance ends", nothing(func() { w.vpp.SetMaintenance(false) })},
			{"lose-next-event", "the next event is never carried out, and its status unknown",
				nothing(func() { w.location.NextEvents(vpptest.Forget) })},
		},
	}
}

func (w *world) buy() {
	for _, asset := range w.location.Assets() {
		if !asset.Unlimited {
			w.location.Buy(vpptest.Asset{AdamID: asset.AdamID, PricingParam: asset.PricingParam, Total: 10})
		}
	}
}

func (w *world) apnsService() *service {
	return &service{
		name: "apns", url: w.apns.URL,
		counts: func() []count {
			stats := w.apns.Stats()
			w.mu.Lock()
			defer w.mu.Unlock()
			return []count{{"enrolled", len(w.enrolled)}, {"connections", stats.Open},
				{"accepted", stats.Accepted}, {"delivered", stats.Delivered}}
		},
		requests: func() int { return w.apns.Stats().Pushes },
		received: w.pushes, violations: w.apns.Violations, forget: w.apns.ResetReceived,
		kinds: kindNames(apnsKinds()), fail: w.failAPNs,
		pending: w.apns.PendingFaults, heal: w.apns.ResetFaults,
		happenings: []happening{
			{"go-away", "every connection is told to go away", nothing(func() { w.apns.GoAway("Shutdown") })},
			{"disconnect", "every connection is closed", nothing(w.apns.Disconnect)},
			{"reset", "every connection is reset", nothing(w.apns.Reset)},
			{"silence", "every connection dies without a sign", nothing(w.apns.Silence)},
			{"revoke-certificate", "the push certificate is revoked", w.revokePushCertificate},
			{"issue-certificate", "a new push certificate is written to the folder", w.writePushCertificate},
		},
	}
}

// pushes tells the pushes by the serial numbers of their devices: a token is nobody's business.
func (w *world) pushes() []request {
	list := w.apns.Received()
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]request, len(list))
	for i, p := range list {
		name := "(unknown token)"
		if serial := w.byToken[strings.ToLower(p.Token)]; serial != "" {
			name = serial
		}
		out[i] = request{Time: p.Time, Service: "apns", Method: "POST", Path: "/3/device/" + name,
			Status: p.Status, Remark: remark(p)}
	}
	return out
}

func remark(p apnstest.Push) string {
	switch {
	case p.Fault != "" && p.Reason != "":
		return p.Reason + ", fault " + p.Fault
	case p.Fault != "":
		return "fault " + p.Fault
	}
	return p.Reason
}

func (w *world) revokePushCertificate() error {
	w.mu.Lock()
	block, _ := pem.Decode(w.pushCert)
	w.mu.Unlock()
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return err
	}
	w.apns.RevokeCertificate(cert.SerialNumber)
	return nil
}
