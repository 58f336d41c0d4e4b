package deptest

import (
	"crypto/x509"
	"encoding/asn1"
	"slices"
)

// Tags of ASN.1, with the constructed bit where they have it.
const (
	tagInteger     = 0x02
	tagOctetString = 0x04
	tagNull        = 0x05
	tagSequence    = 0x30
	tagSet         = 0x31
	tagContext0    = 0xa0
	tagPrimitive0  = 0x80
)

// tlv encodes one value with a definite length.
func tlv(tag byte, parts ...[]byte) []byte {
	content := slices.Concat(parts...)
	out := []byte{tag}
	if n := len(content); n < 0x80 {
		out = append(out, byte(n))
	} else {
		var length []byte
		for ; n > 0; n >>= 8 {
			length = slices.Insert(length, 0, byte(n))
		}
		out = append(append(out, 0x80|byte(len(length))), length...)
	}
	return append(out, content...)
}

// indefinite encodes one constructed value without telling its length, which DER forbids.
func indefinite(tag byte, parts ...[]byte) []byte {
	return slices.Concat([]byte{tag, 0x80}, slices.Concat(parts...), []byte{0, 0})
}

func oidBytes(oid asn1.ObjectIdentifier) []byte {
	b, err := asn1.Marshal(oid)
	if err != nil {
		panic(err) // the identifiers are constants
	}
	return b
}

// envelopedData writes a CMS ContentInfo that holds EnvelopedData (RFC 5652, section 6). Streamed,
// the values that contain the content have no length, as streaming encoders write them.
func envelopedData(cert *x509.Certificate, wrappedKey []byte, cipherOID asn1.ObjectIdentifier, iv, content []byte, opts TokenOptions) []byte {
	outer, encrypted := indefinite, constructed(content, opts.Chunk)
	if opts.DER {
		outer, encrypted = tlv, tlv(tagPrimitive0, content)
	}
	recipient := tlv(tagSequence,
		tlv(tagInteger, []byte{0}), // version 0: by issuer and serial number
		tlv(tagSequence, cert.RawIssuer, serialNumber(cert)),
		tlv(tagSequence, oidBytes(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}), tlv(tagNull)), // rsaEncryption
		tlv(tagOctetString, wrappedKey),
	)
	encryptedContentInfo := outer(tagSequence,
		oidBytes(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}), // data
		tlv(tagSequence, oidBytes(cipherOID), tlv(tagOctetString, iv)),
		encrypted,
	)
	return outer(tagSequence,
		oidBytes(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 3}), // envelopedData
		outer(tagContext0, outer(tagSequence,
			tlv(tagInteger, []byte{0}),
			tlv(tagSet, recipient),
			encryptedContentInfo,
		)),
	)
}

// constructed is the encrypted content as [0] around octet strings of chunk bytes.
func constructed(content []byte, chunk int) []byte {
	if chunk <= 0 {
		chunk = len(content)
	}
	var parts [][]byte
	for part := range slices.Chunk(content, chunk) {
		parts = append(parts, tlv(tagOctetString, part))
	}
	return indefinite(tagContext0, parts...)
}

func serialNumber(cert *x509.Certificate) []byte {
	b, err := asn1.Marshal(cert.SerialNumber)
	if err != nil {
		panic(err) // an integer always marshals
	}
	return b
}
