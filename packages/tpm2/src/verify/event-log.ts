/**
 * The firmware's log of what it measured (TCG PC Client Platform Firmware Profile 1.05 §10.2), and the PCR values that
 * it explains. Trust: the log comes from whoever booted the machine; it counts as far as its replay gives quoted values.
 */
import { concatBytes, DecodeError, sha256, utf8, viewOf } from "@wattseal/base";
import { ALG } from "../wire/constants.js";

export interface BootEvent {
  readonly pcr: number;
  /** EV_…: what kind of thing was measured (§10.4.1). */
  readonly type: number;
  /** SHA-256 bank; undefined where the firmware did not use it. */
  readonly sha256: Uint8Array | undefined;
  /** What the firmware says that it measured. */
  readonly data: Uint8Array;
}

const WHAT = "event log";
const EV_NO_ACTION = 3;
const SIGNATURE = utf8("Spec ID Event03\0");
const SHA1_LENGTH = 20;
const MOST_LOG = 8 * 1024 * 1024;
const MOST_BANKS = 8;
/** Banks of other algorithms are as long as the log says, and skipped. */
const DIGEST_LENGTHS = new Map<number, number>([
  [ALG.sha1, 20],
  [ALG.sha256, 32],
  [ALG.sha384, 48],
  [ALG.sha512, 64],
]);
const PCRS = 24;
/** §10.4.5.3: which locality started the machine, in the log's first events. */
const LOCALITY = utf8("StartupLocality\0");

/** Little-endian, unlike everything else about TPMs. */
class LittleReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
  }

  get done(): boolean {
    return this.at === this.#bytes.length;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  bytes(length: number): Uint8Array {
    const at = this.#take(length);
    return this.#bytes.slice(at, at + length);
  }

  #take(length: number): number {
    if (length > this.#bytes.length - this.at) {
      throw new DecodeError(WHAT, this.at, `${length} bytes are wanted and not there`);
    }
    const at = this.at;
    this.at += length;
    return at;
  }

  fail(problem: string): never {
    throw new DecodeError(WHAT, this.at, problem);
  }
}

/** The first event tells which banks follow, and how long their digests are. */
function readHeader(reader: LittleReader): ReadonlyMap<number, number> {
  reader.u32();
  if (reader.u32() !== EV_NO_ACTION) reader.fail("does not begin with a Spec ID event");
  reader.bytes(SHA1_LENGTH);
  const spec = new LittleReader(reader.bytes(reader.u32()));
  const signature = spec.bytes(SIGNATURE.length);
  if (signature.some((byte, i) => byte !== SIGNATURE[i])) {
    spec.fail("is not in the crypto agile format of TPM 2.0");
  }
  spec.u32();
  spec.bytes(4);
  const count = spec.u32();
  if (count > MOST_BANKS) spec.fail(`${count} banks`);
  const banks = new Map<number, number>();
  for (let i = 0; i < count; i += 1) {
    const algorithm = spec.u16();
    const length = spec.u16();
    if (length !== (DIGEST_LENGTHS.get(algorithm) ?? length))
      spec.fail(`${length} bytes of digest`);
    banks.set(algorithm, length);
  }
  spec.bytes(spec.u8());
  if (!spec.done) spec.fail("has stray bytes in its Spec ID event");
  return banks;
}

function readEvent(reader: LittleReader, banks: ReadonlyMap<number, number>): BootEvent {
  const pcr = reader.u32();
  const type = reader.u32();
  const count = reader.u32();
  if (count > MOST_BANKS) reader.fail(`an event in ${count} banks`);
  let found: Uint8Array | undefined;
  for (let i = 0; i < count; i += 1) {
    const algorithm = reader.u16();
    const length = banks.get(algorithm);
    if (length === undefined)
      return reader.fail(`bank 0x${algorithm.toString(16)} is not declared`);
    const digest = reader.bytes(length);
    if (algorithm === ALG.sha256) found = digest;
  }
  return { pcr, type, sha256: found, data: reader.bytes(reader.u32()) };
}

/** All events in their order. Throws DecodeError with the offset. */
export function parseEventLog(bytes: Uint8Array): readonly BootEvent[] {
  if (bytes.length > MOST_LOG) throw new DecodeError(WHAT, MOST_LOG, "is longer than 8 MiB");
  const reader = new LittleReader(bytes);
  const banks = readHeader(reader);
  const events: BootEvent[] = [];
  while (!reader.done) events.push(readEvent(reader, banks));
  return events;
}

function startValue(events: readonly BootEvent[]): Uint8Array {
  const start = new Uint8Array(32);
  const told = events.find(
    ({ type, data }) =>
      type === EV_NO_ACTION &&
      data.length === LOCALITY.length + 1 &&
      LOCALITY.every((byte, i) => byte === data[i]),
  );
  start[31] = told?.data[LOCALITY.length] ?? 0;
  return start;
}

/** SHA-256 PCR values that these events leave behind, of those PCRs that any of them extends. */
export function replayEvents(events: readonly BootEvent[]): ReadonlyMap<number, Uint8Array> {
  const values = new Map<number, Uint8Array>();
  for (const { pcr, type, sha256: digest } of events) {
    if (type === EV_NO_ACTION || pcr >= PCRS || digest === undefined) continue;
    const before = values.get(pcr) ?? (pcr === 0 ? startValue(events) : new Uint8Array(32));
    values.set(pcr, sha256(concatBytes(before, digest)));
  }
  return values;
}
