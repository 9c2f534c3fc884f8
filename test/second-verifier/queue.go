package main

// dated is a lot, or a withheld amount.
type dated struct{ charge, since, amount int64 }

// queue is first in, first out.
type queue []dated

func (q queue) total() (sum int64) {
	for _, each := range q {
		sum += each.amount
	}
	return sum
}

// take takes up to wanted from the oldest on.
func (q *queue) take(wanted int64) (taken queue) {
	for wanted > 0 && len(*q) > 0 {
		oldest := &(*q)[0]
		part := smaller(wanted, oldest.amount)
		taken = append(taken, dated{oldest.charge, oldest.since, part})
		wanted -= part
		oldest.amount -= part
		if oldest.amount == 0 {
			*q = (*q)[1:]
		}
	}
	return taken
}

// draw is take where only the sum matters.
func (q *queue) draw(wanted int64) int64 { return q.take(wanted).total() }

// join puts an item in the place of its charge.
func (q *queue) join(items ...dated) {
	for _, item := range items {
		if item.amount == 0 {
			continue
		}
		at := len(*q)
		for at > 0 && (*q)[at-1].charge >= item.charge {
			at--
		}
		if at < len(*q) && (*q)[at].charge == item.charge {
			(*q)[at].amount += item.amount
			continue
		}
		*q = append((*q)[:at:at], append(queue{item}, (*q)[at:]...)...)
	}
}

// due are the oldest items dated until or before, 256 at most.
func (q queue) due(until int64) queue {
	n := 0
	for n < len(q) && n < 256 && q[n].since <= until {
		n++
	}
	return q[:n]
}

func (q queue) equals(other queue) bool {
	if len(q) != len(other) {
		return false
	}
	for i := range q {
		if q[i] != other[i] {
			return false
		}
	}
	return true
}
