package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/hex"
	"math/big"
)

// verifyEd25519: N-6. Go's Verify is RFC 8032 §5.1.7 without cofactor and refuses S from the group order up, but
// takes any public key that decodes.
func verifyEd25519(key, message, signature []byte) bool {
	if len(key) != ed25519.PublicKeySize || len(signature) != ed25519.SignatureSize {
		return false
	}
	y := append([]byte{}, key...)
	y[31] &= 0x7f
	return belowField(y) && !smallOrder[string(y)] && ed25519.Verify(key, message, signature)
}

// belowField: y, little-endian, is below p = 2^255 - 19.
func belowField(y []byte) bool {
	p := append(append([]byte{0xed}, bytes.Repeat([]byte{0xff}, 30)...), 0x7f)
	for i := 31; i >= 0; i-- {
		if y[i] != p[i] {
			return y[i] < p[i]
		}
	}
	return false
}

// smallOrder are the y of the points of small order, their sign bit cleared.
var smallOrder = func() map[string]bool {
	ys := map[string]bool{}
	for _, y := range []string{
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	} {
		b, err := hex.DecodeString(y)
		if err != nil {
			panic(err)
		}
		ys[string(b)] = true
	}
	return ys
}()

// verifyP256: ECDSA with SHA-256 under an uncompressed point; the signature is r and s, 32 bytes each.
func verifyP256(point, message, signature []byte) bool {
	x, y := elliptic.Unmarshal(elliptic.P256(), point)
	if x == nil || len(signature) != 64 {
		return false
	}
	digest := sha256.Sum256(message)
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	return ecdsa.Verify(&ecdsa.PublicKey{Curve: elliptic.P256(), X: x, Y: y}, digest[:], r, s)
}
