package main

type accounts struct {
	Supply       int64 `json:"supply"`
	Atp          int64 `json:"atp"`
	Reserved     int64 `json:"reserved"`
	Adp          int64 `json:"adp"`
	Eligible     int64 `json:"eligible"`
	Withheld     int64 `json:"withheld"`
	Unclaimed    int64 `json:"unclaimed"`
	Deficit      int64 `json:"deficit"`
	Opening      int64 `json:"opening"`
	Net          int64 `json:"net"`
	RecordedLoss int64 `json:"recordedLoss"`
	Wasted       int64 `json:"wasted"`
}

type policy struct {
	version, highBps, developingBps, lowBps, lotDays, withheldDays, declaredCap int64
	tier                                                                        string
}

type society struct {
	supply, adp, eligible, unclaimed, deficit, opening, net, recordedLoss, wasted int64

	lots, withheld queue
	tickets        []*ticket
	sources        map[string]*source
	declared       int64
	policy         *policy
	serial         int64
	opened, closed bool
}

func newSociety() society { return society{sources: map[string]*source{}} }

func (s *society) accounts() accounts {
	return accounts{
		s.supply, s.lots.total(), s.reserved(), s.adp, s.eligible, s.withheld.total(), s.unclaimed, s.deficit,
		s.opening, s.net, s.recordedLoss, s.wasted,
	}
}

// account takes the types that Society rules; false for others.
func (l *ledger) account(kind string, r *reader) bool {
	s := &l.society
	switch kind {
	case "lct.status":
		r.array(1)
		l.status(r.sign1())
	case "society.mint", "society.policy", "society.source":
		r.array(1)
		sign1 := r.sign1()
		require(!s.closed, "S-1", "the society is closed")
		map[string]func([]byte){"society.mint": l.mint, "society.policy": l.setPolicy, "society.source": l.prove}[kind](sign1)
	case "society.charge", "society.certify", "society.reserve", "society.commit":
		require(!s.closed, "S-1", "the society is closed")
		map[string]func(*reader){
			"society.charge": l.charge, "society.certify": l.certify, "society.reserve": l.reserve, "society.commit": l.commit,
		}[kind](r)
	case "society.rollback":
		l.rollback(r)
	case "society.expire":
		r.array(2)
		l.expire(r.dated(), r.dated())
	case "energy.reconcile":
		r.array(3)
		kind, stock := r.word("opening", "full", "empty"), r.energy()
		r.phrase()
		l.reconcile(kind, stock)
	default:
		return false
	}
	return true
}

func (r *reader) dated() (items queue) {
	for n := r.list(0, 256); n > 0; n-- {
		r.array(3)
		items = append(items, dated{r.index(), r.time(), r.amount()})
	}
	return items
}

// ours reads the society of a payload (S-1).
func (l *ledger) ours(r *reader) {
	society := r.lct()
	require(society == l.lct, "S-1", "is for %s", society)
}

// status is S-2.
func (l *ledger) status(sign1 []byte) {
	l.payload("status", sign1, func(r *reader) {
		r.array(5)
		r.word("wattseal-status-1")
		lct := r.lct()
		state := r.word("pending", "active", "void", "slashed", "retired")
		r.time()
		r.phrase()
		if lct != l.lct {
			return
		}
		require(!l.society.closed, "S-2", "the society is closed")
		l.society.closed = state != "pending" && state != "active"
	})
}

// mint is S-3.
func (l *ledger) mint(sign1 []byte) {
	s := &l.society
	l.payload("mint", sign1, func(r *reader) {
		r.array(4)
		r.word("wattseal-mint-1")
		l.ours(r)
		amount, serial := r.amount(), r.serial()
		require(serial > s.serial, "S-3", "serial %d is not above %d", serial, s.serial)
		require(s.supply+amount <= mostSum, "S-3", "supply would exceed 2^51")
		s.serial = serial
		s.supply += amount
		s.adp += amount
	})
}

// setPolicy is S-4.
func (l *ledger) setPolicy(sign1 []byte) {
	l.payload("policy", sign1, func(r *reader) {
		r.array(11)
		r.word("wattseal-policy-1")
		l.ours(r)
		var p policy
		p.version = r.serial()
		p.highBps, p.developingBps, p.lowBps = r.bps(), r.bps(), r.bps()
		p.tier = r.word("high", "developing", "low")
		p.lotDays, p.withheldDays = r.unsigned(1, 366), r.unsigned(1, 366)
		r.energy()
		p.declaredCap = r.energy()
		last := l.society.policy
		require(last == nil || p.version > last.version, "S-4", "version %d is not above the last", p.version)
		require(p.highBps >= p.developingBps && p.developingBps >= p.lowBps, "S-4", "shares rise from high to low")
		l.society.policy = &p
	})
}

// tierBps is of S-9; this version knows no attested epoch.
func (l *ledger) tierBps() int64 {
	if l.document.binding == "software" {
		return l.society.policy.lowBps
	}
	return 0
}

