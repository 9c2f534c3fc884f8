// Altered structures around a TPM's statements: one typed error each, and none is accepted for what it is not.
import { bytesEqual, DecodeError, utf8 } from "@wattseal/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Ed25519SecretKey } from "../keys/ed25519.js";
import { epochBody, evidenceOf, START, seededEntropy, tree } from "../lct-keys.fixture.js";
import { approvalOf, BOOT, statementsOf, tpmPack } from "../tpm-pack.fixture.js";
import {
  attestSignedBytes,
  decodeAttestationFile,
  encodeAttestationFile,
  verifyAttestation,
} from "./attestation.js";
import { decodeBootApproval, encodeBootApproval, verifyBootApproval } from "./boot-approval.js";
import { verifyLctDocument } from "./document.js";
import { verifyEpoch } from "./epoch.js";
import { LctKeysError } from "./errors.js";
import { encodeEpochBody, epochSignedBytes } from "./evidence.js";
import { decodeGenesis, encodeGenesis } from "./genesis.js";

const RUNS = 4_000;
const pack = tpmPack("tpm");
const { document, authority } = pack;
const approval = approvalOf(pack.keys, document);
const key = Ed25519SecretKey.generate(seededEntropy("epoch"));
const body = epochBody(pack, key);
const signedBytes = epochSignedBytes(encodeEpochBody(body));
const statements = statementsOf(pack.keys, { counter: 1, signedBytes });
const evidence = evidenceOf(pack, body, { ...statements, approval });
const treeRoot = tree("log", 1).root();
const at = { previousCounter: 0, previousBootVersion: 0, treeSize: 1, treeRoot, time: START };

const nonce = utf8("a nonce of enough bytes");
const asked = attestSignedBytes(nonce);
const answer = encodeAttestationFile({
  document: document.bytes,
  nonce,
  signature: pack.anchor.sign(asked),
  ...statementsOf(pack.keys, { counter: 1, signedBytes: asked }),
  approval,
});

/** Bytes with some replaced, taken out, put in or doubled; a length byte that lies is among them. */
function alterations(of: Uint8Array): fc.Arbitrary<Uint8Array> {
  return fc
    .record({
      at: fc.nat(of.length - 1),
      cut: fc.nat(40),
      bytes: fc.oneof(
        fc.uint8Array({ minLength: 1, maxLength: 3 }),
        fc.nat(of.length - 1).map((from) => of.slice(from, from + 34)),
        fc.constant(new Uint8Array(0)),
      ),
      flip: fc.nat(8 * of.length - 1),
      way: fc.nat(2),
    })
    .map(({ at, cut, bytes, flip, way }) => {
      if (way === 0) return of.with(flip >> 3, (of[flip >> 3] ?? 0) ^ (1 << (flip & 7)));
      const removed = way === 1 ? bytes.length : cut;
      return Uint8Array.of(...of.subarray(0, at), ...bytes, ...of.subarray(at + removed));
    })
    .filter((altered) => !bytesEqual(altered, of));
}

/** What `read` gives, or undefined where it refuses in a way that a caller is told of. */
function accepted<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (thrown) {
    if (thrown instanceof DecodeError || thrown instanceof LctKeysError) return undefined;
    throw thrown;
  }
}

const genesis = document.genesisBody;
const file = encodeBootApproval(approval);
const targets: readonly (readonly [string, Uint8Array, (altered: Uint8Array) => void])[] = [
  [
    "a genesis body of version 2",
    genesis,
    (altered) => {
      const read = accepted(() => decodeGenesis(altered));
      if (read !== undefined) expect(encodeGenesis(read)).toEqual(altered);
    },
  ],
  [
    "a document",
    document.bytes,
    (altered) =>
      expect(accepted(() => verifyLctDocument(altered, [authority.publicKey]))).toBeUndefined(),
  ],
  [
    "a boot approval",
    file,
    (altered) =>
      expect(
        accepted(() => verifyBootApproval(document, decodeBootApproval(altered))),
      ).toBeUndefined(),
  ],
  [
    "an epoch's evidence",
    evidence,
    (altered) => {
      const epoch = accepted(() => verifyEpoch(altered, { document, ...at }));
      // what is accepted has lost its approval, or has one that does not hold
      expect(epoch?.state ?? "unattested").toBe("unattested");
    },
  ],
  [
    "an answer to a challenge",
    answer,
    (altered) => {
      const said = accepted(() => {
        const read = decodeAttestationFile(altered);
        const from = verifyLctDocument(read.document, [authority.publicKey]);
        return { nonce: read.nonce, ...verifyAttestation(read, from, nonce) };
      });
      // the asker's own nonce counts, not what the file says it was
      const attested = said?.state === "attested" && bytesEqual(said.nonce, nonce);
      expect(attested).toBe(false);
    },
  ],
  [
    "an approval for another boot's digest",
    encodeBootApproval({ ...approval, pcrDigest: BOOT.toReversed() }),
    (altered) => {
      const read = accepted(() => decodeBootApproval(altered));
      if (read !== undefined && !bytesEqual(read.pcrDigest, BOOT)) {
        expect(accepted(() => verifyBootApproval(document, read))).toBeUndefined();
      }
    },
  ],
];

describe("altered bytes", () => {
  it.each(targets)(
    "of %s",
    (_, of, check) => {
      fc.assert(
        fc.property(alterations(of), (altered) => void check(altered)),
        { numRuns: RUNS },
      );
    },
    120_000,
  );
});
