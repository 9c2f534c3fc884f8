package main

const (
	maxOrder     = 2_048
	maxOrderLife = 300_000
)

type order struct {
	pack, action string
	expires      int64
	delegated    bool
}

// actions has what each action takes.
var actions = map[string]func(*fields){
	"isolate":  func(*fields) {},
	"allow":    func(*fields) {},
	"reserve":  func(f *fields) { readReserve(f) },
	"commit":   func(f *fields) { readCommit(f) },
	"rollback": func(f *fields) { f.index() },
	"certify":  func(f *fields) { readCertify(f) },
	"resolve":  func(f *fields) { readResolve(f) },
}

func readOrder(f *fields) (o order) {
	f.word("wattseal-order-1")
	f.bytes(16, 16)
	o.pack = f.lct()
	o.action = array(f, func(f *fields) string {
		name := f.label()
		read, known := actions[name]
		require(known, "O-7", "there is no action %q", name)
		array(f, func(f *fields) bool { read(f); return true })
		return name
	})
	o.expires = f.time()
	delegation := func(f *fields) []byte { return f.bytes(1, maxOrder) }
	o.delegated = len(list(f, 0, 8, delegation)) > 0
	return o
}

// command: O-7.
func (l *ledger) command(c opsCommand, at moment) {
	under("O-7", func() {
		o := payload(map[kid][]byte{kidOf(c.key[:]): c.key[:]}, c.order, readOrder)
		require(o.pack == l.doc.lct, "O-7", "an order for %s", o.pack)
		require(!o.delegated, "O-7", "an order that rests on a delegation")
		if o.action == "isolate" {
			return
		}
		require(at.synchronised, "O-7", "an order that no clock can judge")
		require(at.now < o.expires && o.expires <= at.now+maxOrderLife, "O-7", "an order that is not in time")
	})
}

// outcome: O-8.
func (o opsOutcome) requireAfter(index int64) {
	require(o.command < index, "O-8", "entry %d does not come before its outcome", o.command)
}
