import { createPrivateKey, createPublicKey, sign } from "node:crypto";
import { concatBytes, fromBase64, fromHex, toHex } from "@wattseal/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EMPTY_ROOT } from "../tree/hash.js";
import {
  formatCheckpoint,
  parseCheckpoint,
  signCheckpoint,
  unverifiedCheckpoint,
  verifyCheckpoint,
  verifyLogHead,
} from "./checkpoint.js";
import { cosign, verifyCosignature } from "./cosignature.js";
import { formatVkey, keyId, parseVkey } from "./key.js";
import { formatNote, parseNote, signNote, verifyNote } from "./note.js";

const refusal = (code: string, message?: RegExp) =>
  expect.objectContaining({
    name: "TlogError",
    code,
    ...(message && { message: expect.stringMatching(message) }),
  });

function signer(name: string, seed: Uint8Array) {
  const der = concatBytes(fromHex("302e020100300506032b657004220420"), seed);
  const key = createPrivateKey({ key: Buffer.from(der), format: "der", type: "pkcs8" });
  const publicKey = new Uint8Array(
    createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-32),
  );
  return { name, publicKey, sign: (bytes: Uint8Array) => new Uint8Array(sign(null, bytes, key)) };
}
const log = signer("wattseal/abc", new Uint8Array(32).fill(1));
const witness = signer("witness.example/w", new Uint8Array(32).fill(2));

/** golang.org/x/mod/sumdb/note, package documentation and note_test. */
const GO = {
  vkey: "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
  seed: "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz",
  text: "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n",
  line: "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n",
};
/** A published checkpoint of the CT log coachandhorses2026h1 (staging), cosigned by the Geomys witness "navigli". */
const CT = {
  note: `coachandhorses2026h1.staging.certificate.transparency.goog
185550722
YXAM0VmnrfvLaBCOOYSJhCaE5F10oGBOo+hkbDa1kng=

— coachandhorses2026h1.staging.certificate.transparency.goog MpXgsHy8ZwxXnO+WjtVrPxAzL49Rs1gWTkNVNeEa//5peAzaocRCB3qt3EaibjzY5GILLtGgBP7dBhgcSHy+JQh0OAc=
— witness.navigli.sunlight.geomys.org o+AP4gAAAABqb7DzNrGFRJnQ9vrJ8xpnwZytnr/ZYczDIsvwvouiSjwOjn7a72ccxBk+lKnZ7dKqkYKER1s/KxLTaVwQD7lJZTC/CQ==
`,
  witness:
    "witness.navigli.sunlight.geomys.org+a3e00fe2+BNy/co4C1Hn1p+INwJrfUlgz7W55dSZReusH/GhUhJ/G",
};

describe("published notes", () => {
  it("signs and verifies the Go reference example byte for byte", () => {
    const peter = signer("PeterNeumann", fromBase64(GO.seed).subarray(1));
    const key = parseVkey(GO.vkey);
    expect(formatVkey({ ...peter, type: "ed25519" })).toBe(GO.vkey);
    expect(signNote(GO.text, peter)).toBe(`${GO.text}\n${GO.line}`);
    expect(verifyNote(`${GO.text}\n${GO.line}`, key).text).toBe(GO.text);
  });

  it("verifies a witness's cosignature on a public log's checkpoint", () => {
    const key = parseVkey(CT.witness);
    const origin = "coachandhorses2026h1.staging.certificate.transparency.goog";
    const { checkpoint, time } = verifyCosignature(CT.note, { ...key, origin });
    expect(checkpoint.size).toBe(185550722);
    expect(new Date(time * 1000).getUTCFullYear()).toBe(2026);
    expect(formatNote(parseNote(CT.note))).toBe(CT.note);
    expect(() => verifyCosignature(CT.note.replace("185550722", "185550723"), key)).toThrow(
      refusal("signature"),
    );
    expect(() => verifyCosignature(CT.note, { ...key, origin: "another" })).toThrow(
      refusal("signature", /another/),
    );
  });

  it.each([
    "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
    "transparency.dev/DEV:witness-little-garden+d8042a87+BCtusOxINQNUTN5Oj8HObRkh2yHf/MwYaGX4CPdiVEPM",
    "transparency.dev/DEV:witness-little-garden+4b7fca75+AStusOxINQNUTN5Oj8HObRkh2yHf/MwYaGX4CPdiVEPM",
  ])("reads and writes the vkey %s", (vkey) => {
    expect(formatVkey(parseVkey(vkey))).toBe(vkey);
    expect(vkey).toContain(`+${keyId(parseVkey(vkey))}+`);
  });
});

