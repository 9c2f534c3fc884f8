package main

// What has to be expired or rolled back before anything touches lots: S-7, S-8.

func (s *society) dueTicket(at moment) *ticket {
	if at.synchronised && len(s.tickets) > 0 && s.tickets[0].since+dayMs <= at.now {
		return s.tickets[0]
	}
	return nil
}

// dueEscrow is the first whose last date has come.
func (s *society) dueEscrow(at moment) *escrow {
	for _, e := range s.traded.escrows {
		if at.synchronised && e.expires <= at.now {
			return e
		}
	}
	return nil
}

// dueOf are the lots of q that are due: those past their date, or none while the clock is not synchronised.
func dueOf(q *queue, days int64, at moment) []lot {
	if !at.synchronised {
		return nil
	}
	return q.until(at.now - days*dayMs)
}

func (s *society) dueLots(at moment) []lot     { return dueOf(&s.lots, s.lotDays(), at) }
func (s *society) dueWithheld(at moment) []lot { return dueOf(&s.withheld, s.withheldDays(), at) }

func (s *society) lotDays() int64 {
	if s.policy == nil {
		return 7
	}
	return s.policy.lotDays
}

func (s *society) withheldDays() int64 {
	if s.policy == nil {
		return 7
	}
	return s.policy.withheldDays
}

func (s *society) requireNothingDue(at moment) {
	require(s.dueTicket(at) == nil && s.dueEscrow(at) == nil, "S-7", "a ticket or an escrow is due")
	require(len(s.dueLots(at)) == 0 && len(s.dueWithheld(at)) == 0, "S-7", "lots are due")
}

// expire: S-8.
func (s *society) expire(e societyExpire, at moment) {
	lots, withheld := s.dueLots(at), s.dueWithheld(at)
	require(s.dueTicket(at) == nil && s.dueEscrow(at) == nil, "S-8", "a ticket or an escrow is due first")
	require(len(lots)+len(withheld) > 0, "S-8", "nothing is due")
	require(sameLots(e.lots, lots) && sameLots(e.withheld, withheld), "S-8", "not exactly what is due")
	s.unclaimed += s.waste(sumOf(s.lots.draw(sumOf(lots))))
	s.unclaimed += sumOf(s.withheld.draw(sumOf(withheld)))
}
