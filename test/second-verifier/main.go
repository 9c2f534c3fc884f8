// Command second-verifier checks Wattseal logs and proofs by docs/ledger-format.md alone, and receipt logs by docs/receipt-log.md.
//
//	second-verifier [-trust FILE] PATH...
//	second-verifier -trust FILE -key VKEY [-key VKEY]... FOLDER...
//
// It prints a line of JSON for each path: a folder is a log, a file a proof or an anchor's answer to a challenge; with keys, a folder is a
// federation's receipt log under these. Status 0: each is verified, or self-consistent without a trust file; 1: some are not; 2: wrong use.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
)

func main() {
	trustFile := flag.String("trust", "", "`file` with the accepted authorities and witnesses")
	var keys []logKey
	flag.Func("key", "accepted `vkey` of a receipt log", func(vkey string) error {
		key, err := parseLogKey(vkey)
		keys = append(keys, key)
		return err
	})
	flag.Parse()
	sound, err := run(*trustFile, keys, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if !sound {
		os.Exit(1)
	}
}

var isSound = map[string]bool{"verified": true, "verified from a snapshot": true, "self-consistent only": true}

func run(trustFile string, keys []logKey, paths []string) (sound bool, err error) {
	var t *trust
	if trustFile != "" {
		if t, err = readTrust(trustFile); err != nil {
			return false, err
		}
	}
	sound = true
	lines := json.NewEncoder(os.Stdout)
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return false, err
		}
		var verdict string
		var said any
		if len(keys) > 0 {
			if t == nil {
				return false, fmt.Errorf("a receipt log needs -trust: whose receipts count")
			}
			r := auditReceipts(folder(path), keys, t)
			verdict, said = r.Verdict, r
		} else if info.IsDir() {
			if !folder(path).isLog() {
				return false, fmt.Errorf("%s: there is no log here", path)
			}
			r := audit(folder(path), t)
			verdict, said = r.Verdict, r
		} else {
			data, err := os.ReadFile(path)
			if err != nil {
				return false, err
			}
			verdict, said = verifyFile(data, t)
		}
		sound = sound && isSound[verdict]
		if err := lines.Encode(said); err != nil {
			return false, err
		}
	}
	return sound, nil
}

func verifyFile(data []byte, t *trust) (verdict string, said any) {
	if isAnswer(data) {
		r := verifyAnswer(data, t)
		return r.Verdict, r
	}
	r := verifyProof(data, t)
	return r.Verdict, r
}
