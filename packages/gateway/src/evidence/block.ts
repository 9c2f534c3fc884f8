/** Blocks of retained readings, as docs/evidence.md lays them out. Each stands alone: it names the sessions it uses. */
import {
  concatBytes,
  DecodeError,
  fromHex,
  type Micros,
  type ModuleUid,
  micros,
  moduleUid,
  sha256,
  toHex,
  viewOf,
} from "@wattseal/base";
import { type Carried, LARGEST_REMAINDER, TELEMETRY_LENGTH } from "@wattseal/energy-ledger";

/** One accepted telemetry of a module: its sealed PDU but for the ciphertext, which key and body give back. */
export interface KeptReading {
  readonly module: ModuleUid;
  /** Handshake hash, 32 bytes. */
  readonly session: Uint8Array;
  readonly time: Micros;
  readonly counter: number;
  /** On the wire: bytes of ciphertext and tag, and the tag (16 bytes). */
  readonly length: number;
  readonly tag: Uint8Array;
  /** TELEMETRY_LENGTH bytes. */
  readonly body: Uint8Array;
  /** There where the reading began an interval. */
  readonly begins: { readonly continued: boolean; readonly carried: Carried } | undefined;
}

/** The module's sealing key of a session that has ended. */
export interface ReleasedKey {
  readonly session: Uint8Array;
  /** 32 bytes. */
  readonly key: Uint8Array;
}

export const MAX_CONTENT = 65_536;
export const BLOCK_HEAD = 12;
const CHECK_LENGTH = 8;
const KIND = { session: 1, reading: 2, key: 3 } as const;
const SESSION_LENGTH = 1 + 1 + 8 + 32;
const READING_LENGTH = 1 + 1 + 1 + 8 + 6 + 2 + 16 + TELEMETRY_LENGTH;
const CARRIED_LENGTH = 12;
const KEY_LENGTH = 1 + 32 + 32;
const MAX_SESSIONS = 255;
const FLAG = { begins: 1, continued: 2 } as const;
const TWO_32 = 2 ** 32;

function writeU48(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % TWO_32, true);
  view.setUint16(at + 4, Math.floor(value / TWO_32), true);
}

function readU48(view: DataView, at: number): number {
  return view.getUint32(at, true) + TWO_32 * view.getUint16(at + 4, true);
}

/** Collects what one block is to hold. */
export class BlockBuilder {
  readonly #content = new Uint8Array(MAX_CONTENT);
  readonly #view = viewOf(this.#content);
  /** The session last named for each module. Links hand out one array for each session. */
  readonly #sessions = new Map<
    ModuleUid,
    { readonly session: Uint8Array; readonly number: number }
  >();
  #named = 0;
  #length = 0;

  /** Bytes so far. */
  get length(): number {
    return this.#length;
  }

