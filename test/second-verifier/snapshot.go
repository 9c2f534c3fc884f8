package main

import (
	"crypto/sha256"
	"sort"
)

const (
	snapshotSpacing = 1024
	maxSnapshot     = 1 << 26
)

// requireSnapshot: O-6.
func (l *ledger) requireSnapshot(s opsSnapshot, index int64) {
	require(index >= l.lastSnapshot+snapshotSpacing, "O-6", "a snapshot right after the one at %d", l.lastSnapshot)
	encoded := encodeCBOR(l.snapshot())
	require(len(encoded) <= maxSnapshot, "O-6", "a snapshot of %d bytes", len(encoded))
	require(sha256.Sum256(encoded) == s.digest, "O-6", "another digest than the snapshot's")
	l.lastSnapshot = index
}

// snapshot is the state that the entries so far leave: K-1, K-2.
func (l *ledger) snapshot() []any {
	begun := items(l.epochs.begun, func(e evidence) any { return e.encoded })
	roots := items(l.tree.roots, func(h hash) any { return h[:] })
	t := l.meter.totals
	totals := []any{t.In, t.Out, t.Uncounted, t.Intervals, t.Windows}
	state := []any{
		l.time, bit(l.synchronised), bit(!l.epochs.running), l.lastSnapshot, totals,
		l.meter.snapshot(), l.window.snapshot(), l.shunt.snapshot(), l.society.snapshot(),
	}
	if l.meter.resolution > 1 {
		state = append(state, l.meter.resolution)
	}
	return []any{"wattseal-snapshot-1", l.tree.size, roots, l.doc.sign1, begun, state}
}

// absent is what an optional field holds that is not there.
var absent = []any{}

func items[T any](list []T, item func(T) any) []any {
	all := make([]any, len(list))
	for k, v := range list {
		all[k] = item(v)
	}
	return all
}

// sorted are a map's items, in the order of their keys' bytes.
func sorted[K comparable, V any](m map[K]V, bytes func(K) string, item func(K, V) any) []any {
	keys := make([]K, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Slice(keys, func(i, k int) bool { return bytes(keys[i]) < bytes(keys[k]) })
	return items(keys, func(key K) any { return item(key, m[key]) })
}

func bit(set bool) any {
	if set {
		return 1
	}
	return 0
}

func optionalIndex(n *int64) any {
	if n == nil {
		return absent
	}
	return *n
}

func optionalCounters(c *counters) any {
	if c == nil {
		return absent
	}
	return []any{c.in, c.out, c.boot}
}

// snapshot: K-3.
func (m *meter) snapshot() []any {
	kept := map[uid]*module{}
	for id, mod := range m.modules {
		if mod.pairing != nil || mod.last != nil {
			kept[id] = mod
		}
	}
	return sorted(kept, func(id uid) string { return string(id[:]) }, func(id uid, m *module) any {
		pairing, end, minute := absent, absent, absent
		if m.pairing != nil {
			pairing = m.pairing.pairing
		}
		if m.last != nil {
			used := []any{m.last.used.minute, m.last.used.difference, m.last.used.through}
			end = []any{m.last.t1, optionalCounters(m.last.counters), used}
		}
		if m.unproven != nil {
			minute = []any{m.unproven.minute, m.unproven.in, m.unproven.out}
		}
		return []any{id[:], pairing, end, minute}
	})
}

// snapshot: K-4.
func (w *window) snapshot() []any {
	suspects := items(w.suspects, func(s suspect) any { return []any{s.index, s.in, s.since} })
	return []any{optionalIndex(w.first), w.count, w.sum, optionalIndex(w.lastT1), suspects}
}

// snapshot: K-5.
func (s *shunt) snapshot() []any {
	all := absent
	if c := s.covered; c != nil {
		all = []any{c.first, c.t0, c.t1, c.count, c.in, c.out}
	}
	earned := items(s.earning, func(e earning) any { return []any{e.index, e.in} })
	return []any{all, s.sum, earned, s.lastT1}
}

// snapshot: K-6, K-7.
func (s *society) snapshot() []any {
	tickets := items(s.tickets, func(t *ticket) any {
		return []any{t.index, t.since, t.worker, t.used, t.snapshot()}
	})
	book := []any{
		s.supply, s.adp, s.eligible, s.unclaimed, s.deficit, s.opening, s.net, s.recordedLoss, s.wasted,
		s.lots.snapshot(), s.withheld.snapshot(), tickets,
	}
	terms := absent
	if s.policy != nil {
		terms = s.policy.signed
	}
	var closed any = absent
	if s.closed != "" {
		closed = s.closed
	}
	sources := sorted(s.sources, func(name string) string { return name }, func(_ string, known *source) any {
		return []any{known.proof.signed, known.earlier, known.used}
	})
	state := []any{bit(s.moved), book, []any{terms, s.lastMint, closed, []any{sources, s.declared}}}
	t := &s.traded
	if t.claims == 0 && t.conversionLoss == 0 && len(t.escrows)+len(t.used)+len(t.decisions) == 0 {
		return state
	}
	return append(state, t.snapshot())
}

// snapshot: K-8.
func (t *traded) snapshot() []any {
	escrows := items(t.escrows, func(e *escrow) any {
		witnesses := items(e.witnesses, func(w witness) any { return []any{w.lct, w.name, w.key[:]} })
		return []any{e.terms.fields(), witnesses, e.queue.snapshot()}
	})
	used := items(t.used, func(u usedProof) any { return []any{u.giver, u.index, u.expires} })
	decisions := items(t.decisions, func(d *decision) any { return []any{d.trade[:], d.state, d.expires} })
	return []any{t.claims, t.conversionLoss, escrows, used, decisions}
}

func (q *queue) snapshot() []any {
	return items(q.lots, func(l lot) any { return []any{l.charge, l.since, l.amount} })
}
