package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"strings"
)

// document is what a verifier needs of an LCT document.
type document struct {
	sign1   []byte
	lct     string
	kind    string
	anchor  []byte // an uncompressed P-256 point, or nil
	binding string
	// of a genesis body of version 2
	attestation *attestation
	issuer      []byte // an authority's Ed25519 key
}

// label is the part of an LCT id that names its log.
func label(lct string) string { return lct[strings.LastIndexByte(lct, ':')+1:] }

// requireFounding: entry 0 is of a kind that keeps a log (O-4).
func (doc document) requireFounding() {
	require(doc.kind == "pack" || doc.kind == "society", "O-4", "entry 0 is of kind %s", doc.kind)
}

// mostStrength is the highest strengthBps of each binding.
var mostStrength = map[string]int64{
	"tpm": 10_000, "tpm-unmeasured": 8_500, "secure-element": 8_500, "mcu": 8_500, "software": 4_000, "unknown": 4_000,
}

// parseDocument reads an LCT document that the issuer named in it signed; the caller judges the issuer.
func parseDocument(sign1 []byte) (doc document) {
	require(len(sign1) <= 12_288, "A-3", "an LCT document of %d bytes", len(sign1))
	var s statement
	under("A-1", func() { s = parseStatement(sign1) })
	under("A-2", func() { doc = readGenesis(s.payload) })
	doc.sign1 = sign1
	require(s.kid == kidOf(doc.issuer), "A-3", "another key than its issuer's signed an LCT document")
	require(s.holds(doc.issuer), "A-3", "an LCT document's signature does not hold")
	return doc
}

func readGenesis(body []byte) (doc document) {
	f := fieldsOf(decodeCBOR(body))
	version := f.word("wattseal-lct-1", "wattseal-lct-2")
	kind := f.word("app", "pack", "module", "policy", "person", "society", "source", "agent")
	f.word("agentic", "responsive", "delegative")
	doc.anchor = array(f, func(f *fields) []byte { return readAnchor(f, kind) })
	doc.binding = f.word("tpm", "tpm-unmeasured", "secure-element", "mcu", "software", "unknown")
	f.integer(0, mostStrength[doc.binding])
	list(f, 0, 32, (*fields).listText) // context
	doc.issuer = array(f, func(f *fields) []byte {
		key := f.bytes(32, 32)
		optional(f, (*fields).lct)
		return key
	})
	f.time()
	list(f, 0, 32, (*fields).listText) // witnesses
	list(f, 0, 32, func(f *fields) string { return array(f, readRelation) })
	if version == "wattseal-lct-2" {
		doc.attestation = array(f, readAttestation)
		doc.requireBound()
	}
	f.end()
	sum := sha256.Sum256(body)
	doc.kind = kind
	doc.lct = "lct:" + kind + ":" + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:20]))
	return doc
}

// requireBound: who has an attestation, and of what kind.
func (doc document) requireBound() {
	require(doc.anchor != nil, "E-3", "an attestation without a p256 anchor")
	measured := doc.attestation.boot != nil
	fits := doc.binding == "software" || doc.binding == "tpm" && measured || doc.binding == "tpm-unmeasured" && !measured
	require(fits, "E-3", "binding %s has another attestation", doc.binding)
}

// readAnchor returns a p256 anchor's point; other anchors sign no epochs.
func readAnchor(f *fields, kind string) []byte {
	switch kind {
	case "module":
		f.word("x25519")
		f.bytes(32, 32)
		return nil
	case "policy":
		f.word("policy")
		f.text(1, 4096)
		return nil
	}
	f.word("p256")
	return readPoint(f)
}

func readRelation(f *fields) string {
	f.word("bound", "paired", "witnessing", "succeeds")
	return f.lct()
}

// evidence is the anchor's word on the key that signs from here on.
type evidence struct {
	encoded         []byte
	body, signature []byte
	tpm             tpmEvidence
	epochBody
}

type epochBody struct {
	lct      string
	epoch    int64
	key      []byte
	treeSize int64
	treeRoot hash
	time     int64
}

func readEvidence(data []byte) (e evidence) {
	e.encoded = data
	f := fieldsOf(decodeCBOR(data))
	e.body, e.signature = f.bytes(1, 512), f.bytes(64, 64)
	e.tpm.quote, e.tpm.certify = optional(f, readStatement), optional(f, readStatement)
	if len(f.rest) > 0 {
		approval := readApproval(f)
		e.tpm.approval = &approval
	}
	f.end()

	f = fieldsOf(decodeCBOR(e.body))
	e.lct, e.epoch, e.key = f.lct(), f.serial(), f.bytes(32, 32)
	f.text(1, 64) // software
	e.treeSize, e.treeRoot, e.time = f.serial(), f.hash(), f.time()
	f.integer(0, 1) // whether the clock was synchronised
	f.end()
	return e
}

// signed is what the anchor signed, and what a TPM's statements are made for.
func (e evidence) signed() []byte {
	return bytes.Join([][]byte{[]byte("wattseal-epoch-1"), e.body}, nil)
}

// signedBy: P-1.
func (e evidence) signedBy(anchor []byte) bool { return verifyP256(anchor, e.signed(), e.signature) }
