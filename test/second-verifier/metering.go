package main

const (
	minute         = 60_000
	ahead          = 5_000
	longest        = 65_000
	unknownHolds   = 644_235_264
	mostSum        = 1 << 51
	resolveWithin  = 7 * day
	mostSuspects   = 312_480
	currentZero    = 32_768
	leastSocSteps  = 10
	toleranceMwh   = 100
	rawMsPerMwh    = 12_000_000
	capacityShares = 200
)

type energy struct {
	In        int64 `json:"inMwh"`
	Out       int64 `json:"outMwh"`
	Uncounted int64 `json:"uncountedMwh"`
	Intervals int64 `json:"intervals"`
	Windows   int64 `json:"windows"`
}

type use struct{ minute, difference, through int64 }

type end struct {
	t1       int64
	counters *counters
	used     use
}

// module is one module's state.
type module struct {
	end      *end
	paired   bool
	capacity int64
	// unproven energy counted in a minute (M-11)
	minute, in, out int64
}

func (l *ledger) module(uid string) *module {
	if l.modules[uid] == nil {
		l.modules[uid] = &module{minute: -1}
	}
	return l.modules[uid]
}

// record is what interval, gap and reset share.
type record struct {
	uid        string
	t0, t1     int64
	in, out    int64
	start, end *counters
}

type interval struct {
	record
	integralIn, integralOut         int64
	voltageLow, voltageHigh         int64
	currentLow, currentHigh         int64
	temperatureLow, temperatureHigh int64
	socStart, socEnd, readings      int64
	digest                          bool
	verdict                         string
}

// meter takes the types that Metering and Windows rule; false for others.
func (l *ledger) meter(kind string, r *reader) bool {
	switch kind {
	case "link.paired":
		r.array(6)
		paired := l.module(r.uid())
		r.unsigned(1, 31)
		r.u8()
		r.hash()
		r.hash()
		paired.paired, paired.capacity = true, r.energy()
	case "link.unpaired":
		r.array(2)
		found := l.module(r.uid())
		r.label()
		require(found.paired, "M-1", "the module is not paired")
		found.paired, found.capacity = false, 0
	case "energy.statement":
		r.array(2)
		uid := r.uid()
		statement := r.bytes(58, 58)
		require(l.module(uid).paired, "M-2", "the module is not paired")
		require(string(statement[:8]) == uid, "M-2", "the statement is of another module")
	case "energy.interval":
		l.interval(r.interval())
	case "energy.gap":
		r.array(8)
		gap := record{r.uid(), r.time(), r.time(), r.energy(), r.energy(), r.optionalCounters(), r.optionalCounters()}
		r.word("silence", "away")
		l.gap(gap)
	case "energy.reset":
		r.array(5)
		reset := record{uid: r.uid(), t0: r.time(), t1: r.time()}
		start, end := r.counters(), r.counters()
		reset.start, reset.end = &start, &end
		require(end.in < start.in || end.out < start.out, "M-6", "no counter went back")
		l.follow(reset, true)
	case "energy.check":
		l.check(r)
	default:
		return l.windows(kind, r)
	}
	return true
}

func (r *reader) interval() (i interval) {
	r.array(20)
	i.record = record{r.uid(), r.time(), r.time(), r.energy(), r.energy(), r.optionalCounters(), r.optionalCounters()}
	i.integralIn, i.integralOut = r.energy(), r.energy()
	i.voltageLow, i.voltageHigh = r.u16(), r.u16()
	i.currentLow, i.currentHigh = r.u16(), r.u16()
	i.temperatureLow, i.temperatureHigh = r.u16(), r.u16()
	i.socStart, i.socEnd, i.readings = r.u8(), r.u8(), r.u32()
	if r.present() {
		r.hash()
		i.digest = true
	}
	i.verdict = r.word("consistent", "suspect", "unauthenticated")
	return i
}

// follow is M-3 and M-4; it returns the module with its new end.
func (l *ledger) follow(next record, continues bool) *module {
	require(next.t0 <= next.t1 && next.t1 <= l.now+ahead, "M-3", "a record from %d to %d at %d", next.t0, next.t1, l.now)
	found := l.module(next.uid)
	require(found.end != nil || !continues, "M-4", "a hole before the first interval")
	var used use
	if found.end != nil {
		used = found.end.used
		require(next.t0 == found.end.t1, "M-4", "starts at %d after %d", next.t0, found.end.t1)
		require(sameCounters(next.start, found.end.counters), "M-4", "starts at other counters")
	}
	found.end = &end{next.t1, next.end, used}
	return found
}

