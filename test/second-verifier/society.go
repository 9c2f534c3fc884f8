package main

// society is the state that "Society" of the rules names.
type society struct {
	lct                   string
	authorities           map[kid][]byte
	traded                traded
	closed                string // by this state; empty: open
	supply, adp           int64
	eligible, unclaimed   int64
	deficit, opening, net int64
	recordedLoss, wasted  int64
	lots, withheld        queue
	tickets               []*ticket
	lastMint              int64
	policy                *policy
	sources               map[string]*source
	declared              int64 // all parts of kind declared ever charged
	moved                 bool  // by a window or a reconcile
}

// ticket is an open reservation.
type ticket struct {
	index, since, used int64
	worker             string
	queue
}

// moment is where an entry stands: its index and time, and what the clock and the epoch are worth there.
type moment struct {
	index, now   int64
	synchronised bool
	epochState   string
}

func newSociety(lct string, authorities map[kid][]byte) *society {
	return &society{lct: lct, authorities: authorities, sources: map[string]*source{}}
}

func (s *society) reserved() (sum int64) {
	for _, t := range s.tickets {
		sum += t.sum
	}
	for _, e := range s.traded.escrows {
		sum += e.sum
	}
	return sum
}

func (s *society) held() int64 {
	return s.lots.sum + s.reserved() + s.eligible + s.withheld.sum + s.unclaimed - s.deficit
}

// requireInvariants: S-15.
func (s *society) requireInvariants() {
	reserved := s.reserved()
	require(s.lots.sum+reserved+s.adp == s.supply, "S-15", "ATP and ADP do not add up to the supply")
	require(s.held() == s.opening+s.net-s.recordedLoss+s.traded.claims, "S-15", "what is held is not what was measured")
	smallest := least(s.supply, least(s.adp, least(s.eligible, least(s.unclaimed, least(s.deficit, s.opening)))))
	smallest = least(smallest, least(s.lots.sum, least(reserved, s.withheld.sum)))
	require(smallest >= 0, "S-15", "something is negative")
	require(s.deficit == 0 || s.held() == -s.deficit, "S-15", "there is a deficit beside energy")
}

func (s *society) requireOpen() { require(s.closed == "", "S-1", "the society is closed") }

func (s *society) requireOwn(lct string) {
	require(lct == s.lct, "S-1", "the statement is for society %s", lct)
	s.requireOpen()
}

// status: S-2.
func (s *society) status(about status) {
	if about.lct != s.lct {
		return
	}
	require(s.closed == "", "S-2", "the society is closed")
	if about.state == "void" || about.state == "slashed" || about.state == "retired" {
		s.closed = about.state
	}
}

// mint: S-3.
func (s *society) mint(m mint) {
	s.requireOwn(m.society)
	require(m.serial > s.lastMint, "S-3", "serial %d again", m.serial)
	require(s.supply+m.amount <= maxNet, "S-3", "the supply is beyond 2^51")
	s.lastMint = m.serial
	s.supply += m.amount
	s.adp += m.amount
}

// setPolicy: S-4.
func (s *society) setPolicy(p policy) {
	s.requireOwn(p.society)
	require(s.policy == nil || p.version > s.policy.version, "S-4", "version %d again", p.version)
	falling := p.bps["high"] >= p.bps["developing"] && p.bps["developing"] >= p.bps["low"]
	require(falling, "S-4", "the tiers' shares do not fall")
	s.policy = &p
}

// addNet: S-12.
func (s *society) addNet(n int64) {
	s.net += n
	s.moved = true
	settled := clamp(n, least(s.traded.claims, 0), most(s.traded.claims, 0))
	s.traded.claims -= settled
	n -= settled
	if n >= 0 {
		n -= take(&s.deficit, n)
		s.eligible += n
		return
	}
	rest := -n
	for _, t := range s.tickets {
		given := sumOf(t.draw(rest))
		t.used += given
		s.adp += given
		rest -= given
	}
	given := sumOf(s.lots.draw(rest))
	s.adp += given
	rest -= given
	rest -= take(&s.unclaimed, rest)
	rest -= sumOf(s.withheld.draw(rest))
	rest -= take(&s.eligible, rest)
	for _, e := range s.traded.escrows {
		given := sumOf(e.draw(rest))
		s.adp += given
		rest -= given
	}
	s.deficit += rest
}

// take takes amount from account, at most all; it returns what it took.
func take(account *int64, amount int64) int64 {
	taken := least(*account, amount)
	*account -= taken
	return taken
}

// reconcile: S-13 and S-14.
func (s *society) reconcile(r energyReconcile, at moment) {
	if r.kind == "opening" {
		require(!s.moved, "S-13", "an opening after a window or another reconcile")
		s.moved = true
		s.opening = r.stock
		s.unclaimed += r.stock
		return
	}
	s.requireNothingDue(at)
	s.moved = true
	loss := s.held() - s.traded.claims - r.stock
	after := s.recordedLoss + loss
	require(after >= -maxNet && after <= maxNet, "S-14", "the recorded loss is beyond 2^51")
	s.recordedLoss = after
	if loss < 0 {
		cleared := least(-loss, s.deficit)
		s.deficit -= cleared
		s.unclaimed += -loss - cleared
		return
	}
	s.draw(loss, func(amount int64) { s.waste(amount) })
}

// draw takes a loss where it falls (S-14): tokens says what becomes of the lots that it takes.
func (s *society) draw(loss int64, tokens func(amount int64)) {
	loss -= take(&s.unclaimed, loss)
	loss -= sumOf(s.withheld.draw(loss))
	loss -= take(&s.eligible, loss)
	queues := []*queue{&s.lots}
	for _, t := range s.tickets {
		queues = append(queues, &t.queue)
	}
	for _, e := range s.traded.escrows {
		queues = append(queues, &e.queue)
	}
	for _, q := range queues {
		given := sumOf(q.draw(loss))
		tokens(given)
		loss -= given
	}
	s.deficit += loss
}

// waste returns drawn lots to adp and records them as wasted; wasted stays at 2^53 - 1 once there (S-15).
func (s *society) waste(amount int64) int64 {
	s.adp += amount
	s.wasted = least(s.wasted+amount, maxInteger)
	return amount
}