// charge is S-9 to S-11.
func (l *ledger) charge(r *reader) {
	s := &l.society
	r.array(3)
	amount := r.amount()
	var parts []part
	for n := r.list(1, 16); n > 0; n-- {
		r.array(2)
		parts = append(parts, part{r.source(), r.amount()})
	}
	tierBps := r.bps()
	s.requireNothingDue(l)
	require(s.policy != nil && l.epoch != nil, "S-9", "no policy is in force")
	require(tierBps == l.tierBps(), "S-9", "tierBps is %d, but %d is due", tierBps, l.tierBps())
	require(amount <= s.eligible, "S-9", "%d mWh, but %d are eligible", amount, s.eligible)
	lot := amount * tierBps / 10_000
	require(lot <= s.adp, "S-9", "a lot of %d mWh, but adp is %d", lot, s.adp)
	require(s.useSources(parts, l.now) == amount, "S-9", "the sources do not add up")
	s.eligible -= amount
	s.adp -= lot
	s.lots.join(dated{l.size, l.now, lot})
	s.withheld.join(dated{l.size, l.now, amount - lot})
}

// due is S-7.
func (s *society) due(l *ledger) (lots, withheld queue) {
	if !l.synchronised {
		return nil, nil
	}
	withheldDays := int64(7)
	if s.policy != nil {
		withheldDays = s.policy.withheldDays
	}
	return s.lots.due(l.now - s.lotDays()*day), s.withheld.due(l.now - withheldDays*day)
}

func (s *society) lotDays() int64 {
	if s.policy == nil {
		return 7
	}
	return s.policy.lotDays
}

func (s *society) waste(amount int64) { s.wasted = smaller(mostSafe, s.wasted+amount) }

func (s *society) requireNothingDue(l *ledger) {
	require(s.dueTicket(l) == nil, "S-7", "a ticket is past its deadline")
	lots, withheld := s.due(l)
	require(len(lots)+len(withheld) == 0, "S-7", "%d amounts are past their date", len(lots)+len(withheld))
}

// expire is S-8.
func (l *ledger) expire(lots, withheld queue) {
	s := &l.society
	require(s.dueTicket(l) == nil, "S-8", "a ticket is past its deadline")
	dueLots, dueWithheld := s.due(l)
	require(len(dueLots)+len(dueWithheld) > 0, "S-8", "nothing is past its date")
	require(lots.equals(dueLots) && withheld.equals(dueWithheld), "S-8", "names other than what is due")
	expired := s.lots.draw(lots.total())
	s.adp += expired
	s.waste(expired)
	s.unclaimed += expired + s.withheld.draw(withheld.total())
}

func drawFrom(account *int64, wanted int64) int64 {
	drawn := smaller(*account, wanted)
	*account -= drawn
	return drawn
}

// move is S-12.
func (s *society) move(net int64) {
	s.net += net
	if net >= 0 {
		s.eligible += net - drawFrom(&s.deficit, net)
		return
	}
	open := -net
	spent := s.drawTickets(open, true)
	spent += s.lots.draw(open - spent)
	s.adp += spent
	open -= spent
	open -= drawFrom(&s.unclaimed, open)
	open -= s.withheld.draw(open)
	open -= drawFrom(&s.eligible, open)
	s.deficit += open
}

func (s *society) stock() int64 {
	return s.lots.total() + s.reserved() + s.eligible + s.withheld.total() + s.unclaimed - s.deficit
}

// reconcile is S-13 and S-14.
func (l *ledger) reconcile(kind string, stock int64) {
	s := &l.society
	if kind == "opening" {
		require(!s.opened && l.window.last == nil, "S-13", "an opening stock comes too late")
		s.opened, s.opening = true, stock
		s.unclaimed += stock
		return
	}
	s.opened = true
	s.requireNothingDue(l)
	loss := s.stock() - stock
	s.recordedLoss += loss
	require(magnitude(s.recordedLoss) <= mostSum, "S-14", "recorded loss would exceed 2^51")
	if loss < 0 {
		s.unclaimed += -loss - drawFrom(&s.deficit, -loss)
		return
	}
	loss -= drawFrom(&s.unclaimed, loss)
	loss -= s.withheld.draw(loss)
	loss -= drawFrom(&s.eligible, loss)
	spent := s.lots.draw(loss)
	spent += s.drawTickets(loss-spent, false)
	s.adp += spent
	s.waste(spent)
}

// requireBalance is S-15.
func (s *society) requireBalance() {
	require(s.lots.total()+s.reserved()+s.adp == s.supply, "S-15", "tokens do not add up to the supply")
	require(s.stock() == s.opening+s.net-s.recordedLoss, "S-15", "energy does not add up to what was measured")
	least := smaller(smaller(s.adp, s.eligible), smaller(s.unclaimed, s.deficit))
	require(least >= 0 && (s.deficit == 0 || s.stock() == -s.deficit), "S-15", "an account cannot be so")
}
