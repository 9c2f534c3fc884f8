// A second verifier of Wattseal logs: docs/ledger-format.md, rule by rule, sharing no code with the first. Rule numbers are that page's.
//
//	second-verifier [-trust file] folder...
//
// Prints one line of JSON for each folder. Exit status: 0 when every log is sound, 1 when one is not, 2 for wrong usage.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
)

// refusal is what a rule that does not hold panics with.
type refusal struct{ reason string }

func refuse(rule, format string, values ...any) {
	panic(refusal{rule + ": " + fmt.Sprintf(format, values...)})
}

// require refuses unless holds.
func require(holds bool, rule, format string, values ...any) {
	if !holds {
		refuse(rule, format, values...)
	}
}

// attempt runs work and returns the reason of its refusal, or "".
func attempt(work func()) (reason string) {
	defer func() {
		if thrown := recover(); thrown != nil {
			refused, ok := thrown.(refusal)
			if !ok {
				panic(thrown)
			}
			reason = refused.reason
		}
	}()
	work()
	return ""
}

type report struct {
	Verdict   string   `json:"verdict"`
	Problem   string   `json:"problem,omitempty"`
	Entries   int64    `json:"entries"`
	Signed    int64    `json:"signed"`
	Witnessed int64    `json:"witnessed"`
	TornBytes int      `json:"tornBytes"`
	Lct       string   `json:"lct,omitempty"`
	Epochs    int      `json:"epochs"`
	Energy    energy   `json:"energy"`
	Society   accounts `json:"society"`
}

func audit(folder string, trusted *trust) report {
	var log files
	ledger := newLedger(trusted)
	problem := attempt(func() {
		log = readFiles(folder)
		ledger.replay(log)
	})
	found := report{
		Verdict: "refused", Problem: problem, Entries: ledger.size, Signed: ledger.signed, Witnessed: ledger.witnessed,
		TornBytes: log.torn, Lct: ledger.lct, Epochs: ledger.epochs, Energy: ledger.energy, Society: ledger.society.accounts(),
	}
	switch {
	case problem != "":
	case trusted == nil:
		found.Verdict = "self-consistent only"
	case found.Signed == found.Entries && found.Witnessed == found.Entries:
		found.Verdict = "verified"
	default:
		found.Verdict = "verified in part"
	}
	return found
}

func main() {
	trustFile := flag.String("trust", "", "the accepted authorities and witnesses")
	flag.Parse()
	if flag.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "usage: second-verifier [-trust file] folder...")
		os.Exit(2)
	}
	var trusted *trust
	if *trustFile != "" {
		if problem := attempt(func() { trusted = readTrust(*trustFile) }); problem != "" {
			fmt.Fprintln(os.Stderr, problem)
			os.Exit(2)
		}
	}
	status := 0
	for _, folder := range flag.Args() {
		found := audit(folder, trusted)
		if found.Verdict != "verified" && found.Verdict != "self-consistent only" {
			status = 1
		}
		line, err := json.Marshal(found)
		if err != nil {
			panic(err)
		}
		fmt.Println(string(line))
	}
	os.Exit(status)
}
