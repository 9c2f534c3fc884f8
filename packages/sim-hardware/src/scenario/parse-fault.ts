import type { Fault, FaultName } from "../faults/fault.js";
import { FAULT_NAMES } from "../faults/fault.js";
import type { Field } from "./fields.js";

const MOST_MODULES = 31;
const HIGHEST_RATE = 10_000;
const LARGEST_ID = 0x1f_ff_ff_ff;
const LONGEST_DELAY_MS = 3_600_000;
const FASTEST_PPM = 500_000;
const LARGEST_GAIN = 100;
/** Four years. */
const LARGEST_STEP_SECONDS = 1461 * 86_400;
const LARGEST_AMPS = 100_000;

type Reader = (field: Field) => Fault;

const slots = (field: Field): readonly number[] | undefined =>
  field.optional((list) => {
    const read = list.list(MOST_MODULES, (slot) => slot.integer(1, MOST_MODULES));
    if (read.length === 0) throw list.refuse("is empty; leave it out for every module");
    const twice = read.find((slot, i) => read.indexOf(slot) < i);
    if (twice !== undefined) throw list.refuse(`has slot ${twice} twice`);
    return read;
  });
const perSecond = (field: Field): number => field.number(0.001, HIGHEST_RATE);

/** Keys that belong to the event around the fault. */
const EVENT = ["at", "seconds", "fault"] as const;

/** For each fault, its own fields. */
const READERS: Readonly<Record<FaultName, Reader>> = {
  corrupt: (field) => {
    const of = field.object([...EVENT, "bitErrorRate", "slots"]);
    const bitErrorRate = of.bitErrorRate.number(1e-12, 1);
    return { fault: "corrupt", bitErrorRate, slots: slots(of.slots) };
  },
  cut: (field) => ({ fault: "cut", slots: slots(field.object([...EVENT, "slots"]).slots) }),
  lost: (field) => ({ fault: "lost", slots: slots(field.object([...EVENT, "slots"]).slots) }),
  "stuck-dominant": (field) => {
    field.object(EVENT);
    return { fault: "stuck-dominant" };
  },
  "bus-off": (field) => ({
    fault: "bus-off",
    slots: slots(field.object([...EVENT, "slots"]).slots),
  }),
  "brown-out": (field) => ({
    fault: "brown-out",
    slots: slots(field.object([...EVENT, "slots"]).slots),
  }),
  mute: (field) => ({ fault: "mute", slots: slots(field.object([...EVENT, "slots"]).slots) }),
  liar: (field) => {
    const of = field.object([...EVENT, "slots", "gain", "soc"]);
    const gain = of.gain.optional((value) => value.number(0, LARGEST_GAIN));
    const soc = of.soc.optional((value) => value.choice(["frozen"] as const));
    if (gain === undefined && soc === undefined)
      throw field.refuse("lies about neither gain nor soc");
    return {
      fault: "liar",
      slots: slots(of.slots),
      ...(gain === undefined ? {} : { gain }),
      ...(soc === undefined ? {} : { soc }),
    };
  },
  drift: (field) => {
    const of = field.object([...EVENT, "slots", "ppm"]);
    return {
      fault: "drift",
      slots: slots(of.slots),
      ppm: of.ppm.number(-FASTEST_PPM, FASTEST_PPM),
    };
  },
  replay: (field) => {
    const of = field.object([...EVENT, "record", "delayMs", "slots"]);
    return {
      fault: "replay",
      record: of.record.choice(["handshakes", "commands", "readings"]),
      delayMs: of.delayMs.number(0, LONGEST_DELAY_MS),
      slots: slots(of.slots),
    };
  },
  spoof: (field) => {
    const of = field.object([...EVENT, "perSecond", "slots"]);
    return { fault: "spoof", perSecond: perSecond(of.perSecond), slots: slots(of.slots) };
  },
  flood: (field) => {
    const of = field.object([...EVENT, "firstId", "lastId", "perSecond"]);
    const firstId = of.firstId.integer(0, LARGEST_ID);
    const lastId = of.lastId.integer(firstId, LARGEST_ID);
    return { fault: "flood", firstId, lastId, perSecond: perSecond(of.perSecond) };
  },
  "clear-frames": (field) => {
    const of = field.object([...EVENT, "perSecond", "slots"]);
    return { fault: "clear-frames", perSecond: perSecond(of.perSecond), slots: slots(of.slots) };
  },
  jam: (field) => {
    const of = field.object([...EVENT, "delayMs", "slots"]);
    const delayMs = of.delayMs.number(0, LONGEST_DELAY_MS);
    return { fault: "jam", delayMs, slots: slots(of.slots) };
  },
  babbling: (field) => {
    field.object(EVENT);
    return { fault: "babbling" };
  },
  clock: (field) => {
    const of = field.object([...EVENT, "stepSeconds", "unsynchronised"]);
    const stepSeconds = of.stepSeconds.optional((value) =>
      value.number(-LARGEST_STEP_SECONDS, LARGEST_STEP_SECONDS),
    );
    const unsynchronised = of.unsynchronised.optional((value) => value.choice([true] as const));
    if (stepSeconds === undefined && unsynchronised === undefined) {
      throw field.refuse("has neither stepSeconds nor unsynchronised");
    }
    return {
      fault: "clock",
      ...(stepSeconds === undefined ? {} : { stepSeconds }),
      ...(unsynchronised === undefined ? {} : { unsynchronised }),
    };
  },
  shunt: (field) => {
    const of = field.object([...EVENT, "gain", "offsetAmps", "silent"]);
    const gain = of.gain.optional((value) => value.number(-LARGEST_GAIN, LARGEST_GAIN));
    const offsetAmps = of.offsetAmps.optional((value) => value.number(-LARGEST_AMPS, LARGEST_AMPS));
    const silent = of.silent.optional((value) => value.choice([true] as const));
    if (gain === undefined && offsetAmps === undefined && silent === undefined) {
      throw field.refuse("has neither gain nor offsetAmps nor silent");
    }
    return {
      fault: "shunt",
      ...(gain === undefined ? {} : { gain }),
      ...(offsetAmps === undefined ? {} : { offsetAmps }),
      ...(silent === undefined ? {} : { silent }),
    };
  },
};

/** Of an event object: its `fault` and the fields that go with it. */
export function parseFault(event: Field): Fault {
  const name = event.peek("fault");
  if (name.text() === "reorder") {
    throw name.refuse("frames on a CAN bus cannot be reordered; replay and jam come nearest");
  }
  return READERS[name.choice(FAULT_NAMES)](event);
}
