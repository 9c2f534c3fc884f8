package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sort"
)

const (
	tileWidth    = 256
	headerSize   = 24
	recordPrefix = 8
	magic        = "wslog 1\n"
)

// folder is a log's folder.
type folder string

// journal is what "journal" holds: the entries that are in no bundle yet.
type journal struct {
	first   int64
	entries [][]byte
	leaves  []hash
	torn    int
}

// read returns a file that has to be there.
func (dir folder) read(name, rule string) []byte {
	data, err := os.ReadFile(filepath.Join(string(dir), name))
	require(err == nil, rule, "%v", err)
	return data
}

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
		index := j.first + int64(len(j.entries))
		length, check := binary.LittleEndian.Uint32(rest), binary.LittleEndian.Uint32(rest[4:])
		right := check == (length^uint32(index))*0x9e3779b1^0x57544c47
		require(right && length <= maxEntry, "F-2", "record of entry %d is damaged", index)
		end := recordPrefix + int(length) + sha256.Size
		if len(rest) < end {
			break
		}
		entry, leaf := rest[recordPrefix:end-sha256.Size], hash{}
		copy(leaf[:], rest[end-sha256.Size:])
		require(leafHash(entry) == leaf, "F-3", "entry %d is damaged", index)
		j.entries, j.leaves = append(j.entries, entry), append(j.leaves, leaf)
		rest = rest[end:]
	}
	j.torn = len(rest)
	return j
}

// tilePath is a tile's or bundle's index as C2SP tlog-tiles writes it.
func tilePath(n int64) string {
	path := fmt.Sprintf("%03d", n%1000)
	for n /= 1000; n > 0; n /= 1000 {
		path = fmt.Sprintf("x%03d/%s", n%1000, path)
	}
	return path
}

// bundle: the entries of bundle n (F-4).
func (dir folder) bundle(n int64) (entries [][]byte) {
	rest := dir.read("tile/entries/"+tilePath(n), "F-4")
	for len(entries) < tileWidth {
		require(len(rest) >= 2, "F-4", "bundle %d ends early", n)
		length := int(binary.BigEndian.Uint16(rest))
		require(len(rest) >= 2+length, "F-4", "bundle %d ends early", n)
		entries, rest = append(entries, rest[2:2+length]), rest[2+length:]
	}
	require(len(rest) == 0, "F-4", "bundle %d has %d bytes too many", n, len(rest))
	return entries
}

// sealed are the tiles above the bundles so far: for each level, the hashes that are in no whole tile yet.
type sealed struct {
	dir    folder
	levels [][]hash
	tiles  []int64 // whole tiles of each level
}

// add compares each tile that h makes whole with its file: F-4, F-5.
func (s *sealed) add(level int, h hash) {
	if level == len(s.levels) {
		s.levels, s.tiles = append(s.levels, nil), append(s.tiles, 0)
	}
	s.levels[level] = append(s.levels[level], h)
	whole := s.levels[level]
	if len(whole) < tileWidth {
		return
	}
	name := fmt.Sprintf("tile/%d/%s", level, tilePath(s.tiles[level]))
	file := s.dir.read(name, "F-4")
	require(len(file) == tileWidth*sha256.Size, "F-4", "%s is not a tile", name)
	var subtree tree
	for k, h := range whole {
		require(bytes.Equal(file[k*sha256.Size:][:sha256.Size], h[:]), "F-5", "hash %d of %s is not the log's", k, name)
		subtree.add(h)
	}
	s.levels[level] = nil
	s.tiles[level]++
	s.add(level+1, subtree.root())
}

var receiptName = regexp.MustCompile(`^receipt\.[0-9a-f]{16}$`)

// heads are the checkpoint and the receipts, by their sizes (F-6).
func (dir folder) heads() (checkpoint head, receipts []head) {
	checkpoint = parseHead(parseNote(dir.read("checkpoint", "F-6")))
	files, err := os.ReadDir(string(dir))
	require(err == nil, "F-6", "%v", err)
	for _, file := range files {
		if receiptName.MatchString(file.Name()) {
			receipts = append(receipts, parseHead(parseNote(dir.read(file.Name(), "F-6"))))
		}
	}
	sort.SliceStable(receipts, func(i, k int) bool { return receipts[i].size < receipts[k].size })
	return checkpoint, receipts
}

// isLog: whether there is anything of a log (F-1).
func (dir folder) isLog() bool {
	for _, name := range []string{"journal", "checkpoint", "tile/entries"} {
		if _, err := os.Stat(filepath.Join(string(dir), name)); !errors.Is(err, fs.ErrNotExist) {
			return true
		}
	}
	return false
}
