package apnstest

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What a push that meets a fault sees, frame by frame. The push is the second one of the
// connection, on stream 3, to a token that is unregistered, so that the right answer has a body.
func TestPushFaults(t *testing.T) {
	const unregistered = `{"reason":"Unregistered","timestamp":5}`
	type frames []string
	for name, test := range map[string]struct {
		fault     Fault
		want      frames
		processed bool
		after     time.Duration
	}{
		"Answer":          {fault: Fault{}, want: frames{"headers 3 200 end"}},
		"Answer reason":   {fault: Fault{Status: 503, Reason: "Shut\"down"}, want: frames{"headers 3 503", `data 3 {"reason":"Shut\"down"} end`}},
		"Answer time":     {fault: Fault{Status: 410, Reason: "New", Timestamp: time.UnixMilli(7)}, want: frames{"headers 3 410", `data 3 {"reason":"New","timestamp":7} end`}},
		"Answer body":     {fault: Fault{Status: 400, Body: `{"rea`}, want: frames{"headers 3 400", `data 3 {"rea end`}},
		"Answer delay":    {fault: Fault{Status: 500, Delay: 15 * time.Second}, want: frames{"headers 3 500 end"}, after: 15 * time.Second},
		"Late":            {fault: Fault{Kind: Late, Delay: 15 * time.Second}, want: frames{"headers 3 410", "data 3 " + unregistered + " end"}, processed: true, after: 15 * time.Second},
		"Swallow":         {fault: Fault{Kind: Swallow}, want: frames{"silence"}, after: 20 * time.Second},
		"Lose":            {fault: Fault{Kind: Lose}, want: frames{"silence"}, processed: true, after: 20 * time.Second},
		"RefuseStream":    {fault: Fault{Kind: RefuseStream}, want: frames{"reset 3 REFUSED_STREAM"}},
		"ResetStream":     {fault: Fault{Kind: ResetStream, Code: 2}, want: frames{"reset 3 INTERNAL_ERROR"}},
		"ResetBody":       {fault: Fault{Kind: ResetBody, Code: 8}, want: frames{"headers 3 410", `data 3 {"reason":"Unregist`, "reset 3 CANCEL"}, processed: true},
		"Padded":          {fault: Fault{Kind: Padded}, want: frames{"headers 3 410", "data 3 " + unregistered + " end"}, processed: true},
		"Trailers":        {fault: Fault{Kind: Trailers}, want: frames{"headers 3 410", "data 3 " + unregistered, "headers 3  end"}, processed: true},
		"UnknownFrames":   {fault: Fault{Kind: UnknownFrames}, want: frames{"settings 0", "frame 0xbb", "frame 0xbb", "headers 3 410", "data 3 " + unregistered + " end"}, processed: true},
		"Informational":   {fault: Fault{Kind: Informational}, want: frames{"headers 3 103", "headers 3 410", "data 3 " + unregistered + " end"}, processed: true},
		"EmptyData":       {fault: Fault{Kind: EmptyData}, want: frames{"headers 3 410", "data 3 " + unregistered, "data 3  end"}, processed: true},
		"HTML":            {fault: Fault{Kind: HTML}, want: frames{"headers 3 502", "data 3 " + page + " end"}},
		"HTML other":      {fault: Fault{Kind: HTML, Status: 503, Body: "<p>"}, want: frames{"headers 3 503", "data 3 <p> end"}},
		"Empty":           {fault: Fault{Kind: Empty}, want: frames{"headers 3 500 end"}},
		"GoAwayBefore":    {fault: Fault{Kind: GoAwayBefore, Reason: "Shutdown"}, want: frames{`goaway 1 NO_ERROR {"reason":"Shutdown"}`, "closed"}},
		"GoAwayAfter":     {fault: Fault{Kind: GoAwayAfter}, want: frames{"goaway 3 NO_ERROR ", "headers 3 410", "data 3 " + unregistered + " end", "closed"}, processed: true},
		"GoAwayLost":      {fault: Fault{Kind: GoAwayLost, Code: 11, Body: "calm"}, want: frames{"goaway 3 ENHANCE_YOUR_CALM calm", "closed"}, processed: true},
		"Reject":          {fault: Fault{Kind: Reject}, want: frames{`goaway 0 NO_ERROR {"reason":"BadCertificateEnvironment"}`, "closed"}},
		"Reject twice":    {fault: Fault{Kind: Reject, Reason: "BadCertificate", Twice: true}, want: frames{`goaway 0 NO_ERROR {"reason":"BadCertificate"}`, "goaway 0 NO_ERROR ", "closed"}},
		"Reject late":     {fault: Fault{Kind: Reject, Delay: 5 * time.Second}, want: frames{`goaway 0 NO_ERROR {"reason":"BadCertificateEnvironment"}`, "closed"}, after: 5 * time.Second},
		"Refuse late":     {fault: Fault{Kind: RefuseStream, Delay: 5 * time.Second}, want: frames{"reset 3 REFUSED_STREAM"}, after: 5 * time.Second},
		"GoAway late":     {fault: Fault{Kind: GoAwayBefore, Delay: 5 * time.Second}, want: frames{`goaway 1 NO_ERROR `, "closed"}, after: 5 * time.Second},
		"Disconnect late": {fault: Fault{Kind: Disconnect, Delay: 5 * time.Second}, want: frames{"closed"}, after: 5 * time.Second},
		"Disconnect":      {fault: Fault{Kind: Disconnect}, want: frames{"closed"}},
		"ResetConn":       {fault: Fault{Kind: ResetConn}, want: frames{"reset"}},
		"Silence":         {fault: Fault{Kind: Silence}, want: frames{"silence"}, after: 20 * time.Second},
		"Stall":           {fault: Fault{Kind: Stall}, want: frames{"silence"}, after: 20 * time.Second},
		"selected token":  {fault: Fault{Kind: Empty, Token: strings.ToUpper(token)}, want: frames{"headers 3 500 end"}},
		"Drip":            {fault: Fault{Kind: Drip, Delay: 10 * time.Second}, want: append(frames{"headers 3 410"}, drops(unregistered)...), processed: true, after: 390 * time.Second},
		"Drip per second": {fault: Fault{Kind: Drip}, want: append(frames{"headers 3 410"}, drops(unregistered)...), processed: true, after: 39 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, Options{}, func(t *testing.T, srv *Server, c *raw) {
				c.goodPush()
				c.want("headers 1 200 end")
				srv.Unregister(token, time.UnixMilli(5))
				srv.Fail(test.fault)
				begin := time.Now()
				c.goodPush()
				var got frames
				for range test.want {
					got = append(got, c.next())
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("%s\n%s", diff, srv.Log())
				}
				if d := time.Since(begin); d != test.after {
					t.Errorf("took %v", d)
				}
				if n := srv.Stats().Reasons["Unregistered"]; (n == 1) != test.processed {
					t.Errorf("processed %d times", n)
				}
				if n := srv.PendingFaults(); n != 0 {
					t.Errorf("%d faults pending", n)
				}
			})
		})
	}
}

