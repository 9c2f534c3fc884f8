package main

import (
	"bytes"
	"math/bits"
)

func (f *fields) whole() int64   { return f.integer(0, maxInteger) }
func (f *fields) account() int64 { return f.integer(0, maxNet) }
func (f *fields) flag() bool     { return f.integer(0, 1) == 1 }

// restore reads the state that a snapshot of the entries before index says (K-9).
func restore(data []byte, t *trust, index int64) *ledger {
	l := newLedger(t)
	under("K-9", func() { l.read(fieldsOf(decodeCBOR(data)), index) })
	require(bytes.Equal(encodeCBOR(l.snapshot()), data), "K-9", "the snapshot at %d reads as another", index)
	return l
}

func (l *ledger) read(f *fields, index int64) {
	f.word("wattseal-snapshot-1")
	l.tree.size = f.integer(2, maxInteger)
	require(l.tree.size == index, "K-9", "the snapshot is of %d entries", l.tree.size)
	roots := bits.OnesCount64(uint64(index))
	l.tree.roots = list(f, roots, roots, (*fields).hash)
	l.document(lctDocument{f.sign1()}, 0)
	for _, e := range list(f, 1, int(index), func(f *fields) evidence { return readEvidence(f.bytes(1, 15_000)) }) {
		e.requireAnchored(l.doc)
		e.requireLater(l.epochs.last)
		rising := l.epochs.last == nil || e.treeSize > l.epochs.last.treeSize
		require(rising && e.treeSize < index, "K-9", "the epochs' trees do not rise")
		l.epochs.last = e.judged(l.doc, l.epochs.last)
		l.epochs.begun = append(l.epochs.begun, e)
	}
	array(f, func(f *fields) any {
		l.time, l.synchronised, l.epochs.running, l.lastSnapshot = f.time(), f.flag(), !f.flag(), f.index()
		l.meter.totals = array(f, func(f *fields) energyTotals {
			return energyTotals{f.whole(), f.whole(), f.whole(), f.whole(), f.whole()}
		})
		l.meter.readModules(f)
		l.window = array(f, readWindow)
		l.shunt = array(f, readShunt)
		array(f, l.society.read)
		if len(f.rest) > 0 {
			l.meter.resolution = f.integer(2, 60)
		}
		return nil
	})
	f.end()
}

func (m *meter) readModules(f *fields) {
	list(f, 0, maxInteger, func(f *fields) any {
		return array(f, func(f *fields) any {
			id, mod := f.uid(), &module{}
			mod.pairing = optional(f, func(f *fields) linkPaired { return array(f, readPairing) })
			mod.last = optional(f, func(f *fields) moduleEnd { return array(f, readEnd) })
			mod.unproven = optional(f, func(f *fields) unproven {
				return array(f, func(f *fields) unproven { return unproven{f.whole(), f.whole(), f.whole()} })
			})
			m.modules[id] = mod
			return nil
		})
	})
}

func readPairing(f *fields) linkPaired {
	f.slot()
	f.u8()
	f.hash()
	f.hash()
	return linkPaired{pairing: f.all, capacity: f.energy()}
}

func readEnd(f *fields) moduleEnd {
	return moduleEnd{f.time(), optional(f, (*fields).counters), array(f, func(f *fields) tolerance {
		return tolerance{f.whole(), f.whole(), f.whole()}
	})}
}

func readWindow(f *fields) window {
	return window{
		optional(f, (*fields).index), f.whole(), f.net(), optional(f, (*fields).time),
		list(f, 0, mostKept, func(f *fields) suspect {
			return array(f, func(f *fields) suspect { return suspect{f.index(), f.energy(), f.time()} })
		}),
	}
}

func readShunt(f *fields) (s shunt) {
	s.covered = optional(f, func(f *fields) covered {
		return array(f, func(f *fields) covered {
			return covered{f.index(), f.time(), f.time(), f.whole(), f.account(), f.account()}
		})
	})
	s.sum = f.account()
	s.earning = list(f, 0, mostKept, func(f *fields) earning {
		return array(f, func(f *fields) earning { return earning{f.index(), f.energy()} })
	})
	s.lastT1 = f.time()
	return s
}

func (s *society) read(f *fields) any {
	s.moved = f.flag()
	array(f, func(f *fields) any {
		s.supply, s.adp, s.eligible, s.unclaimed, s.deficit = f.account(), f.account(), f.whole(), f.whole(), f.whole()
		s.opening, s.net, s.recordedLoss, s.wasted = f.energy(), f.net(), f.net(), f.whole()
		s.lots, s.withheld = readQueue(f), readQueue(f)
		s.tickets = list(f, 0, 1024, func(f *fields) *ticket { return array(f, readTicket) })
		return nil
	})
	array(f, func(f *fields) any {
		s.policy = optional(f, func(f *fields) policy { return array(f, readPolicy) })
		s.lastMint = f.whole()
		if closed := optional(f, func(f *fields) string { return f.word("void", "slashed", "retired") }); closed != nil {
			s.closed = *closed
		}
		return array(f, func(f *fields) any {
			for _, known := range list(f, 0, maxInteger, func(f *fields) source { return array(f, readSource) }) {
				known := known
				s.sources[known.proof.source] = &known
			}
			s.declared = f.whole()
			return nil
		})
	})
	if len(f.rest) > 0 {
		s.traded = array(f, readTraded)
	}
	return nil
}

func readQueue(f *fields) (q queue) {
	for _, l := range list(f, 0, maxInteger, readLot) {
		q.join(l)
	}
	return q
}

func readTicket(f *fields) *ticket {
	t := &ticket{index: f.index(), since: f.time(), worker: f.lct(), used: f.account()}
	t.queue = readQueue(f)
	return t
}

func readSource(f *fields) source {
	return source{array(f, readSourceProof), f.whole(), f.whole()}
}

func readTraded(f *fields) traded {
	return traded{
		f.net(), f.whole(),
		list(f, 0, maxEscrows, func(f *fields) *escrow {
			return array(f, func(f *fields) *escrow {
				return &escrow{array(f, readTerms), list(f, 0, 16, readWitness), readQueue(f)}
			})
		}),
		list(f, 0, maxUsed, func(f *fields) usedProof {
			return array(f, func(f *fields) usedProof { return usedProof{f.lct(), f.index(), f.time()} })
		}),
		list(f, 0, maxDecisions, func(f *fields) *decision {
			return array(f, func(f *fields) *decision {
				return &decision{f.hash(), f.word("offered", "committed", "aborted"), f.time()}
			})
		}),
	}
}
