// Genesis bodies of version 2: docs/ledger-format.md, LCT document.
import { type CborValue, decodeCbor, encodeCbor, lctId, toHex } from "@wattseal/base";
import { encodeNvPublic, NV } from "@wattseal/tpm2/verify";
import { encode as cborgEncode } from "cborg";
import { describe, expect, it } from "vitest";
import { codeOf, genesisOf, testPack } from "../lct-keys.fixture.js";
import { attestationOf, BASE, COUNTER, PCRS, tpmPack, VERSION_INDEX } from "../tpm-pack.fixture.js";
import { lctIdOf, verifyLctDocument } from "./document.js";
import { type Binding, decodeGenesis, encodeGenesis, type LctGenesis } from "./genesis.js";

const pack = tpmPack("tpm");
const { document } = pack;
const attestation = attestationOf(pack.keys);
const { boot } = attestation;
const items = decodeCbor(document.genesisBody);

function listOf(value: CborValue | undefined): readonly CborValue[] {
  if (!Array.isArray(value)) throw new TypeError("not an array");
  return value;
}

/** The genesis body with one item of its attestation changed. */
function withItem(place: number, value: CborValue, list = listOf(items)): Uint8Array {
  return encodeCbor(list.with(11, listOf(list[11]).with(place, value)));
}

describe("a genesis body with an attestation", () => {
  it("is version 2: the fields of version 1, and the attestation as a twelfth", () => {
    const { publicKey } = pack.anchor;
    const expected = cborgEncode([
      "wattseal-lct-2",
      "pack",
      "responsive",
      ["p256", publicKey],
      "tpm",
      4000,
      ["fleet test"],
      [pack.authority.publicKey, []],
      1_760_000_000_000,
      [],
      [],
      [
        attestation.attestationKey,
        encodeNvPublic(COUNTER),
        attestation.storage,
        PCRS,
        [pack.keys.updateKey.publicKey, encodeNvPublic(VERSION_INDEX), BASE],
      ],
    ]);
    expect(toHex(document.genesisBody)).toBe(toHex(expected));
    expect(verifyLctDocument(document.bytes, "self-consistent")).toEqual(document);
    expect(document.attestation).toEqual(attestation);
  });

  it("commits its id to every part of it", () => {
    const other = encodeCbor(listOf(items));
    const changed = withItem(3, [0, 2, 4]);
    expect(lctIdOf(other)).toBe(document.lct);
    expect(lctIdOf(changed)).not.toBe(document.lct);
  });

  it("leaves version 1 as it was, for whoever has none", () => {
    const plain = testPack("plain");
    expect(decodeGenesis(plain.document.genesisBody).attestation).toBeUndefined();
    const [, ...rest] = listOf(decodeCbor(plain.document.genesisBody));
    expect(codeOf(() => decodeGenesis(encodeCbor(["wattseal-lct-2", ...rest])))).toBe("decode");
    const [, ...all] = listOf(items);
    expect(codeOf(() => decodeGenesis(encodeCbor(["wattseal-lct-1", ...all])))).toBe("decode");
    expect(codeOf(() => decodeGenesis(encodeCbor([...listOf(items), 0])))).toBe("decode");
  });

  it.each<[Binding, boolean, boolean]>([
    ["tpm", true, true],
    ["tpm", false, false],
    ["tpm-unmeasured", false, true],
    ["tpm-unmeasured", true, false],
    ["software", false, true],
    ["software", true, true],
    ["secure-element", true, false],
    ["mcu", false, false],
    ["unknown", true, false],
  ])("under binding %s, boot %s: %s", (binding, measured, allowed) => {
    const made = {
      ...genesisOf(pack.anchor.publicKey, { binding }),
      attestation: attestationOf(pack.keys, { boot: measured }),
      issuer: document.issuer,
    };
    expect(codeOf(() => encodeGenesis(made))).toBe(allowed ? "nothing" : "decode");
    if (allowed) expect(decodeGenesis(encodeGenesis(made))).toEqual(made);
  });

  it("is not for those who have no anchor key", () => {
    const module: Partial<LctGenesis> = {
      kind: "module",
      anchor: { type: "x25519", publicKey: new Uint8Array(32) },
    };
    const made = { ...document, ...module };
    expect(codeOf(() => encodeGenesis(made))).toBe("decode");
    expect(codeOf(() => encodeGenesis({ ...made, attestation: undefined }))).toBe("nothing");
  });

  const counter = (change: Partial<typeof COUNTER>) => encodeNvPublic({ ...COUNTER, ...change });
  const point = attestation.attestationKey;
  it.each<[string, number, CborValue]>([
    ["a compressed attestation key", 0, point.slice(0, 33)],
    ["an attestation key of another form", 0, point.with(0, 6)],
    ["a counter that is none", 1, counter({ attributes: NV.ordinary | NV.written })],
    ["a counter that never counted", 1, counter({ attributes: COUNTER.attributes & ~NV.written })],
    ["a counter of 4 bytes", 1, counter({ size: 4 })],
    ["a counter named by SHA-1", 1, counter({ nameAlgorithm: 4 })],
    ["a counter that is no index", 1, counter({ index: 0x8100_0001 })],
    ["a counter with a byte more", 1, Uint8Array.of(...encodeNvPublic(COUNTER), 0)],
    ["a counter with a policy of 20 bytes", 1, counter({ authPolicy: new Uint8Array(20) })],
    ["a storage root named by SHA-1", 2, new Uint8Array(34).with(1, 4)],
    ["a storage root by its handle", 2, Uint8Array.of(0x81, 0, 0, 1)],
    ["no PCR", 3, []],
    ["PCR 24", 3, [0, 24]],
    ["PCRs in another order", 3, [2, 0]],
    ["a PCR twice", 3, [2, 2]],
    ["a boot of two parts", 4, [boot!.updateKey, boot!.versionIndex]],
    ["a compressed update key", 4, [point.slice(0, 33), boot!.versionIndex, 0]],
    ["a version counter that is the epochs'", 4, [point, encodeNvPublic(COUNTER), 0]],
    ["a base below 0", 4, [point, boot!.versionIndex, -1]],
    ["a base beyond 2^52", 4, [point, boot!.versionIndex, 2 ** 52 + 1]],
    ["a text for it all", 4, "none"],
  ])("is refused with %s", (_, place, value) => {
    expect(codeOf(() => decodeGenesis(withItem(place, value)))).toBe("decode");
  });

  it("bears an authority's LCT, links and a policy on its counter beside it", () => {
    const rich = {
      ...document,
      issuer: { ...document.issuer, lct: lctId(`lct:society:${"b".repeat(32)}`) },
      mrh: [{ relation: "succeeds", lct: lctId(`lct:pack:${"a".repeat(32)}`) }] as const,
      attestation: { ...attestation, counter: counter({ authPolicy: new Uint8Array(32).fill(3) }) },
    };
    const { kind, anchor, issuer, mrh } = decodeGenesis(encodeGenesis(rich));
    expect({ kind, anchor, issuer, mrh }).toEqual({
      kind: "pack",
      anchor: rich.anchor,
      issuer: rich.issuer,
      mrh: rich.mrh,
    });
  });
});
