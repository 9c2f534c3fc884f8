package main

import "bytes"

const attestationTag = "wattseal-attestation-1"

// answerReport is what this verifier says of an attestation file.
type answerReport struct {
	Verdict     string `json:"verdict"`
	Rule        string `json:"rule,omitempty"`
	Problem     string `json:"problem,omitempty"`
	LCT         string `json:"lct,omitempty"`
	State       string `json:"state,omitempty"`
	BootVersion int64  `json:"bootVersion"`
	Counter     uint64 `json:"counter"`
}

// isAnswer: whether a file begins as an attestation file does.
func isAnswer(data []byte) bool {
	tag := encodeCBOR(attestationTag)
	return len(data) > 1 && bytes.HasPrefix(data[1:], tag)
}

// verifyAnswer: B-1 to B-3. Whether the nonce is the reader's own is not asked here.
func verifyAnswer(data []byte, t *trust) (r answerReport) {
	refused := attempt(func() {
		f := fieldsOf(decodeCBOR(data))
		f.word(attestationTag)
		sign1, nonce, signature := f.bytes(1, 12_288), f.bytes(16, 64), f.bytes(64, 64)
		tpm := tpmEvidence{optional(f, readStatement), optional(f, readStatement), optional(f, readApproval)}
		f.end()
		doc := parseDocument(sign1)
		signed := append([]byte("wattseal-attest-1"), nonce...)
		require(doc.anchor != nil, "B-1", "the anchor signs nothing")
		require(verifyP256(doc.anchor, signed, signature), "B-2", "the anchor did not sign this")
		b := tpm.judge(doc, signed, 0)
		r.Verdict = "self-consistent only"
		if t != nil {
			require(t.authorities[kidOf(doc.issuer)] != nil, "A-3", "the issuer is not accepted")
			r.Verdict = "verified"
		}
		r.LCT, r.State, r.BootVersion, r.Counter = doc.lct, b.state, b.version, b.counter
	})
	if refused != nil {
		r = answerReport{Verdict: "refused", Rule: refused.rule, Problem: refused.where + refused.problem}
	}
	return r
}
