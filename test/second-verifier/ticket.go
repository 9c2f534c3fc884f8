package main

const (
	ticketLife  = day
	mostTickets = 1_024
	mostItems   = 256
)

type ticket struct {
	index, since, used int64
	lots               queue
}

func (s *society) reserved() (sum int64) {
	for _, each := range s.tickets {
		sum += each.lots.total()
	}
	return sum
}

// drawTickets takes from each ticket in turn; windows use what they take.
func (s *society) drawTickets(wanted int64, uses bool) (drawn int64) {
	for _, each := range s.tickets {
		part := each.lots.draw(wanted - drawn)
		drawn += part
		if uses {
			each.used += part
		}
	}
	return drawn
}

func (s *society) ticket(index int64) *ticket {
	for _, each := range s.tickets {
		if each.index == index {
			return each
		}
	}
	refuse("S-18", "entry %d is no open ticket", index)
	return nil
}

// close spends amount of the ticket; the rest returns.
func (s *society) close(closed *ticket, amount int64) {
	spent := closed.lots.draw(amount)
	s.adp += spent
	s.unclaimed += spent
	s.lots.join(closed.lots...)
	for i, each := range s.tickets {
		if each == closed {
			s.tickets = append(s.tickets[:i:i], s.tickets[i+1:]...)
			return
		}
	}
}

// dueTicket is of S-7.
func (s *society) dueTicket(l *ledger) *ticket {
	if !l.synchronised || len(s.tickets) == 0 || s.tickets[0].since+ticketLife > l.now {
		return nil
	}
	return s.tickets[0]
}

func (r *reader) optionalHash() {
	if r.present() {
		r.hash()
	}
}

// certify is S-16.
func (l *ledger) certify(r *reader) {
	s := &l.society
	r.array(4)
	amount := r.amount()
	r.word("load", "application", "peer")
	r.source()
	r.optionalHash()
	s.requireNothingDue(l)
	require(l.document.binding == "software", "S-16", "an unattested epoch certifies nothing")
	require(amount <= s.withheld.total() && amount <= s.adp, "S-16", "%d mWh are not there", amount)
	s.lots.join(s.withheld.take(amount)...)
	s.adp -= amount
}

// reserve is S-17.
func (l *ledger) reserve(r *reader) {
	s := &l.society
	r.array(4)
	amount := r.amount()
	r.lct()
	r.label()
	r.optionalHash()
	s.requireNothingDue(l)
	require(len(s.tickets) < mostTickets, "S-17", "%d tickets are open", mostTickets)
	oldest := s.lots[:smaller(mostItems, int64(len(s.lots)))].total()
	require(amount <= oldest, "S-17", "%d mWh, but %d are in the oldest lots", amount, oldest)
	s.tickets = append(s.tickets, &ticket{index: l.size, since: l.now, lots: s.lots.take(amount)})
}

// commit is S-18.
func (l *ledger) commit(r *reader) {
	s := &l.society
	r.array(4)
	index := r.index()
	amount := int64(0)
	if r.present() {
		amount = r.amount()
	}
	r.bps()
	r.optionalHash()
	s.requireNothingDue(l)
	found := s.ticket(index)
	require(amount <= found.lots.total(), "S-18", "%d mWh, more than ticket %d holds", amount, index)
	require(amount+found.used > 0, "S-18", "ticket %d has used nothing", index)
	s.close(found, amount)
}

// rollback is S-19.
func (l *ledger) rollback(r *reader) {
	s := &l.society
	r.array(3)
	index := r.index()
	reason := r.word("failure", "deadline")
	lots := r.dated()
	if reason == "failure" {
		s.requireNothingDue(l)
	} else {
		due := s.dueTicket(l)
		require(due != nil && due.index == index, "S-19", "ticket %d is not the one due", index)
	}
	found := s.ticket(index)
	var expired queue
	if l.synchronised {
		expired = found.lots.due(l.now - s.lotDays()*day)
	}
	require(lots.equals(expired), "S-19", "names other than what is past its date")
	s.waste(lots.total())
	s.close(found, lots.total())
}
