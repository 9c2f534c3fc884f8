package main

import (
	"crypto/sha256"
	"regexp"
)

// terms are what seller, buyer and witness mean by one trade.
type terms struct {
	seller            string
	ticket            int64
	buyer, witness    string
	amount            int64
	rateBps, fee      int64
	decideBy, expires int64
}

func (t terms) arriving() int64 { return t.amount*t.rateBps/10_000 - t.fee }

func (t terms) fields() []any {
	return []any{t.seller, t.ticket, t.buyer, t.witness, t.amount, t.rateBps, t.fee, t.decideBy, t.expires}
}

// trade is the name of the trade that the terms are of.
func (t terms) trade() hash { return sha256.Sum256(encodeCBOR(t.fields())) }

func readTerms(f *fields) terms {
	return terms{
		f.lct(), f.index(), f.lct(), f.lct(), f.amount(), f.integer(1, 10_000), f.energy(), f.time(), f.time(),
	}
}

// requireSound: T-1.
func (t terms) requireSound() {
	three := t.seller != t.buyer && t.buyer != t.witness && t.witness != t.seller
	require(three, "T-1", "seller, buyer and witness are not three")
	require(t.decideBy < t.expires, "T-1", "decideBy is not before expires")
	require(t.arriving() >= 1, "T-1", "nothing arrives")
}

// witness is a key that cosigns the heads of a society's log, as a policy names it.
type witness struct {
	lct, name string
	key       hash
}

var keyNamePattern = regexp.MustCompile(`^[!-*,-~]{1,128}$`)

func readWitness(f *fields) witness {
	return array(f, func(f *fields) witness { return witness{f.lct(), f.matching(keyNamePattern), f.hash()} })
}
