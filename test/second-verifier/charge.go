package main

const hourMs = 3_600_000

// source is what charged: its proof in force, and what charges used of it.
type source struct {
	proof         sourceProof
	earlier, used int64
}

// ageMs is how long each kind's proof counts (S-6).
var ageMs = map[string]int64{
	"solar": 30 * dayMs, "wind": 30 * dayMs, "regen": 30 * dayMs, "declared": 30 * dayMs,
	"grid": 7 * dayMs, "fuel": 7 * dayMs,
	"compute": dayMs, "labour": dayMs,
	"battery": hourMs,
}

// allowance at t: S-6.
func (s *source) allowance(t int64) int64 {
	d := clamp(t-s.proof.provenAt, 0, ageMs[s.proof.kind])
	h, r := d/hourMs, d%hourMs
	return least(maxNet, s.earlier+1000*s.proof.ratedWatts*h+s.proof.ratedWatts*r/3600)
}

// prove: S-5.
func (s *society) prove(p sourceProof, at moment) {
	s.requireOwn(p.society)
	require(p.provenAt <= at.now, "S-5", "the proof is of later")
	require((p.kind != "compute" && p.kind != "labour") || p.meter != nil, "S-5", "a source of kind %s has no meter", p.kind)
	known := s.sources[p.source]
	if known == nil {
		s.sources[p.source] = &source{proof: p}
		return
	}
	require(p.provenAt > known.proof.provenAt, "S-5", "the proof is not newer")
	require(p.kind == known.proof.kind, "S-5", "the source was of kind %s", known.proof.kind)
	known.earlier = known.allowance(p.provenAt)
	known.proof = p
}

// charge: S-9 to S-11.
func (s *society) charge(c societyCharge, at moment) {
	s.requireOpen()
	s.requireNothingDue(at)
	require(s.policy != nil, "S-9", "no policy is in force")
	tier := s.tierBps(at.epochState)
	require(c.tierBps == tier, "S-9", "tierBps %d, in force %d", c.tierBps, tier)
	s.requireParts(c)
	require(c.amount <= s.eligible, "S-9", "more than is eligible")
	dated := c.amount * tier / 10_000
	require(dated <= s.adp, "S-9", "the lot is more than the ADP")
	s.useSources(c.sources, at)

	s.eligible -= c.amount
	s.adp -= dated
	if dated > 0 {
		s.lots.join(lot{at.index, at.now, dated})
	}
	if held := c.amount - dated; held > 0 {
		s.withheld.join(lot{at.index, at.now, held})
	}
}

func (s *society) tierBps(epochState string) int64 {
	switch epochState {
	case "unattested":
		return 0
	case "software":
		return s.policy.bps["low"]
	case "unmeasured":
		return least(s.policy.bps[s.policy.tier], s.policy.bps["developing"])
	}
	return s.policy.bps[s.policy.tier]
}

func (s *society) requireParts(c societyCharge) {
	var sum int64
	named := map[string]bool{}
	for _, p := range c.sources {
		require(!named[p.source], "S-9", "source %s is named twice", p.source)
		named[p.source] = true
		sum += p.amount
	}
	require(sum == c.amount, "S-9", "the sources' parts are not the amount")
}

// useSources: S-10.
func (s *society) useSources(parts []part, at moment) {
	for _, p := range parts {
		known := s.sources[p.source]
		require(known != nil, "S-10", "source %s is unknown", p.source)
		require(at.now-known.proof.provenAt <= ageMs[known.proof.kind], "S-10", "the proof of %s is out of date", p.source)
		require(p.amount <= known.allowance(at.now)-known.used, "S-10", "more than %s can have given", p.source)
		if known.proof.kind == "declared" {
			s.declared += p.amount
			require(s.declared <= s.policy.declaredCap, "S-10", "more is declared than the policy allows")
		}
		known.used += p.amount
	}
}

// certify: S-16.
func (s *society) certify(c societyCertify, at moment) {
	s.requireOpen()
	s.requireNothingDue(at)
	require(at.epochState != "unattested", "S-16", "the epoch is not attested")
	require(c.amount <= s.withheld.sum && c.amount <= s.adp, "S-16", "more than is withheld, or than the ADP")
	for _, l := range s.withheld.draw(c.amount) {
		s.lots.join(l)
	}
	s.adp -= c.amount
}
