package main

import "fmt"

// refusal says which rule of docs/ledger-format.md does not hold, where and how. A refusal ends the check of its log
// or proof, so it travels as a panic from the rule to the one place that reports it.
type refusal struct{ rule, where, problem string }

func refuse(rule, format string, args ...any) {
	panic(refusal{rule: rule, problem: fmt.Sprintf(format, args...)})
}

func require(holds bool, rule, format string, args ...any) {
	if !holds {
		refuse(rule, format, args...)
	}
}

// attempt runs check and returns its refusal, or nil.
func attempt(check func()) (refused *refusal) {
	defer func() {
		switch failure := recover().(type) {
		case nil:
		case refusal:
			refused = &failure
		default:
			panic(failure)
		}
	}()
	check()
	return nil
}

// under runs check; whatever it refuses, it refuses by rule.
func under(rule string, check func()) {
	if refused := attempt(check); refused != nil {
		refuse(rule, "%s", refused.problem)
	}
}

// within runs check; what it refuses is said to be at where.
func within(where string, check func()) {
	if refused := attempt(check); refused != nil {
		refused.where = where + ": "
		panic(*refused)
	}
}
