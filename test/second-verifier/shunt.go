package main

// shunt is what the next check of the pack's shunt covers, and what it would take back.
type shunt struct {
	covered *covered
	earning []earning
	sum     int64 // Σ in of earning, also of what left the list
	lastT1  int64
}

type covered struct{ first, t0, t1, count, in, out int64 }

// earning is a consistent interval whose in the window counts.
type earning struct{ index, in int64 }

// cover: C-1.
func (s *shunt) cover(index, t0, t1 int64, c counted, consistent bool) {
	if s.covered == nil {
		s.covered = &covered{first: index, t0: t0, t1: t1}
	}
	all := s.covered
	all.t0, all.t1 = least(all.t0, t0), most(all.t1, t1)
	all.count++
	all.in, all.out = least(all.in+c.in, maxNet), least(all.out+c.out, maxNet)
	if !consistent || c.in == 0 {
		return
	}
	s.earning = append(s.earning, earning{index, c.in})
	s.sum = least(s.sum+c.in, maxNet)
	if len(s.earning) > mostKept {
		s.earning = s.earning[1:]
	}
}

// check: C-2 to C-4.
func (s *shunt) check(e energyCheck, at moment, w *window, resolution int64) {
	all := s.covered
	require(all != nil, "C-2", "the check covers nothing")
	require(e.first == all.first && e.count == all.count, "C-2", "first or count is not what is covered")
	require(e.t0 < e.t1 && e.t1 <= at.now+clockSlack, "C-2", "t0, t1 and now are not in order")
	require(e.t0 >= s.lastT1, "C-2", "t0 is before the last check's t1")
	near := distance(e.t0, all.t0) <= clockSlack && distance(e.t1, all.t1) <= clockSlack
	require(near, "C-2", "t0 or t1 is far from what is covered")

	computed := "suspect"
	allowed := 100 * (1 + least(minutesWithin(e.t0, e.t1), resolution-1))
	if distance(all.in-all.out, e.in-e.out)-allowed <= (all.in+all.out)/100 {
		computed = "consistent"
	}
	require(e.verdict == computed, "C-3", "verdict %s, computed %s", e.verdict, computed)

	if e.verdict == "suspect" {
		for _, i := range s.earning {
			w.suspect(suspect{i.index, i.in, at.now})
		}
		w.add(at.index, -s.sum)
	}
	s.lastT1 = e.t1
	s.clear()
}

// clear: C-4, after every check and window.
func (s *shunt) clear() { s.covered, s.earning, s.sum = nil, nil, 0 }