describe("vkey", () => {
  it.each([
    ["PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", /key id is c74f20a3/],
    ["PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", /is not <name>/],
    ["Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", /not a key name/],
    [
      "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
      /stray bits|bytes, not 32/,
    ],
    ["PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", /type 101/],
    ["PeterNeumann+c74f20a3", /is not <name>/],
    ["PeterNeumann+c74f20a3+ARp", /multiple of 4/],
  ])("refuses %s", (vkey, problem) => {
    expect(() => parseVkey(vkey)).toThrow(refusal("note", problem));
  });
});

describe("note", () => {
  const note = signNote("one\n\ntwo\n", log);

  it("splits at the last blank line", () => {
    expect(parseNote(note).text).toBe("one\n\ntwo\n");
  });

  it.each([
    ["no blank line", "text\n", /blank line/],
    ["no signatures", "text\n\n", /signature line/],
    ["no final newline", note.slice(0, -1), /end in a newline/],
    ["a hyphen for the dash", note.replace("—", "-"), /signature line/],
    ["a name with a plus", note.replace("wattseal/abc", "wattseal+abc"), /key name/],
    ["a name with a no-break space", note.replace("wattseal/abc", "wattseal\u00a0abc"), /key name/],
    ["a short signature", "text\n\n— name AAAAAA==\n", /without content/],
    ["two spaces", note.replace("abc ", "abc  "), /base64|multiple/],
    ["non-canonical base64", "text\n\n— name AAAAAAB=\n", /stray bits/],
    ["a control character", note.replace("one", "o\te"), /control character \(at offset 1\)/],
    ["a carriage return", note.replaceAll("\n", "\r\n"), /control character/],
    ["a lone surrogate", note.replace("one", "o\ud800e"), /surrogate/],
    ["too many signatures", note + note.slice(note.indexOf("—")).repeat(32), /more than 32/],
    ["too long", `${"x".repeat(300_000)}${note}`, /longer/],
  ])("with %s is refused, saying so", (_, bad, problem) => {
    expect(() => parseNote(bad)).toThrow(refusal("note", problem));
  });

  it("accepts 16 signatures and ignores those of unknown keys", () => {
    const lines = Array.from({ length: 15 }, (_, i) => `— unknown${i} AAAAAAAB\n`).join("");
    expect(verifyNote(note + lines, log).signatures).toHaveLength(16);
  });

  it("is refused without this key's signature, with two of them, or with a wrong one", () => {
    expect(() => verifyNote(note, witness)).toThrow(
      refusal("signature", /no signature by witness/),
    );
    expect(() => verifyNote(note, { ...log, name: "other" })).toThrow(refusal("signature"));
    expect(() => verifyNote(note + note.slice(note.indexOf("—")), log)).toThrow(
      refusal("signature", /two/),
    );
    expect(() => verifyNote(note.replace("two", "2"), log)).toThrow(refusal("signature", /wrong/));
  });

  it("is not signed with a signature of another length", () => {
    expect(() => signNote("x\n", { ...log, sign: () => new Uint8Array(63) })).toThrow(
      refusal("range"),
    );
    expect(() => signNote("x", log)).toThrow(refusal("note"));
  });
});

