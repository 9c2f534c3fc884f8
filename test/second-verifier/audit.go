package main

import (
	"fmt"
	"sort"
)

// report is what both verifiers say of a log.
type report struct {
	Verdict   string         `json:"verdict"`
	Rule      string         `json:"rule,omitempty"`
	Problem   string         `json:"problem,omitempty"`
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
	r.Entries = a.ledger.tree.size
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
	default:
		r.Verdict = "verified in part"
	}
	return r
}

// auditor follows a log's entries, and judges each head at the entry that it ends with.
type auditor struct {
	trust  *trust
	ledger *ledger
	heads  []head // not judged yet, by size
}

func (a *auditor) run(dir folder, r *report) {
	require(!dir.has("unfinished"), "F-0", "a copy that was cut short")
	j := dir.journal()
	r.TornBytes = j.torn
	checkpoint, receipts := dir.heads(j.end())
	low := dir.floor(j, checkpoint)
	if low.index > 0 {
		dir.refusePruned(low, j, checkpoint)
	}

	a.heads = append([]head{checkpoint}, receipts...)
	sort.SliceStable(a.heads, func(i, k int) bool { return a.heads[i].size < a.heads[k].size })
	dir.entries(low, j, a.entry)

	r.Signed = checkpoint.size
	if a.trust == nil {
		return
	}
	for _, receipt := range receipts {
		within(receipt.file, func() { receipt.requireCosigned(a.trust.witnesses) })
		r.Witnessed = most(r.Witnessed, receipt.size)
	}
}

func (a *auditor) entry(data []byte, leaf hash) {
	within(fmt.Sprintf("entry %d", a.ledger.tree.size), func() { a.ledger.apply(data, leaf) })
	for len(a.heads) > 0 && a.heads[0].size <= a.ledger.tree.size {
		within(a.heads[0].file, func() { a.ledger.requireSigned(a.heads[0]) })
		a.heads = a.heads[1:]
	}
}

// requireSigned: H-1, of a head that ends with the last entry applied.
func (l *ledger) requireSigned(h head) {
	require(h.size == l.tree.size && l.epochs.last != nil, "H-1", "no epoch began within %d entries", h.size)
	origin := "wattseal/" + label(l.doc.lct)
	require(h.origin == origin, "N-4", "the origin is %s", h.origin)
	h.requireSigned(newNoteKey(origin, logSignature, l.epochs.last.key))
	require(h.root == l.tree.root(), "H-1", "another root for %d entries", h.size)
}
