package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	typeSignature   = 1
	typeCosignature = 4
)

var strict = base64.StdEncoding.Strict()

func fromBase64(rule, text string) []byte {
	data, err := strict.DecodeString(text)
	require(err == nil && !strings.ContainsAny(text, "\r\n"), rule, "%q is not base64", text)
	return data
}

type signature struct {
	name  string
	id    [4]byte
	bytes []byte
}

type note struct {
	text  string
	lines []signature
}

func keyID(name string, kind byte, key []byte) (id [4]byte) {
	sum := sha256.Sum256(append([]byte(name+"\n"+string(rune(kind))), key...))
	copy(id[:], sum[:4])
	return id
}

// parseNote is N-1.
func parseNote(data string) note {
	require(utf8.ValidString(data), "N-1", "a note is not UTF-8")
	require(len(utf16.Encode([]rune(data))) <= 262_144, "N-1", "a note is too long")
	for _, character := range data {
		require(character >= ' ' || character == '\n', "N-1", "a note holds a control character")
	}
	require(strings.HasSuffix(data, "\n"), "N-1", "a note does not end in a newline")
	blank := strings.LastIndex(data, "\n\n")
	require(blank >= 0, "N-1", "a note has no signatures")
	lines := strings.Split(strings.TrimSuffix(data[blank+2:], "\n"), "\n")
	require(len(lines) <= 32, "N-1", "a note has %d signatures", len(lines))
	parsed := note{text: data[:blank+1]}
	for _, line := range lines {
		parsed.lines = append(parsed.lines, parseLine(line))
	}
	return parsed
}

func parseLine(line string) signature {
	const dash = "\u2014 "
	name, encoded, found := strings.Cut(strings.TrimPrefix(line, dash), " ")
	require(strings.HasPrefix(line, dash) && found, "N-1", "%q is no signature line", line)
	requireName(name)
	data := fromBase64("N-1", encoded)
	require(len(data) > 4, "N-1", "a signature without content")
	parsed := signature{name: name, bytes: data[4:]}
	copy(parsed.id[:], data)
	return parsed
}

func requireName(name string) {
	bad := func(c rune) bool {
		return unicode.Is(unicode.White_Space, c) || c == '\ufeff' || c == '+' || unicode.IsControl(c)
	}
	require(name != "" && strings.IndexFunc(name, bad) < 0, "N-1", "%q is no key name", name)
}

// by is the one signature of a key (N-2).
func (n note) by(name string, kind byte, key []byte) []byte {
	id := keyID(name, kind, key)
	var found [][]byte
	for _, line := range n.lines {
		if line.name == name && line.id == id {
			found = append(found, line.bytes)
		}
	}
	require(len(found) == 1, "N-2", "%d signatures by %s", len(found), name)
	return found[0]
}

type checkpoint struct {
	origin string
	size   int64
	root   hash
}

// head is N-3.
func (n note) head() (parsed checkpoint) {
	lines := strings.Split(n.text, "\n")
	require(len(lines) == 4 && lines[3] == "", "N-3", "a checkpoint is not three lines")
	parsed.origin = lines[0]
	require(parsed.origin != "" && !hasControl(parsed.origin), "N-3", "%q is no origin", parsed.origin)
	size, err := strconv.ParseInt(lines[1], 10, 64)
	require(err == nil && size >= 0 && size <= mostSafe && strconv.FormatInt(size, 10) == lines[1], "N-3", "%q is no size", lines[1])
	parsed.size = size
	root := fromBase64("N-3", lines[2])
	require(len(root) == 32, "N-3", "a root of %d bytes", len(root))
	copy(parsed.root[:], root)
	return parsed
}

// requireSigned is N-4.
func (n note) requireSigned(origin string, key []byte) {
	require(n.head().origin == origin, "N-4", "the note is of %q, not of %q", n.head().origin, origin)
	require(verify(key, []byte(n.text), n.by(origin, typeSignature, key)), "N-4", "the signature by %s is wrong", origin)
}

// requireCosigned is N-5.
func (n note) requireCosigned(name string, key []byte) {
	stamped := n.by(name, typeCosignature, key)
	require(len(stamped) == 72, "N-5", "a cosignature of %d bytes", len(stamped))
	seconds := binary.BigEndian.Uint64(stamped)
	message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", seconds, n.text)
	require(seconds <= mostSafe && verify(key, []byte(message), stamped[8:]), "N-5", "the cosignature by %s is wrong", name)
}

var smallOrder = []string{
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
}

// verify is N-6: crypto/ed25519 takes keys that are not reduced or of small order, the page does not.
func verify(key, message, signature []byte) bool {
	if len(key) != 32 || len(signature) != 64 {
		return false
	}
	y := append([]byte{}, key...)
	y[31] &= 0x7f
	if y[31] == 0x7f && y[0] >= 0xed && bytes.Equal(y[1:31], bytes.Repeat([]byte{0xff}, 30)) {
		return false
	}
	for _, small := range smallOrder {
		if hex.EncodeToString(y) == small {
			return false
		}
	}
	return ed25519.Verify(key, message, signature)
}
