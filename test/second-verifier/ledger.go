package main

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"sort"
	"strings"
)

const (
	day       = 86_400_000
	epochLife = 31 * day
)

func hexOf(data []byte) string { return hex.EncodeToString(data) }

// ledger is one log's state after some entries.
type ledger struct {
	trust        *trust
	size         int64
	now          int64
	tree         tree
	document     document
	lct          string
	authorities  [][]byte
	epoch        *evidence
	epochs       int
	ended        bool
	synchronised bool
	signed       int64
	witnessed    int64
	energy       energy
	modules      map[string]*module
	window       window
	shunt        shunt
	society      society
}

func newLedger(trusted *trust) *ledger {
	return &ledger{trust: trusted, modules: map[string]*module{}, society: newSociety()}
}

type claim struct {
	note    note
	size    int64
	receipt bool
}

// replay applies every entry and every note about the log.
func (l *ledger) replay(log files) {
	head := parseNote(log.checkpoint)
	claims := []claim{{head, head.head().size, false}}
	for _, text := range log.receipts {
		receipt := parseNote(text)
		claims = append(claims, claim{receipt, receipt.head().size, true})
	}
	sort.SliceStable(claims, func(i, j int) bool { return claims[i].size < claims[j].size })
	for _, entry := range log.entries {
		reason := attempt(func() { l.apply(entry) })
		require(reason == "", fmt.Sprintf("entry %d", l.size), "%s", reason)
		l.tree.append(leafHash(entry))
		l.size++
		for len(claims) > 0 && claims[0].size <= l.size {
			l.head(claims[0])
			claims = claims[1:]
		}
	}
	require(len(claims) == 0, "F-6", "a note is about more than the %d entries that are there", l.size)
}

// head is H-1 and H-2.
func (l *ledger) head(c claim) {
	require(c.size == l.size && l.epoch != nil, "H-1", "a note about %d entries, which no epoch signs", c.size)
	c.note.requireSigned(l.document.origin(), l.epoch.key)
	require(c.note.head().root == l.tree.root(), "H-1", "the root of %d entries is another", c.size)
	if !c.receipt {
		l.signed = c.size
	} else if l.trust != nil {
		l.trust.requireWitnessed(c.note)
		l.witnessed = c.size
	}
}

// apply takes the next entry.
func (l *ledger) apply(entry []byte) {
	require(len(entry) <= mostEntry, "entry", "has %d bytes", len(entry))
	decode("entry", entry, func(r *reader) {
		r.array(4)
		r.unsigned(1, 1)
		kind := r.text()
		time := r.time()
		l.order(kind, time)
		l.now = time
		l.body(kind, r)
	})
	l.society.requireBalance()
}

func (l *ledger) order(kind string, time int64) {
	require(time >= l.now, "O-1", "time %d is before %d", time, l.now)
	require(l.size != 0 || kind == "lct.document", "O-1", "entry 0 is %s", kind)
	require(l.size != 1 || kind == "epoch.begin", "O-1", "entry 1 is %s", kind)
	if l.epoch == nil || kind == "epoch.begin" {
		return
	}
	require(!l.ended, "O-2", "%s after the epoch's end", kind)
	require(time <= l.epoch.time+epochLife, "O-3", "the epoch has expired")
}

func (l *ledger) body(kind string, r *reader) {
	switch kind {
	case "lct.document":
		r.array(1)
		l.takeDocument(r.sign1())
	case "epoch.begin":
		r.array(1)
		l.begin(r.bytes(1, 15_000))
	case "epoch.end":
		r.array(2)
		epoch := r.serial()
		r.label()
		require(l.epoch != nil && epoch == l.epoch.epoch, "O-2", "epoch %d is not the one running", epoch)
		l.ended = true
	case "link.alarm":
		r.array(5)
		if r.present() {
			r.uid()
		}
		if r.present() {
			r.unsigned(1, 31)
		}
		r.label()
		r.u32()
		r.phrase()
	case "ops.clock":
		r.array(3)
		l.synchronised = r.word("synchronised", "unsynchronised") == "synchronised"
		r.label()
		r.signed(1 << 52)
	case "ops.config":
		r.array(2)
		r.phrase()
		r.hash()
	default:
		if !l.meter(kind, r) && !l.account(kind, r) {
			refuse("entry", "%q is no type known here", kind)
		}
	}
}

func (l *ledger) takeDocument(sign1 []byte) {
	found := parseDocument(sign1)
	if l.size == 0 {
		ours := strings.HasPrefix(found.lct, "lct:pack:") || strings.HasPrefix(found.lct, "lct:society:")
		require(ours, "O-4", "%s has no log", found.lct)
		l.authorities = [][]byte{found.issuer}
		if l.trust != nil {
			l.authorities = l.trust.authorities
		}
		l.document = found
		l.lct = found.lct
	}
	for _, key := range l.authorities {
		if bytes.Equal(key, found.issuer) {
			return
		}
	}
	refuse("A-3", "the document's issuer is not accepted")
}

// payload is A-1: what an accepted authority says.
func (l *ledger) payload(what string, sign1 []byte, read func(*reader)) {
	signed := parseStatement(what, sign1)
	for _, key := range l.authorities {
		if bytes.Equal(kidOf(key), signed.kid) {
			require(signed.signedBy(key), "A-1", "the %s is not signed by its authority", what)
			decode(what, signed.payload, read)
			return
		}
	}
	refuse("A-1", "the %s is of nobody accepted", what)
}

// begin is P-1 to P-6.
func (l *ledger) begin(data []byte) {
	next := parseEvidence(data)
	require(next.lct == l.lct && l.document.anchor != nil, "P-1", "the epoch is of %s", next.lct)
	require(next.signedBy(l.document.anchor), "P-1", "the anchor has not signed the epoch")
	last := int64(0)
	if l.epoch != nil {
		last = l.epoch.epoch
	}
	require(next.epoch != last, "P-2", "epoch %d has begun before", last)
	require(next.epoch > last, "P-3", "epoch %d is not above %d", next.epoch, last)
	require(next.treeSize == l.size && next.treeRoot == l.tree.root(), "P-4", "the epoch continues another tree")
	require(next.time <= l.now, "P-5", "the epoch is younger than its entry")
	require(l.document.binding != "software" || !next.tpm, "P-6", "a software anchor shows TPM statements")
	l.ended, l.synchronised = false, false
	l.epoch = &next
	l.epochs++
}
