package main

// Energy that arrives from another society, and what a citizen's work is to its parent: T-9 to T-12.

// requireNew: what T-8 and T-11 ask of a giver and its entry before T-9.
func (s *society) requireNew(giver string, index, expires int64, rule string, at moment) {
	require(s.knows(giver), rule, "%s is no known counterparty", giver)
	require(at.synchronised && at.now < expires, rule, "the last date has come, or the clock is not set")
	for _, u := range s.traded.used {
		require(u.giver != giver || u.index != index, rule, "entry %d of %s arrived before", index, giver)
	}
}

// arrive: T-9.
func (s *society) arrive(giver string, index, x, expires int64, at moment) {
	var kept []usedProof
	for _, u := range s.traded.used {
		if u.expires > at.now {
			kept = append(kept, u)
		}
	}
	require(len(kept) < maxUsed, "T-9", "%d arrivals have not expired", maxUsed)
	s.traded.used = append(kept, usedProof{giver, index, expires})

	s.claim(x)
	x -= take(&s.deficit, x)
	since := most(0, least(at.now, expires-s.lotDays()*dayMs))
	if dated := least(x, s.adp); dated > 0 && at.epochState != "unattested" {
		s.adp -= dated
		x -= dated
		s.lots.join(lot{at.index, since, dated})
	}
	if x > 0 {
		s.withheld.join(lot{at.index, since, x})
	}
}

// claim: T-12.
func (s *society) claim(x int64) {
	s.traded.claims += x
	require(distance(s.traded.claims, 0) <= maxNet, "T-12", "the claims are beyond 2^51")
}

// report: T-10.
func (s *society) report(r societyReport, at moment) {
	s.requireOpen()
	s.requireNothingDue(at)
	t := s.openTicket(r.ticket, "T-10")
	require(s.knows(r.parent), "T-10", "the parent is no known counterparty")
	require(r.amount <= t.sum, "T-10", "more than the ticket holds")
	latest := t.lots[0].since + s.lotDays()*dayMs
	require(at.now < r.expires && r.expires <= latest, "T-10", "expires is not while the ticket's lots last")
	t.draw(r.amount)
	s.adp += r.amount
	s.close(t)
	s.claim(-r.amount)
}

// record: T-11.
func (s *society) record(r societyRecord, at moment) {
	s.requireOpen()
	s.requireNothingDue(at)
	s.requireNew(r.citizen, r.report, r.expires, "T-11", at)
	p := s.shows(r.proof, s.witnesses(""), r.citizen)
	told, ok := p.entry.body.(societyReport)
	same := ok && told.parent == s.lct && told.amount == r.amount && told.expires == r.expires
	require(same && p.index == r.report, "T-11", "the proof is of no such report")
	s.arrive(r.citizen, r.report, r.amount, r.expires, at)
}
