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
	"sort"
	"strings"
)

const (
	width        = 256
	mostEntry    = 16_384
	headerLength = 24
	magic        = "wslog 1\n"
)

// files is what a log's folder holds, checked against itself.
type files struct {
	entries    [][]byte
	checkpoint string
	receipts   []string
	torn       int
}

func readFile(path string) []byte {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		refuse("F-4", "%s is missing", path)
	}
	require(err == nil, "F-4", "%v", err)
	return data
}

func readFiles(folder string) files {
	var log files
	log.checkpoint = string(readFile(filepath.Join(folder, "checkpoint")))
	names, err := os.ReadDir(folder)
	require(err == nil, "F-1", "%v", err)
	for _, file := range names {
		if strings.HasPrefix(file.Name(), "receipt.") {
			log.receipts = append(log.receipts, string(readFile(filepath.Join(folder, file.Name()))))
		}
	}
	sort.Strings(log.receipts)
	journal := readFile(filepath.Join(folder, "journal"))
	first := journalStart(journal)
	log.entries = readBundles(folder, first/width)
	log.readJournal(journal, first)
	return log
}

// journalStart checks the header (F-1) and returns the index of the first entry.
func journalStart(journal []byte) uint64 {
	require(len(journal) >= headerLength && string(journal[:8]) == magic, "F-1", "the journal has no header")
	check := sha256.Sum256(journal[:16])
	require(bytes.Equal(check[:8], journal[16:headerLength]), "F-1", "the journal's header is damaged")
	first := binary.LittleEndian.Uint64(journal[8:])
	require(first%width == 0, "F-1", "the journal begins at entry %d, inside a bundle", first)
	return first
}

func (log *files) readJournal(journal []byte, index uint64) {
	rest := journal[headerLength:]
	for len(rest) >= 8 {
		length, check := binary.LittleEndian.Uint32(rest), binary.LittleEndian.Uint32(rest[4:])
		due := ((length ^ uint32(index)) * 0x9e3779b1) ^ 0x57544c47
		require(check == due && length <= mostEntry, "F-2", "the length of entry %d is damaged", index)
		end := 8 + int(length)
		if end+32 > len(rest) {
			break
		}
		entry := rest[8:end]
		leaf := leafHash(entry)
		require(bytes.Equal(leaf[:], rest[end:end+32]), "F-3", "entry %d is damaged", index)
		log.entries = append(log.entries, entry)
		rest = rest[end+32:]
		index++
	}
	log.torn = len(rest)
}

// tilePath is <N> of the page's Files.
func tilePath(index uint64) string {
	path := fmt.Sprintf("%03d", index%1000)
	for index /= 1000; index > 0; index /= 1000 {
		path = fmt.Sprintf("x%03d/%s", index%1000, path)
	}
	return path
}

// readBundles reads the sealed entries and holds every tile above them to them (F-4, F-5).
func readBundles(folder string, bundles uint64) [][]byte {
	var entries [][]byte
	below := [][]hash{}
	for n := uint64(0); n < bundles; n++ {
		path := filepath.Join(folder, "tile", "entries", tilePath(n))
		bundle := splitBundle(path, readFile(path))
		leaves := make([]hash, width)
		for i, entry := range bundle {
			leaves[i] = leafHash(entry)
		}
		entries = append(entries, bundle...)
		below = append(below, leaves)
	}
	for level := 0; len(below) > 0; level++ {
		var roots []hash
		for n, hashes := range below {
			requireTile(filepath.Join(folder, "tile", fmt.Sprint(level), tilePath(uint64(n))), hashes)
			roots = append(roots, rootOf(hashes))
		}
		below = nil
		for ; len(roots) >= width; roots = roots[width:] {
			below = append(below, roots[:width])
		}
	}
	return entries
}

func splitBundle(path string, bundle []byte) [][]byte {
	var entries [][]byte
	for i := 0; i < width; i++ {
		require(len(bundle) >= 2, "F-5", "%s ends before its entry %d", path, i)
		end := 2 + int(binary.BigEndian.Uint16(bundle))
		require(len(bundle) >= end, "F-5", "%s ends inside its entry %d", path, i)
		entries = append(entries, bundle[2:end])
		bundle = bundle[end:]
	}
	require(len(bundle) == 0, "F-5", "%s is followed by stray bytes", path)
	return entries
}

func requireTile(path string, hashes []hash) {
	tile := readFile(path)
	require(len(tile) == width*32, "F-5", "%s has %d bytes", path, len(tile))
	for i, wanted := range hashes {
		require(bytes.Equal(tile[32*i:32*i+32], wanted[:]), "F-5", "%s: hash %d is not of what lies below", path, i)
	}
}

func rootOf(hashes []hash) hash {
	var all tree
	for _, each := range hashes {
		all.append(each)
	}
	return all.root()
}
