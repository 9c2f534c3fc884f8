/** A log whose every key a test holds, so that it can be altered and signed again as its owner would. */
import {
  type CborValue,
  decodeCbor,
  decodeSign1,
  type Entropy,
  encodeCbor,
  millis,
  sha256,
  utf8,
} from "@wattseal/base";
import {
  Ed25519SecretKey,
  issueLctDocument,
  P256SecretKey,
  signAuthorityPayload,
} from "@wattseal/lct-keys";
import { epochSignedBytes, type LctGenesis, verifyLctDocument } from "@wattseal/lct-keys/verify";
import { cosign, Frontier, leafHash, type NoteSigner, signCheckpoint } from "@wattseal/tlog";
import { LogStore } from "@wattseal/tlog/store";
import { encodeTrust, LogReplay, type Trust } from "@wattseal/verifier";
import { type Boot, bootOf, tpmItems } from "./tpm.js";

function seeded(seed: string): Entropy {
  return { bytes: (length) => sha256(utf8(seed)).slice(0, length) };
}

const AUTHORITY = Ed25519SecretKey.generate(seeded("authority"));
const WITNESS = Ed25519SecretKey.generate(seeded("witness"));
const ANCHOR = P256SecretKey.generate(seeded("anchor"));
const EPOCH_KEYS = Array.from({ length: 64 }, (_, i) =>
  Ed25519SecretKey.generate(seeded(`epoch ${i}`)),
);
const START = 1_760_000_040_000;
export const RECEIPT = "receipt.0123456789abcdef";
const TRUST: Trust = {
  authorities: [{ name: "Authority", publicKey: AUTHORITY.publicKey }],
  witnesses: [{ name: "witness.example", publicKeys: [WITNESS.publicKey] }],
  quorum: 1,
};
export const TRUST_FILE = encodeTrust(TRUST);

/** Witnesses of a quorum; the second has two keys. */
const SECOND = Ed25519SecretKey.generate(seeded("second witness"));
const SECOND_NEXT = Ed25519SecretKey.generate(seeded("second witness's next key"));
export const QUORUM_SIGNERS = {
  first: noteSigner("witness.example", WITNESS),
  second: noteSigner("second.example", SECOND),
  next: noteSigner("second.example", SECOND_NEXT),
};
/** The format's second form: both of two witnesses. */
export const QUORUM_FILE = encodeTrust({
  ...TRUST,
  witnesses: [
    ...TRUST.witnesses,
    { name: "second.example", publicKeys: [SECOND.publicKey, SECOND_NEXT.publicKey] },
  ],
  quorum: 2,
});

/** As the authority issues it. */
export function documentOf(
  kind: "pack" | "society" | "agent",
  context = "test",
  bound: Partial<Pick<LctGenesis, "binding" | "attestation">> = {},
): Uint8Array {
  return issueLctDocument(AUTHORITY, {
    kind,
    class: "responsive",
    anchor: { type: "p256", publicKey: ANCHOR.publicKey },
    binding: "software",
    strengthBps: 4_000,
    context: [context],
    created: millis(START),
    witnesses: [],
    mrh: [],
    ...bound,
  });
}
const DOCUMENT_BYTES = documentOf("pack");
export const LCT = verifyLctDocument(DOCUMENT_BYTES, "self-consistent").lct;
/** Whose cosignature the tests' witness makes, as a policy names it. */
export const WITNESS_KEY = ["witness.example", WITNESS.publicKey] as const;

export function listOf(value: CborValue | undefined): readonly CborValue[] {
  if (!Array.isArray(value)) throw new TypeError("not an array");
  return value;
}

export function bytesOf(value: CborValue | undefined): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new TypeError("not a byte string");
  return value;
}

/** Signed by the authority. */
export function statement(payload: readonly CborValue[]): Uint8Array {
  return signAuthorityPayload(AUTHORITY, encodeCbor(payload));
}

/** Signed by somebody nobody accepts. */
export function strangers(payload: readonly CborValue[]): Uint8Array {
  return signAuthorityPayload(WITNESS, encodeCbor(payload));
}

/** Signed by the holder of WITNESS_KEY: pack, action, expiry and chain. */
export function order(fields: readonly CborValue[]): Uint8Array {
  return strangers(["wattseal-order-1", new Uint8Array(16).fill(3), ...fields]);
}

/** The anchor's signature over whatever a test likes. */
export function anchorSigns(message: Uint8Array): Uint8Array {
  return ANCHOR.sign(message);
}

/** Signed by the anchor, with what its TPM says of the boot. */
export function evidence(body: readonly CborValue[], boot?: Boot): Uint8Array {
  const bytes = encodeCbor(body);
  const signedBytes = epochSignedBytes(bytes);
  const tpm = boot === undefined ? [[], []] : tpmItems(body[1], signedBytes, boot);
  return encodeCbor([bytes, ANCHOR.sign(signedBytes), ...tpm]);
}

/** What an evidence's body or a statement's payload says. */
export function bodyOf(proof: Uint8Array): readonly CborValue[] {
  return listOf(decodeCbor(bytesOf(listOf(decodeCbor(proof))[0])));
}

export function payloadOf(sign1: Uint8Array): readonly CborValue[] {
  return listOf(decodeCbor(decodeSign1(sign1).payload));
}

