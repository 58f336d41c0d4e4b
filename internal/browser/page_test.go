package browser

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// tab is a page in a browser.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	problems []string // errors of the page
	asked    []string // URLs of its requests
}

// open starts a browser and opens url in it.
func open(t *testing.T, url string) *tab {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true), chromedp.WindowSize(1200, 1400))
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium has none for root
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &tab{t: t, ctx: ctx}
	b.do(chromedp.Navigate("about:blank"))
	if err := chromedp.Listen(ctx, b.listen); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, log.Enable, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.Navigate(url))
	return b
}

func (b *tab) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			text += ": " + e.ExceptionDetails.Exception.Description
		}
		b.problems = append(b.problems, text)
	case *log.EventEntryAdded:
		b.problems = append(b.problems, e.Entry.Text+" "+e.Entry.URL)
	case *network.EventRequestWillBeSent:
		b.asked = append(b.asked, e.Request.URL)
	}
}

func (b *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

// wait waits until the page itself says that an expression is true. It asks again after an error, for
// the browser may be changing from one page to the next.
func (b *tab) wait(expression string) {
	b.t.Helper()
	ticks := time.NewTicker(50 * time.Millisecond)
	defer ticks.Stop()
	for give := time.Now().Add(15 * time.Second); ; <-ticks.C {
		is, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("!!("+expression+")"))
		if is && err == nil {
			return
		}
		if time.Now().After(give) || b.ctx.Err() != nil {
			body, _ := chromedp.Run(b.ctx, chromedp.Text(chromedp.CSS("body")))
			b.t.Fatalf("not true: %s: %v\n%s", expression, err, body)
		}
	}
}

// figure waits until a card shows a figure.
func (b *tab) figure(service, what, want string) {
	b.t.Helper()
	b.wait(fmt.Sprintf("document.querySelector('#service-%s dd[data-what=%q]')?.textContent === %q", service, what, want))
}

// click presses a button with the mouse.
func (b *tab) click(selector string) { b.t.Helper(); b.do(chromedp.Click(chromedp.CSS(selector))) }

// choose selects an option as somebody at the keyboard does, so that the page learns of it.
func (b *tab) choose(form, field, value string) {
	b.t.Helper()
	selector := fmt.Sprintf("#%s [name=%s]", form, field)
	b.do(chromedp.SetValue(chromedp.CSS(selector), value), chromedp.Evaluate[chromedp.Void](
		fmt.Sprintf("document.querySelector(%q).dispatchEvent(new Event('change'))", selector)))
}

// TestPage looks at the page: it shows the state, does what its buttons say, and tells what arrives
// without being asked to.
func TestPage(t *testing.T) {
	s := start(t)
	b := open(t, s.Control+"/")
	b.figure("axm", "devices", "25")
	b.figure("dep", "devices", "20")
	b.figure("vpp", "apps", "3")
	b.figure("apns", "enrolled", "20")
	b.wait("document.querySelectorAll('#devices tr').length === 25")

	b.choose("add", "count", "3")
	b.click("#add-device")
	b.wait("document.querySelector('#message').textContent === 'devices added'")
	b.figure("axm", "devices", "28")
	b.figure("dep", "devices", "23")
	b.wait("document.querySelector('#total').textContent === '28'")

	b.choose("fault", "service", "dep")
	b.choose("fault", "kind", "Busy")
	b.click("#inject-fault")
	b.figure("dep", "faults to come", "1")
	if status, _ := s.get(s.DEP.API + "/session"); status != 503 {
		t.Errorf("the injected fault answered %d", status)
	}
	b.wait("/dep.*GET \\/session.*503/.test(document.querySelector('#requests tr')?.textContent)")
	b.figure("dep", "faults to come", "0")
	b.wait("document.querySelector('#wrong').hidden")
	if status, _ := s.get(s.DEP.API + "/account"); status != 401 {
		t.Errorf("a call without a session answered %d", status)
	}
	b.wait("document.querySelector('#violations').textContent.includes('GET /account: ')")

	b.choose("happening", "service", "dep")
	b.choose("happening", "name", "change-terms")
	b.click("#happen")
	b.wait("document.querySelector('#message').textContent === 'dep: change-terms'")

	b.choose("fault", "kind", "Error")
	b.click("#inject-fault")
	b.wait("document.querySelector('#message.bad')?.textContent.includes('needs a status')")
	b.expectProblem("400 (Bad Request)")
	b.wantNothingElse(s.Control)
}

// TestPageRows presses the buttons of a device, whose serial number tries to be a part of the page.
func TestPageRows(t *testing.T) {
	s := start(t)
	s.post("/api/devices", `{"serialNumbers":["<img src=x onerror=alert(1)>"],"server":""}`)
	b := open(t, s.Control+"/")
	const row = `#devices tr[data-serial^="<img"]`
	press := func(text string) {
		t.Helper()
		b.do(chromedp.Click(fmt.Sprintf(`//tr[starts-with(@data-serial, "<img")]//button[.=%q]`, text)))
	}
	b.wait(`document.querySelector('` + row + `')?.cells[0].textContent.includes("onerror")`)
	press("move here")
	b.figure("dep", "devices", "21")
	press("enroll")
	b.figure("apns", "enrolled", "21")
	press("offline")
	b.wait(`document.querySelector('` + row + `').cells[4].textContent === "offline"`)
	press("erase")
	b.figure("apns", "enrolled", "20")
	press("release")
	b.wait(`document.querySelector('` + row + `') === null`)
	b.figure("axm", "devices", "25")
	b.wait("document.querySelectorAll('img').length === 0")
	b.wantNothingElse(s.Control)
}

// expectProblem takes a problem that was provoked off the list.
func (b *tab) expectProblem(text string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.problems) != 1 || !strings.Contains(b.problems[0], text) {
		b.t.Errorf("problems: %q, want one with %q", b.problems, text)
	}
	b.problems = nil
}

// wantNothingElse checks that the page had no problems and has asked nobody but its own server.
func (b *tab) wantNothingElse(origin string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.problems) > 0 {
		b.t.Errorf("problems of the page: %q", b.problems)
	}
	if len(b.asked) < 4 {
		b.t.Errorf("the page has asked for %q only", b.asked)
	}
	for _, url := range b.asked {
		if !strings.HasPrefix(url, origin+"/") {
			b.t.Errorf("the page has asked for %s", url)
		}
	}
}
