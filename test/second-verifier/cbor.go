package main

import (
	"encoding/binary"
	"fmt"
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

// encodeCBOR writes a value of these types and int: its one deterministic encoding.
func encodeCBOR(v any) []byte { return appendCBOR(nil, v) }

func appendCBOR(out []byte, v any) []byte {
	switch v := v.(type) {
	case int:
		return appendCBOR(out, int64(v))
	case int64:
		if v < 0 {
			return appendHead(out, 1, uint64(-1-v))
		}
		return appendHead(out, 0, uint64(v))
	case []byte:
		return append(appendHead(out, 2, uint64(len(v))), v...)
	case string:
		return append(appendHead(out, 3, uint64(len(v))), v...)
	case []any:
		out = appendHead(out, 4, uint64(len(v)))
		for _, item := range v {
			out = appendCBOR(out, item)
		}
		return out
	}
	panic(fmt.Sprintf("no CBOR for %T", v))
}

func appendHead(out []byte, major byte, n uint64) []byte {
	switch {
	case n < 24:
		return append(out, major<<5|byte(n))
	case n < 1<<8:
		return append(out, major<<5|24, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(out, major<<5|25), uint16(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32(append(out, major<<5|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(out, major<<5|27), n)
}
