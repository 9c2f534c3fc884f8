package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
)

// tpmReader takes a TPM structure apart; what does not fit is refused by its caller's rule.
type tpmReader struct{ rest []byte }

func (r *tpmReader) take(n int) []byte {
	require(n <= len(r.rest), "P-6", "a TPM structure ends early")
	taken := r.rest[:n:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *tpmReader) u8() byte    { return r.take(1)[0] }
func (r *tpmReader) u16() uint16 { return binary.BigEndian.Uint16(r.take(2)) }
func (r *tpmReader) u32() uint32 { return binary.BigEndian.Uint32(r.take(4)) }
func (r *tpmReader) u64() uint64 { return binary.BigEndian.Uint64(r.take(8)) }

// buffer: 2B(x, most).
func (r *tpmReader) buffer(most int) []byte {
	n := int(r.u16())
	require(n <= most, "P-6", "%d bytes where %d fit", n, most)
	return r.take(n)
}

func (r *tpmReader) end() {
	require(len(r.rest) == 0, "P-6", "%d bytes follow a TPM structure", len(r.rest))
}

const algSHA256 = 0x000b

// nvName is the Name of the counter that an nv of a document describes.
func nvName(area []byte) []byte {
	sum := sha256.Sum256(area)
	return append([]byte{0, algSHA256}, sum[:]...)
}

// requireCounter: what an nv of a document is. It returns the index.
func requireCounter(area []byte) uint32 {
	r := &tpmReader{area}
	index, nameAlg, attributes := r.u32(), r.u16(), r.u32()
	policy, size := len(r.buffer(64)), r.u16()
	r.end()
	require(index>>24 == 1 && nameAlg == algSHA256, "E-3", "an index %#x named by %#x", index, nameAlg)
	counts := attributes>>4&15 == 1 && attributes>>29&1 == 1
	require(counts && (policy == 0 || policy == 32) && size == 8, "E-3", "index %#x is no counter", index)
	return index
}

// tpmAttest is what a TPMS_ATTEST says, as far as it matters here.
type tpmAttest struct {
	extraData []byte
	quoted    bool
	// of a quote
	pcrs      []int64
	pcrDigest []byte
	// of an NV certification
	indexName []byte
	offset    uint16
	contents  []byte
}

func readAttest(data []byte) (a tpmAttest) {
	r := &tpmReader{data}
	require(r.u32() == 0xff544347, "P-6", "not made by a TPM")
	kind := r.u16()
	r.buffer(66) // qualifiedSigner
	a.extraData = r.buffer(66)
	r.take(8 + 4 + 4)
	require(r.u8() <= 1, "P-6", "safe is neither 0 nor 1")
	r.u64() // firmwareVersion
	switch kind {
	case 0x8018:
		a.quoted = true
		one := r.u32() == 1 && r.u16() == algSHA256
		require(one, "P-6", "a quote of another bank")
		a.pcrs = readSelection(r)
		a.pcrDigest = r.buffer(64)
	case 0x8014:
		a.indexName, a.offset, a.contents = r.buffer(66), r.u16(), r.buffer(2048)
	default:
		refuse("P-6", "an attestation of type %#x", kind)
	}
	r.end()
	return a
}

func readSelection(r *tpmReader) (pcrs []int64) {
	n := r.u8()
	require(n <= 4, "P-6", "a selection of %d bytes", n)
	for i, bits := range r.take(int(n)) {
		for bit := 0; bit < 8; bit++ {
			if bits>>bit&1 == 1 {
				pcrs = append(pcrs, int64(8*i+bit))
			}
		}
	}
	return pcrs
}

// readSignature turns a TPMT_SIGNATURE into r and s of 32 bytes each.
func readSignature(data []byte) []byte {
	r := &tpmReader{data}
	require(r.u16() == 0x0018 && r.u16() == algSHA256, "P-6", "not ECDSA with SHA-256")
	signature := append(coordinate(r), coordinate(r)...)
	r.end()
	return signature
}

func coordinate(r *tpmReader) []byte {
	digits := r.buffer(66)
	for len(digits) > 32 {
		require(digits[0] == 0, "P-6", "a coordinate is too long")
		digits = digits[1:]
	}
	return append(make([]byte, 32-len(digits)), digits...)
}

// tpmStatement is a TPMS_ATTEST and the TPMT_SIGNATURE over it.
type tpmStatement struct{ attest, signature []byte }

func readStatement(f *fields) tpmStatement {
	return array(f, func(f *fields) tpmStatement { return tpmStatement{f.bytes(1, 2048), f.bytes(1, 2048)} })
}

// said: what the statement says, of this kind, made for signed by the attestation key (P-6).
func (s *tpmStatement) said(what string, key, signed []byte) tpmAttest {
	require(s != nil, "P-6", "there is no %s", what)
	require(verifyP256(key, s.attest, readSignature(s.signature)), "P-6", "the signature of the %s does not hold", what)
	a := readAttest(s.attest)
	qualified := sha256.Sum256(signed)
	require(bytes.Equal(a.extraData, qualified[:]), "P-6", "the %s is of something else", what)
	return a
}

// tpmEvidence is what a TPM adds to the anchor's signature.
type tpmEvidence struct {
	quote, certify *tpmStatement
	approval       *bootApproval
}

func (t tpmEvidence) none() bool { return t.quote == nil && t.certify == nil && t.approval == nil }

// boot is what came of a TPM's statements.
type boot struct {
	state   string
	version int64  // P-9
	counter uint64 // what the epoch counter held, with an attestation
}

// judge: P-6 to P-9. before is the highest boot version of the epochs before.
func (t tpmEvidence) judge(doc document, signed []byte, before int64) (b boot) {
	switch {
	case doc.attestation != nil:
		var digest []byte
		b.counter, digest = t.statements(doc.attestation, signed)
		if t.approval != nil && t.approval.holds(doc, digest) {
			b.version = t.approval.version
		}
	case doc.binding == "software":
		require(t.none(), "P-7", "a software anchor has no TPM")
	}
	b.state = doc.stateOf(b.version, before)
	return b
}

// stateOf: P-8.
func (doc document) stateOf(version, before int64) string {
	switch {
	case doc.binding == "software":
		return "software"
	case doc.attestation == nil:
		return "unattested"
	case doc.binding == "tpm-unmeasured":
		return "unmeasured"
	case version > 0 && version >= before:
		return "attested"
	}
	return "unattested"
}

// statements: P-6, but for the counter's value. It returns that and the PCRs' digest.
func (t tpmEvidence) statements(a *attestation, signed []byte) (counter uint64, digest []byte) {
	quote := t.quote.said("quote", a.key, signed)
	require(quote.quoted && equalNumbers(quote.pcrs, a.pcrs), "P-6", "the quote is of other PCRs")
	require(len(quote.pcrDigest) == 32, "P-6", "a PCR digest of %d bytes", len(quote.pcrDigest))
	nv := t.certify.said("certification", a.key, signed)
	of := !nv.quoted && bytes.Equal(nv.indexName, nvName(a.counter))
	require(of && nv.offset == 0 && len(nv.contents) == 8, "P-6", "the certification is not of the epoch counter")
	return binary.BigEndian.Uint64(nv.contents), quote.pcrDigest
}

func equalNumbers(a, b []int64) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
