/** An evidence file read by docs/evidence.md alone: other CBOR, other primitives, none of the code under test. */
import { createHash } from "node:crypto";
import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import { decode } from "cborg";

type Bytes = Uint8Array;
type Pdu = readonly [number, number, number, number, Bytes, Bytes];
type Leaf = readonly [Bytes, number, readonly Bytes[]];
type Content = readonly [
  string,
  Bytes,
  Leaf,
  readonly Leaf[],
  readonly (readonly [Bytes, Bytes | readonly never[]])[],
  readonly [number, number],
  Pdu | readonly never[],
  readonly Pdu[],
];

const hash = (...parts: readonly Bytes[]) =>
  createHash("sha256").update(Buffer.concat(parts)).digest();
const u64 = (value: bigint) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
};
const MWH = 24_000_000_000n;

/** The interval's entry, as the file's proof has it, and what follows from the readings. */
export function readByDocument(file: Uint8Array) {
  const [bytes, checksum] = decode(file) as readonly [Bytes, Bytes];
  const content = decode(bytes) as Content;
  const [format, proof, paired, , sessions, carried, start, readings] = content;
  const [proofContent] = decode(proof) as readonly [Bytes];
  const [, [entry]] = decode(proofContent) as readonly [string, Leaf];
  const [, , , claimed] = decode(entry) as readonly [number, string, number, readonly unknown[]];
  const [, , , pairing] = decode(paired[0]) as readonly [number, string, number, [Bytes, number]];
  const from = isPdu(start) ? start : readings[0]!;
  const steps = isPdu(start) ? [start, ...readings] : readings;
  return {
    format,
    whole: hash(bytes).equals(checksum),
    claimed,
    derived: {
      digest: digestOf(sessions, readings),
      integralIn: integralOf(steps, carried[0], 1n),
      integralOut: integralOf(steps, carried[1], -1n),
      in: counterOf(readings.at(-1)!, 24) - counterOf(from, 24),
      out: counterOf(readings.at(-1)!, 30) - counterOf(from, 30),
      t0: Math.floor(from[1] / 1000),
      t1: Math.floor(readings.at(-1)![1] / 1000),
      readings: readings.length,
    },
    sealed: steps.every((pdu) => isSealed(pdu, sessions[pdu[0]]![1], pairing[1])),
  };
}

const isPdu = (start: Content[6]): start is Pdu => start.length > 0;
const counterOf = ([, , , , , body]: Pdu, at: number) => Buffer.from(body).readUIntLE(at, 6);

/** D-2. */
function digestOf(sessions: Content[4], readings: readonly Pdu[]): Bytes {
  let h: Bytes = Buffer.alloc(32);
  let current = -1;
  for (const [session, , counter, , , body] of readings) {
    if (session !== current) h = hash(h, sessions[session]![0]);
    current = session;
    h = hash(h, u64(BigInt(counter)), Buffer.of(1), body);
  }
  return h;
}

/** D-3: `sign` is 1 for in, -1 for out. */
function integralOf(steps: readonly Pdu[], carried: number, sign: 1n | -1n): number {
  const powerOf = ([, , , , , body]: Pdu) => {
    const at = Buffer.from(body);
    const power = BigInt(at.readUInt16LE(6)) * BigInt(at.readUInt16LE(4) - 32_768) * sign;
    return power > 0n ? power : 0n;
  };
  let sum = BigInt(carried);
  for (const [i, pdu] of steps.entries()) {
    const before = steps[i - 1];
    if (before !== undefined) sum += (powerOf(before) + powerOf(pdu)) * BigInt(pdu[1] - before[1]);
  }
  return Number(sum / MWH);
}

/** V-5. */
function isSealed(
  [, , counter, length, tag, body]: Pdu,
  key: Bytes | readonly never[],
  slot: number,
): boolean {
  if (!(key instanceof Uint8Array)) return false;
  const nonce = Buffer.concat([Buffer.alloc(4), u64(2n ** 56n + BigInt(counter))]);
  const ad = Buffer.of(0x33, 0x06, slot, length & 0xff, length >> 8);
  const plaintext = Buffer.alloc(length - 16);
  plaintext.set([1, 0x2a, 0]);
  plaintext.set(body, 3);
  const sealed = chacha20poly1305(key, nonce, ad).encrypt(plaintext);
  return Buffer.from(sealed.subarray(length - 16)).equals(tag);
}
