/** C2SP tlog-tiles: where hashes and entries of a log lie, and how entries are bundled. */
import { viewOf } from "@wattseal/base";
import { TlogError } from "./errors.js";

/** Hashes in a full tile, entries in a full bundle. */
export const TILE_WIDTH = 256;
/** A tile spans this many levels of the tree. */
export const TILE_HEIGHT = 8;
const MAX_LEVEL = 63;
const LENGTH_PREFIX = 2;
const MAX_BUNDLED = 0xff_ff;

/** 1234067 → `x001/x234/067`. */
function indexPath(index: number): string {
  if (!Number.isSafeInteger(index) || index < 0) {
    throw new TlogError("range", `${index} is not a tile index`);
  }
  const digits = String(index);
  const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, "0");
  const groups = padded.match(/.{3}/g) ?? [];
  return groups.map((group, i) => (i < groups.length - 1 ? `x${group}` : group)).join("/");
}

function widthSuffix(width: number): string {
  if (!Number.isInteger(width) || width < 1 || width > TILE_WIDTH) {
    throw new TlogError("range", `${width} is not a tile width (1 to ${TILE_WIDTH})`);
  }
  return width === TILE_WIDTH ? "" : `.p/${width}`;
}

/** `tile/<level>/<index>[.p/<width>]` */
export function tilePath(level: number, index: number, width = TILE_WIDTH): string {
  if (!Number.isInteger(level) || level < 0 || level > MAX_LEVEL) {
    throw new TlogError("range", `${level} is not a tile level (0 to ${MAX_LEVEL})`);
  }
  return `tile/${level}/${indexPath(index)}${widthSuffix(width)}`;
}

/** `tile/entries/<index>[.p/<width>]` */
export function entriesPath(index: number, width = TILE_WIDTH): string {
  return `tile/entries/${indexPath(index)}${widthSuffix(width)}`;
}

/** u16 big-endian length ‖ entry, in order. */
export function encodeBundle(entries: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const entry of entries) length += LENGTH_PREFIX + entry.length;
  const bundle = new Uint8Array(length);
  let at = 0;
  for (const entry of entries) {
    if (entry.length > MAX_BUNDLED) {
      throw new TlogError("range", `an entry of ${entry.length} bytes does not fit a bundle`);
    }
    bundle[at] = entry.length >> 8;
    bundle[at + 1] = entry.length & 0xff;
    bundle.set(entry, at + LENGTH_PREFIX);
    at += LENGTH_PREFIX + entry.length;
  }
  return bundle;
}

/**
 * Entries of a bundle that holds exactly `width` of them, one after the other, as views into `bundle`.
 * Throws TlogError "tile" with entry and byte offset where the form breaks; `what` names the bundle in it.
 */
export function* entriesOf(
  bundle: Uint8Array,
  width = TILE_WIDTH,
  what = "entry bundle",
): Generator<Uint8Array, void, undefined> {
  const view = viewOf(bundle);
  let at = 0;
  for (let i = 0; i < width; i += 1) {
    const begin = at + LENGTH_PREFIX;
    const end = begin <= bundle.length ? begin + view.getUint16(at) : begin;
    if (end > bundle.length) {
      throw new TlogError("tile", `${what}: ends inside entry ${i} (at byte ${at})`);
    }
    yield bundle.subarray(begin, end);
    at = end;
  }
  if (at !== bundle.length) {
    throw new TlogError("tile", `${what}: is followed by stray bytes (at byte ${at})`);
  }
}

/** All of `entriesOf`. */
export function decodeBundle(
  bundle: Uint8Array,
  width = TILE_WIDTH,
  what = "entry bundle",
): Uint8Array[] {
  return [...entriesOf(bundle, width, what)];
}
