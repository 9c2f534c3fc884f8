package main

// entry is one immutable record of a log.
type entry struct {
	kind string
	time int64
	body any
}

const maxEntry = 16_384

type (
	lctDocument struct{ sign1 []byte }
	lctStatus   struct{ sign1 []byte }
	epochBegin  struct{ evidence evidence }
	epochEnd    struct{ epoch int64 }
	linkPaired  struct {
		module   uid
		pairing  []any // the fields after it
		capacity int64
	}
	linkUnpaired struct{ module uid }
	unjudged     struct{} // entries that change nothing

	energyInterval struct {
		module                   uid
		t0, t1, in, out          int64
		start, end               *counters
		integralIn, integralOut  int64
		voltage, current, degree extremes
		socStart, socEnd         int64
		readings                 int64
		digest                   *hash
		verdict                  string
	}
	extremes  struct{ low, high int64 }
	energyGap struct {
		module          uid
		t0, t1, in, out int64
		start, end      *counters
	}
	energyReset struct {
		module     uid
		t0, t1     int64
		start, end counters
	}
	energyStatement struct {
		module    uid
		statement []byte
	}
	energyResolution struct{ minutes int64 }
	opsLoss          struct{ from, until int64 }
	energyWindow     struct {
		t0, t1     int64
		first      *int64
		count, net int64
	}
	energyCheck struct {
		t0, t1, first, count, in, out int64
		verdict                       string
	}
	energyReconcile struct {
		kind  string
		stock int64
	}
	energyResolve struct {
		interval int64
		decision string
	}

	societyMint   struct{ sign1 []byte }
	societySource struct{ sign1 []byte }
	societyPolicy struct{ sign1 []byte }
	societyCharge struct {
		amount  int64
		sources []part
		tierBps int64
	}
	part struct {
		source string
		amount int64
	}
	societyCertify struct{ amount int64 }
	societyReserve struct {
		amount int64
		worker string
	}
	societyCommit struct {
		ticket int64
		amount *int64
	}
	societyRollback struct {
		ticket int64
		reason string
		lots   []lot
	}
	societyExpire struct{ lots, withheld []lot }
	societyEscrow struct{ terms }
	societyOffer  struct {
		terms terms
		proof []byte
	}
	societyDecide struct {
		word  string
		terms terms
	}
	societyTrade struct {
		outcome string
		terms   terms
		proof   *[]byte
	}
	societyReport struct {
		ticket          int64
		parent          string
		amount, expires int64
	}
	societyRecord struct {
		citizen                 string
		report, amount, expires int64
		proof                   []byte
	}

	opsClock    struct{ synchronised bool }
	opsSnapshot struct{ digest hash }
	opsCommand  struct {
		order []byte
		key   hash
	}
	opsOutcome  struct{ command int64 }
	opsRestored struct{ size int64 }
)

// decodeEntry: the bytes of an entry, as "Entries" says.
func decodeEntry(data []byte) entry {
	require(len(data) <= maxEntry, "E-3", "an entry of %d bytes", len(data))
	f := fieldsOf(decodeCBOR(data))
	f.integer(1, 1)
	kind := f.anyText()
	read, known := bodies[kind]
	require(known, "E-3", "an entry of type %q", kind)
	e := entry{kind: kind, time: f.time()}
	e.body = array(f, read)
	f.end()
	return e
}