describe("checkpoint", () => {
  const head = { size: 3, root: EMPTY_ROOT };
  const note = signCheckpoint(head, log);
  const lines = formatCheckpoint({ origin: "o", ...head });

  it("comes back as it went", () => {
    expect(verifyCheckpoint(note, log)).toEqual({
      origin: "wattseal/abc",
      size: 3,
      root: new Uint8Array(EMPTY_ROOT),
    });
    expect(unverifiedCheckpoint(note).size).toBe(3);
  });

  it("is of the log that the key names", () => {
    const foreign = signNote(formatCheckpoint({ origin: "wattseal/other", ...head }), log);
    expect(() => verifyCheckpoint(foreign, log)).toThrow(refusal("signature", /wattseal\/other/));
  });

  it.each([
    ["an empty origin", lines.replace("o\n", "\n"), /line 1/],
    ["a leading zero", lines.replace("3", "03"), /line 2/],
    ["a sign", lines.replace("3", "+3"), /line 2/],
    ["hexadecimal", lines.replace("3", "0x3"), /line 2/],
    ["an exponent", lines.replace("3", "3e1"), /line 2/],
    ["a size beyond 2^53", lines.replace("3", "9007199254740993"), /line 2/],
    ["a short root", lines.replace(/^.*=\n/m, "AAAA\n"), /line 3 \(root\) has 3 bytes/],
    ["a root without padding", lines.replace("=", ""), /line 3/],
    ["a root with stray bits", lines.replace("FU=", "FV="), /line 3.*stray/],
    ["an extension", `${lines}more\n`, /more lines/],
    ["an empty extension", `${lines}\n`, /more lines/],
    ["two lines", "o\n3\n", /three lines/],
    ["no final newline", lines.slice(0, -1), /three lines/],
  ])("with %s is refused, naming the line", (_, bad, problem) => {
    expect(bad).not.toBe(lines);
    expect(() => parseCheckpoint(bad)).toThrow(refusal("note", problem));
  });

  it("is not written with values it could not read", () => {
    expect(() => formatCheckpoint({ origin: "a\nb", ...head })).toThrow(refusal("note"));
    expect(() => formatCheckpoint({ origin: "a", size: 1.5, root: EMPTY_ROOT })).toThrow(
      refusal("note"),
    );
    expect(() => formatCheckpoint({ origin: "a", size: 1, root: new Uint8Array(31) })).toThrow(
      refusal("note"),
    );
  });
});

describe("a head of a log that changes its key", () => {
  const next = { ...signer("next", new Uint8Array(32).fill(3)), name: log.name };
  const third = { ...signer("third", new Uint8Array(32).fill(4)), name: log.name };
  const head = { size: 7, root: EMPTY_ROOT };
  const keys = (...signers: readonly { readonly publicKey: Uint8Array }[]) => ({
    name: log.name,
    publicKeys: signers.map(({ publicKey }) => publicKey),
  });

  it("holds under either key, and names those of the accepted that signed", () => {
    const note = signCheckpoint(head, log, next);
    expect(verifyCheckpoint(note, log)).toEqual(verifyCheckpoint(note, next));
    const signersFor = (...accepted: readonly { readonly publicKey: Uint8Array }[]) =>
      verifyLogHead(note, keys(...accepted)).signers;
    expect(verifyLogHead(note, keys(log)).checkpoint).toEqual({ origin: log.name, ...head });
    expect(signersFor(third, next, log)).toEqual([next.publicKey, log.publicKey]);
    expect(signersFor(log)).toEqual([log.publicKey]);
    expect(() => signersFor(third)).toThrow(refusal("signature", /no signature by wattseal\/abc/));
    expect(() => signersFor()).toThrow(refusal("signature"));
  });

  it("does not hold where one accepted key's line is wrong, or there twice", () => {
    const forged = signCheckpoint(head, log, { ...third, publicKey: next.publicKey });
    expect(verifyLogHead(forged, keys(log)).signers).toHaveLength(1);
    expect(() => verifyLogHead(forged, keys(log, next))).toThrow(refusal("signature"));
    const twice = signCheckpoint(head, log, log);
    expect(() => verifyLogHead(twice, keys(log))).toThrow(refusal("signature"));
  });

  it("is of one name", () => {
    expect(() => signCheckpoint(head, log, witness)).toThrow(refusal("note", /cannot be signed/));
  });
});