// drops is a body that comes byte by byte.
func drops(body string) (list []string) {
	for i := range len(body) {
		list = append(list, "data 3 "+body[i:i+1])
	}
	list[len(list)-1] += " end"
	return list
}

func TestContinued(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, srv *Server, c *raw) {
		srv.Fail(Fault{Kind: Continued})
		c.goodPush()
		c.want("headers 1 open end", "continuation open", "continuation open", "continuation open", "continuation 200")
		if c.header["apns-id"] == "" {
			t.Errorf("header = %v", c.header)
		}
	})
}

// A header block larger than a frame is split as well.
func TestLargeHeader(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, srv *Server, c *raw) {
		srv.Fail(Fault{Status: 500, Header: []Field{{"x-large", strings.Repeat("~", 20_000)}}})
		c.goodPush()
		c.want("headers 1 open end", "continuation 500")
		if n := len(c.header["x-large"]); n != 20_000 {
			t.Errorf("%d bytes", n)
		}
	})
}

func TestSplitBody(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, srv *Server, c *raw) {
		srv.Unregister(token, time.UnixMilli(5))
		srv.Fail(Fault{Kind: SplitBody})
		c.goodPush()
		c.want("headers 1 410")
		for i := range len(`{"reason":"Unregistered","timestamp":5}`) - 1 {
			if got := c.next(); got != "data 1 " {
				t.Fatalf("frame %d: %q", i, got)
			}
			c.next()
		}
		c.want("data 1 ", "data 1 } end")
	})
}

