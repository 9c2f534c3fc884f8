package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base32"
	"math/big"
	"strings"
)

// statement is a COSE_Sign1 of an authority; its signature is not checked yet.
type statement struct {
	kid, payload, signature []byte
}

var protectedStart = []byte{0xa2, 0x01, 0x27, 0x04, 0x50}

// parseStatement takes the form of A-1 apart.
func parseStatement(what string, data []byte) (parsed statement) {
	require(len(data) > 0 && data[0] == 0xd2, "A-1", "%s is no tagged COSE_Sign1", what)
	decode(what, data[1:], func(r *reader) {
		r.array(4)
		protected := r.bytes(21, 21)
		require(bytes.HasPrefix(protected, protectedStart), "A-1", "%s has another protected header", what)
		parsed.kid = protected[5:]
		require(r.take(1)[0] == 0xa0, "A-1", "%s has unprotected headers", what)
		parsed.payload = r.bytes(0, mostEntry)
		parsed.signature = r.bytes(64, 64)
	})
	return parsed
}

func kidOf(key []byte) []byte {
	sum := sha256.Sum256(key)
	return sum[:16]
}

func cborHead(major byte, length int) []byte {
	if length < 24 {
		return []byte{major<<5 | byte(length)}
	}
	if length < 1<<8 {
		return []byte{major<<5 | 24, byte(length)}
	}
	return []byte{major<<5 | 25, byte(length >> 8), byte(length)}
}

// signedBy checks the signature of A-1.
func (s statement) signedBy(key []byte) bool {
	protected := append(append([]byte{}, protectedStart...), s.kid...)
	structure := []byte("\x84\x6aSignature1")
	structure = append(append(structure, cborHead(2, len(protected))...), protected...)
	structure = append(structure, 0x40)
	structure = append(append(structure, cborHead(2, len(s.payload))...), s.payload...)
	return verify(key, structure, s.signature)
}

// document is what the verifier needs of an LCT document.
type document struct {
	lct     string
	issuer  []byte
	anchor  []byte // of a p256 anchor, else nil
	binding string
}

var strengths = map[string]int64{
	"tpm": 10_000, "tpm-unmeasured": 8_500, "secure-element": 8_500, "mcu": 8_500, "software": 4_000, "unknown": 4_000,
}

// parseDocument reads an LCT document and checks A-3, but for whether its issuer is accepted.
func parseDocument(data []byte) (found document) {
	require(len(data) <= 12_288, "A-3", "a document of %d bytes", len(data))
	signed := parseStatement("LCT document", data)
	var kind string
	decode("genesis body", signed.payload, func(r *reader) {
		r.array(11)
		r.word("wattseal-lct-1")
		kind = r.word(kinds...)
		r.word("agentic", "responsive", "delegative")
		found.anchor = r.anchor(kind)
		found.binding = r.word("tpm", "tpm-unmeasured", "secure-element", "mcu", "software", "unknown")
		r.unsigned(0, strengths[found.binding])
		r.texts()
		r.array(2)
		found.issuer = r.hash()
		r.optionalLct()
		r.time()
		r.texts()
		for n := r.list(0, 32); n > 0; n-- {
			r.array(2)
			r.word("bound", "paired", "witnessing", "succeeds")
			r.lct()
		}
	})
	sum := sha256.Sum256(signed.payload)
	label := strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:20]))
	found.lct = "lct:" + kind + ":" + label
	require(bytes.Equal(signed.kid, kidOf(found.issuer)), "A-3", "the kid is not the issuer's")
	require(signed.signedBy(found.issuer), "A-3", "the issuer has not signed the document")
	return found
}

func (r *reader) anchor(kind string) []byte {
	r.array(2)
	switch kind {
	case "module":
		r.word("x25519")
		r.hash()
	case "policy":
		r.word("policy")
		r.textOf(1, 4_096)
	default:
		r.word("p256")
		key := r.bytes(65, 65)
		require(key[0] == 4, "A-3", "the anchor key is not uncompressed")
		return key
	}
	return nil
}

func (r *reader) texts() {
	for n := r.list(0, 32); n > 0; n-- {
		r.textOf(1, 256)
	}
}

// origin of the log, and name of its key.
func (d document) origin() string { return "wattseal/" + d.lct[strings.LastIndex(d.lct, ":")+1:] }

type evidence struct {
	body, signature []byte
	tpm             bool
	lct             string
	epoch           int64
	key             []byte
	treeSize        int64
	treeRoot        hash
	time            int64
}

func parseEvidence(data []byte) (found evidence) {
	decode("epoch evidence", data, func(r *reader) {
		r.array(4)
		found.body = r.bytes(1, 512)
		found.signature = r.bytes(64, 64)
		for i := 0; i < 2; i++ {
			if r.present() {
				r.array(2)
				r.bytes(1, 2_048)
				r.bytes(1, 2_048)
				found.tpm = true
			}
		}
	})
	decode("epoch body", found.body, func(r *reader) {
		r.array(8)
		found.lct = r.lct()
		found.epoch = r.serial()
		found.key = r.hash()
		r.textOf(1, 64)
		found.treeSize = r.serial()
		copy(found.treeRoot[:], r.hash())
		found.time = r.time()
		r.unsigned(0, 1)
	})
	return found
}

// signedBy says whether the anchor signed the body.
func (e evidence) signedBy(anchor []byte) bool {
	x, y := elliptic.Unmarshal(elliptic.P256(), anchor)
	if x == nil {
		return false
	}
	digest := sha256.Sum256(append([]byte("wattseal-epoch-1"), e.body...))
	r, s := new(big.Int).SetBytes(e.signature[:32]), new(big.Int).SetBytes(e.signature[32:])
	return ecdsa.Verify(&ecdsa.PublicKey{Curve: elliptic.P256(), X: x, Y: y}, digest[:], r, s)
}
