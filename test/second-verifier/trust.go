package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os"
	"strings"
)

type witness struct {
	name string
	key  []byte
}

// trust is whom the verifier believes.
type trust struct {
	authorities [][]byte
	witnesses   []witness
}

func readTrust(path string) *trust {
	data, err := os.ReadFile(path)
	require(err == nil, "trust file", "%v", err)
	var file struct {
		Format      string
		Authorities []struct{ Name, Ed25519 string }
		Witnesses   []string
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	err = decoder.Decode(&file)
	require(err == nil && file.Format == "wattseal-trust-1", "trust file", "%s is none: %v", path, err)
	var found trust
	for _, authority := range file.Authorities {
		key := fromBase64("trust file", authority.Ed25519)
		require(len(key) == 32 && authority.Name != "", "trust file", "authority %q", authority.Name)
		found.authorities = append(found.authorities, key)
	}
	for _, vkey := range file.Witnesses {
		found.witnesses = append(found.witnesses, parseVkey(vkey))
	}
	return &found
}

func parseVkey(vkey string) witness {
	parts := strings.SplitN(vkey, "+", 3)
	require(len(parts) == 3, "trust file", "%q is no vkey", vkey)
	requireName(parts[0])
	material := fromBase64("trust file", parts[2])
	require(len(material) == 33 && material[0] == typeCosignature, "trust file", "%q is no cosignature key", vkey)
	id := keyID(parts[0], typeCosignature, material[1:])
	canonical := parts[0] + "+" + hexOf(id[:]) + "+" + base64.StdEncoding.EncodeToString(material)
	require(canonical == vkey, "trust file", "%q should be %q", vkey, canonical)
	return witness{parts[0], material[1:]}
}

// requireWitnessed is H-2.
func (t *trust) requireWitnessed(receipt note) {
	accepted := 0
	for _, each := range t.witnesses {
		id := keyID(each.name, typeCosignature, each.key)
		for _, line := range receipt.lines {
			if line.name == each.name && line.id == id {
				receipt.requireCosigned(each.name, each.key)
				accepted++
				break
			}
		}
	}
	require(accepted > 0, "H-2", "no accepted witness has cosigned a receipt")
}