export function fieldsOf(entry: Uint8Array): readonly CborValue[] {
  return listOf(decodeCbor(entry));
}

export function typeOf(entry: Uint8Array): CborValue | undefined {
  return fieldsOf(entry)[1];
}

/** Entries that the real fold takes, one by one. */
export class KeyedLog {
  readonly replay = new LogReplay(TRUST);
  readonly entries: Uint8Array[] = [];
  readonly lct: string;
  now = START;
  readonly #nextBoot: () => Boot | undefined;
  #epoch = 0;

  constructor(document = DOCUMENT_BYTES, nextBoot: () => Boot | undefined = () => undefined) {
    this.lct = verifyLctDocument(document, "self-consistent").lct;
    this.#nextBoot = nextBoot;
    this.put("lct.document", [document]);
    this.begin();
  }

  get fold() {
    return this.replay.fold;
  }

  add(entry: Uint8Array): void {
    this.replay.append(entry);
    this.entries.push(entry);
  }

  put(type: string, body: readonly CborValue[]): void {
    this.add(encodeCbor([1, type, this.now, body]));
  }

  signed(type: string, payload: readonly CborValue[]): void {
    this.put(type, [statement(payload)]);
  }

  begin(): void {
    this.#epoch += 1;
    const { publicKey } = EPOCH_KEYS[this.#epoch]!;
    const tree = [this.entries.length, this.replay.root()];
    const body = [this.lct, this.#epoch, publicKey, "test", ...tree, this.now, 1];
    this.put("epoch.begin", [evidence(body, this.#nextBoot())]);
    this.put("ops.clock", ["synchronised", "test", 0]);
  }

  end(): void {
    this.put("epoch.end", [this.#epoch, "shutdown"]);
  }
}

/** Entry `at` is left as it is; every other epoch continues the tree that is now before it. */
export function continued(entries: readonly Uint8Array[], at: number): Uint8Array[] {
  const tree = new Frontier();
  return entries.map((entry, index) => {
    const fields = fieldsOf(index === at ? encodeCbor([]) : entry);
    const made = fields[1] === "epoch.begin" ? withTree(fields, index, tree.root()) : entry;
    tree.append(leafHash(made));
    return made;
  });
}

function withTree(entry: readonly CborValue[], size: number, root: Uint8Array): Uint8Array {
  const before = bytesOf(listOf(entry[3])[0]);
  const body = bodyOf(before);
  if (body[4] === size && Buffer.compare(bytesOf(body[5]), root) === 0) return encodeCbor(entry);
  const proof = evidence(body.with(4, size).with(5, root), bootOf(before));
  return encodeCbor(entry.with(3, [proof]));
}

/** The key that the entries say signs them, where this test holds it. */
function signerOf(entries: readonly Uint8Array[]): Ed25519SecretKey {
  for (const entry of entries.toReversed()) {
    try {
      const fields = fieldsOf(entry);
      if (fields[1] !== "epoch.begin") continue;
      const key = bytesOf(bodyOf(bytesOf(listOf(fields[3])[0]))[2]);
      const found = EPOCH_KEYS.find(({ publicKey }) => Buffer.compare(publicKey, key) === 0);
      if (found !== undefined) return found;
    } catch {
      // An altered entry that no longer parses signs nothing.
    }
  }
  return EPOCH_KEYS[0]!;
}

function noteSigner(name: string, key: Ed25519SecretKey) {
  return { name, publicKey: key.publicKey, sign: (bytes: Uint8Array) => key.sign(bytes) };
}

function originOf(entries: readonly Uint8Array[]): string {
  const document = bytesOf(listOf(fieldsOf(entries[0]!)[3])[0]);
  return verifyLctDocument(document, "self-consistent").origin;
}

/** Who signs the heads of a log with these entries, and who witnesses them. */
export function signersOf(entries: readonly Uint8Array[]) {
  return {
    log: noteSigner(originOf(entries), signerOf(entries)),
    witness: noteSigner("witness.example", WITNESS),
  };
}

export function rootOf(entries: readonly Uint8Array[]): Uint8Array {
  const tree = new Frontier();
  for (const entry of entries) tree.append(leafHash(entry));
  return tree.root();
}

/** Head and receipt over these entries, by the true keys. */
export function notesOf(entries: readonly Uint8Array[]) {
  const { log, witness } = signersOf(entries);
  const checkpoint = signCheckpoint({ size: entries.length, root: rootOf(entries) }, log);
  return { checkpoint, receipt: cosignedBy(checkpoint, witness) };
}

/** The note with these witnesses' cosignatures. */
export function cosignedBy(note: string, ...witnesses: readonly NoteSigner[]): string {
  const time = Math.floor(START / 1_000);
  return witnesses.reduce((text, witness) => cosign(text, { ...witness, time }), note);
}

/** A log's folder with these entries, signed and witnessed. */
export async function writeLog(directory: string, entries: readonly Uint8Array[]): Promise<void> {
  const log = await LogStore.open({ directory });
  await log.append([...entries]);
  const { checkpoint, receipt } = notesOf(entries);
  await log.writeHead(checkpoint);
  await log.writeDocument(RECEIPT, receipt);
  await log.close();
}