func (l *ledger) gap(gap record) {
	var in, out int64
	if gap.start != nil && gap.end != nil {
		in, out = gap.end.in-gap.start.in, gap.end.out-gap.start.out
	}
	require(gap.in == in && gap.out == out, "M-6", "a gap's energy is not its counters' difference")
	countedIn, countedOut := l.follow(gap, true).unproven(gap)
	l.uncounted(gap, countedIn, countedOut)
	l.shunt.add(l.size, gap, countedIn, countedOut, 0)
	l.window.add(l.size, -countedOut)
}

func (l *ledger) interval(i interval) {
	require((i.start == nil) == (i.end == nil) && (i.start != nil) == i.digest, "M-5", "counters or digest at one end only")
	in, out := i.integralIn, i.integralOut
	if i.start != nil {
		in, out = i.end.in-i.start.in, i.end.out-i.start.out
	}
	require(i.in == in && i.out == out, "M-5", "energy of record is another")
	i.requirePossible()
	found := l.follow(i.record, false)
	require(i.start == nil || found.paired, "M-5", "the module is not paired")
	found.end.used = i.judge(found.capacity, found.end.used)
	countedIn, countedOut, net, earns := i.in, i.out, i.in-i.out, i.in
	if i.verdict != "consistent" {
		countedIn, countedOut = found.unproven(i.record)
		net, earns = -countedOut, 0
	}
	l.shunt.add(l.size, i.record, countedIn, countedOut, earns)
	l.uncounted(i.record, countedIn, countedOut)
	l.window.add(l.size, net)
	if i.verdict == "suspect" {
		l.window.suspect(l.size, countedIn, l.now)
	}
	l.energy.In += countedIn
	l.energy.Out += countedOut
	l.energy.Intervals++
}

// requirePossible is M-7.
func (i interval) requirePossible() {
	ordered := i.voltageLow <= i.voltageHigh && i.currentLow <= i.currentHigh && i.temperatureLow <= i.temperatureHigh
	require(ordered && i.readings >= 1 && i.t1-i.t0 <= longest, "M-7", "an interval that no meter makes")
	most := func(power int64) int64 {
		if power <= 0 {
			return 0
		}
		return power*(i.t1-i.t0+1)/rawMsPerMwh + 1
	}
	in, out := most(i.voltageHigh*(i.currentHigh-currentZero)), most(i.voltageHigh*(currentZero-i.currentLow))
	possible := i.integralIn <= in && i.integralOut <= out && i.integralIn+i.integralOut <= larger(in, out)+1
	require(possible, "M-7", "more than the extremes allow")
}

// judge is M-8 to M-10; it returns the tolerance used.
func (i interval) judge(capacity int64, used use) use {
	if i.start == nil {
		require(i.verdict == "unauthenticated", "M-10", "verdict is %s, but unauthenticated is due", i.verdict)
		return used
	}
	after := use{minute: i.t1 / minute}
	if used.minute == after.minute {
		after = used
	}
	after.difference += magnitude(i.in-i.integralIn) + magnitude(i.out-i.integralOut)
	after.through += i.in + i.out
	if 100*(after.difference-toleranceMwh) <= after.through && i.chargeAgrees(capacity) {
		require(i.verdict != "unauthenticated", "M-10", "verdict is unauthenticated, but consistent is due")
		if i.verdict == "consistent" {
			return after
		}
		return used
	}
	require(i.verdict == "suspect", "M-10", "verdict is %s, but suspect is due", i.verdict)
	return used
}

// chargeAgrees is M-9: 200 × 2^48 and its like stay below 2^59.
func (i interval) chargeAgrees(capacity int64) bool {
	steps := i.socEnd - i.socStart
	if capacity == 0 || magnitude(steps) < leastSocSteps {
		return true
	}
	return 4*magnitude(capacityShares*(i.in-i.out)-steps*capacity) <= (magnitude(steps)+8)*capacity
}

// unproven is M-11.
func (m *module) unproven(r record) (in, out int64) {
	if m.minute != r.t1/minute {
		m.minute, m.in, m.out = r.t1/minute, 0, 0
	}
	most := m.capacity + m.capacity/4
	if m.capacity == 0 {
		most = unknownHolds
	}
	in, out = smaller(r.in, larger(0, most-m.in)), smaller(r.out, larger(0, most-m.out))
	m.in += in
	m.out += out
	return in, out
}

func (l *ledger) uncounted(r record, in, out int64) {
	l.energy.Uncounted = smaller(mostSafe, l.energy.Uncounted+r.in-in+r.out-out)
}

func magnitude(x int64) int64 { return larger(x, -x) }

func larger(a, b int64) int64 {
	if a > b {
		return a
	}
	return b
}

func smaller(a, b int64) int64 { return -larger(-a, -b) }

func cut(x, bound int64) int64 { return larger(-bound, smaller(bound, x)) }
