package main

import "sort"

// lot is energy with a date: the charge that it came from, and since when it counts.
type lot struct{ charge, since, amount int64 }

// queue holds lots in the order of since, then of their charges' indices, one for each charge.
type queue struct {
	lots []lot
	sum  int64
}

// join adds l to its charge's lot, or puts it in its place.
func (q *queue) join(l lot) {
	q.sum += l.amount
	k := sort.Search(len(q.lots), func(k int) bool {
		other := q.lots[k]
		return other.since > l.since || (other.since == l.since && other.charge >= l.charge)
	})
	if k < len(q.lots) && q.lots[k].charge == l.charge {
		q.lots[k].amount += l.amount
		return
	}
	q.lots = append(q.lots, lot{})
	copy(q.lots[k+1:], q.lots[k:])
	q.lots[k] = l
}

// draw takes amount from the oldest on, splitting the last, at most all; it returns what it took.
func (q *queue) draw(amount int64) (taken []lot) {
	for amount > 0 && len(q.lots) > 0 {
		l := q.lots[0]
		l.amount = least(l.amount, amount)
		taken = append(taken, l)
		amount -= l.amount
		q.sum -= l.amount
		q.lots[0].amount -= l.amount
		if q.lots[0].amount == 0 {
			q.lots = q.lots[1:]
		}
	}
	return taken
}

// until are the oldest lots, at most 256, whose since is at most limit.
func (q *queue) until(limit int64) []lot {
	n := 0
	for n < len(q.lots) && n < 256 && q.lots[n].since <= limit {
		n++
	}
	return q.lots[:n]
}

// oldest is the sum of the oldest 256 lots.
func (q *queue) oldest() int64 { return sumOf(q.until(maxInteger)) }

func sumOf(lots []lot) (sum int64) {
	for _, l := range lots {
		sum += l.amount
	}
	return sum
}

func sameLots(a, b []lot) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
