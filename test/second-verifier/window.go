package main

const (
	// mostKept is how many suspects, and how many earning intervals, are remembered.
	mostKept = 312_480
	// suspectMs is how long a suspect interval may be resolved.
	suspectMs = 7 * dayMs
)

// window is what the running window holds, and the suspects that may still be resolved.
type window struct {
	first    *int64
	count    int64
	sum      int64
	lastT1   *int64
	suspects []suspect
}

// suspect is an interval whose in did not earn, and when that was found.
type suspect struct{ index, in, since int64 }

// add: W-1.
func (w *window) add(index, net int64) {
	if w.first == nil {
		w.first = &index
	}
	w.count++
	w.sum = clamp(w.sum+net, -maxNet, maxNet)
}

// suspect: W-1; the oldest leaves beyond what is kept.
func (w *window) suspect(s suspect) {
	w.suspects = append(w.suspects, s)
	if len(w.suspects) > mostKept {
		w.suspects = w.suspects[1:]
	}
}

// resolve: W-2.
func (w *window) resolve(r energyResolve, at moment) {
	for k, s := range w.suspects {
		if s.index != r.interval {
			continue
		}
		require(at.now-s.since <= suspectMs, "W-2", "interval %d is suspect for over 7 days", s.index)
		w.suspects = append(append([]suspect{}, w.suspects[:k]...), w.suspects[k+1:]...)
		if r.decision == "accept" {
			w.add(at.index, s.in)
		}
		return
	}
	refuse("W-2", "interval %d is no open suspect", r.interval)
}

// close: W-3 and W-4; net is Σ net so far.
func (w *window) close(e energyWindow, at moment, net int64) {
	require(w.lastT1 == nil || e.t0 == *w.lastT1, "W-3", "t0 is not the last window's t1")
	require(e.t0 < e.t1 && e.t1 <= at.now, "W-3", "t0, t1 and now are not in order")
	same := (e.first == nil) == (w.first == nil) && (e.first == nil || *e.first == *w.first)
	require(same && e.count == w.count, "W-3", "first or count is not the window's")
	computed := clamp(w.sum, -maxNet-net, maxNet-net)
	require(e.net == computed, "W-3", "net %d, computed %d", e.net, computed)

	w.first, w.count, w.sum, w.lastT1 = nil, 0, 0, &e.t1
	for len(w.suspects) > 0 && at.now-w.suspects[0].since > suspectMs {
		w.suspects = w.suspects[1:]
	}
}