// bodies has the fields of each entry type; what no rule asks for is read and left out.
var bodies = map[string]func(*fields) any{
	"lct.document": func(f *fields) any { return lctDocument{f.sign1()} },
	"lct.status":   func(f *fields) any { return lctStatus{f.sign1()} },
	"epoch.begin":  func(f *fields) any { return epochBegin{readEvidence(f.bytes(1, 15_000))} },
	"epoch.end": func(f *fields) any {
		e := epochEnd{f.serial()}
		f.label()
		return e
	},
	"link.paired": func(f *fields) any {
		module := f.uid()
		f.slot()
		f.u8()
		f.hash()
		f.hash()
		return linkPaired{module, f.all[1:], f.energy()}
	},
	"link.unpaired": func(f *fields) any {
		module := f.uid()
		f.label()
		return linkUnpaired{module}
	},
	"link.alarm": func(f *fields) any {
		optional(f, (*fields).uid)
		optional(f, (*fields).slot)
		f.label()
		f.u32()
		f.phrase()
		return unjudged{}
	},
	"energy.interval": func(f *fields) any {
		return energyInterval{
			f.uid(), f.time(), f.time(), f.energy(), f.energy(),
			optional(f, (*fields).counters), optional(f, (*fields).counters),
			f.energy(), f.energy(),
			f.extremes(), f.extremes(), f.extremes(),
			f.u8(), f.u8(), f.u32(), optional(f, (*fields).hash),
			f.word("consistent", "suspect", "unauthenticated"),
		}
	},
	"energy.gap": func(f *fields) any {
		gap := energyGap{
			f.uid(), f.time(), f.time(), f.energy(), f.energy(),
			optional(f, (*fields).counters), optional(f, (*fields).counters),
		}
		f.word("silence", "away")
		return gap
	},
	"energy.reset": func(f *fields) any {
		return energyReset{f.uid(), f.time(), f.time(), f.counters(), f.counters()}
	},
	"energy.statement": func(f *fields) any { return energyStatement{f.uid(), f.bytes(58, 58)} },
	"energy.window": func(f *fields) any {
		return energyWindow{f.time(), f.time(), optional(f, (*fields).index), f.u32(), f.net()}
	},
	"energy.check": func(f *fields) any {
		f.source()
		return energyCheck{
			f.time(), f.time(), f.index(), f.u32(), f.energy(), f.energy(), f.word("consistent", "suspect"),
		}
	},
	"energy.reconcile": func(f *fields) any {
		r := energyReconcile{f.word("opening", "full", "empty"), f.energy()}
		f.phrase()
		return r
	},
	"energy.resolve": func(f *fields) any { return readResolve(f) },
	"energy.resolution": func(f *fields) any {
		r := energyResolution{f.integer(1, 60)}
		f.label()
		f.phrase()
		return r
	},
	"society.mint":   func(f *fields) any { return societyMint{f.sign1()} },
	"society.source": func(f *fields) any { return societySource{f.sign1()} },
	"society.policy": func(f *fields) any { return societyPolicy{f.sign1()} },
	"society.charge": func(f *fields) any {
		return societyCharge{f.amount(), list(f, 1, 16, readPart), f.bps()}
	},
	"society.certify": func(f *fields) any { return readCertify(f) },
	"society.reserve": func(f *fields) any { return readReserve(f) },
	"society.commit":  func(f *fields) any { return readCommit(f) },
	"society.rollback": func(f *fields) any {
		return societyRollback{f.index(), f.word("failure", "deadline"), list(f, 0, 256, readLot)}
	},
	"society.expire": func(f *fields) any {
		return societyExpire{list(f, 0, 256, readLot), list(f, 0, 256, readLot)}
	},
	"society.escrow": func(f *fields) any { return societyEscrow{readTerms(f)} },
	"society.offer":  func(f *fields) any { return societyOffer{array(f, readTerms), f.proof()} },
	"society.decide": func(f *fields) any {
		return societyDecide{f.word("commit", "abort"), array(f, readTerms)}
	},
	"society.trade": func(f *fields) any {
		return societyTrade{f.word("commit", "abort", "lapse"), array(f, readTerms), optional(f, (*fields).proof)}
	},
	"society.report": func(f *fields) any {
		r := societyReport{f.index(), f.lct(), f.amount(), f.time()}
		f.bps()
		optional(f, (*fields).hash)
		return r
	},
	"society.record": func(f *fields) any {
		return societyRecord{f.lct(), f.index(), f.amount(), f.time(), f.proof()}
	},
	"ops.clock": func(f *fields) any {
		c := opsClock{f.word("synchronised", "unsynchronised") == "synchronised"}
		f.label()
		f.integer(-(1 << 52), 1<<52)
		return c
	},
	"ops.loss": func(f *fields) any {
		f.label()
		l := opsLoss{f.time(), f.time()}
		f.label()
		f.phrase()
		return l
	},
	"ops.snapshot": func(f *fields) any { return opsSnapshot{f.hash()} },
	"ops.command":  func(f *fields) any { return opsCommand{f.bytes(1, maxOrder), f.hash()} },
	"ops.outcome": func(f *fields) any {
		o := opsOutcome{f.index()}
		f.word("done", "partial", "refused")
		f.phrase()
		return o
	},
	"ops.restored": func(f *fields) any {
		r := opsRestored{f.index()}
		f.word("state", "counter", "word")
		f.word("federation", "backup")
		return r
	},
	"ops.config": func(f *fields) any {
		f.phrase()
		f.hash()
		return unjudged{}
	},
}

func (f *fields) extremes() extremes { return extremes{f.u16(), f.u16()} }

func readPart(f *fields) part {
	return array(f, func(f *fields) part { return part{f.source(), f.amount()} })
}

func readLot(f *fields) lot {
	return array(f, func(f *fields) lot { return lot{f.index(), f.time(), f.amount()} })
}

func readResolve(f *fields) energyResolve {
	r := energyResolve{f.index(), f.word("accept", "reject")}
	f.label()
	f.phrase()
	return r
}

func readCertify(f *fields) societyCertify {
	c := societyCertify{f.amount()}
	f.word("load", "application", "peer")
	f.source()
	optional(f, (*fields).hash)
	return c
}

func readReserve(f *fields) societyReserve {
	r := societyReserve{f.amount(), f.lct()}
	f.label()
	optional(f, (*fields).hash)
	return r
}

func readCommit(f *fields) societyCommit {
	c := societyCommit{f.index(), optional(f, (*fields).amount)}
	f.bps()
	optional(f, (*fields).hash)
	return c
}
