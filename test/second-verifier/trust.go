package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"unicode/utf8"
)

// trust is who is accepted: a trust file's. Without one, the issuer of entry 0 becomes the one authority.
type trust struct {
	authorities map[kid][]byte
	witnesses   []noteKey // keys of one name are one witness's
	quorum      int
}

// readTrust reads a trust file; whatever is wrong with it is an error of use, no verdict.
func readTrust(path string) (*trust, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var t *trust
	if refused := attempt(func() { t = decodeTrust(data) }); refused != nil {
		return nil, fmt.Errorf("%s: %s", path, refused.problem)
	}
	return t, nil
}

func decodeTrust(data []byte) *trust {
	require(len(data) <= 1<<20, "trust", "a trust file has 1 MiB at most")
	require(utf8.Valid(data), "trust", "a trust file is UTF-8")
	format := jsonValue[string](jsonValue[map[string]json.RawMessage](data)["format"])
	isFirst := format == "wattseal-trust-1"
	require(isFirst || format == "wattseal-trust-2", "trust", "the format is %q", format)
	keys := []string{"format", "authorities", "witnesses", "quorum"}
	if isFirst {
		keys = keys[:3]
	}
	file := jsonObject(data, keys...)
	t := &trust{authorities: map[kid][]byte{}, quorum: 1}
	for _, item := range jsonValue[[]json.RawMessage](file["authorities"]) {
		authority := jsonObject(item, "name", "ed25519")
		key, ok := decodeBase64(jsonValue[string](authority["ed25519"]))
		require(ok && len(key) == 32, "trust", "an authority's key is not the base64 of 32 bytes")
		require(jsonValue[string](authority["name"]) != "", "trust", "an authority has no name")
		t.authorities[kidOf(key)] = key
	}
	if !isFirst {
		t.readQuorum(file)
		return t
	}
	for _, vkey := range jsonValue[[]string](file["witnesses"]) {
		t.witnesses = append(t.witnesses, parseVkey(vkey))
	}
	return t
}

// readQuorum reads what the second form says of witnesses: no name and no key is there twice.
func (t *trust) readQuorum(file map[string]json.RawMessage) {
	names, keys := map[string]bool{}, map[string]bool{}
	for _, item := range jsonValue[[]json.RawMessage](file["witnesses"]) {
		witness := jsonObject(item, "name", "keys")
		name := jsonValue[string](witness["name"])
		vkeys := jsonValue[[]string](witness["keys"])
		require(!names[name] && len(vkeys) > 0, "trust", "witness %q is named twice, or has no key", name)
		names[name] = true
		for _, vkey := range vkeys {
			key := parseVkey(vkey)
			require(key.name == name, "trust", "a key of %q under %q", key.name, name)
			require(!keys[string(key.key)], "trust", "a key of %q is named twice", name)
			keys[string(key.key)] = true
			t.witnesses = append(t.witnesses, key)
		}
	}
	quorum := jsonValue[float64](file["quorum"]) // JSON has no integers: 2 and 2.0 are one number
	t.quorum = int(quorum)
	isQuorum := quorum == math.Trunc(quorum) && quorum >= 1 && quorum <= float64(len(names))
	require(isQuorum, "trust", "quorum %v of %d witnesses", quorum, len(names))
}

// parseVkey: C2SP signed-note, of a cosigning key.
func parseVkey(vkey string) noteKey { return vkeyOf(vkey, cosignature) }

func vkeyOf(vkey string, kind byte) noteKey {
	parts := strings.SplitN(vkey, "+", 3)
	require(len(parts) == 3 && isKeyName(parts[0]), "trust", "%q is no vkey", vkey)
	key, ok := decodeBase64(parts[2])
	require(ok && len(key) == 33 && key[0] == kind, "trust", "%q has no key of type %d", vkey, kind)
	named := newNoteKey(parts[0], kind, key[1:])
	require(parts[1] == fmt.Sprintf("%08x", named.id), "trust", "%q has another key's id", vkey)
	return named
}

// logKey is an accepted key of a receipt log, and as it was given.
type logKey struct {
	noteKey
	vkey string
}

func parseLogKey(vkey string) (key logKey, err error) {
	refused := attempt(func() { key = logKey{vkeyOf(vkey, logSignature), vkey} })
	if refused != nil {
		err = fmt.Errorf("%s", refused.problem)
	}
	return key, err
}

// jsonObject reads an object with exactly these keys; encoding/json would take a key in any case.
func jsonObject(data []byte, keys ...string) map[string]json.RawMessage {
	object := jsonValue[map[string]json.RawMessage](data)
	for _, key := range keys {
		_, has := object[key]
		require(has, "trust", "%q is missing", key)
	}
	require(len(object) == len(keys), "trust", "only %q belong there", keys)
	return object
}

func jsonValue[T any](data []byte) (v T) {
	err := json.Unmarshal(data, &v)
	require(err == nil, "trust", "%v", err)
	return v
}
