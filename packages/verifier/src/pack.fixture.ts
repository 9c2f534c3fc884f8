/** A pack with real keys that writes a log as a gateway does: two epochs, windows, a charge, checkpoints and receipts. */
import {
  type Entropy,
  type Millis,
  type ModuleUid,
  micros,
  millis,
  milliwattHours,
  moduleUid,
  sha256,
  slot,
  toHex,
  utf8,
  viewOf,
} from "@wattseal/base";
import {
  CURRENT_ZERO,
  type Entry,
  type EntryBody,
  type EntryType,
  encodeAs,
  encodeEntry,
  ModuleMeter,
  mintPayload,
  policyPayload,
  policyPayload2,
  type RetainedReading,
  sourcePayload,
  type Taken,
  TELEMETRY_LENGTH,
  telemetrySaid,
} from "@wattseal/energy-ledger";
import {
  Ed25519SecretKey,
  issueLctDocument,
  P256SecretKey,
  signAuthorityPayload,
} from "@wattseal/lct-keys";
import {
  encodeEpochBody,
  encodeEpochEvidence,
  epochSignedBytes,
  type LctDocument,
  verifyLctDocument,
} from "@wattseal/lct-keys/verify";
import {
  consistencyProof,
  cosign,
  type HashReader,
  inclusionProof,
  leafHash,
  nodeHash,
  rootAt,
  signCheckpoint,
} from "@wattseal/tlog";
import type { KeptEvidence } from "./evidence/collect.js";
import { LogReplay } from "./log/replay.js";
import type { Trust } from "./trust/trust.js";

function seeded(seed: string): Entropy {
  return { bytes: (length) => sha256(utf8(seed)).slice(0, length) };
}

const AUTHORITY = Ed25519SecretKey.generate(seeded("authority"));
/** The key that this seed stands for. */
export const secretKey = (seed: string) => Ed25519SecretKey.generate(seeded(seed));
const WITNESS = secretKey("witness");
export const TRUST: Trust = {
  authorities: [{ name: "Demo authority", publicKey: AUTHORITY.publicKey }],
  witnesses: [{ name: "federation.example", publicKeys: [WITNESS.publicKey] }],
  quorum: 1,
};
const START = 1_760_000_040_000;
const MINUTE = 60_000;
const mwh = milliwattHours;

/** By the table of docs/firmware/messages.md. */
function telemetry(steps: number, inward: number, out: number, tick: number): Uint8Array {
  const body = new Uint8Array(TELEMETRY_LENGTH);
  const view = viewOf(body);
  view.setUint8(1, 150);
  view.setUint16(4, CURRENT_ZERO + steps, true);
  view.setUint16(6, 23_333, true);
  view.setUint16(16, 7_000, true);
  view.setUint16(18, 7_100, true);
  view.setUint32(24, inward, true);
  view.setUint32(30, out, true);
  view.setUint32(36, tick, true);
  view.setUint16(40, 1, true);
  return body;
}

/** The other societies that a policy lets it deal with, and whose word on their logs counts. */
interface Dealings {
  readonly counterparties: readonly TestPack[];
  readonly witness: TestPack;
}

export class TestPack {
  readonly document: LctDocument;
  readonly #name: string;
  readonly #anchor: P256SecretKey;
  readonly #module: ModuleUid;
  readonly entries: Uint8Array[] = [];
  readonly firstEntry = 0;
  readonly keptEntries: readonly number[] = [];
  readonly replay = new LogReplay(TRUST);
  now = START;
  /** Moved by tests that forge. */
  treeRoot: Uint8Array | undefined;
  #key = Ed25519SecretKey.generate(seeded("none"));
  #epoch = 0;
  #meter: ModuleMeter | undefined;
  #session = new Uint8Array(32);
  /** Of each interval in the log, in order. */
  readonly kept: KeptEvidence[] = [];

