/** A log as long as wanted: 31 modules, a minute's intervals each, windows; written as it is made. */
import { type Millis, type ModuleUid, millis, milliwattHours, moduleUid } from "@wattseal/base";
import { type Entry, encodeEntry } from "@wattseal/energy-ledger";
import { Frontier, leafHash, signCheckpoint } from "@wattseal/tlog";
import { LogStore } from "@wattseal/tlog/store";
import { KeyedLog, signersOf } from "./keyed-log.js";

const MINUTE = 60_000;
const MODULES = Array.from({ length: 31 }, (_, i) =>
  moduleUid(`5d010000000000${String(i + 1).padStart(2, "0")}`),
);
const EACH = 1_000;
const digest = new Uint8Array(32).fill(5);
const countersAt = (minute: number) => ({
  in: milliwattHours(EACH * minute),
  out: milliwattHours(0),
  boot: 1,
});

/** Writes at least `size` entries into `directory`, signed at the end; returns how many. */
export async function writeLongLog(directory: string, size: number): Promise<number> {
  const first = new KeyedLog();
  const half = new Uint8Array(32).fill(7);
  for (const [i, uid] of MODULES.entries()) {
    first.put("link.paired", [Buffer.from(uid, "hex"), i + 1, 0, half, half, 5_000_000]);
  }
  first.put("energy.reconcile", ["opening", 0, "test"]);
  const { fold } = first;
  const tree = new Frontier();
  const log = await LogStore.open({ directory });
  let waiting: Uint8Array[] = [];
  const write = (bytes: Uint8Array) => {
    tree.append(leafHash(bytes));
    waiting.push(bytes);
  };
  const add = (entry: Entry) => {
    fold.apply(tree.size, entry);
    write(encodeEntry(entry));
  };
  for (const bytes of first.entries) write(bytes);
  const start = first.now;
  for (let minute = 0; tree.size < size; minute += 1) {
    const [t0, t1] = [millis(start + MINUTE * minute), millis(start + MINUTE * (minute + 1))];
    for (const uid of MODULES) add(intervalOf(uid, minute, t0, t1));
    add({ type: "energy.window", timeMs: t1, body: fold.nextWindow(t1) });
    if (waiting.length < 8_192) continue;
    await log.append(waiting);
    waiting = [];
  }
  await log.append(waiting);
  const { log: signer } = signersOf(first.entries);
  await log.writeHead(signCheckpoint({ size: tree.size, root: tree.root() }, signer));
  await log.close();
  return tree.size;
}

function intervalOf(module: ModuleUid, minute: number, t0: Millis, t1: Millis): Entry {
  return {
    type: "energy.interval",
    timeMs: t1,
    body: {
      module,
      t0,
      t1,
      in: milliwattHours(EACH),
      out: milliwattHours(0),
      start: countersAt(minute),
      end: countersAt(minute + 1),
      integralIn: milliwattHours(EACH),
      integralOut: milliwattHours(0),
      voltageLow: 23_000,
      voltageHigh: 23_333,
      currentLow: 32_768,
      currentHigh: 33_000,
      temperatureLow: 7_000,
      temperatureHigh: 7_100,
      socStart: 100,
      socEnd: 100,
      readings: 300,
      digest,
      verdict: "consistent",
    },
  };
}
