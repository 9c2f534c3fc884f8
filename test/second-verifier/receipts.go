package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"sort"
)

// The audit of a federation's receipt log, by docs/receipt-log.md alone.

const maxFindings = 100

// receiptFinding is a difference, by that page's word for it.
type receiptFinding struct {
	Fault   string `json:"fault"`
	Leaf    *int64 `json:"leaf,omitempty"`
	Problem string `json:"problem"`
}

type statementCounts struct {
	Held      int64 `json:"held"`
	Unchecked int64 `json:"unchecked"`
	Wrong     int64 `json:"wrong"`
}

// receiptReport is what this verifier says of a receipt log.
type receiptReport struct {
	Verdict    string           `json:"verdict"`
	Findings   []receiptFinding `json:"findings"`
	Found      int              `json:"found"`
	Leaves     int64            `json:"leaves"`
	Packs      int              `json:"packs"`
	Witnesses  []string         `json:"witnesses"`
	Statements statementCounts  `json:"statements"`
	Extended   bool             `json:"extended"`
	Keys       []string         `json:"keys"`
}

// receiptLog is one being audited: who is accepted, and what was found so far.
type receiptLog struct {
	keys      []logKey
	witnesses []noteKey
	seen      *head
	held      []heldReceipt
	tree      tree
	packs     map[string]head
	met       map[string]bool
	report    receiptReport
}

// heldReceipt is one that somebody holds, until a leaf is of it.
type heldReceipt struct {
	file  string
	text  string
	lines map[string]bool
	met   bool
}

// auditReceipts audits a folder with what the query API serves below /v1/receipts; of what the auditor has, `seen` is the
// head of an earlier audit, and the files in `held` are receipts. Rules L-1 to L-11.
func auditReceipts(dir folder, keys []logKey, t *trust) receiptReport {
	a := receiptLog{keys: keys, witnesses: t.witnesses, packs: map[string]head{}, met: map[string]bool{}}
	a.report.Findings, a.report.Keys = []receiptFinding{}, []string{}
	if dir.has("seen") {
		if refused := attempt(func() { h, _ := a.head(dir.read("seen", "L-4")); a.seen = &h }); refused != nil {
			a.find("split", nil, refused.problem)
		}
	}
	a.readHeld(dir)
	size, newest := a.newest(dir)
	a.compare()
	a.takeAll(dir, size)
	a.close(newest)
	return a.done()
}

func (a *receiptLog) find(fault string, leaf *int64, problem string) {
	a.report.Found++
	if len(a.report.Findings) < maxFindings {
		a.report.Findings = append(a.report.Findings, receiptFinding{fault, leaf, problem})
	}
}

// head: L-4; and the accepted keys that signed it.
func (a *receiptLog) head(data []byte) (h head, signers []string) {
	h = parseHead(parseNote(data))
	for _, key := range a.keys {
		if len(h.signaturesOf(key.noteKey)) == 0 {
			continue
		}
		h.requireSigned(key.noteKey)
		signers = append(signers, key.vkey)
	}
	require(len(signers) > 0, "L-4", "no accepted key signed the head")
	require(h.origin == a.keys[0].name, "L-4", "the head is of %s", h.origin)
	return h, signers
}

// newest: L-5. Leaves are judged by the size that the note says, whoever signed it.
func (a *receiptLog) newest(dir folder) (size int64, newest *head) {
	refused := attempt(func() {
		data := dir.read("checkpoint", "L-5")
		h, signers := a.head(data)
		newest, a.report.Keys = &h, signers
	})
	if refused == nil {
		return newest.size, newest
	}
	a.find("head", nil, refused.problem)
	attempt(func() { size = parseHead(parseNote(dir.read("checkpoint", "L-5"))).size })
	return size, nil
}

// takeAll takes leaves 0 … size - 1, up to the first that is not there.
func (a *receiptLog) takeAll(dir folder, size int64) {
	for n := int64(0); n*tileWidth < size; n++ {
		name := "tile/entries/" + tilePath(n)
		width := size - n*tileWidth
		if width < tileWidth {
			name += fmt.Sprintf(".p/%d", width)
		} else {
			width = tileWidth
		}
		data, err := os.ReadFile(filepath.Join(string(dir), name))
		if err != nil {
			return
		}
		for ; width > 0; width-- {
			if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
				return
			}
			end := 2 + int(binary.BigEndian.Uint16(data))
			a.take(data[2:end])
			data = data[end:]
		}
		if len(data) > 0 {
			return
		}
	}
}

func (a *receiptLog) take(leaf []byte) {
	index := a.tree.size
	a.tree.add(leafHash(leaf))
	a.compare()
	var r receiptRecord
	if refused := attempt(func() { r = readReceiptRecord(leaf) }); refused != nil {
		a.find("leaf", &index, refused.problem)
		return
	}
	a.meet(r.head.note)
	a.cosigned(r.head, index)
	a.follow(r, index)
	a.report.Statements.Held += r.statements.Held
	a.report.Statements.Unchecked += r.statements.Unchecked
	a.report.Statements.Wrong += r.statements.Wrong
}

