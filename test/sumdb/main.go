// What golang.org/x/mod/sumdb says of our notes, checkpoints and proofs. Reads one JSON question a line and prints "true" or the
// reason of a refusal for each.
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type question struct {
	Kind, Note, Vkey, Text, Signed, Skey string
	Index, Size1, Size2                  int64
	Leaf, Root1, Root2                   string
	Entries, Proof                       []string
}

func hashOf(text string) (hash tlog.Hash, err error) {
	data, err := base64.StdEncoding.DecodeString(text)
	if err == nil && len(data) != tlog.HashSize {
		err = fmt.Errorf("a hash of %d bytes", len(data))
	}
	copy(hash[:], data)
	return hash, err
}

func hashesOf(texts ...string) (hashes []tlog.Hash, err error) {
	for _, text := range texts {
		hash, err := hashOf(text)
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, hash)
	}
	return hashes, nil
}

// opened verifies a note under one key, with the root and size of its checkpoint.
func opened(q question) error {
	verifier, err := note.NewVerifier(q.Vkey)
	if err != nil {
		return err
	}
	found, err := note.Open([]byte(q.Note), note.VerifierList(verifier))
	if err != nil {
		return err
	}
	if found.Text != q.Text || len(found.Sigs) != 1 || found.Sigs[0].Name != verifier.Name() {
		return fmt.Errorf("the note says %q", found.Text)
	}
	return nil
}

// signed makes a note with Go's signer and compares.
func signed(q question) error {
	signer, err := note.NewSigner(q.Skey)
	if err != nil {
		return err
	}
	made, err := note.Sign(&note.Note{Text: q.Text}, signer)
	if err != nil {
		return err
	}
	if string(made) != q.Note {
		return fmt.Errorf("Go signs %q", made)
	}
	return nil
}

func inclusion(q question) error {
	hashes, err := hashesOf(append([]string{q.Root2, q.Leaf}, q.Proof...)...)
	if err != nil {
		return err
	}
	return tlog.CheckRecord(hashes[2:], q.Size2, hashes[0], q.Index, hashes[1])
}

func consistency(q question) error {
	hashes, err := hashesOf(append([]string{q.Root2, q.Root1}, q.Proof...)...)
	if err != nil {
		return err
	}
	return tlog.CheckTree(hashes[2:], q.Size2, hashes[0], q.Size1, hashes[1])
}

// root computes the tree of these entries as Go does.
func root(q question) error {
	var stored []tlog.Hash
	read := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		found := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			found[i] = stored[index]
		}
		return found, nil
	})
	for i, text := range q.Entries {
		entry, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return err
		}
		hashes, err := tlog.StoredHashes(int64(i), entry, read)
		if err != nil {
			return err
		}
		stored = append(stored, hashes...)
	}
	computed, err := tlog.TreeHash(int64(len(q.Entries)), read)
	if err != nil {
		return err
	}
	if computed.String() != q.Root2 {
		return fmt.Errorf("Go computes %s", computed)
	}
	return nil
}

func main() {
	answers := map[string]func(question) error{
		"note": opened, "signed": signed, "inclusion": inclusion, "consistency": consistency, "root": root,
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<28)
	for lines.Scan() {
		var q question
		if err := json.Unmarshal(lines.Bytes(), &q); err != nil {
			panic(err)
		}
		if err := answers[q.Kind](q); err != nil {
			fmt.Println("refused:", err)
		} else {
			fmt.Println("true")
		}
	}
}
