package main

import (
	"encoding/binary"
	"math"
	"unicode/utf8"
)

const mostSafe = 1<<53 - 1

// reader takes deterministic CBOR apart (E-1 to E-3).
type reader struct {
	what string
	rest []byte
}

// decode reads one value that fills data (E-2).
func decode(what string, data []byte, read func(*reader)) {
	r := &reader{what, data}
	read(r)
	require(len(r.rest) == 0, "E-2", "%s is followed by stray bytes", what)
}

func (r *reader) take(n int64) []byte {
	require(n <= int64(len(r.rest)), "E-1", "%s ends too early", r.what)
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *reader) head() (major byte, argument int64) {
	initial := r.take(1)[0]
	major, info := initial>>5, initial&31
	if info < 24 {
		return major, int64(info)
	}
	require(info <= 27, "E-1", "%s holds an indefinite or reserved length", r.what)
	var wide [8]byte
	width := 1 << (info - 24)
	copy(wide[8-width:], r.take(int64(width)))
	value := binary.BigEndian.Uint64(wide[:])
	least := []uint64{24, 1 << 8, 1 << 16, 1 << 32}[info-24]
	require(value >= least, "E-1", "%s holds a number that is not in its shortest form", r.what)
	require(value <= mostSafe, "E-1", "%s holds a number beyond 2^53 - 1", r.what)
	return major, int64(value)
}

func (r *reader) of(wanted byte) int64 {
	major, argument := r.head()
	require(major == wanted, "E-3", "%s has major type %d where %d belongs", r.what, major, wanted)
	return argument
}

func (r *reader) unsigned(least, most int64) int64 {
	value := r.of(0)
	require(value >= least && value <= most, "E-3", "%s: %d is not from %d to %d", r.what, value, least, most)
	return value
}

func (r *reader) signed(bound int64) int64 {
	major, value := r.head()
	require(major <= 1, "E-3", "%s has major type %d where an integer belongs", r.what, major)
	if major == 1 {
		require(value < mostSafe, "E-1", "%s holds an integer below -(2^53 - 1)", r.what)
		value = -1 - value
	}
	require(value >= -bound && value <= bound, "E-3", "%s: %d is beyond %d", r.what, value, bound)
	return value
}

func (r *reader) bytes(least, most int64) []byte {
	value := r.take(r.of(2))
	length := int64(len(value))
	require(length >= least && length <= most, "E-3", "%s has a byte string of %d bytes", r.what, length)
	return value
}

func (r *reader) text() string {
	value := r.take(r.of(3))
	require(utf8.Valid(value), "E-1", "%s holds text that is not UTF-8", r.what)
	return string(value)
}

func (r *reader) textOf(least, most int) string {
	value := r.text()
	require(len(value) >= least && len(value) <= most, "E-3", "%s has a text of %d bytes", r.what, len(value))
	return value
}

func (r *reader) word(words ...string) string {
	value := r.text()
	for _, word := range words {
		if word == value {
			return value
		}
	}
	refuse("E-3", "%s: %q is none of %q", r.what, value, words)
	return ""
}

func (r *reader) array(fields int64) {
	found := r.of(4)
	require(found == fields, "E-3", "%s has %d fields where %d belong", r.what, found, fields)
}

func (r *reader) list(least, most int64) int64 {
	found := r.of(4)
	require(found >= least && found <= most, "E-3", "%s has %d items", r.what, found)
	return found
}

// present takes the empty array of an absent field, if that comes.
func (r *reader) present() bool {
	if len(r.rest) > 0 && r.rest[0] == 0x80 {
		r.rest = r.rest[1:]
		return false
	}
	return true
}

func (r *reader) time() int64  { return r.unsigned(0, mostSafe) }
func (r *reader) index() int64 { return r.unsigned(0, mostSafe) }
func (r *reader) serial() int64 {
	return r.unsigned(1, mostSafe)
}
func (r *reader) energy() int64 { return r.unsigned(0, 1<<48-1) }
func (r *reader) amount() int64 { return r.unsigned(1, 1<<48-1) }
func (r *reader) u8() int64     { return r.unsigned(0, math.MaxUint8) }
func (r *reader) u16() int64    { return r.unsigned(0, math.MaxUint16) }
func (r *reader) u32() int64    { return r.unsigned(0, math.MaxUint32) }
func (r *reader) bps() int64    { return r.unsigned(0, 10_000) }
func (r *reader) uid() string   { return string(r.bytes(8, 8)) }
func (r *reader) hash() []byte  { return r.bytes(32, 32) }
func (r *reader) sign1() []byte { return r.bytes(1, 15_000) }
