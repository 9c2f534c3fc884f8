/** What holds for everything that the module sends: noted during the whole run, judged at its end. */

import { failed, notObserved, passed } from "../script.js";
import type { PassivePoint } from "../types.js";
import { type Point, plural } from "./point.js";

function passive(id: PassivePoint, requirement: string, section: string): Point {
  return {
    id,
    requirement,
    section,
    // biome-ignore lint/correctness/useYield: judges what the whole run has shown
    *run(bench) {
      const { count, seen } = bench.faultsOf(id);
      const more = count > seen.length ? `, and ${count - seen.length} more` : "";
      if (count > 0) return failed(`${seen.join("; ")}${more}`);
      if (bench.heard.length === 0) return notObserved("no PDU was heard");
      return passed(`in ${plural(bench.heard.length, "PDU")}`);
    },
  };
}

export const PASSIVE_POINTS: readonly Point[] = [
  passive("bus.kind", "sends the kind of frame that the bus is configured for", "link §1"),
  passive("bus.clear", "sends no clear frame", "link §14"),
  passive(
    "pdu.segments",
    "segments in order, full, first and last marked, 200 ms apart at most",
    "link §3",
  ),
  passive("pdu.sealed", "every PDU opens under a session of this pairing", "link §6"),
  passive("pdu.counters", "counters from 0, one more each time, none twice", "link §7"),
  passive("pdu.length", "padded to the shortest length that fills frames", "link §6"),
  passive("pdu.padding", "padded with zeros", "link §6"),
  passive("pdu.types", "known types, in their class, with their length", "messages"),
  passive(
    "telemetry.layout",
    "telemetry's fields are possible, and only grow where they must",
    "messages",
  ),
];
