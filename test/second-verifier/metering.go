package main

const (
	minuteMs = 60_000
	dayMs    = 86_400_000
	// longestMs is the longest interval at a resolution of one minute.
	longestMs = 65_000
	// clockSlack is how far a module's time may be ahead of the log's, in ms.
	clockSlack = 5_000
	// unprovenMost is the most unproven energy, in mWh, of a module and minute where no capacity is known.
	unprovenMost = 644_235_264
	zeroCurrent  = 32_768
)

// meter is the metering state of every module.
type meter struct {
	modules    map[uid]*module
	totals     energyTotals
	resolution int64 // minutes
}

type energyTotals struct {
	In        int64 `json:"inMwh"`
	Out       int64 `json:"outMwh"`
	Uncounted int64 `json:"uncountedMwh"`
	Intervals int64 `json:"intervals"`
	Windows   int64 `json:"windows"`
}

type module struct {
	pairing  *linkPaired // while paired
	last     *moduleEnd
	unproven *unproven // since the first unproven entry
}

type moduleEnd struct {
	t1       int64
	counters *counters
	used     tolerance
}

// tolerance is what a module used up of M-8's in a minute.
type tolerance struct{ minute, difference, through int64 }

// unproven is what M-11 counted in a minute.
type unproven struct{ minute, in, out int64 }

// counted is what the society hears of an interval or gap: in and out, and net for its window (M-11).
type counted struct{ in, out, net int64 }

// capacity is 0 where it is not known, or the module is not paired.
func (m *module) capacity() int64 {
	if m.pairing == nil {
		return 0
	}
	return m.pairing.capacity
}

func newMeter() meter { return meter{modules: map[uid]*module{}, resolution: 1} }

func (m *meter) module(id uid) *module {
	if m.modules[id] == nil {
		m.modules[id] = &module{}
	}
	return m.modules[id]
}

func (m *meter) pair(p linkPaired) { m.module(p.module).pairing = &p }

func (m *meter) unpair(p linkUnpaired) {
	require(m.module(p.module).pairing != nil, "M-1", "module %v is not paired", p.module)
	m.module(p.module).pairing = nil
}

func (m *meter) statement(s energyStatement) {
	require(m.module(s.module).pairing != nil, "M-2", "module %v is not paired", s.module)
	require(uid(*(*[8]byte)(s.statement)) == s.module, "M-2", "the statement is another module's")
}

// resolve: M-12.
func (m *meter) resolve(r energyResolution) {
	require(60%r.minutes == 0, "M-12", "%d minutes do not divide an hour", r.minutes)
	require(r.minutes != m.resolution, "M-12", "the resolution is %d minutes already", r.minutes)
	m.resolution = r.minutes
}

// tile: M-3 and the second half of M-4. It returns the tolerance used so far.
func (m *module) tile(t0, t1 int64, start *counters, now int64) tolerance {
	require(t0 <= t1, "M-3", "t0 is after t1")
	require(t1 <= now+clockSlack, "M-3", "t1 is ahead of the log")
	if m.last == nil {
		return tolerance{}
	}
	require(t0 == m.last.t1, "M-4", "t0 is not the module's last t1")
	require(sameCounters(start, m.last.counters), "M-4", "start is not the module's last end")
	return m.last.used
}

func sameCounters(a, b *counters) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

func (m *meter) interval(i energyInterval, now int64) counted {
	mod := m.module(i.module)
	used := mod.tile(i.t0, i.t1, i.start, now)
	i.requireFigures(mod.pairing != nil)
	i.requirePlausible(m.resolution)

	computed, after := i.judge(used, mod.capacity())
	stricter := computed == "consistent" && i.verdict == "suspect"
	require(i.verdict == computed || stricter, "M-10", "verdict %s, computed %s", i.verdict, computed)
	if i.verdict == "consistent" {
		used = after
	}
	mod.last = &moduleEnd{i.t1, i.end, used}

	c := counted{i.in, i.out, i.in - i.out}
	if i.verdict != "consistent" {
		c = mod.count(i.t1, i.in, i.out)
	}
	m.totals.Intervals = least(m.totals.Intervals+1, maxInteger)
	m.totals.In = least(m.totals.In+c.in, maxInteger)
	m.totals.Out = least(m.totals.Out+c.out, maxInteger)
	m.leaveOut(i.in, i.out, c)
	return c
}