describe("cosignature", () => {
  const note = signCheckpoint({ size: 9, root: EMPTY_ROOT }, log);
  const cosigned = cosign(note, { ...witness, time: 1_700_000_000 });

  it("stands beside the log's signature and tells the time", () => {
    expect(verifyCosignature(cosigned, { ...witness, origin: log.name })).toMatchObject({
      time: 1_700_000_000,
      checkpoint: { size: 9 },
    });
    expect(verifyCheckpoint(cosigned, log).size).toBe(9);
  });

  it("is replaced by a later one of the same witness", () => {
    const again = cosign(cosigned, { ...witness, time: 1_700_000_060 });
    expect(parseNote(again).signatures).toHaveLength(2);
    expect(verifyCosignature(again, witness).time).toBe(1_700_000_060);
  });

  it("covers its time", () => {
    const parsed = parseNote(cosigned);
    const altered = parsed.signatures.map((s) => {
      const signature = s.signature.slice();
      if (s.name === witness.name) signature[7]! ^= 1;
      return { ...s, signature };
    });
    expect(() =>
      verifyCosignature(formatNote({ ...parsed, signatures: altered }), witness),
    ).toThrow(refusal("signature"));
  });

  it("is no note signature, and a note signature none of it", () => {
    expect(() => verifyCheckpoint(cosigned, witness)).toThrow(refusal("signature"));
    expect(() => verifyCosignature(cosigned, log)).toThrow(refusal("signature"));
  });

  it("needs a checkpoint and a time", () => {
    expect(() => cosign(signNote("hello\n", log), { ...witness, time: 1 })).toThrow(
      refusal("note"),
    );
    expect(() => cosign(note, { ...witness, time: 1.5 })).toThrow(refusal("range"));
  });
});

describe("any altered character", () => {
  const cosigned = cosign(signCheckpoint({ size: 9, root: EMPTY_ROOT }, log), {
    ...witness,
    time: 1_700_000_000,
  });
  const bytes = Buffer.from(cosigned);
  const verifyBoth = (text: string) => [
    verifyCheckpoint(text, log),
    verifyCosignature(text, witness),
  ];

  it("of a receipt is refused by the log's key or the witness's, bit for bit", () => {
    verifyBoth(cosigned);
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => verifyBoth(flipped.toString()), `bit ${bit}`).toThrow(
        expect.objectContaining({ name: "TlogError" }),
      );
    }
  });

  it("or arbitrary text meets one typed error in every parser", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary", maxLength: 200 }),
      fc
        .array(
          fc.constantFrom(
            "—",
            " ",
            "\n",
            "\n\n",
            "+",
            "name",
            "AAAA",
            "=",
            "7",
            "0",
            "\u0085",
            "c74f20a3",
          ),
          { maxLength: 30 },
        )
        .map((parts) => parts.join("")),
    );
    const parsers = [parseNote, parseCheckpoint, parseVkey, unverifiedCheckpoint];
    fc.assert(
      fc.property(text, (input) => {
        for (const parse of parsers) {
          try {
            parse(input);
          } catch (error) {
            expect(error).toMatchObject({ name: "TlogError", code: "note" });
          }
        }
      }),
      { numRuns: 2000 },
    );
  });
});

it("key ids are the published construction", () => {
  expect(keyId({ ...log, type: "ed25519" })).not.toBe(keyId({ ...log, type: "cosignature" }));
  expect(toHex(log.publicKey)).toHaveLength(64);
  expect(() => keyId({ ...log, publicKey: new Uint8Array(31), type: "ed25519" })).toThrow(
    refusal("note"),
  );
});
