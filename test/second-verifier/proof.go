package main

import (
	"crypto/sha256"
)

// proofReport is what both verifiers say of a proof.
type proofReport struct {
	Verdict    string `json:"verdict"`
	Rule       string `json:"rule,omitempty"`
	Problem    string `json:"problem,omitempty"`
	Index      int64  `json:"index"`
	LCT        string `json:"lct,omitempty"`
	Size       int64  `json:"size"`
	Epoch      int64  `json:"epoch"`
	EpochState string `json:"epochState"`
}

// proof is one entry with everything that proves it.
type proof struct {
	entry   leaf
	note    string
	epochs  []provenEpoch
	genesis leaf
	heads   []furtherHead
}

// furtherHead is a later head of the same log, for the witnesses that cosigned it.
type furtherHead struct {
	note        string
	consistency []hash
}

type leaf struct {
	data      []byte
	index     int64
	inclusion []hash
}

type provenEpoch struct {
	leaf
	consistency []hash
}

func verifyProof(data []byte, t *trust) (r proofReport) {
	refused := attempt(func() {
		p := prove(data, t)
		r.Verdict = "self-consistent only"
		if t != nil {
			r.Verdict = "verified"
		}
		r.Index, r.LCT, r.Size, r.Epoch, r.EpochState = p.index, p.doc.lct, p.size, p.own.epoch, p.own.state
	})
	if refused != nil {
		r.Verdict, r.Rule, r.Problem = "refused", refused.rule, refused.where+refused.problem
	}
	return r
}

// proven is what a proof that holds shows.
type proven struct {
	entry       entry
	index, size int64 // of the entry, and of the tree that it is in
	doc         document
	own         *epoch
}

// prove.
func prove(data []byte, t *trust) proven {
	p := decodeProof(data)
	doc := p.document()
	begun := p.begun(doc)
	own := begun[0]
	e := decodeEntry(p.entry.data)
	require(e.time <= own.time+maxEpochMs, "R-4", "the epoch was over 31 days old")

	h := parseHead(parseNote([]byte(p.note)))
	p.requireSigned(h, doc, begun)
	p.requireInTree(h, begun)
	heads := append([]head{h}, p.further(h)...)
	if t != nil {
		require(t.authorities[kidOf(doc.issuer)] != nil, "R-7", "the issuer is not accepted")
		under("R-7", func() { requireQuorum(heads, t) })
	}
	return proven{e, p.entry.index, h.size, doc, own}
}

// decodeProof: R-1.
func decodeProof(data []byte) (p proof) {
	f := fieldsOf(decodeCBOR(data))
	content, sum := f.bytes(0, len(data)), f.hash()
	f.end()
	require(sha256.Sum256(content) == sum, "R-1", "the checksum does not hold")
	f = fieldsOf(decodeCBOR(content))
	format := f.text(0, 64)
	require(format == "wattseal-proof-1" || format == "wattseal-proof-2", "E-3", "the format is %q", format)
	p.entry = array(f, readLeaf)
	p.note = f.text(0, 65_536)
	p.epochs = list(f, 0, len(data), func(f *fields) provenEpoch {
		return array(f, func(f *fields) provenEpoch { return provenEpoch{array(f, readLeaf), readHashes(f)} })
	})
	p.genesis = array(f, readLeaf)
	if format == "wattseal-proof-2" {
		p.heads = list(f, 1, 15, func(f *fields) furtherHead {
			return array(f, func(f *fields) furtherHead { return furtherHead{f.text(0, 65_536), readHashes(f)} })
		})
	}
	f.end()
	return p
}

func readLeaf(f *fields) leaf { return leaf{f.bytes(1, maxEntry), f.index(), readHashes(f)} }

func readHashes(f *fields) []hash { return list(f, 0, 54, (*fields).hash) }

// document: R-2.
func (p proof) document() document {
	require(p.genesis.index == 0, "R-2", "the last leaf is entry %d", p.genesis.index)
	body, ok := decodeEntry(p.genesis.data).body.(lctDocument)
	require(ok, "R-2", "entry 0 is no LCT document")
	doc := parseDocument(body.sign1)
	doc.requireFounding()
	return doc
}

// begun: the epochs that the proof names.
func (p proof) begun(doc document) (begun []*epoch) {
	require(len(p.epochs) >= 1 && len(p.epochs) <= 3, "R-3", "%d epochs", len(p.epochs))
	ownMost := most(p.entry.index, 1)
	var last *epoch
	for k, proven := range p.epochs {
		if k == 0 {
			require(proven.index <= ownMost, "R-3", "the entry's own epoch begins after it")
		} else {
			after := most(ownMost, p.epochs[k-1].index)
			require(proven.index > after, "R-3", "epochs are not in order")
		}
		e := decodeEntry(proven.data)
		body, ok := e.body.(epochBegin)
		require(ok, "R-3", "entry %d begins no epoch", proven.index)
		body.evidence.requireAnchored(doc)
		body.evidence.requireLater(last)
		require(body.evidence.treeSize == proven.index, "R-3", "epoch %d continues another log", body.evidence.epoch)
		require(body.evidence.time <= e.time, "P-5", "epoch %d begins later", body.evidence.epoch)
		last = body.evidence.judged(doc, last)
		begun = append(begun, last)
	}
	return begun
}

// requireSigned: R-5.
func (p proof) requireSigned(h head, doc document, begun []*epoch) {
	last := len(begun) - 1
	origin := "wattseal/" + label(doc.lct)
	require(h.origin == origin, "N-4", "the origin is %s", h.origin)
	h.requireSigned(newNoteKey(origin, logSignature, begun[last].key))
	require(h.size > p.epochs[last].index, "R-5", "the note ends before its epoch")
}

// requireInTree: R-6.
func (p proof) requireInTree(h head, begun []*epoch) {
	leaves := []leaf{p.entry, p.genesis}
	for k, proven := range p.epochs {
		leaves = append(leaves, proven.leaf)
		b := begun[k]
		holds := extends(b.treeSize, b.treeRoot, h.size, h.root, proven.consistency)
		require(holds, "R-6", "the log does not continue the tree of epoch %d", b.epoch)
	}
	for _, l := range leaves {
		holds := includes(leafHash(l.data), l.index, h.size, l.inclusion, h.root)
		require(holds, "R-6", "entry %d is not in the tree", l.index)
	}
}

// further: R-8.
func (p proof) further(h head) (heads []head) {
	least := h.size
	for k, f := range p.heads {
		g := parseHead(parseNote([]byte(f.note)))
		require(g.origin == h.origin, "R-8", "head %d is of %s", k+1, g.origin)
		require(g.size > least, "R-8", "head %d is of %d entries, not above %d", k+1, g.size, least)
		least = g.size
		holds := extends(h.size, h.root, g.size, g.root, f.consistency)
		require(holds, "R-8", "head %d does not continue the note's tree", k+1)
		heads = append(heads, g)
	}
	return heads
}

// requireQuorum: of the accepted witnesses as many as the quorum asks for cosigned one of the heads.
func requireQuorum(heads []head, t *trust) {
	met := map[string]bool{}
	for _, h := range heads {
		for name := range h.cosigners(t.witnesses) {
			met[name] = true
		}
	}
	require(len(met) >= t.quorum, "R-7", "%d accepted witnesses cosigned, the quorum is %d", len(met), t.quorum)
}
