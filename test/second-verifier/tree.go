package main

import "crypto/sha256"

// Merkle trees of RFC 6962 §2.1.

func leafHash(entry []byte) hash {
	return sha256.Sum256(append([]byte{0}, entry...))
}

func nodeHash(left, right hash) hash {
	var b [65]byte
	b[0] = 1
	copy(b[1:], left[:])
	copy(b[33:], right[:])
	return sha256.Sum256(b[:])
}

// tree is the roots of the perfect subtrees of the leaves so far, largest first: one for each bit of size.
type tree struct {
	size  int64
	roots []hash
}

func (t *tree) add(leaf hash) { t.addSubtree(leaf, 0) }

// addSubtree adds 2^height leaves by their root; as many divide the leaves so far.
func (t *tree) addSubtree(root hash, height int) {
	for n := t.size >> height; n&1 == 1; n >>= 1 {
		last := len(t.roots) - 1
		root = nodeHash(t.roots[last], root)
		t.roots = t.roots[:last]
	}
	t.roots = append(t.roots, root)
	t.size += 1 << height
}

// root of at least one leaf.
func (t *tree) root() hash {
	last := len(t.roots) - 1
	root := t.roots[last]
	for i := last - 1; i >= 0; i-- {
		root = nodeHash(t.roots[i], root)
	}
	return root
}

// includes: RFC 9162 §2.1.3.2.
func includes(leaf hash, index, size int64, proof []hash, root hash) bool {
	if index >= size {
		return false
	}
	fn, sn, r := index, size-1, leaf
	for _, p := range proof {
		if sn == 0 {
			return false
		}
		if fn&1 == 1 || fn == sn {
			r = nodeHash(p, r)
			for fn&1 == 0 && fn != 0 {
				fn, sn = fn>>1, sn>>1
			}
		} else {
			r = nodeHash(r, p)
		}
		fn, sn = fn>>1, sn>>1
	}
	return sn == 0 && r == root
}

// extends: RFC 9162 §2.1.4.2, for 0 < first < second.
func extends(first int64, firstRoot hash, second int64, secondRoot hash, proof []hash) bool {
	if first&(first-1) == 0 {
		proof = append([]hash{firstRoot}, proof...)
	}
	if first < 1 || first >= second || len(proof) == 0 {
		return false
	}
	fn, sn := first-1, second-1
	for fn&1 == 1 {
		fn, sn = fn>>1, sn>>1
	}
	fr, sr := proof[0], proof[0]
	for _, c := range proof[1:] {
		if sn == 0 {
			return false
		}
		if fn&1 == 1 || fn == sn {
			fr, sr = nodeHash(c, fr), nodeHash(c, sr)
			for fn&1 == 0 && fn != 0 {
				fn, sn = fn>>1, sn>>1
			}
		} else {
			sr = nodeHash(sr, c)
		}
		fn, sn = fn>>1, sn>>1
	}
	return sn == 0 && fr == firstRoot && sr == secondRoot
}
