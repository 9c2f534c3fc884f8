package main

// reserve: S-17.
func (s *society) reserve(r societyReserve, at moment) {
	s.requireOpen()
	s.requireNothingDue(at)
	require(len(s.tickets) < 1024, "S-17", "1,024 tickets are open")
	require(r.amount <= s.lots.oldest(), "S-17", "more than the oldest 256 lots")
	t := &ticket{index: at.index, since: at.now, worker: r.worker}
	for _, l := range s.lots.draw(r.amount) {
		t.join(l)
	}
	s.tickets = append(s.tickets, t)
}

func (s *society) openTicket(index int64, rule string) *ticket {
	for _, t := range s.tickets {
		if t.index == index {
			return t
		}
	}
	refuse(rule, "ticket %d is not open", index)
	return nil
}

// close ends a ticket: what its lots still hold joins lots again.
func (s *society) close(done *ticket) {
	for _, l := range done.draw(done.sum) {
		s.lots.join(l)
	}
	for k, t := range s.tickets {
		if t == done {
			s.tickets = append(s.tickets[:k:k], s.tickets[k+1:]...)
			return
		}
	}
}

// commit: S-18.
func (s *society) commit(c societyCommit, at moment) {
	s.requireOpen()
	s.requireNothingDue(at)
	t := s.openTicket(c.ticket, "S-18")
	var amount int64
	if c.amount != nil {
		amount = *c.amount
	}
	require(amount <= t.sum, "S-18", "more than the ticket holds")
	require(amount+t.used > 0, "S-18", "nothing was used")
	t.draw(amount)
	s.adp += amount
	s.unclaimed += amount
	s.close(t)
}

// rollback: S-19.
func (s *society) rollback(r societyRollback, at moment) {
	if r.reason == "failure" {
		s.requireNothingDue(at)
	}
	t := s.openTicket(r.ticket, "S-19")
	require(r.reason == "failure" || t == s.dueTicket(at), "S-19", "ticket %d is not the one due", t.index)
	expired := dueOf(&t.queue, s.lotDays(), at)
	require(sameLots(r.lots, expired), "S-19", "not exactly the lots past their date")
	s.unclaimed += s.waste(sumOf(t.draw(sumOf(expired))))
	s.close(t)
}