  /** Each name has keys and a module of its own. */
  constructor(name = "", kind: "pack" | "society" = "pack") {
    this.#name = name;
    this.#anchor = P256SecretKey.generate(seeded(`${name}anchor`));
    this.#module = moduleUid(`5d01${toHex(sha256(utf8(name))).slice(0, 12)}`);
    const bytes = issueLctDocument(AUTHORITY, {
      kind,
      class: "responsive",
      anchor: { type: "p256", publicKey: this.#anchor.publicKey },
      binding: "software",
      strengthBps: 4_000,
      context: [],
      created: millis(START),
      witnesses: [],
      mrh: [],
    });
    this.document = verifyLctDocument(bytes, "self-consistent");
    this.add("lct.document", { sign1: bytes });
    this.begin();
    const [moduleKey, packKey] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
    const capacity = mwh(5_000_000);
    this.add("link.paired", {
      module: this.#module,
      slot: slot(1),
      bus: 0,
      moduleKey,
      packKey,
      capacity,
    });
    this.#authority();
  }

  #read: HashReader = (level, index) =>
    level === 0
      ? leafHash(this.entries[index]!)
      : nodeHash(this.#read(level - 1, 2 * index), this.#read(level - 1, 2 * index + 1));

  get time(): Millis {
    return millis(this.now);
  }

  get size(): number {
    return this.entries.length;
  }

  entry(index: number): Uint8Array {
    return this.entries[index]!;
  }

  inclusionProof(index: number, size: number): Uint8Array[] {
    return inclusionProof(index, size, this.#read);
  }

  consistencyProof(size1: number, size2: number): Uint8Array[] {
    return consistencyProof(size1, size2, this.#read);
  }

  root(size = this.size): Uint8Array {
    return rootAt(size, this.#read);
  }

  add<T extends EntryType>(type: T, body: EntryBody<T>): number {
    const bytes = encodeEntry({ type, timeMs: this.time, body } as Entry);
    this.replay.append(bytes);
    return this.entries.push(bytes) - 1;
  }

  /** A new epoch on the tree as it is. */
  begin(): number {
    this.#epoch += 1;
    const evidence = this.evidence(this.#epoch, this.size, this.root());
    this.#meter = undefined;
    const index = this.add("epoch.begin", { evidence });
    this.add("ops.clock", { sync: "synchronised", source: "test", step: 0 });
    return index;
  }

  /** Evidence for an epoch under a key drawn for it, signed by the pack's anchor. */
  evidence(epoch: number, treeSize: number, treeRoot: Uint8Array): Uint8Array {
    this.#key = Ed25519SecretKey.generate(seeded(`${this.#name}epoch ${epoch}`));
    const bodyBytes = encodeEpochBody({
      lct: this.document.lct,
      epoch,
      publicKey: this.#key.publicKey,
      softwareVersion: "test",
      treeSize,
      treeRoot,
      time: this.time,
      synchronised: true,
    });
    const signature = this.#anchor.sign(epochSignedBytes(bodyBytes));
    return encodeEpochEvidence({ bodyBytes, signature, quote: undefined, nvCertify: undefined });
  }

  #terms(version: number) {
    return {
      society: this.document.lct,
      version,
      highBps: 10_000,
      developingBps: 9_000,
      lowBps: 6_000,
      tier: "high",
      lotDays: 7,
      withheldDays: 7,
      wasteAlert: mwh(100_000),
      declaredCap: mwh(0),
    } as const;
  }

  /** A policy of version 2. */
  dealings({ counterparties, witness }: Dealings): void {
    const { lct } = witness.document;
    const policy = encodeAs(policyPayload2, {
      purpose: "wattseal-policy-2",
      ...this.#terms(2),
      witnesses: [{ lct, name: "federation.example", publicKey: WITNESS.publicKey }],
      counterparties: counterparties.map(({ document }) => document.lct),
    });
    this.add("society.policy", { sign1: signAuthorityPayload(AUTHORITY, policy) });
  }

  #authority(): void {
    const society = this.document.lct;
    const signed = (payload: Uint8Array) => ({ sign1: signAuthorityPayload(AUTHORITY, payload) });
    const policy = encodeAs(policyPayload, { purpose: "wattseal-policy-1", ...this.#terms(1) });
    this.add("society.policy", signed(policy));
    const mint = {
      purpose: "wattseal-mint-1",
      society,
      amount: mwh(10_000_000),
      serial: 1,
    } as const;
    this.add("society.mint", signed(encodeAs(mintPayload, mint)));
    const source = encodeAs(sourcePayload, {
      purpose: "wattseal-source-1",
      society,
      source: "charger-1",
      kind: "grid",
      ratedWatts: 1_000_000,
      provenAt: this.time,
      meter: undefined,
    });
    this.add("society.source", signed(source));
  }

  /** A minute at 350 V and this many raw steps of current, metered at 1 Hz, with its window and what it lets charge. */
  minute(steps: number): void {
    const resume = this.replay.fold.moduleEnd(this.#module);
    if (this.#meter === undefined) {
      this.#meter = new ModuleMeter({
        module: this.#module,
        capacity: mwh(5_000_000),
        authenticated: true,
        resume,
      });
      this.#session = new Uint8Array(32).fill(this.#epoch);
      this.#meter.session(this.#session);
    }
    const meter = this.#meter;
    let { in: inward, out } = resume?.end ?? { in: mwh(1_000), out: mwh(1_000) };
    const perSecond = Math.round((Math.abs(steps) * 23_333 * 0.0003) / 3.6);
    const done = [];
    for (let second = 0; second < 60; second += 1) {
      if (steps > 0) inward = mwh(inward + perSecond);
      else out = mwh(out + perSecond);
      const time = micros((this.now + 1_000 * second) * 1_000);
      const body = telemetry(steps, inward, out, time / 1_000 - START);
      done.push(...meter.accept({ ...telemetrySaid(body), time, counter: second, type: 1, body }));
      this.#keep(meter.taken, { time, session: this.#session, counter: second, body });
    }
    this.now += MINUTE;
    for (const { type, body } of [...done, ...meter.closeWindow(this.time)])
      this.add(type, body as never);
    this.add("energy.window", this.replay.fold.nextWindow(this.time));
    const charge = this.replay.fold.society.chargeFor(this.time, "charger-1");
    if (charge !== undefined) this.add("society.charge", charge);
  }

  /** As a gateway keeps readings. */
  #keep(taken: Taken | undefined, reading: RetainedReading): void {
    const kept = { ...reading, length: 64, tag: new Uint8Array(16).fill(reading.counter) };
    if (taken?.begun === true) {
      const from = taken.continued ? this.kept.at(-1)?.readings.at(-1) : undefined;
      this.kept.push({ from, carried: taken.carried, readings: [kept], keys: new Map() });
    } else {
      const last = this.kept.at(-1)!;
      this.kept.splice(-1, 1, { ...last, readings: [...last.readings, kept] });
    }
  }

  checkpoint(size = this.size): string {
    const head = { size, root: this.root(size) };
    return signCheckpoint(head, this.noteSigner());
  }

  noteSigner(key = this.#key, name = this.document.origin) {
    return { name, publicKey: key.publicKey, sign: (bytes: Uint8Array) => key.sign(bytes) };
  }

  receipt(note = this.checkpoint(), key = WITNESS, name = "federation.example"): string {
    return cosign(note, { ...this.noteSigner(key, name), time: 1_760_000_100 });
  }
}

/** Entries of all kinds a gateway writes, over two epochs. */
export function writtenPack(): TestPack {
  const pack = new TestPack();
  for (let i = 0; i < 4; i += 1) pack.minute(i < 2 ? 2_000 : -150);
  pack.begin();
  pack.now += 5_000;
  for (let i = 0; i < 3; i += 1) pack.minute(-200);
  return pack;
}
