package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
)

const (
	magic        = "wslog 1\n"
	headerSize   = 24
	recordPrefix = 8
)

// journal holds the entries that are in no bundle yet.
type journal struct {
	first   int64
	entries [][]byte
	leaves  []hash
	torn    int // bytes at its end, of a record that was never acknowledged
}

func (j journal) end() int64 { return j.first + int64(len(j.entries)) }

// journal: F-1 to F-3.
func (dir folder) journal() (j journal) {
	data := dir.read("journal", "F-1")
	require(len(data) >= headerSize, "F-1", "the journal has no whole header")
	sum := sha256.Sum256(data[:16])
	good := string(data[:8]) == magic && bytes.Equal(data[16:headerSize], sum[:8])
	first := binary.LittleEndian.Uint64(data[8:])
	require(good && first%tileWidth == 0 && first <= maxInteger, "F-1", "the journal's header is damaged")
	j.first = int64(first)

	rest := data[headerSize:]
	for len(rest) >= recordPrefix {
		index := j.end()
		length, check := binary.LittleEndian.Uint32(rest), binary.LittleEndian.Uint32(rest[4:])
		right := check == (length^uint32(index))*0x9e3779b1^0x57544c47
		require(right && length <= maxEntry, "F-2", "the record of entry %d is damaged", index)
		end := recordPrefix + int(length) + sha256.Size
		if len(rest) < end {
			break
		}
		entry := rest[recordPrefix : end-sha256.Size]
		leaf := leafHash(entry)
		require(bytes.Equal(rest[end-sha256.Size:end], leaf[:]), "F-3", "entry %d is damaged", index)
		j.entries, j.leaves = append(j.entries, entry), append(j.leaves, leaf)
		rest = rest[end:]
	}
	j.torn = len(rest)
	return j
}
