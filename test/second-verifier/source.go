package main

const hour = 3_600_000

// ages of capacity proofs (S-6).
var ages = map[string]int64{
	"solar": 30 * day, "wind": 30 * day, "regen": 30 * day, "declared": 30 * day,
	"grid": 7 * day, "fuel": 7 * day, "compute": day, "labour": day, "battery": hour,
}

type source struct {
	kind                           string
	watts, provenAt, earlier, used int64
}

// allowance is of S-6.
func (s *source) allowance(t int64) int64 {
	d := larger(0, smaller(t-s.provenAt, ages[s.kind]))
	h := d / hour
	return smaller(mostSum, s.earlier+1000*s.watts*h+s.watts*(d-hour*h)/3600)
}

// prove is S-5.
func (l *ledger) prove(sign1 []byte) {
	l.payload("source", sign1, func(r *reader) {
		r.array(7)
		r.word("wattseal-source-1")
		l.ours(r)
		name := r.source()
		var next source
		next.kind = r.word("solar", "wind", "grid", "battery", "regen", "fuel", "compute", "labour", "declared")
		next.watts, next.provenAt = r.unsigned(1, 1<<31-1), r.time()
		metered := r.optionalLct() != ""
		require(next.provenAt <= l.now, "S-5", "proven in the future")
		require(metered || next.kind != "compute" && next.kind != "labour", "S-5", "%s without a meter", next.kind)
		if known := l.society.sources[name]; known != nil {
			require(next.provenAt > known.provenAt, "S-5", "the proof is no newer")
			require(next.kind == known.kind, "S-5", "the source changed its kind")
			next.earlier, next.used = known.allowance(next.provenAt), known.used
		}
		l.society.sources[name] = &next
	})
}

type part struct {
	source string
	amount int64
}

// useSources is S-10, and that S-9 names each source once; it returns the sum.
func (s *society) useSources(parts []part, now int64) (sum int64) {
	named := map[string]bool{}
	for _, each := range parts {
		require(!named[each.source], "S-9", "source %s is named twice", each.source)
		named[each.source] = true
		found := s.sources[each.source]
		require(found != nil, "S-10", "source %s is not known", each.source)
		require(now-found.provenAt <= ages[found.kind], "S-10", "the proof of %s is out of date", each.source)
		require(each.amount <= found.allowance(now)-found.used, "S-10", "%s cannot have delivered that", each.source)
		found.used += each.amount
		if found.kind == "declared" {
			s.declared += each.amount
			require(s.declared <= s.policy.declaredCap, "S-10", "declared sources exceed their cap")
		}
		sum += each.amount
	}
	return sum
}
