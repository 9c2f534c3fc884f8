package main

import (
	"encoding/hex"
	"regexp"
	"unicode"
	"unicode/utf8"
)

type (
	uid  [8]byte
	hash [32]byte
	// counters are a module's own, in mWh, and its starts.
	counters struct{ in, out, boot int64 }
)

const (
	maxEnergy = 1<<48 - 1
	maxNet    = 1 << 51
)

// fields reads an array's items one after the other, each by its type (E-3).
type fields struct {
	all  []any
	rest []any // not read yet
}

func fieldsOf(v any) *fields {
	items, ok := v.([]any)
	require(ok, "E-3", "not an array")
	return &fields{items, items}
}

func (f *fields) end() { require(len(f.rest) == 0, "E-3", "%d fields too many", len(f.rest)) }

func (f *fields) next() any {
	require(len(f.rest) > 0, "E-3", "a field is missing")
	item := f.rest[0]
	f.rest = f.rest[1:]
	return item
}

// array reads a field that is an array of fields.
func array[T any](f *fields, read func(*fields) T) T {
	inner := fieldsOf(f.next())
	v := read(inner)
	inner.end()
	return v
}

// list reads an array of least to most items that are all read alike.
func list[T any](f *fields, least, most int, read func(*fields) T) []T {
	inner := fieldsOf(f.next())
	n := len(inner.rest)
	require(n >= least && n <= most, "E-3", "a list of %d items", n)
	items := make([]T, n)
	for i := range items {
		items[i] = read(inner)
	}
	return items
}

// optional reads a field that may be absent, which is the empty array.
func optional[T any](f *fields, read func(*fields) T) *T {
	if len(f.rest) > 0 {
		if items, ok := f.rest[0].([]any); ok && len(items) == 0 {
			f.next()
			return nil
		}
	}
	v := read(f)
	return &v
}

func (f *fields) integer(least, most int64) int64 {
	n, ok := f.next().(int64)
	require(ok, "E-3", "a field is not an integer")
	require(n >= least && n <= most, "E-3", "%d is not in %d ... %d", n, least, most)
	return n
}

func (f *fields) time() int64   { return f.integer(0, maxInteger) }
func (f *fields) index() int64  { return f.integer(0, maxInteger) }
func (f *fields) serial() int64 { return f.integer(1, maxInteger) }
func (f *fields) energy() int64 { return f.integer(0, maxEnergy) }
func (f *fields) amount() int64 { return f.integer(1, maxEnergy) }
func (f *fields) net() int64    { return f.integer(-maxNet, maxNet) }
func (f *fields) bps() int64    { return f.integer(0, 10_000) }
func (f *fields) u8() int64     { return f.integer(0, 1<<8-1) }
func (f *fields) u16() int64    { return f.integer(0, 1<<16-1) }
func (f *fields) u32() int64    { return f.integer(0, 1<<32-1) }
func (f *fields) slot() int64   { return f.integer(1, 31) }

func (f *fields) counters() counters {
	return array(f, func(f *fields) counters { return counters{f.energy(), f.energy(), f.u16()} })
}

func (f *fields) bytes(least, most int) []byte {
	b, ok := f.next().([]byte)
	require(ok, "E-3", "a field is not a byte string")
	require(len(b) >= least && len(b) <= most, "E-3", "a byte string of %d bytes", len(b))
	return b
}

func (f *fields) uid() (id uid)    { copy(id[:], f.bytes(8, 8)); return id }
func (f *fields) hash() (h hash)   { copy(h[:], f.bytes(32, 32)); return h }
func (f *fields) sign1() []byte    { return f.bytes(1, 15_000) }
func (f *fields) proof() []byte    { return f.bytes(1, 15_000) }
func (u uid) String() string       { return hex.EncodeToString(u[:]) }
func (f *fields) anyText() string  { return f.text(0, 1<<20) }
func (f *fields) listText() string { return f.text(1, 256) }

// text reads a text of least to most bytes.
func (f *fields) text(least, most int) string {
	s, ok := f.next().(string)
	require(ok, "E-3", "a field is not a text")
	require(len(s) >= least && len(s) <= most, "E-3", "a text of %d bytes", len(s))
	return s
}

func (f *fields) matching(pattern *regexp.Regexp) string {
	s := f.anyText()
	require(pattern.MatchString(s), "E-3", "%q does not match %v", s, pattern)
	return s
}

var (
	labelPattern  = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	sourcePattern = regexp.MustCompile(`^[a-zA-Z0-9:._-]{1,64}$`)
	lctPattern    = regexp.MustCompile(`^lct:(app|pack|module|policy|person|society|source|agent):[a-z2-7]{32}$`)
)

func (f *fields) label() string  { return f.matching(labelPattern) }
func (f *fields) source() string { return f.matching(sourcePattern) }
func (f *fields) lct() string    { return f.matching(lctPattern) }

func (f *fields) phrase() string {
	s := f.anyText()
	require(utf8.RuneCountInString(s) <= 200 && !hasControl(s), "E-3", "%q is not a phrase", s)
	return s
}

// hasControl: whether a character is of category Cc.
func hasControl(s string) bool {
	for _, r := range s {
		if unicode.IsControl(r) {
			return true
		}
	}
	return false
}

func (f *fields) word(words ...string) string {
	s := f.anyText()
	for _, word := range words {
		if s == word {
			return s
		}
	}
	refuse("E-3", "%q is not one of %q", s, words)
	return ""
}
