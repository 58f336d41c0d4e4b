package h2

import "encoding/binary"

// The wire format of RFC 9113, section 4 and 6: what is read is parsed in place, what is written
// is appended to a buffer. Nothing here keeps state or allocates.

type frameType uint8

const (
	frameData         frameType = 0x0
	frameHeaders      frameType = 0x1
	framePriority     frameType = 0x2
	frameRSTStream    frameType = 0x3
	frameSettings     frameType = 0x4
	framePushPromise  frameType = 0x5
	framePing         frameType = 0x6
	frameGoAway       frameType = 0x7
	frameWindowUpdate frameType = 0x8
	frameContinuation frameType = 0x9
)

const (
	flagAck        = 0x1 // SETTINGS, PING
	flagEndStream  = 0x1 // DATA, HEADERS
	flagEndHeaders = 0x4
	flagPadded     = 0x8
	flagPriority   = 0x20
)

const (
	preface        = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	frameHeaderLen = 9
	maxFrameSize   = 16 << 10 // what we accept, and what a server accepts until it says otherwise
	maxStreamID    = 1<<31 - 1
	maxWindow      = 1<<31 - 1
	defaultWindow  = 1<<16 - 1
)

// settingID names a setting; RFC 9113, section 6.5.2.
type settingID uint16

const (
	settingHeaderTableSize      settingID = 0x1
	settingEnablePush           settingID = 0x2
	settingMaxConcurrentStreams settingID = 0x3
	settingInitialWindowSize    settingID = 0x4
	settingMaxFrameSize         settingID = 0x5
	settingMaxHeaderListSize    settingID = 0x6
)

const settingLen = 6

type frameHeader struct {
	length int
	typ    frameType
	flags  uint8
	stream uint32
}

func (h frameHeader) has(flag uint8) bool { return h.flags&flag != 0 }

// parseFrameHeader needs frameHeaderLen bytes.
func parseFrameHeader(b []byte) frameHeader {
	_ = b[frameHeaderLen-1]
	return frameHeader{
		length: int(b[0])<<16 | int(b[1])<<8 | int(b[2]),
		typ:    frameType(b[3]),
		flags:  b[4],
		stream: binary.BigEndian.Uint32(b[5:]) & maxStreamID,
	}
}

// unpad returns the payload of a DATA or HEADERS frame without its padding.
func unpad(h frameHeader, payload []byte) ([]byte, error) {
	if !h.has(flagPadded) {
		return payload, nil
	}
	if len(payload) == 0 {
		return nil, protocolError(CodeFrameSize, "a padded frame without a pad length")
	}
	pad := int(payload[0])
	payload = payload[1:]
	if pad > len(payload) {
		return nil, protocolError(CodeProtocol, "padding that is longer than its frame")
	}
	return payload[:len(payload)-pad], nil
}

func appendFrameHeader(dst []byte, length int, typ frameType, flags uint8, stream uint32) []byte {
	dst = append(dst, byte(length>>16), byte(length>>8), byte(length), byte(typ), flags)
	return binary.BigEndian.AppendUint32(dst, stream)
}

// putFrameLength corrects the length and the flags of the frame header at b.
func putFrameLength(b []byte, length int, flags uint8) {
	b[0], b[1], b[2], b[4] = byte(length>>16), byte(length>>8), byte(length), flags
}

func appendData(dst []byte, stream uint32, data []byte, end bool) []byte {
	var flags uint8
	if end {
		flags = flagEndStream
	}
	dst = appendFrameHeader(dst, len(data), frameData, flags, stream)
	return append(dst, data...)
}

func appendReset(dst []byte, stream uint32, code ErrCode) []byte {
	dst = appendFrameHeader(dst, 4, frameRSTStream, 0, stream)
	return binary.BigEndian.AppendUint32(dst, uint32(code))
}

type setting struct {
	id    settingID
	value uint32
}

func appendSettings(dst []byte, settings ...setting) []byte {
	dst = appendFrameHeader(dst, settingLen*len(settings), frameSettings, 0, 0)
	for _, s := range settings {
		dst = binary.BigEndian.AppendUint16(dst, uint16(s.id))
		dst = binary.BigEndian.AppendUint32(dst, s.value)
	}
	return dst
}

func appendSettingsAck(dst []byte) []byte {
	return appendFrameHeader(dst, 0, frameSettings, flagAck, 0)
}

func appendPing(dst []byte, data []byte, flags uint8) []byte {
	dst = appendFrameHeader(dst, len(data), framePing, flags, 0)
	return append(dst, data...)
}

// appendGoAway always names stream 0: a server that may not push has opened none.
func appendGoAway(dst []byte, code ErrCode, debug string) []byte {
	dst = appendFrameHeader(dst, 8+len(debug), frameGoAway, 0, 0)
	dst = binary.BigEndian.AppendUint32(dst, 0)
	dst = binary.BigEndian.AppendUint32(dst, uint32(code))
	return append(dst, debug...)
}

func appendWindowUpdate(dst []byte, stream uint32, increment int64) []byte {
	dst = appendFrameHeader(dst, 4, frameWindowUpdate, 0, stream)
	return binary.BigEndian.AppendUint32(dst, uint32(increment))
}
