package main

// Trades between societies: T-1 to T-8.

const (
	maxEscrows   = 256
	maxUsed      = 16_384
	maxDecisions = 65_536
)

// traded is the state of trades and citizens' work.
type traded struct {
	claims         int64 // bought and not delivered yet, less sold and still here
	conversionLoss int64
	escrows        []*escrow
	used           []usedProof
	decisions      []*decision
}

// escrow is lots kept for one trade.
type escrow struct {
	terms
	witnesses []witness
	queue
}

type usedProof struct {
	giver          string
	index, expires int64
}

type decision struct {
	trade   hash
	state   string
	expires int64
}

// knows: whether the policy in force names the counterparty, and it is another society.
func (s *society) knows(counterparty string) bool {
	if s.policy != nil && counterparty != s.lct {
		for _, lct := range s.policy.counterparties {
			if lct == counterparty {
				return true
			}
		}
	}
	return false
}

// witnesses are those of the policy in force, of one LCT or (empty) of all.
func (s *society) witnesses(lct string) (known []witness) {
	if s.policy != nil {
		for _, w := range s.policy.witnesses {
			if lct == "" || w.lct == lct {
				known = append(known, w)
			}
		}
	}
	return known
}

// shows: T-2, but for what the entry has to be.
func (s *society) shows(data []byte, by []witness, lct string) proven {
	t := trust{authorities: s.authorities, quorum: 1}
	for _, w := range by {
		key := w.key
		t.witnesses = append(t.witnesses, newNoteKey(w.name, cosignature, key[:]))
	}
	var p proven
	under("T-2", func() { p = prove(data, &t) })
	require(p.doc.lct == lct, "T-2", "the proof is of the log of %s", p.doc.lct)
	return p
}

// escrow: T-3.
func (s *society) escrow(t terms, at moment) {
	t.requireSound()
	s.requireOpen()
	s.requireNothingDue(at)
	require(t.seller == s.lct && t.ticket == at.index, "T-3", "the terms name another seller or ticket")
	require(at.now < t.decideBy && t.decideBy <= at.now+dayMs, "T-3", "decideBy is not within a day")
	require(len(s.traded.escrows) < maxEscrows, "T-3", "%d escrows are open", maxEscrows)
	known := s.witnesses(t.witness)
	require(s.knows(t.buyer) && len(known) > 0, "T-3", "the policy does not know buyer or witness")
	require(t.amount <= s.lots.sum, "T-3", "more than the lots")
	require(t.expires <= s.lots.lots[0].since+s.lotDays()*dayMs, "T-3", "the oldest lot expires before")
	e := &escrow{terms: t, witnesses: known}
	for _, l := range s.lots.draw(t.amount) {
		e.join(l)
	}
	s.traded.escrows = append(s.traded.escrows, e)
}

// trade: T-7 and T-8.
func (s *society) trade(t societyTrade, at moment) {
	t.terms.requireSound()
	if t.terms.seller == s.lct {
		s.sell(t, at)
		return
	}
	require(t.terms.buyer == s.lct && t.outcome == "commit", "T-8", "nothing is bought here")
	s.requireOpen()
	s.requireNothingDue(at)
	require(t.proof != nil, "T-8", "there is no proof")
	s.requireNew(t.terms.seller, t.terms.ticket, t.terms.expires, "T-8", at)
	s.requireDecided(t, s.witnesses(t.terms.witness), "T-8")
	arriving := t.terms.arriving()
	s.arrive(t.terms.seller, t.terms.ticket, arriving, t.terms.expires, at)
	s.traded.conversionLoss = least(s.traded.conversionLoss+t.terms.amount-arriving, maxInteger)
}

// sell: T-7.
func (s *society) sell(t societyTrade, at moment) {
	var e *escrow
	for k, open := range s.traded.escrows {
		if open.terms == t.terms {
			e = open
			defer func() { s.traded.escrows = append(s.traded.escrows[:k:k], s.traded.escrows[k+1:]...) }()
			break
		}
	}
	require(e != nil, "T-7", "no such escrow is open")
	if t.outcome == "lapse" {
		due := s.dueTicket(at) == nil && s.dueEscrow(at) == e
		require(t.proof == nil && due, "T-7", "the escrow does not lapse")
	} else {
		s.requireNothingDue(at)
		require(t.proof != nil, "T-7", "there is no proof")
		s.requireDecided(t, e.witnesses, "T-7")
	}
	if t.outcome == "abort" {
		for _, l := range e.draw(e.sum) {
			s.lots.join(l)
		}
		return
	}
	kept := sumOf(e.draw(e.sum))
	s.adp += kept
	s.draw(t.terms.amount-kept, func(amount int64) { s.adp += amount })
	s.claim(-t.terms.amount)
}

func (s *society) requireDecided(t societyTrade, by []witness, rule string) {
	p := s.shows(*t.proof, by, t.terms.witness)
	d, ok := p.entry.body.(societyDecide)
	require(ok && d.word == t.outcome && d.terms == t.terms, rule, "the proof is of no such decision")
}