func TestOddFormsOfAnEmptyAnswer(t *testing.T) {
	for kind, want := range map[Kind][]string{
		Padded: {"headers 1 200 end"}, SplitBody: {"headers 1 200 end"}, Drip: {"headers 1 200 end"},
		EmptyData: {"headers 1 200", "data 1  end"}, Trailers: {"headers 1 200", "headers 1  end"},
		ResetBody: {"headers 1 200", "reset 1 NO_ERROR"},
	} {
		t.Run(kind.String(), func(t *testing.T) {
			bubble(t, Options{}, func(t *testing.T, srv *Server, c *raw) {
				srv.Fail(Fault{Kind: kind})
				c.goodPush()
				c.want(want...)
				c.goodPush()
				c.want("headers 3 200 end")
			})
		})
	}
}

func TestAnswerHeader(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, srv *Server, c *raw) {
		srv.Fail(Fault{Status: 429, Body: "x", Header: []Field{{"content-type", "text/plain"}, {"retry-after", "7"}}})
		srv.Fail(Fault{Status: 429, Reason: "x"})
		id := "123e4567-e89b-12d3-a456-426614174000"
		c.push(with(good(), "apns-id", id), body(magic))
		c.want("headers 1 429", "data 1 x end")
		want := map[string]string{":status": "429", "apns-id": id, "content-type": "text/plain", "retry-after": "7"}
		if diff := cmp.Diff(want, c.header); diff != "" {
			t.Error(diff)
		}
		c.goodPush()
		c.want("headers 3 429", `data 3 {"reason":"x"} end`)
		if c.header["content-type"] != "application/json" {
			t.Errorf("header = %v", c.header)
		}
	})
}

func TestScriptOrder(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, srv *Server, c *raw) {
		srv.Fail(Fault{Status: 501, Skip: 1, Count: 2})
		srv.Fail(Fault{Status: 502, Token: "abcd"})
		srv.Fail(Fault{Status: 503, Count: -1})
		if n := srv.PendingFaults(); n != 3 {
			t.Errorf("pending = %d", n)
		}
		for i, want := range []string{"200", "501", "501", "503", "503"} {
			c.goodPush()
			c.want(fmt.Sprintf("headers %d %s end", 2*i+1, want))
		}
		c.push(with(good(), ":path", "/3/device/ABCD"), body(magic))
		c.want("headers 11 502 end")
		srv.ResetFaults()
		c.goodPush()
		c.want("headers 13 200 end")
	})
}

// A dead connection swallows PINGs too; another one lives.
func TestSilenceIsComplete(t *testing.T) {
	for _, silence := range []func(srv *Server, c *raw){
		func(srv *Server, c *raw) { srv.Fail(Fault{Kind: Silence}); c.goodPush() },
		func(srv *Server, c *raw) { srv.Silence() },
	} {
		bubble(t, Options{}, func(t *testing.T, srv *Server, c *raw) {
			silence(srv, c)
			synctest.Wait()
			c.try(c.fr.WritePing(false, [8]byte{}))
			c.try(c.fr.WriteSettings())
			c.try(c.fr.WriteRawFrame(8, 0, 1, make([]byte, 4))) // would be answered RST_STREAM
			srv.GoAway("")                                      // does not get through either
			c.want("silence")
			other := dialRaw(t, srv).hello()
			other.goodPush()
			other.want("headers 1 200 end")
			_ = c.conn.NetConn().Close()
			synctest.Wait()
			if n := srv.Stats().Open; n != 1 {
				t.Errorf("%d connections open", n)
			}
		})
	}
}

// A stalled connection does not even read: in the end the client cannot write.
func TestStall(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, srv *Server, c *raw) {
		srv.Fail(Fault{Kind: Stall})
		c.goodPush()
		synctest.Wait()
		_ = c.conn.SetWriteDeadline(time.Now().Add(time.Minute))
		if _, err := c.conn.Write(make([]byte, 1<<20)); err == nil || !strings.Contains(err.Error(), "timeout") {
			t.Errorf("error = %v", err)
		}
	})
}

func TestKindNames(t *testing.T) {
	for kind, want := range map[Kind]string{Answer: "Answer", Stall: "Stall", RefuseConn: "RefuseConn", SilentConn: "SilentConn", SilentConn + 1: "Kind(36)", -1: "Kind(-1)"} {
		if got := kind.String(); got != want {
			t.Errorf("%d: %s, want %s", int(kind), got, want)
		}
	}
}
