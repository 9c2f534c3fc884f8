package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
)

// attestation is what a document commits to of the TPM that holds its anchor.
type attestation struct {
	key, counter []byte
	pcrs         []int64
	boot         *bootKeys
}

type bootKeys struct {
	updateKey, version []byte
	base               int64
}

func readAttestation(f *fields) *attestation {
	a := &attestation{key: readPoint(f), counter: readCounter(f)}
	root := f.bytes(34, 34)
	require(root[0] == 0 && root[1] == algSHA256, "E-3", "the storage root's Name is by another algorithm")
	least := int64(0)
	a.pcrs = list(f, 1, 24, func(f *fields) int64 {
		pcr := f.integer(least, 23)
		least = pcr + 1
		return pcr
	})
	if b := optional(f, readBootKeys); b != nil {
		a.boot = *b
		same := bytes.Equal(a.boot.version[:4], a.counter[:4])
		require(!same, "E-3", "one index counts epochs and boot versions")
	}
	return a
}

func readBootKeys(f *fields) *bootKeys {
	return array(f, func(f *fields) *bootKeys {
		return &bootKeys{readPoint(f), readCounter(f), f.integer(0, 1<<52)}
	})
}

func readPoint(f *fields) []byte {
	point := f.bytes(65, 65)
	require(point[0] == 4, "E-3", "a P-256 point begins with %#x", point[0])
	return point
}

func readCounter(f *fields) []byte {
	area := f.bytes(14, 46)
	under("E-3", func() { requireCounter(area) })
	return area
}

// bootApproval is the update key's word that the pack may start into these PCR values.
type bootApproval struct {
	lct               string
	version           int64
	digest, signature []byte
}

func readApproval(f *fields) bootApproval {
	return array(f, func(f *fields) bootApproval {
		f.word("wattseal-boot-1")
		return bootApproval{f.lct(), f.integer(1, 1<<31-1), f.bytes(32, 32), f.bytes(64, 64)}
	})
}

// holds: P-9.
func (b bootApproval) holds(doc document, quoted []byte) bool {
	a := doc.attestation
	if a.boot == nil || b.lct != doc.lct || !bytes.Equal(b.digest, quoted) {
		return false
	}
	approved := a.approved(b)
	reference := sha([]byte("wattseal-boot-1"), doc.anchor)
	return verifyP256(a.boot.updateKey, append(approved, reference...), b.signature)
}

// approved is the policy digest of PolicyPCR and PolicyNV.
func (a *attestation) approved(b bootApproval) []byte {
	var bits [3]byte
	for _, pcr := range a.pcrs {
		bits[pcr/8] |= 1 << (pcr % 8)
	}
	pcr := sha(make([]byte, 32), []byte{0, 0, 0x01, 0x7f}, []byte{0, 0, 0, 1, 0, algSHA256, 3}, bits[:], b.digest)
	limit := binary.BigEndian.AppendUint64(nil, uint64(a.boot.base+b.version))
	operand := sha(limit, []byte{0, 0}, []byte{0, 9})
	return sha(pcr, []byte{0, 0, 0x01, 0x49}, operand, nvName(a.boot.version))
}

func sha(parts ...[]byte) []byte {
	h := sha256.New()
	for _, part := range parts {
		h.Write(part)
	}
	return h.Sum(nil)
}
