package h2

import (
	"encoding/binary"
	"math"
)

// peerSettings is what the server's SETTINGS say, with the defaults of RFC 9113 before they come.
type peerSettings struct {
	seen          bool
	maxStreams    uint32
	initialWindow int64
	maxFrame      int
	limitsFields  bool
	maxFields     uint32
}

func newPeerSettings() peerSettings {
	return peerSettings{maxStreams: math.MaxUint32, initialWindow: defaultWindow, maxFrame: maxFrameSize}
}

// maxTableSize is the largest compression table we use, whatever the server offers: the fields
// that repeat are few.
const maxTableSize = 4096

// onSettings takes in a SETTINGS frame: the values in their order, then one acknowledgement, ahead
// of which no frame made under the new values can be in c.out.
func (c *Conn) onSettings(h frameHeader, p []byte) error {
	switch {
	case h.stream != 0:
		return protocolError(CodeProtocol, "SETTINGS on a stream")
	case h.has(flagAck) && len(p) > 0:
		return protocolError(CodeFrameSize, "an acknowledgement of SETTINGS with content")
	case h.has(flagAck):
		return nil
	case len(p)%settingLen != 0:
		return protocolError(CodeFrameSize, "SETTINGS of a wrong length")
	}
	for ; len(p) > 0; p = p[settingLen:] {
		id, value := settingID(binary.BigEndian.Uint16(p)), binary.BigEndian.Uint32(p[2:])
		if err := c.applySetting(id, value); err != nil {
			return err
		}
	}
	c.peer.seen = true
	c.changed = true
	c.out.b = appendSettingsAck(c.out.b)
	c.wakeWriter()
	return nil
}

func (c *Conn) applySetting(id settingID, v uint32) error {
	switch id {
	case settingHeaderTableSize:
		c.enc.resize(v)
	case settingEnablePush:
		if v != 0 {
			return protocolError(CodeProtocol, "a server that sets ENABLE_PUSH")
		}
	case settingMaxConcurrentStreams:
		c.peer.maxStreams = v
	case settingInitialWindowSize:
		if v > maxWindow {
			return protocolError(CodeFlowControl, "SETTINGS_INITIAL_WINDOW_SIZE beyond the largest window")
		}
		return c.initialWindow(int64(v))
	case settingMaxFrameSize:
		if v < maxFrameSize || v > 1<<24-1 {
			return protocolError(CodeProtocol, "SETTINGS_MAX_FRAME_SIZE out of range")
		}
		c.peer.maxFrame = int(v)
	case settingMaxHeaderListSize:
		c.peer.limitsFields, c.peer.maxFields = true, v
	}
	return nil // unknown settings are ignored
}
