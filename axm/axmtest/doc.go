// Package axmtest is a simulator of the Apple Business API and the Apple School Manager API, for
// tests of clients in any language.
//
// A [Server] is Apple's token service, both APIs and the host that keeps the logs of activities, for
// any number of organisations. It checks what it gets as strictly as the documents and those who
// have used the service allow, and is an [net/http.Handler] for any listener. It carries an
// in-memory server that needs no network and works under testing/synctest:
//
//	srv := axmtest.NewServer(nil)
//	defer srv.Close()
//	org := srv.AddOrg(axmtest.OrgOptions{Kind: axmtest.School})
//	server := org.AddServer(axmtest.MDMServer{Name: "Lab MDM"})
//	org.AddRandomDevices(2_500)
//	account := org.Account() // account.ClientID(), account.Key().ID and account.Key().PEM()
//	client := srv.Client()   // an *http.Client that reaches srv.URL, and Apple's host names
package axmtest
