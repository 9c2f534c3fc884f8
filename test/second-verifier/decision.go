package main

// What the common witness's log says of trades: T-4 to T-6.

func (s *society) decisionOf(t terms) *decision {
	for _, d := range s.traded.decisions {
		if d.trade == t.trade() {
			return d
		}
	}
	return nil
}

// offer: T-4.
func (s *society) offer(o societyOffer, at moment) {
	o.terms.requireSound()
	s.requireOpen()
	require(o.terms.witness == s.lct, "T-4", "the terms name another witness")
	require(s.decisionOf(o.terms) == nil, "T-4", "the trade was offered or decided before")
	require(at.now <= o.terms.decideBy && at.now < o.terms.expires, "T-4", "the offer is late")
	p := s.shows(o.proof, s.witnesses(""), o.terms.seller)
	kept, ok := p.entry.body.(societyEscrow)
	require(ok && p.index == o.terms.ticket && kept.terms == o.terms, "T-4", "the proof is of no such escrow")
	s.decideOn(o.terms, "offered", at)
}

// decide: T-5.
func (s *society) decide(d societyDecide, at moment) {
	d.terms.requireSound()
	s.requireOpen()
	require(d.terms.witness == s.lct, "T-5", "the terms name another witness")
	require(at.now < d.terms.expires, "T-5", "the trade has expired")
	before := s.decisionOf(d.terms)
	if d.word == "commit" {
		offered := before != nil && before.state == "offered"
		require(offered && at.now <= d.terms.decideBy, "T-5", "the trade is not on offer")
		s.decideOn(d.terms, "committed", at)
		return
	}
	require(before == nil || before.state == "offered", "T-5", "the trade is decided")
	s.decideOn(d.terms, "aborted", at)
}

// decideOn: T-6.
func (s *society) decideOn(t terms, state string, at moment) {
	var kept []*decision
	for _, d := range s.traded.decisions {
		if d.expires > at.now {
			kept = append(kept, d)
		}
	}
	s.traded.decisions = kept
	if d := s.decisionOf(t); d != nil {
		d.state = state
		return
	}
	require(len(kept) < maxDecisions, "T-6", "%d trades are not over", maxDecisions)
	s.traded.decisions = append(kept, &decision{t.trade(), state, t.expires})
}
