import { type ModuleUid, toHex } from "@wattseal/base";
import type { KeptReading } from "./block.js";
import { type FileContent, parseFileName, readFile } from "./file.js";
import type { EvidenceFiles } from "./files.js";

/** What is still kept of a module around an interval. */
export interface KeptEvidence {
  /** Of that module, oldest first. */
  readonly readings: readonly KeptReading[];
  /** Released keys by handshake hash, in hexadecimal. */
  readonly keys: ReadonlyMap<string, Uint8Array>;
  /** Of the oldest file's first reading, ms; undefined where nothing is kept. */
  readonly since: number | undefined;
  /** What is wrong with files that were read. */
  readonly damage: readonly string[];
}

interface EvidenceQuery {
  readonly module: ModuleUid;
  /** ms of the log's time. */
  readonly from: number;
  readonly to: number;
}

/** Readings this much before and after the interval are given too: the one it starts from is among them. */
const AROUND_MS = 10_000;

/**
 * Reads what is kept of `module` from `from` to `to` (ms of the log's time), and the keys of the sessions of that.
 * A gateway may be writing meanwhile.
 */
export async function readEvidence(
  files: EvidenceFiles,
  query: EvidenceQuery,
): Promise<KeptEvidence> {
  const known = await filesInOrder(files);
  const found = new Found(query);
  // A file holds what came from its beginning on; the keys of its sessions may be in any later one.
  const first = known.findLastIndex(({ begun }) => begun <= query.from - AROUND_MS);
  for (const { name, begun } of known.slice(Math.max(0, first))) {
    if (begun > query.to + AROUND_MS && found.hasKeys) break;
    const bytes = await files.read(name);
    if (bytes !== undefined) found.add(name, readFile(bytes)); // otherwise it made room meanwhile
  }
  const { readings, keys, damage } = found;
  return { readings, keys, since: known[0]?.begun, damage };
}

/** Picks what was asked for out of files. */
class Found {
  readonly readings: KeptReading[] = [];
  readonly keys = new Map<string, Uint8Array>();
  readonly damage: string[] = [];
  readonly #sessions = new Set<string>();
  readonly #module: ModuleUid;
  readonly #from: number;
  readonly #to: number;

  constructor({ module, from, to }: EvidenceQuery) {
    this.#module = module;
    this.#from = 1000 * (from - AROUND_MS);
    this.#to = 1000 * (to + AROUND_MS);
  }

  /** Whether the key of each session is there. */
  get hasKeys(): boolean {
    return [...this.#sessions].every((session) => this.keys.has(session));
  }

  add(name: string, { readings, keys, damage }: FileContent): void {
    for (const reading of readings) {
      const { module, time, session } = reading;
      if (module !== this.#module || time < this.#from || time > this.#to) continue;
      this.readings.push(reading);
      this.#sessions.add(toHex(session));
    }
    for (const { session, key } of keys) this.keys.set(toHex(session), key);
    if (damage !== undefined) this.damage.push(`${name}: ${damage}`);
  }
}

async function filesInOrder(files: EvidenceFiles) {
  const listed = (await files.list()).flatMap(({ name }) => {
    const parsed = parseFileName(name);
    return parsed === undefined ? [] : [{ ...parsed, name }];
  });
  return listed.sort((a, b) => a.sequence - b.sequence);
}
