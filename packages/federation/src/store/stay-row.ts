/** A module's stay as stores keep it, and two of them as the evidence of one module in two logs. */
import { decodeCbor, encodeCbor, Fields, type ModuleUid, millis, moduleUid } from "@wattseal/base";
import type { Stay } from "@wattseal/energy-ledger";
import type { PackName } from "@wattseal/uplink";
import type { ModuleTwice, StayIn } from "./port.js";
import { integer, type Row, text } from "./row.js";

const ANY = { least: 0, most: Number.MAX_SAFE_INTEGER } as const;

/** Names of what `stayValues` gives, in its order; the module is the first. */
export const STAY_COLUMNS = "module, first, last, t0, t1, in0, in1, out0, out1";
/** All but the module's. */
const COLUMN_COUNT = 8;

export function stayValues(stay: Stay): [ModuleUid, ...number[]] {
  const { module, first, last, t0, t1, start, end } = stay;
  return [module, first, last, t0, t1, start.in, end.in, start.out, end.out];
}

export function stayOf(row: Row): Stay {
  return {
    module: moduleUid(text(row, "module")),
    first: integer(row, "first"),
    last: integer(row, "last"),
    t0: millis(integer(row, "t0")),
    t1: millis(integer(row, "t1")),
    start: { in: integer(row, "in0"), out: integer(row, "out0") },
    end: { in: integer(row, "in1"), out: integer(row, "out1") },
  };
}

/** Both stays of one module, the lower pack's first. */
export function twiceOf(a: StayIn, b: StayIn): ModuleTwice {
  return { module: a.stay.module, stays: a.pack < b.pack ? [a, b] : [b, a] };
}

export function encodeStays({ stays }: ModuleTwice): Uint8Array {
  return encodeCbor(stays.map(({ stay }) => stayValues(stay).slice(1)));
}

/** What `encodeStays` made. Throws DecodeError. */
export function decodeStays(
  bytes: Uint8Array,
  module: ModuleUid,
  packs: readonly [PackName, PackName],
): ModuleTwice {
  const what = `stays of module ${module}`;
  const both = new Fields(decodeCbor(bytes, { what }), what, 2);
  const stayAt = (i: 0 | 1): StayIn => {
    const fields = new Fields(both.value(i), what, COLUMN_COUNT);
    const at = (place: number) => fields.integer(place, "number", ANY);
    const stay = {
      module,
      first: at(0),
      last: at(1),
      t0: millis(at(2)),
      t1: millis(at(3)),
      start: { in: at(4), out: at(6) },
      end: { in: at(5), out: at(7) },
    };
    return { pack: packs[i], stay };
  };
  return { module, stays: [stayAt(0), stayAt(1)] };
}
