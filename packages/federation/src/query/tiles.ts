/** Logs as C2SP tlog-tiles serves them. */
import { utf8 } from "@wattseal/base";
import { encodeBundle, TILE_WIDTH } from "@wattseal/tlog";
import { HttpRefusal } from "../http/problem.js";
import type { Call, Reply } from "../http/route.js";

export const OCTETS = "application/octet-stream";
const TEXT = "text/plain; charset=utf-8";
export const TILE_SUMMARY =
  "A tile of hashes or of entries, by its C2SP tlog-tiles path: 0/000, 1/x001/234.p/17, entries/000.";

export function note(text: string): Reply {
  return { status: 200, type: TEXT, body: utf8(text) };
}

export function octets(body: Uint8Array | undefined): Reply {
  if (body === undefined) throw new HttpRefusal(404, "tile", "the log is not that long");
  return { status: 200, type: OCTETS, body };
}

export function bundle(leaves: readonly Uint8Array[], width: number): Reply {
  return octets(leaves.length === width ? encodeBundle(leaves) : undefined);
}

/** C2SP tlog-tiles: <level>/<index in groups of three>[.p/<width>]; levels that a log of 2^48 entries can have. */
const TILE = /^([0-5]|entries)\/((?:x\d{3}\/){0,4}\d{3})(?:\.p\/(\d{1,3}))?$/;

export function tileIn({ parameters }: Call) {
  const [, level, groups = "", partial] = TILE.exec(parameters.get("tile") ?? "") ?? [];
  const width = partial === undefined ? TILE_WIDTH : Number(partial);
  const isWhole = partial === undefined || (width > 0 && width < TILE_WIDTH);
  if (level === undefined || !isWhole) {
    throw new HttpRefusal(404, "tile", "that is no path of a tile");
  }
  const index = Number(groups.replaceAll(/[x/]/g, ""));
  return { level: level === "entries" ? level : Number(level), index, width } as const;
}
