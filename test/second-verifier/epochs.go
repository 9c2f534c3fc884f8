package main

// maxEpochMs is how long an epoch may sign: 31 days.
const maxEpochMs = 31 * dayMs

// epochs is who signs, and since when.
type epochs struct {
	running bool
	last    *epoch
	begun   []evidence
}

type epoch struct {
	evidence
	state string
	// highest is the highest boot version of this epoch and those before (P-9).
	highest int64
}

// begin judges an epoch that begins after the entries before (P-1 to P-9).
func (s *epochs) begin(e evidence, doc document, before *tree, now int64) {
	e.requireAnchored(doc)
	e.requireLater(s.last)
	extends := e.treeSize == before.size && e.treeRoot == before.root()
	require(extends, "P-4", "epoch %d does not continue this log", e.epoch)
	require(e.time <= now, "P-5", "epoch %d begins later", e.epoch)
	s.last = e.judged(doc, s.last)
	s.running = true
	s.begun = append(s.begun, e)
}

// requireAnchored: P-1.
func (e evidence) requireAnchored(doc document) {
	require(e.lct == doc.lct, "P-1", "the evidence is of %s", e.lct)
	require(doc.anchor != nil && e.signedBy(doc.anchor), "P-1", "the anchor did not sign epoch %d", e.epoch)
}

// requireLater: P-2 and P-3.
func (e evidence) requireLater(last *epoch) {
	if last != nil {
		require(e.epoch != last.epoch, "P-2", "epoch %d began before", e.epoch)
		require(e.epoch > last.epoch, "P-3", "epoch %d after a later one", e.epoch)
	}
}

// judged: P-6 to P-9.
func (e evidence) judged(doc document, last *epoch) *epoch {
	before := int64(0)
	if last != nil {
		before = last.highest
	}
	b := e.tpm.judge(doc, e.signed(), before)
	counted := doc.attestation == nil || b.counter == uint64(e.epoch)
	require(counted, "P-6", "epoch %d begins with its counter at %d", e.epoch, b.counter)
	return &epoch{e, b.state, most(before, b.version)}
}

func (s *epochs) end(e epochEnd) {
	require(e.epoch == s.last.epoch, "O-2", "epoch %d is not running", e.epoch)
	s.running = false
}
