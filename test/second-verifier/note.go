package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// note is a C2SP signed note: text, and who signed it.
type note struct {
	text  string
	lines []signatureLine
}

type signatureLine struct {
	name      string
	keyID     uint32
	signature []byte
}

// parseNote: N-1.
func parseNote(data []byte) note {
	whole := string(data)
	require(utf8.ValidString(whole), "N-1", "a note is not UTF-8")
	units := 0
	for _, r := range whole {
		require(r >= 0x20 || r == '\n', "N-1", "a note has the character U+%04X", r)
		units++
		if r > 0xffff {
			units++
		}
	}
	require(units <= 262_144, "N-1", "a note of %d UTF-16 units", units)
	split := strings.LastIndex(whole, "\n\n")
	require(split >= 0 && strings.HasSuffix(whole, "\n"), "N-1", "a note has no signatures")
	text, signatures := whole[:split+1], strings.TrimSuffix(whole[split+2:], "\n")
	lines := strings.Split(signatures, "\n")
	require(len(lines) <= 32, "N-1", "a note has %d signatures", len(lines))
	n := note{text: text}
	for _, line := range lines {
		n.lines = append(n.lines, parseSignatureLine(line))
	}
	return n
}

func parseSignatureLine(line string) signatureLine {
	rest := strings.TrimPrefix(line, "\u2014 ")
	name, encoded, found := strings.Cut(rest, " ")
	bytes, ok := decodeBase64(encoded)
	good := rest != line && found && isKeyName(name) && ok && len(bytes) > 4
	require(good, "N-1", "%q is no signature line", line)
	return signatureLine{name, binary.BigEndian.Uint32(bytes), bytes[4:]}
}

func isKeyName(name string) bool {
	return name != "" && !hasControl(name) && strings.IndexFunc(name, func(r rune) bool {
		return unicode.IsSpace(r) || r == '+' || r == '\ufeff'
	}) < 0
}

// decodeBase64: RFC 4648 §4, strictly; Go's decoder would skip line ends.
func decodeBase64(s string) ([]byte, bool) {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	return b, err == nil && !strings.ContainsAny(s, "\r\n")
}

// noteKey is a key that signs notes: the log's own, or a witness's.
type noteKey struct {
	name string
	id   uint32
	key  ed25519.PublicKey
}

const (
	logSignature = 0x01
	cosignature  = 0x04
)

func newNoteKey(name string, kind byte, key []byte) noteKey {
	sum := sha256.Sum256([]byte(name + "\n" + string(kind) + string(key)))
	return noteKey{name, binary.BigEndian.Uint32(sum[:]), key}
}

// signaturesOf are the signatures that name k (N-2).
func (n note) signaturesOf(k noteKey) [][]byte {
	var found [][]byte
	for _, line := range n.lines {
		if line.name == k.name && line.keyID == k.id {
			found = append(found, line.signature)
		}
	}
	return found
}

// requireSigned: N-4.
func (n note) requireSigned(k noteKey) {
	found := n.signaturesOf(k)
	require(len(found) == 1, "N-2", "%d signatures of the log's key", len(found))
	require(verifyEd25519(k.key, []byte(n.text), found[0]), "N-4", "the log's signature does not hold")
}

// cosigners are the names of the accepted witnesses that signed; each of their lines holds (N-2, N-5).
func (n note) cosigners(witnesses []noteKey) map[string]bool {
	names := map[string]bool{}
	for _, witness := range witnesses {
		found := n.signaturesOf(witness)
		if len(found) == 0 {
			continue
		}
		require(len(found) == 1, "N-2", "%d cosignatures of %s", len(found), witness.name)
		require(n.cosignatureHolds(witness, found[0]), "N-5", "the cosignature of %s does not hold", witness.name)
		names[witness.name] = true
	}
	return names
}

func (n note) cosignatureHolds(witness noteKey, line []byte) bool {
	if len(line) != 8+ed25519.SignatureSize {
		return false
	}
	seconds := binary.BigEndian.Uint64(line)
	message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", seconds, n.text)
	return seconds <= maxInteger && verifyEd25519(witness.key, []byte(message), line[8:])
}

// head is what a checkpoint says: the log has size entries, with this root.
type head struct {
	note
	file   string
	origin string
	size   int64
	root   hash
}

// parseHead: N-3.
func parseHead(n note) head {
	lines := strings.Split(n.text, "\n")
	require(len(lines) == 4, "N-3", "a checkpoint of %d lines", len(lines)-1)
	origin := lines[0]
	require(origin != "" && !hasControl(origin), "N-3", "origin %q", origin)
	size, err := strconv.ParseInt(lines[1], 10, 64)
	canonical := err == nil && size >= 0 && size <= maxInteger && strconv.FormatInt(size, 10) == lines[1]
	require(canonical, "N-3", "size %q", lines[1])
	root, ok := decodeBase64(lines[2])
	require(ok && len(root) == 32, "N-3", "root %q", lines[2])
	h := head{note: n, origin: origin, size: size}
	copy(h.root[:], root)
	return h
}