// cosigned: L-7.
func (a *receiptLog) cosigned(h head, index int64) {
	var names map[string]bool
	if refused := attempt(func() { names = h.cosigners(a.witnesses) }); refused != nil {
		a.find("cosignature", &index, refused.problem)
		return
	}
	for name := range names {
		a.met[name] = true
	}
	if len(names) == 0 {
		a.find("cosignature", &index, "no accepted witness cosigned")
	}
}

// follow: L-8.
func (a *receiptLog) follow(r receiptRecord, index int64) {
	h := r.head
	last, known := a.packs[h.origin]
	if !known || h.size > last.size {
		a.packs[h.origin] = h
	}
	switch {
	case !known:
	case h.size < last.size:
		a.find("shrank", &index, fmt.Sprintf("%d entries after %d", h.size, last.size))
	case h.size == last.size && h.root != last.root:
		a.find("fork", &index, fmt.Sprintf("two roots for %d entries", h.size))
	case r.first != last.size:
		a.find("gap", &index, fmt.Sprintf("from %d on after %d entries", r.first, last.size))
	}
}

func (a *receiptLog) root() hash {
	if a.tree.size == 0 {
		return sha256.Sum256(nil)
	}
	return a.tree.root()
}

// compare: L-10, where the leaves so far are as many as the head that was seen says.
func (a *receiptLog) compare() {
	if a.seen != nil && a.seen.size == a.tree.size {
		a.report.Extended = a.seen.root == a.root()
	}
}

// close: what can be said at the end alone, L-9 to L-11.
func (a *receiptLog) close(newest *head) {
	size := a.tree.size
	if newest != nil && size < newest.size {
		a.find("leaf", &size, "it is not there")
	} else if newest != nil && newest.root != a.root() {
		a.find("root", nil, "the leaves do not give the head's root")
	}
	if a.seen != nil && !a.report.Extended {
		a.find("split", nil, "it does not extend the head that was seen")
	}
	for _, held := range a.held {
		if !held.met {
			a.find("unlogged", nil, held.file)
		}
	}
}

func (a *receiptLog) done() receiptReport {
	r := &a.report
	r.Verdict = "verified"
	if r.Found > 0 {
		r.Verdict = "refused"
	}
	r.Leaves, r.Packs, r.Witnesses = a.tree.size, len(a.packs), []string{}
	for name := range a.met {
		r.Witnesses = append(r.Witnesses, name)
	}
	sort.Strings(r.Witnesses)
	return *r
}

// readHeld reads what L-11 looks for; what is no note is in no leaf.
func (a *receiptLog) readHeld(dir folder) {
	files, err := os.ReadDir(filepath.Join(string(dir), "held"))
	if err != nil {
		return
	}
	for _, file := range files {
		held := heldReceipt{file: file.Name()}
		attempt(func() {
			n := parseNote(dir.read("held/"+file.Name(), "L-11"))
			held.text, held.lines = n.text, linesOf(n)
		})
		a.held = append(a.held, held)
	}
}

// meet: L-11.
func (a *receiptLog) meet(n note) {
	lines := linesOf(n)
	for i := range a.held {
		held := &a.held[i]
		if held.lines == nil || held.text != n.text {
			continue
		}
		all := true
		for line := range held.lines {
			all = all && lines[line]
		}
		held.met = held.met || all
	}
}

func linesOf(n note) map[string]bool {
	lines := map[string]bool{}
	for _, line := range n.lines {
		lines[fmt.Sprintf("%s %08x %s", line.name, line.keyID, hex.EncodeToString(line.signature))] = true
	}
	return lines
}

// receiptRecord is a leaf: L-1 to L-3.
type receiptRecord struct {
	head       head
	first      int64
	statements statementCounts
}

// readReceiptRecord: L-6.
func readReceiptRecord(leaf []byte) (r receiptRecord) {
	f := fieldsOf(decodeCBOR(leaf))
	f.word("wattseal-receipt-1")
	receipt := f.text(1, 16_384)
	r.first = f.index()
	r.statements = array(f, func(f *fields) statementCounts {
		counts := statementCounts{f.index(), f.index(), f.index()}
		faults := list(f, 0, 64, func(f *fields) bool {
			return array(f, func(f *fields) bool {
				f.index()
				f.word("forged", "contradicted")
				return true
			})
		})
		require(counts.Wrong >= int64(len(faults)), "L-3", "fewer wrong ones than faults")
		return counts
	})
	f.end()
	r.head = parseHead(parseNote([]byte(receipt)))
	require(r.first <= r.head.size, "L-2", "it begins behind its end")
	return r
}
