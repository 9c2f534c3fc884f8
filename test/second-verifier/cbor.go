package main

import (
	"encoding/binary"
	"unicode/utf8"
)

// Integers of the format lie within ±maxInteger (E-1).
const maxInteger = 1<<53 - 1

// decodeCBOR reads the one value that fills data: int64, []byte, string or []any (E-1, E-2).
func decodeCBOR(data []byte) any {
	d := decoder{data}
	v := d.value()
	require(len(d.rest) == 0, "E-2", "%d bytes follow the value", len(d.rest))
	return v
}

type decoder struct{ rest []byte }

func (d *decoder) take(n uint64) []byte {
	require(n <= uint64(len(d.rest)), "E-1", "the value ends early")
	taken := d.rest[:n:n]
	d.rest = d.rest[n:]
	return taken
}

// head reads a value's major type and its argument in shortest form (RFC 8949 §3, §4.2.1).
func (d *decoder) head() (major byte, argument uint64) {
	initial := d.take(1)[0]
	major, info := initial>>5, initial&31
	if info < 24 {
		return major, uint64(info)
	}
	require(info <= 27, "E-1", "initial byte %#x", initial)
	size := 1 << (info - 24)
	var wide [8]byte
	copy(wide[8-size:], d.take(uint64(size)))
	argument = binary.BigEndian.Uint64(wide[:])
	shortest := uint64(24)
	if size > 1 {
		shortest = 1 << (4 * size)
	}
	require(argument >= shortest, "E-1", "an argument is not in its shortest form")
	return major, argument
}

func (d *decoder) value() any {
	major, n := d.head()
	switch major {
	case 0:
		require(n <= maxInteger, "E-1", "an integer is beyond 2^53 - 1")
		return int64(n)
	case 1:
		require(n < maxInteger, "E-1", "an integer is beyond -(2^53 - 1)")
		return -1 - int64(n)
	case 2:
		return d.take(n)
	case 3:
		text := d.take(n)
		require(utf8.Valid(text), "E-1", "a text is not UTF-8")
		return string(text)
	case 4:
		require(n <= uint64(len(d.rest)), "E-1", "an array ends early")
		items := make([]any, n)
		for i := range items {
			items[i] = d.value()
		}
		return items
	}
	refuse("E-1", "major type %d", major)
	return nil
}

// byteString encodes b, shorter than 2^16 bytes, for what COSE signs.
func byteString(b []byte) []byte {
	const major = 2 << 5
	switch n := len(b); {
	case n < 24:
		return append([]byte{major | byte(n)}, b...)
	case n < 1<<8:
		return append([]byte{major | 24, byte(n)}, b...)
	default:
		return append([]byte{major | 25, byte(n >> 8), byte(n)}, b...)
	}
}
