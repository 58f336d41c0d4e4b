package h2

import (
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"

	"github.com/applemdm/applemdm/internal/memhttp"
)

func TestLostConnection(t *testing.T) {
	for _, tc := range []struct {
		name string
		lose func(p *peer)
		is   error
		text string
	}{
		{"closed", func(p *peer) { _ = p.conn.Close() }, io.EOF, "h2: the server closed the connection"},
		{"reset", func(p *peer) {
			_ = p.conn.(interface{ SetLinger(int) error }).SetLinger(0)
			_ = p.conn.Close()
		}, syscall.ECONNRESET, "h2: connection lost: "},
		{"closed inside a frame's header", func(p *peer) {
			_, _ = p.conn.Write([]byte{0, 0})
			_ = p.conn.Close()
		}, io.ErrUnexpectedEOF, "h2: connection lost: unexpected EOF"},
		{"closed inside a frame", func(p *peer) {
			_, _ = p.conn.Write([]byte{0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2})
			_ = p.conn.Close()
		}, io.ErrUnexpectedEOF, "h2: connection lost: unexpected EOF"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			script(t, many, func(c *Conn, p *peer, l *ledger) {
				p.greet()
				call := l.start("/a", "")
				p.want("HEADERS 1 end :path=/a")
				tc.lose(p)
				l.ended(call)
				for _, err := range []error{call.Err, c.Err()} {
					if _, ok := errors.AsType[*LostError](err); !ok || !errors.Is(err, tc.is) || !strings.HasPrefix(err.Error(), tc.text) {
						t.Error(err)
					}
				}
				if Unprocessed(call.Err) {
					t.Error("the server may have acted on it")
				}
				<-c.Done()
			})
		})
	}
}

// brokenPipe is a connection whose writes fail while something can still be read.
type brokenPipe struct {
	net.Conn
	broken chan struct{}
}

func (b brokenPipe) Write(p []byte) (int, error) {
	select {
	case <-b.broken:
		return 0, syscall.EPIPE
	default:
		return b.Conn.Write(p)
	}
}

// When writing fails, the reader has a moment to find out why.
func TestCauseOfAFailedWrite(t *testing.T) {
	for _, tc := range []struct {
		name  string
		after func(p *peer)
		want  func(err error) bool
	}{
		{"GOAWAY", func(p *peer) {
			p.must(p.fr.WriteGoAway(0, 0, []byte("why")))
		}, func(err error) bool {
			e, ok := errors.AsType[*GoAwayError](err)
			return ok && string(e.Debug) == "why"
		}},
		{"the end", func(p *peer) { _ = p.conn.Close() }, func(err error) bool { return errors.Is(err, io.EOF) }},
		{"nothing", func(*peer) {}, func(err error) bool { return errors.Is(err, syscall.EPIPE) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, server := memhttp.Pipe("client", "server")
				p := &peer{t: t, conn: server, fr: http2.NewFramer(server, server)}
				line := brokenPipe{client, make(chan struct{})}
				c := New(line, many)
				l := &ledger{t: t, c: c}
				p.greet()
				synctest.Wait()
				close(line.broken)
				call := l.start("/a", "")
				synctest.Wait()
				l.refused(ErrClosed)
				wantRoom(t, c, 0)
				time.Sleep(closeGrace / 2)
				tc.after(p)
				<-c.Done()
				if l.ended(call); !tc.want(call.Err) || !tc.want(c.Err()) {
					t.Error(call.Err, c.Err())
				}
			})
		})
	}
}
