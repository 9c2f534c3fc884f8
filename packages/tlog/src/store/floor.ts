/**
 * The floor of a pruned log: the lowest entry that is still here (C2SP tlog-tiles, Pruning: the minimum index).
 * File (`floor`): "wsfloor1" ‖ u64le floor, a multiple of 256 ‖ for each tile level from 1 on, while 256^level is
 * not above the floor: the hashes of that level's tile in progress at the floor, floor / 256^level mod 256 of them
 * ‖ SHA-256 of all that.
 * Those hashes stand for everything that was removed; the last signed head covers them. Nobody signed that pruning
 * was allowed: whoever can write the directory can prune as well as delete.
 */
import { bytesEqual, concatBytes, sha256, utf8, viewOf } from "@wattseal/base";
import { TILE_WIDTH } from "../tiles.js";
import { HASH_LENGTH } from "../tree/hash.js";
import type { StoreFiles } from "./files.js";
import { FLOOR, refuseFile } from "./layout.js";

export interface Floor {
  readonly entry: number;
  /** By level: hashes of the tile in progress where the log had `entry` entries; none at level 0. */
  readonly tiles: readonly (readonly Uint8Array[])[];
}

/** Of a log that was never pruned. */
const NO_FLOOR: Floor = { entry: 0, tiles: [] };

const MAGIC = utf8("wsfloor1");
const HEADER_LENGTH = 16;
const MIN_LENGTH = HEADER_LENGTH + HASH_LENGTH;

/** How many hashes the tile in progress has at each level of a tree of `size`, from level 0 up. */
export function partialWidths(size: number): readonly number[] {
  const widths: number[] = [];
  for (let rest = size; rest > 0; rest = Math.floor(rest / TILE_WIDTH)) {
    widths.push(rest % TILE_WIDTH);
  }
  return widths;
}

export function encodeFloor({ entry, tiles }: Floor): Uint8Array {
  const header = new Uint8Array(HEADER_LENGTH);
  header.set(MAGIC);
  viewOf(header).setBigUint64(MAGIC.length, BigInt(entry), true);
  const named = concatBytes(header, ...tiles.flat());
  return concatBytes(named, sha256(named));
}

/** The floor on record. Throws TlogError "corrupt". */
export function readFloor(files: StoreFiles): Floor {
  const bytes = files.read(FLOOR);
  if (bytes === undefined) return NO_FLOOR;
  const end = bytes.length - HASH_LENGTH;
  const intact =
    bytes.length >= MIN_LENGTH && bytesEqual(sha256(bytes.subarray(0, end)), bytes.subarray(end));
  if (!intact) refuseFile(files, FLOOR, "is damaged: its bytes do not have their hash");
  const entry = Number(viewOf(bytes).getBigUint64(MAGIC.length, true));
  const aligned = Number.isSafeInteger(entry) && entry > 0 && entry % TILE_WIDTH === 0;
  if (!bytesEqual(bytes.subarray(0, MAGIC.length), MAGIC) || !aligned) {
    refuseFile(files, FLOOR, `says entry ${entry} in a form that is not known here (at byte 0)`);
  }
  const widths = partialWidths(entry);
  const hashes = widths.reduce((sum, width) => sum + width, 0);
  if (end !== HEADER_LENGTH + hashes * HASH_LENGTH) {
    refuseFile(files, FLOOR, `has ${bytes.length} bytes, which are not ${hashes} hashes`);
  }
  let before = 0;
  const tiles = widths.map((width) => {
    const begin = HEADER_LENGTH + before * HASH_LENGTH;
    before += width;
    return Array.from({ length: width }, (_, i) =>
      bytes.subarray(begin + i * HASH_LENGTH, begin + (i + 1) * HASH_LENGTH),
    );
  });
  return { entry, tiles };
}
