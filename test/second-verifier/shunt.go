package main

const tolerancePart = 100

// shunt is what the next energy.check is about.
type shunt struct {
	covered *covered
	earning []openSuspect
	earned  int64
	last    int64
}

type covered struct{ first, t0, t1, count, in, out int64 }

// add is C-1; earns is the in of a consistent interval, else 0.
func (s *shunt) add(index int64, r record, in, out, earns int64) {
	if s.covered == nil {
		s.covered = &covered{first: index, t0: r.t0, t1: r.t1}
	}
	c := s.covered
	c.t0, c.t1 = smaller(c.t0, r.t0), larger(c.t1, r.t1)
	c.count++
	c.in, c.out = smaller(mostSum, c.in+in), smaller(mostSum, c.out+out)
	if earns == 0 {
		return
	}
	s.earned = smaller(mostSum, s.earned+earns)
	s.earning = append(s.earning, openSuspect{index: index, in: earns})
	if len(s.earning) > mostSuspects {
		s.earning = s.earning[1:]
	}
}

func (s *shunt) close() { s.covered, s.earning, s.earned = nil, nil, 0 }

// check is C-2 to C-4.
func (l *ledger) check(r *reader) {
	r.array(8)
	r.source()
	t0, t1, first, count := r.time(), r.time(), r.index(), r.u32()
	in, out := r.energy(), r.energy()
	verdict := r.word("consistent", "suspect")
	s := &l.shunt
	c := s.covered
	require(c != nil, "C-2", "there is nothing to check")
	require(first == c.first && count == c.count, "C-2", "the check covers other entries")
	require(t0 < t1 && t1 <= l.now+ahead && t0 >= s.last, "C-2", "a check from %d to %d", t0, t1)
	near := magnitude(t0-c.t0) <= ahead && magnitude(t1-c.t1) <= ahead
	require(near, "C-2", "the check is of another time than its records")
	due := "suspect"
	if magnitude(c.in-c.out-(in-out))-toleranceMwh <= (c.in+c.out)/tolerancePart {
		due = "consistent"
	}
	require(verdict == due, "C-3", "verdict is %s, but %s is due", verdict, due)
	s.last = t1
	if verdict == "suspect" {
		for _, each := range s.earning {
			l.window.suspect(each.index, each.in, l.now)
		}
		l.window.add(l.size, -s.earned)
	}
	s.close()
}
