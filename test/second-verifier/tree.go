package main

import "crypto/sha256"

type hash = [32]byte

func leafHash(entry []byte) hash {
	return sha256.Sum256(append([]byte{0}, entry...))
}

func nodeHash(left, right hash) hash {
	return sha256.Sum256(append(append([]byte{1}, left[:]...), right[:]...))
}

// subtree is a complete one, of this many leaves.
type subtree struct {
	leaves int64
	root   hash
}

// tree keeps the complete subtrees that a growing tree is made of, largest first.
type tree struct{ parts []subtree }

func (t *tree) append(leaf hash) {
	last := subtree{1, leaf}
	for len(t.parts) > 0 && t.parts[len(t.parts)-1].leaves == last.leaves {
		left := t.parts[len(t.parts)-1]
		t.parts = t.parts[:len(t.parts)-1]
		last = subtree{2 * last.leaves, nodeHash(left.root, last.root)}
	}
	t.parts = append(t.parts, last)
}

func (t *tree) root() hash {
	if len(t.parts) == 0 {
		return sha256.Sum256(nil)
	}
	root := t.parts[len(t.parts)-1].root
	for i := len(t.parts) - 2; i >= 0; i-- {
		root = nodeHash(t.parts[i].root, root)
	}
	return root
}