func (m *meter) gap(g energyGap, now int64) counted {
	mod := m.module(g.module)
	require(mod.last != nil, "M-4", "a gap before the module's first interval")
	used := mod.tile(g.t0, g.t1, g.start, now)
	var in, out int64
	if g.start != nil && g.end != nil {
		in, out = g.end.in-g.start.in, g.end.out-g.start.out
	}
	require(g.in == in && g.out == out, "M-6", "in and out are not the counters' differences")
	mod.last = &moduleEnd{g.t1, g.end, used}
	c := mod.count(g.t1, g.in, g.out)
	m.leaveOut(g.in, g.out, c)
	return c
}

func (m *meter) reset(r energyReset, now int64) {
	mod := m.module(r.module)
	require(mod.last != nil, "M-4", "a reset before the module's first interval")
	used := mod.tile(r.t0, r.t1, &r.start, now)
	require(r.end.in < r.start.in || r.end.out < r.start.out, "M-6", "no counter went back")
	mod.last = &moduleEnd{r.t1, &r.end, used}
}

func (m *meter) leaveOut(in, out int64, c counted) {
	m.totals.Uncounted = least(m.totals.Uncounted+in+out-c.in-c.out, maxInteger)
}

// requireFigures: M-5.
func (i energyInterval) requireFigures(paired bool) {
	has := i.start != nil
	require((i.end != nil) == has && (i.digest != nil) == has, "M-5", "start, end and digest are not all there")
	in, out := i.integralIn, i.integralOut
	if has {
		require(paired, "M-5", "module %v is not paired", i.module)
		in, out = i.end.in-i.start.in, i.end.out-i.start.out
	}
	require(i.in == in && i.out == out, "M-5", "in and out are not the differences of the counters")
}

// requirePlausible: M-7.
func (i energyInterval) requirePlausible(resolution int64) {
	for _, e := range []extremes{i.voltage, i.current, i.degree} {
		require(e.low <= e.high, "M-7", "a lowest reading is above the highest")
	}
	require(i.readings >= 1, "M-7", "no readings")
	length := minuteMs * resolution
	aggregated := resolution > 1 && i.t1/length*length-i.t0 <= 5_000
	require(i.t1-i.t0 <= longestMs || aggregated, "M-7", "an interval of %d ms", i.t1-i.t0)
	mostOf := func(power int64) int64 {
		if power <= 0 {
			return 0
		}
		return power*(i.t1-i.t0+1)/12_000_000 + 1
	}
	in, out := mostOf(i.voltage.high*(i.current.high-zeroCurrent)), mostOf(i.voltage.high*(zeroCurrent-i.current.low))
	both := i.integralIn + i.integralOut
	possible := i.integralIn <= in && i.integralOut <= out && both <= most(in, out)+1
	require(possible, "M-7", "an integral is beyond what the extremes allow")
}

// minutesWithin: those of an aggregated interval, or check, in which no other can end (M-8, C-3).
func minutesWithin(t0, t1 int64) int64 {
	if t1-t0 <= longestMs {
		return 0
	}
	return t1/minuteMs - t0/minuteMs - 1
}

// judge computes the verdict, and the tolerance used if it is to be consistent (M-8 to M-10).
func (i energyInterval) judge(used tolerance, capacity int64) (string, tolerance) {
	if i.start == nil {
		return "unauthenticated", used
	}
	if minute := i.t1 / minuteMs; used.minute != minute {
		used = tolerance{minute: minute}
	}
	difference := distance(i.in, i.integralIn) + distance(i.out, i.integralOut)
	used.difference += most(0, difference-100*minutesWithin(i.t0, i.t1))
	used.through += i.in + i.out
	if 100*(used.difference-100) <= used.through && i.chargeAgrees(capacity) {
		return "consistent", used
	}
	return "suspect", used
}

// chargeAgrees: M-9.
func (i energyInterval) chargeAgrees(capacity int64) bool {
	soc := i.socEnd - i.socStart
	if capacity == 0 || distance(soc, 0) < 10 {
		return true
	}
	return 4*distance(200*(i.in-i.out), soc*capacity) <= (distance(soc, 0)+8)*capacity
}

// count: M-11, of what is unproven.
func (m *module) count(t1, in, out int64) counted {
	limit := int64(unprovenMost)
	if capacity := m.capacity(); capacity > 0 {
		limit = capacity + capacity/4
	}
	if minute := t1 / minuteMs; m.unproven == nil || m.unproven.minute != minute {
		m.unproven = &unproven{minute: minute}
	}
	u := m.unproven
	c := counted{in: least(in, most(0, limit-u.in)), out: least(out, most(0, limit-u.out))}
	c.net = -c.out
	u.in += c.in
	u.out += c.out
	return c
}
