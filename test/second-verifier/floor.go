package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
)

const floorMagic = "wsfloor1"

// floor is a log's lowest entry, and the hashes that stand for those below: of each level from 1 on, those of the
// tile that the floor lies in. A log that was not pruned has floor 0 and no hashes.
type floor struct {
	index  int64
	levels [][]hash
}

// floor: F-7.
func (dir folder) floor(j journal, checkpoint head) (low floor) {
	if !dir.has("floor") {
		return floor{}
	}
	data := dir.read("floor", "F-7")
	whole := len(data) >= len(floorMagic)+8+sha256.Size
	require(whole && string(data[:8]) == floorMagic, "F-7", "the floor is damaged")
	content, sum := data[:len(data)-sha256.Size], sha256.Sum256(data[:len(data)-sha256.Size])
	require(bytes.Equal(data[len(content):], sum[:]), "F-7", "the floor's hash is not its own")
	index := binary.LittleEndian.Uint64(data[8:])
	require(index > 0 && index%tileWidth == 0 && index <= maxInteger, "F-7", "the floor is %d", index)
	low.index = int64(index)

	rest := content[16:]
	for n := low.index / tileWidth; n > 0; n /= tileWidth {
		count := int(n % tileWidth)
		require(len(rest) >= count*sha256.Size, "F-7", "the floor has too few hashes")
		hashes := make([]hash, count)
		for k := range hashes {
			copy(hashes[k][:], rest[k*sha256.Size:])
		}
		low.levels, rest = append(low.levels, hashes), rest[count*sha256.Size:]
	}
	require(len(rest) == 0, "F-7", "the floor has too many hashes")
	require(checkpoint.size >= low.index, "F-7", "the checkpoint is below the floor")
	require(j.first >= low.index, "F-7", "the journal begins below the floor")
	return low
}

// sealed are the tiles that the floor lies in.
func (low floor) sealed(dir folder) *sealed {
	s := &sealed{dir: dir}
	hashes := append([][]hash{nil}, low.levels...)
	for n, level := low.index/tileWidth, 0; n > 0; n, level = n/tileWidth, level+1 {
		s.hashes, s.whole = append(s.hashes, hashes[level]), append(s.whole, n)
	}
	if last := len(s.hashes); last > 0 {
		s.hashes, s.whole = append(s.hashes, hashes[last]), append(s.whole, 0)
	}
	return s
}

// tree is the tree of the entries below the floor.
func (low floor) tree() (t tree) {
	for k := len(low.levels) - 1; k >= 0; k-- {
		for _, h := range low.levels[k] {
			t.addSubtree(h, 8*(k+1))
		}
	}
	return t
}

// refusePruned holds what is left of a pruned log to F-8, and then to nothing more (F-9).
func (dir folder) refusePruned(low floor, j journal, checkpoint head) {
	t := low.tree()
	requireRoot := func() {
		if t.size == checkpoint.size {
			require(t.root() == checkpoint.root, "F-8", "the checkpoint has another root")
		}
	}
	requireRoot()
	dir.entries(low, j, func(_ []byte, leaf hash) {
		t.add(leaf)
		requireRoot()
	})
	refuse("F-9", "the entries below %d were pruned", low.index)
}
