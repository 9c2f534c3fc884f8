package main

import (
	"bytes"
	"crypto/sha256"
)

// kid names an authority's key: the first 16 bytes of its hash.
type kid [16]byte

func kidOf(key []byte) (id kid) {
	sum := sha256.Sum256(key)
	copy(id[:], sum[:])
	return id
}

// statement is a COSE_Sign1 (RFC 9052 §4.2) of an authority.
type statement struct {
	kid                kid
	payload, signature []byte
}

var (
	// tag 18, an array of 4, and the start of the protected header {1: -8, 4: kid}
	statementStart = []byte{0xd2, 0x84, 0x55}
	protectedStart = []byte{0xa2, 0x01, 0x27, 0x04, 0x50}
	unprotected    = byte(0xa0)
)

// parseStatement: the form of A-1.
func parseStatement(data []byte) (s statement) {
	d := decoder{data}
	start := append(append([]byte{}, statementStart...), protectedStart...)
	require(bytes.Equal(d.take(uint64(len(start))), start), "A-1", "not a COSE_Sign1 with EdDSA and a kid")
	copy(s.kid[:], d.take(16))
	require(d.take(1)[0] == unprotected, "A-1", "the unprotected header is not empty")
	s.payload = d.byteString()
	s.signature = d.byteString()
	require(len(d.rest) == 0 && len(s.signature) == 64, "A-1", "a COSE_Sign1 does not end with its signature")
	return s
}

func (d *decoder) byteString() []byte {
	b, ok := d.value().([]byte)
	require(ok, "A-1", "not a byte string")
	return b
}

func (s statement) holds(key []byte) bool {
	protected := append(append([]byte{}, protectedStart...), s.kid[:]...)
	signed := encodeCBOR([]any{"Signature1", protected, []byte{}, s.payload})
	return verifyEd25519(key, signed, s.signature)
}

type (
	mint struct {
		society        string
		amount, serial int64
	}
	policy struct {
		signed                []any // the payload, as a snapshot has it
		society               string
		version               int64
		bps                   map[string]int64 // by tier
		tier                  string
		lotDays, withheldDays int64
		declaredCap           int64
		witnesses             []witness // of version 2
		counterparties        []string
	}
	sourceProof struct {
		signed                []any // likewise
		society, source, kind string
		ratedWatts, provenAt  int64
		meter                 *string
	}
	status struct{ lct, state string }
)

// payload reads an authority's statement.
func payload[T any](authorities map[kid][]byte, sign1 []byte, read func(*fields) T) (v T) {
	var s statement
	under("A-1", func() { s = parseStatement(sign1) })
	key, known := authorities[s.kid]
	require(known, "A-1", "an unknown authority signed a statement")
	require(s.holds(key), "A-1", "a statement's signature does not hold")
	under("A-2", func() {
		f := fieldsOf(decodeCBOR(s.payload))
		v = read(f)
		f.end()
	})
	return v
}

func readMint(f *fields) mint {
	f.word("wattseal-mint-1")
	return mint{f.lct(), f.amount(), f.serial()}
}

func readPolicy(f *fields) policy {
	purpose := f.word("wattseal-policy-1", "wattseal-policy-2")
	p := policy{signed: f.all, society: f.lct(), version: f.serial()}
	p.bps = map[string]int64{"high": f.bps(), "developing": f.bps(), "low": f.bps()}
	p.tier = f.word("high", "developing", "low")
	p.lotDays, p.withheldDays = f.integer(1, 366), f.integer(1, 366)
	f.energy() // wasteAlert
	p.declaredCap = f.energy()
	if purpose == "wattseal-policy-2" {
		p.witnesses, p.counterparties = list(f, 0, 16, readWitness), list(f, 0, 128, (*fields).lct)
	}
	return p
}

func readSourceProof(f *fields) sourceProof {
	f.word("wattseal-source-1")
	return sourceProof{
		f.all, f.lct(), f.source(),
		f.word("solar", "wind", "grid", "battery", "regen", "fuel", "compute", "labour", "declared"),
		f.integer(1, 1<<31-1), f.time(), optional(f, (*fields).lct),
	}
}

func readStatus(f *fields) status {
	f.word("wattseal-status-1")
	s := status{f.lct(), f.word("pending", "active", "void", "slashed", "retired")}
	f.time()
	f.phrase()
	return s
}
