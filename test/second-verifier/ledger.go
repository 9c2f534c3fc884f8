package main

// ledger is the one state that a log's entries change, from entry 0 on.
type ledger struct {
	authorities  map[kid][]byte // nil without a trust file, until entry 0 names its issuer
	doc          document
	time         int64
	synchronised bool
	tree         tree
	epochs       epochs
	meter        meter
	window       window
	shunt        shunt
	society      *society

	lastSnapshot int64
}

func newLedger(t *trust) *ledger {
	l := &ledger{meter: newMeter()}
	if t != nil {
		l.authorities = t.authorities
	}
	return l
}

// apply applies the next entry, or refuses it.
func (l *ledger) apply(data []byte, leaf hash) {
	e := decodeEntry(data)
	at := moment{index: l.tree.size, now: e.time, synchronised: l.synchronised}
	if l.epochs.last != nil {
		at.epochState = l.epochs.last.state
	}
	l.requireOrder(e, at.index)
	l.step(e.body, at)
	l.society.requireInvariants()
	l.time = e.time
	l.tree.add(leaf)
}

// requireOrder: O-1 to O-3.
func (l *ledger) requireOrder(e entry, index int64) {
	require(e.time >= l.time, "O-1", "time goes back")
	if index == 0 {
		require(e.kind == "lct.document", "O-1", "entry 0 is %s", e.kind)
		return
	}
	if e.kind == "epoch.begin" {
		return
	}
	require(index > 1, "O-1", "entry 1 is %s", e.kind)
	require(l.epochs.running, "O-2", "no epoch runs")
	require(e.time <= l.epochs.last.time+maxEpochMs, "O-3", "the epoch is over 31 days old")
}

func (l *ledger) step(body any, at moment) {
	switch b := body.(type) {
	case lctDocument:
		l.document(b, at.index)
	case lctStatus:
		l.society.status(payload(l.authorities, b.sign1, readStatus))
	case epochBegin:
		l.epochs.begin(b.evidence, l.doc, &l.tree, at.now)
		l.synchronised = false // O-5
	case epochEnd:
		l.epochs.end(b)
	case opsClock:
		l.synchronised = b.synchronised // O-5
	case linkPaired:
		l.meter.pair(b)
	case linkUnpaired:
		l.meter.unpair(b)
	case energyStatement:
		l.meter.statement(b)
	case energyResolution:
		l.meter.resolve(b)
	case energyReset:
		l.meter.reset(b, at.now)
	case energyInterval:
		c := l.meter.interval(b, at.now)
		l.count(b.t0, b.t1, c, b.verdict, at)
	case energyGap:
		l.count(b.t0, b.t1, l.meter.gap(b, at.now), "gap", at)
	case energyResolve:
		l.window.resolve(b, at)
	case energyCheck:
		l.shunt.check(b, at, &l.window, l.meter.resolution)
	case energyWindow:
		l.society.requireNothingDue(at)
		l.window.close(b, at, l.society.net)
		l.society.addNet(b.net)
		l.shunt.clear()
		l.meter.totals.Windows = least(l.meter.totals.Windows+1, maxInteger)
	case energyReconcile:
		l.society.reconcile(b, at)
	case societyMint:
		l.society.mint(payload(l.authorities, b.sign1, readMint))
	case societyPolicy:
		l.society.setPolicy(payload(l.authorities, b.sign1, readPolicy))
	case societySource:
		l.society.prove(payload(l.authorities, b.sign1, readSourceProof), at)
	case societyCharge:
		l.society.charge(b, at)
	case societyCertify:
		l.society.certify(b, at)
	case societyReserve:
		l.society.reserve(b, at)
	case societyCommit:
		l.society.commit(b, at)
	case societyRollback:
		l.society.rollback(b, at)
	case societyExpire:
		l.society.expire(b, at)
	case societyEscrow:
		l.society.escrow(b.terms, at)
	case societyOffer:
		l.society.offer(b, at)
	case societyDecide:
		l.society.decide(b, at)
	case societyTrade:
		l.society.trade(b, at)
	case societyReport:
		l.society.report(b, at)
	case societyRecord:
		l.society.record(b, at)
	case opsSnapshot:
		l.requireSnapshot(b, at.index)
	case opsCommand:
		l.command(b, at)
	case opsOutcome:
		b.requireAfter(at.index)
	case opsLoss:
		require(b.from <= b.until && b.until <= at.now+clockSlack, "O-9", "a loss of another time than before its entry")
	case opsRestored:
		require(b.size >= 1 && b.size <= at.index, "O-10", "%d entries had back, among %d", b.size, at.index)
	case unjudged:
	}
}

// document: O-4 and A-3.
func (l *ledger) document(b lctDocument, index int64) {
	doc := parseDocument(b.sign1)
	if l.authorities == nil {
		l.authorities = map[kid][]byte{kidOf(doc.issuer): doc.issuer}
	}
	require(l.authorities[kidOf(doc.issuer)] != nil, "A-3", "an LCT document's issuer is not accepted")
	if index == 0 {
		doc.requireFounding()
		l.doc = doc
		l.society = newSociety(doc.lct, l.authorities)
	}
}

// count lets window and shunt hear of an interval or gap: W-1, C-1.
func (l *ledger) count(t0, t1 int64, c counted, verdict string, at moment) {
	l.window.add(at.index, c.net)
	if verdict == "suspect" {
		l.window.suspect(suspect{at.index, c.in, at.now})
	}
	l.shunt.cover(at.index, t0, t1, c, verdict == "consistent")
}