  /** False when there is no room: `take` first. `body` and `tag` are not kept. */
  reading(reading: KeptReading): boolean {
    const most = SESSION_LENGTH + READING_LENGTH + CARRIED_LENGTH;
    if (this.#length + most > MAX_CONTENT || this.#named === MAX_SESSIONS) return false;
    const known = this.#sessions.get(reading.module);
    const session = known?.session === reading.session ? known.number : this.#session(reading);
    const { time, counter, length, tag, body, begins } = reading;
    const at = this.#length;
    const view = this.#view;
    view.setUint8(at, KIND.reading);
    view.setUint8(at + 1, session);
    view.setUint8(
      at + 2,
      begins === undefined ? 0 : FLAG.begins | (begins.continued ? FLAG.continued : 0),
    );
    view.setUint32(at + 3, time % TWO_32, true);
    view.setUint32(at + 7, Math.floor(time / TWO_32), true);
    writeU48(view, at + 11, counter);
    view.setUint16(at + 17, length, true);
    this.#content.set(tag, at + 19);
    this.#content.set(body, at + 35);
    this.#length += READING_LENGTH;
    if (begins !== undefined) {
      writeU48(view, this.#length, begins.carried.in);
      writeU48(view, this.#length + 6, begins.carried.out);
      this.#length += CARRIED_LENGTH;
    }
    return true;
  }

  /** False when there is no room: `take` first. */
  key({ session, key }: ReleasedKey): boolean {
    if (this.#length + KEY_LENGTH > MAX_CONTENT) return false;
    this.#content[this.#length] = KIND.key;
    this.#content.set(session, this.#length + 1);
    this.#content.set(key, this.#length + 33);
    this.#length += KEY_LENGTH;
    return true;
  }

  #session({ module, session }: KeptReading): number {
    const number = this.#named;
    this.#named += 1;
    this.#sessions.set(module, { session, number });
    const at = this.#length;
    this.#content[at] = KIND.session;
    this.#content[at + 1] = number;
    this.#content.set(fromHex(module), at + 2);
    this.#content.set(session, at + 10);
    this.#length += SESSION_LENGTH;
    return number;
  }

  /** The block, and an empty builder; undefined where there is nothing. */
  take(): Uint8Array | undefined {
    if (this.#length === 0) return undefined;
    const content = this.#content.subarray(0, this.#length);
    const head = new Uint8Array(BLOCK_HEAD);
    viewOf(head).setUint32(0, content.length, true);
    head.set(checkOf(content), BLOCK_HEAD - CHECK_LENGTH);
    const block = concatBytes(head, content);
    this.#content.fill(0, 0, this.#length); // keys do not stay behind in memory
    this.#length = 0;
    this.#sessions.clear();
    this.#named = 0;
    return block;
  }
}

/** The first bytes of the content's SHA-256: finds damage by chance; the digest in the log finds the rest. */
export function checkOf(content: Uint8Array): Uint8Array {
  return sha256(content).subarray(0, CHECK_LENGTH);
}

interface BlockContent {
  readonly readings: readonly KeptReading[];
  readonly keys: readonly ReleasedKey[];
}

/** Reads a block's content, whose check holds. Throws DecodeError, with the offset in the content. */
export function decodeContent(content: Uint8Array): BlockContent {
  const reader = new ContentReader(content);
  while (reader.more) reader.record();
  return reader;
}

class ContentReader implements BlockContent {
  readonly readings: KeptReading[] = [];
  readonly keys: ReleasedKey[] = [];
  readonly #content: Uint8Array;
  readonly #view: DataView;
  readonly #sessions: Pick<KeptReading, "module" | "session">[] = [];
  #at = 0;

  constructor(content: Uint8Array) {
    this.#content = content;
    this.#view = viewOf(content);
  }

  get more(): boolean {
    return this.#at < this.#content.length;
  }

  record(): void {
    const kind = this.#content[this.#at];
    if (kind === KIND.session) this.#session(this.#take(SESSION_LENGTH));
    else if (kind === KIND.reading) this.#reading(this.#take(READING_LENGTH));
    else if (kind === KIND.key) this.#key(this.#take(KEY_LENGTH));
    else throw this.#fault(`holds a record of kind ${kind}`);
  }

  /** Where the record lies; the next one comes after it. */
  #take(length: number): number {
    const at = this.#at;
    if (at + length > this.#content.length) throw this.#fault("ends within a record");
    this.#at = at + length;
    return at;
  }

  #session(at: number): void {
    if (this.#content[at + 1] !== this.#sessions.length) {
      throw this.#fault("numbers its sessions otherwise");
    }
    this.#sessions.push({
      module: uidOf(this.#content.subarray(at + 2, at + 10)),
      session: this.#content.slice(at + 10, at + SESSION_LENGTH),
    });
  }

  #reading(at: number): void {
    const view = this.#view;
    const session = this.#sessions[view.getUint8(at + 1)];
    if (session === undefined) throw this.#fault("names a session that it does not hold");
    const time = view.getUint32(at + 3, true) + TWO_32 * view.getUint32(at + 7, true);
    if (!Number.isSafeInteger(time)) throw this.#fault("has a time that is none");
    this.readings.push({
      ...session,
      time: micros(time),
      counter: readU48(view, at + 11),
      length: view.getUint16(at + 17, true),
      tag: this.#content.slice(at + 19, at + 35),
      body: this.#content.slice(at + 35, at + READING_LENGTH),
      begins: this.#begins(view.getUint8(at + 2)),
    });
  }

  #begins(flags: number): KeptReading["begins"] {
    if (flags === 0) return undefined;
    if ((flags & FLAG.begins) === 0 || flags > (FLAG.begins | FLAG.continued)) {
      throw this.#fault(`has a reading with flags ${flags}`);
    }
    const at = this.#take(CARRIED_LENGTH);
    const carried = { in: readU48(this.#view, at), out: readU48(this.#view, at + 6) };
    if (Math.max(carried.in, carried.out) > LARGEST_REMAINDER) {
      throw this.#fault("carries over a whole mWh");
    }
    return { continued: (flags & FLAG.continued) !== 0, carried };
  }

  #key(at: number): void {
    this.keys.push({
      session: this.#content.slice(at + 1, at + 33),
      key: this.#content.slice(at + 33, at + KEY_LENGTH),
    });
  }

  #fault(problem: string): DecodeError {
    return new DecodeError("evidence block", this.#at, problem);
  }
}

function uidOf(bytes: Uint8Array): ModuleUid {
  return moduleUid(toHex(bytes));
}
