import { type ModuleUid, toHex } from "@wattseal/base";
import type { KeptReading } from "./block.js";
import { parseFileName, readFile } from "./file.js";
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

/** Readings this much before and after the interval are given too: the one it starts from is among them. */
const AROUND_MS = 10_000;

/**
 * Reads what is kept of `module` from `from` to `to` (ms of the log's time), and the keys of the sessions of that.
 * A gateway may be writing meanwhile.
 */
export async function readEvidence(
  files: EvidenceFiles,
  query: { readonly module: ModuleUid; readonly from: number; readonly to: number },
): Promise<KeptEvidence> {
  const listed = (await files.list()).flatMap(({ name }) => {
    const parsed = parseFileName(name);
    return parsed === undefined ? [] : [{ ...parsed, name }];
  });
  const known = listed.sort((a, b) => a.sequence - b.sequence);
  const readings: KeptReading[] = [];
  const keys = new Map<string, Uint8Array>();
  const damage: string[] = [];
  const [from, to] = [1000 * (query.from - AROUND_MS), 1000 * (query.to + AROUND_MS)];
  // A file holds what came from its beginning on; the keys of its sessions may be in any later one.
  const first = known.findLastIndex(({ begun }) => begun <= query.from - AROUND_MS);
  for (const { name } of known.slice(Math.max(0, first))) {
    const bytes = await files.read(name);
    if (bytes === undefined) continue; // made room for newer ones meanwhile
    const content = readFile(bytes);
    for (const reading of content.readings) {
      if (reading.module !== query.module || reading.time < from || reading.time > to) continue;
      readings.push(reading);
    }
    for (const { session, key } of content.keys) keys.set(toHex(session), key);
    if (content.damage !== undefined) damage.push(`${name}: ${content.damage}`);
  }
  return { readings, keys, since: known[0]?.begun, damage };
}
