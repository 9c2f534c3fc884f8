package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

const tileWidth = 256

// folder is a log's folder.
type folder string

func (dir folder) has(name string) bool {
	_, err := os.Stat(filepath.Join(string(dir), name))
	return err == nil
}

// isLog: whether there is anything of a log (F-1).
func (dir folder) isLog() bool {
	return dir.has("journal") || dir.has("checkpoint") || dir.has("tile/entries") || dir.has("unfinished")
}

// read returns a file that has to be there.
func (dir folder) read(name, rule string) []byte {
	data, err := os.ReadFile(filepath.Join(string(dir), name))
	require(err == nil, rule, "%v", err)
	return data
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

// sealed are the tiles above the bundles read so far: of each level, the hashes that no whole tile has yet.
type sealed struct {
	dir    folder
	hashes [][]hash
	whole  []int64 // tiles of each level
}

// add adds the next hash of a level, and compares the tile that it makes whole with its file (F-4, F-5, F-8).
func (s *sealed) add(level int, h hash) {
	if level == len(s.hashes) {
		s.hashes, s.whole = append(s.hashes, nil), append(s.whole, 0)
	}
	s.hashes[level] = append(s.hashes[level], h)
	tile := s.hashes[level]
	if len(tile) < tileWidth {
		return
	}
	name := fmt.Sprintf("tile/%d/%s", level, tilePath(s.whole[level]))
	file := s.dir.read(name, "F-4")
	require(len(file) == tileWidth*sha256.Size, "F-4", "%s is not a tile", name)
	var subtree tree
	for k, h := range tile {
		require(bytes.Equal(file[k*sha256.Size:][:sha256.Size], h[:]), "F-5", "hash %d of %s is not the log's", k, name)
		subtree.add(h)
	}
	s.hashes[level] = nil
	s.whole[level]++
	s.add(level+1, subtree.root())
}

// entries passes every entry from the floor on to use, in order, bundles first.
func (dir folder) entries(low floor, j journal, use func(data []byte, leaf hash)) {
	tiles := low.sealed(dir)
	for n := low.index / tileWidth; n < j.first/tileWidth; n++ {
		bundle := dir.bundle(n)
		leaves := make([]hash, len(bundle))
		for k, entry := range bundle {
			leaves[k] = leafHash(entry)
			tiles.add(0, leaves[k])
		}
		for k, entry := range bundle {
			use(entry, leaves[k])
		}
	}
	for k, entry := range j.entries {
		use(entry, j.leaves[k])
	}
}

var snapshotName = regexp.MustCompile(`^snapshot\.([0-9a-f]{16})$`)

// snapshots are those beside the log, by index, of entries from the floor on (K-9).
func (dir folder) snapshots(low, size int64) map[int64][]byte {
	files, err := os.ReadDir(string(dir))
	require(err == nil, "K-9", "%v", err)
	found := map[int64][]byte{}
	for _, file := range files {
		if match := snapshotName.FindStringSubmatch(file.Name()); match != nil {
			index, err := strconv.ParseInt(match[1], 16, 64)
			require(err == nil && index < size, "K-9", "%s is of no entry of the log", file.Name())
			if index >= low {
				found[index] = dir.read(file.Name(), "K-9")
			}
		}
	}
	return found
}

var receiptName = regexp.MustCompile(`^receipt\.[a-z0-9._-]*$`)

// heads are the checkpoint and the receipts of a log of size entries (F-6).
func (dir folder) heads(size int64) (checkpoint head, receipts []head) {
	checkpoint = dir.head("checkpoint", size)
	files, err := os.ReadDir(string(dir))
	require(err == nil, "F-6", "%v", err)
	for _, file := range files {
		if strings.HasPrefix(file.Name(), "receipt.") {
			require(receiptName.MatchString(file.Name()), "F-6", "%q is no receipt's name", file.Name())
			receipts = append(receipts, dir.head(file.Name(), size))
		}
	}
	return checkpoint, receipts
}

func (dir folder) head(name string, size int64) (h head) {
	within(name, func() {
		h = parseHead(parseNote(dir.read(name, "F-6")))
		require(h.size <= size, "F-6", "it is of %d entries, the log has %d", h.size, size)
	})
	h.file = name
	return h
}
