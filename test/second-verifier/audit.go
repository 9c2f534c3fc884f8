package main

import (
	"crypto/sha256"
	"fmt"
	"sort"
)

// report is what both verifiers say of a log.
type report struct {
	Verdict   string         `json:"verdict"`
	Rule      string         `json:"rule,omitempty"`
	Problem   string         `json:"problem,omitempty"`
	From      int64          `json:"from"`
	Entries   int64          `json:"entries"`
	Signed    int64          `json:"signed"`
	Witnessed int64          `json:"witnessed"`
	LCT       string         `json:"lct,omitempty"`
	Epochs    int64          `json:"epochs"`
	Energy    energyTotals   `json:"energy"`
	Society   *societyTotals `json:"society,omitempty"`
	TornBytes int            `json:"tornBytes"`
}

type societyTotals struct {
	Supply         int64 `json:"supply"`
	ATP            int64 `json:"atp"`
	Reserved       int64 `json:"reserved"`
	ADP            int64 `json:"adp"`
	Eligible       int64 `json:"eligible"`
	Withheld       int64 `json:"withheld"`
	Unclaimed      int64 `json:"unclaimed"`
	Deficit        int64 `json:"deficit"`
	Opening        int64 `json:"opening"`
	Net            int64 `json:"net"`
	RecordedLoss   int64 `json:"recordedLoss"`
	Claims         int64 `json:"claims"`
	ConversionLoss int64 `json:"conversionLoss"`
	Wasted         int64 `json:"wasted"`
}

// audit replays the log in dir from its first entry.
func audit(dir folder, t *trust) (r report) {
	a := auditor{trust: t, ledger: newLedger(t)}
	refused := attempt(func() { a.run(dir, &r) })
	r.From, r.Entries = a.start, a.ledger.tree.size
	r.Epochs, r.Energy, r.LCT = int64(len(a.ledger.epochs.begun)), a.ledger.meter.totals, a.ledger.doc.lct
	if s := a.ledger.society; s != nil {
		r.Society = &societyTotals{
			s.supply, s.lots.sum, s.reserved(), s.adp, s.eligible, s.withheld.sum,
			s.unclaimed, s.deficit, s.opening, s.net, s.recordedLoss, s.traded.claims, s.traded.conversionLoss, s.wasted,
		}
	}
	switch {
	case refused != nil:
		r.Verdict, r.Rule, r.Problem = "refused", refused.rule, refused.where+refused.problem
	case t == nil:
		r.Verdict = "self-consistent only"
	case r.Signed == r.Entries && r.Witnessed == r.Entries:
		r.Verdict = "verified"
		if r.From > 0 {
			r.Verdict = "verified from a snapshot"
		}
	default:
		r.Verdict = "verified in part"
	}
	return r
}

// auditor follows a log's entries, and judges each head at the entry that it ends with.
type auditor struct {
	trust     *trust
	ledger    *ledger
	heads     []head // not judged yet, by size
	snapshots map[int64][]byte
	start     int64 // of the snapshot that a pruned log is replayed from, or 0
	below     tree  // of the entries before start
}

func (a *auditor) run(dir folder, r *report) {
	require(!dir.has("unfinished"), "F-0", "a copy that was cut short")
	j := dir.journal()
	r.TornBytes = j.torn
	checkpoint, receipts := dir.heads(j.end())
	low := dir.floor(j, checkpoint)
	a.snapshots = dir.snapshots(low.index, j.end())
	if low.index > 0 {
		a.start, a.below = first(a.snapshots), low.tree()
		if a.start == 0 {
			dir.refusePruned(low, j, checkpoint)
		}
		require(checkpoint.size > a.start, "H-3", "the checkpoint ends before the snapshot")
	}

	var judged []head // H-3
	for _, receipt := range receipts {
		if receipt.size > a.start || a.start == 0 {
			judged = append(judged, receipt)
		}
	}
	a.heads = append([]head{checkpoint}, judged...)
	sort.SliceStable(a.heads, func(i, k int) bool { return a.heads[i].size < a.heads[k].size })
	dir.entries(low, j, a.entry)

	r.Signed = checkpoint.size
	if a.trust == nil {
		return
	}
	sizes := map[string]int64{} // H-2
	for _, receipt := range judged {
		within(receipt.file, func() {
			for name := range receipt.cosigners(a.trust.witnesses) {
				sizes[name] = most(sizes[name], receipt.size)
			}
		})
	}
	r.Witnessed = quorumSize(sizes, a.trust.quorum)
}

// quorumSize is the largest size that as many witnesses have reached (H-2).
func quorumSize(sizes map[string]int64, quorum int) int64 {
	var reached []int64
	for _, size := range sizes {
		reached = append(reached, size)
	}
	sort.Slice(reached, func(i, k int) bool { return reached[i] > reached[k] })
	if len(reached) < quorum {
		return 0
	}
	return reached[quorum-1]
}

func (a *auditor) entry(data []byte, leaf hash) {
	if a.below.size < a.start {
		a.below.add(leaf)
		return
	}
	index := most(a.ledger.tree.size, a.start)
	within(fmt.Sprintf("entry %d", index), func() {
		a.compareSnapshot(data, index)
		a.ledger.apply(data, leaf)
	})
	for len(a.heads) > 0 && a.heads[0].size <= a.ledger.tree.size {
		within(a.heads[0].file, func() { a.ledger.requireSigned(a.heads[0]) })
		a.heads = a.heads[1:]
	}
}

// compareSnapshot holds a snapshot beside the log to its entry, and goes on from the first of a pruned log (K-9).
func (a *auditor) compareSnapshot(data []byte, index int64) {
	snapshot, beside := a.snapshots[index]
	if !beside {
		return
	}
	stated, ok := decodeEntry(data).body.(opsSnapshot)
	require(ok && sha256.Sum256(snapshot) == stated.digest, "K-9", "the snapshot beside the log is not what it states")
	if index != a.start {
		return
	}
	a.ledger = restore(snapshot, a.trust, index)
	same := a.ledger.tree.root() == a.below.root() && a.ledger.tree.size == a.below.size
	require(same, "K-9", "the snapshot is of another log")
}

// requireSigned: H-1, of a head that ends with the last entry applied.
func (l *ledger) requireSigned(h head) {
	require(h.size == l.tree.size && l.epochs.last != nil, "H-1", "no epoch began within %d entries", h.size)
	origin := "wattseal/" + label(l.doc.lct)
	require(h.origin == origin, "N-4", "the origin is %s", h.origin)
	h.requireSigned(newNoteKey(origin, logSignature, l.epochs.last.key))
	require(h.root == l.tree.root(), "H-1", "another root for %d entries", h.size)
}
