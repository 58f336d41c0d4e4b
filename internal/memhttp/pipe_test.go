package memhttp

import (
	"errors"
	"io"
	"net"
	"testing"
)

func TestPipe(t *testing.T) {
	client, server := Pipe("client.test:1", "server.test:2")
	defer client.Close()
	if client.RemoteAddr().String() != "server.test:2" || server.RemoteAddr().String() != "client.test:1" {
		t.Errorf("addresses %v and %v", client.RemoteAddr(), server.RemoteAddr())
	}
	if _, err := server.Write([]byte("last words")); err != nil {
		t.Fatal(err)
	}
	if err := server.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Write([]byte("more")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("writing after CloseWrite: %v", err)
	}
	if text, err := io.ReadAll(client); err != nil || string(text) != "last words" {
		t.Errorf("read %q, %v", text, err)
	}
	if _, err := client.Write([]byte("still heard")); err != nil {
		t.Error(err)
	}
	_ = client.Close()
	if text, err := io.ReadAll(server); err != nil || string(text) != "still heard" {
		t.Errorf("read %q, %v", text, err)
	}
}
