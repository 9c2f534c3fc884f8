package main

// window is what the next energy.window will carry, and the suspects that may join it.
type window struct {
	first    *int64
	count    int64
	sum      int64
	last     *int64 // t1 of the last window
	suspects []openSuspect
}

type openSuspect struct{ index, in, since int64 }

// add is W-1.
func (w *window) add(index, net int64) {
	if w.first == nil {
		w.first = &index
	}
	w.count++
	w.sum = cut(w.sum+net, mostSum)
}

func (w *window) suspect(index, in, now int64) {
	w.suspects = append(w.suspects, openSuspect{index, in, now})
	if len(w.suspects) > mostSuspects {
		w.suspects = w.suspects[1:]
	}
}

func (l *ledger) windows(kind string, r *reader) bool {
	switch kind {
	case "energy.resolve":
		r.array(4)
		interval := r.index()
		decision := r.word("accept", "reject")
		r.label()
		r.phrase()
		l.resolve(interval, decision)
	case "energy.window":
		r.array(5)
		t0, t1 := r.time(), r.time()
		var first *int64
		if r.present() {
			index := r.index()
			first = &index
		}
		l.close(t0, t1, first, r.u32(), r.signed(mostSum))
	default:
		return false
	}
	return true
}

// resolve is W-2.
func (l *ledger) resolve(interval int64, decision string) {
	for i, suspect := range l.window.suspects {
		if suspect.index != interval {
			continue
		}
		require(l.now-suspect.since <= resolveWithin, "W-2", "entry %d can no longer be settled", interval)
		l.window.suspects = append(l.window.suspects[:i:i], l.window.suspects[i+1:]...)
		if decision == "accept" {
			l.window.add(l.size, suspect.in)
		}
		return
	}
	refuse("W-2", "entry %d is no open suspect", interval)
}

// close is W-3 and W-4.
func (l *ledger) close(t0, t1 int64, first *int64, count, net int64) {
	w := &l.window
	require(w.last == nil || t0 == *w.last, "W-3", "the window starts at %d", t0)
	require(t0 < t1 && t1 <= l.now, "W-3", "a window from %d to %d at %d", t0, t1, l.now)
	same := (first == nil) == (w.first == nil) && (first == nil || *first == *w.first)
	require(same && count == w.count, "W-3", "the window covers other entries")
	due := larger(-mostSum-l.society.net, smaller(mostSum-l.society.net, w.sum))
	require(net == due, "W-3", "net is %d, but %d is due", net, due)
	l.society.requireNothingDue(l)
	l.society.move(net)
	l.energy.Windows++
	l.shunt.close()
	w.first, w.count, w.sum, w.last = nil, 0, 0, &t1
	for len(w.suspects) > 0 && l.now-w.suspects[0].since > resolveWithin {
		w.suspects = w.suspects[1:]
	}
}
