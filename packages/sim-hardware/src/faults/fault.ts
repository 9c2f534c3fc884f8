import type { Cancel } from "@wattseal/base";
import { SimError } from "../errors.js";
import { type Attack, startAttack } from "./attacks.js";
import { type ClockFault, startClockFault } from "./clock-fault.js";
import { type Jam, startJam } from "./jam.js";
import { type ModuleFault, startModuleFault } from "./module-faults.js";
import { type ShuntFault, shuntOf, startShuntFault } from "./shunt-fault.js";
import type { Slots, Stage } from "./stage.js";
import { startWireFault, type WireFault } from "./wire-faults.js";

/** Everything that can go wrong, as data. */
export type Fault = WireFault | ModuleFault | Attack | Jam | ShuntFault | ClockFault;
export type FaultName = Fault["fault"];

interface FaultKind {
  readonly description: string;
  /** What `--fault` means by the name, with `slot` as the module that it befalls. */
  example(slot: number): Fault;
  /** Simulated seconds that the example lasts. */
  readonly seconds: number;
}

/** By name: for help texts, and for a fault without further details. */
export const FAULTS: Readonly<Record<FaultName, FaultKind>> = {
  corrupt: {
    description: "one bit in 10,000 arrives wrong: error frames, and repetition",
    example: () => ({ fault: "corrupt", bitErrorRate: 1e-4 }),
    seconds: 30,
  },
  cut: {
    description: "the cable breaks before a module",
    example: (slot) => ({ fault: "cut", slots: [slot] }),
    seconds: 30,
  },
  lost: {
    description: "a module is unplugged",
    example: (slot) => ({ fault: "lost", slots: [slot] }),
    seconds: 30,
  },
  "stuck-dominant": {
    description: "a short circuit silences the whole bus",
    example: () => ({ fault: "stuck-dominant" }),
    seconds: 5,
  },
  "bus-off": {
    description: "one module's frames are destroyed until its controller leaves the bus",
    example: (slot) => ({ fault: "bus-off", slots: [slot] }),
    seconds: 10,
  },
  "brown-out": {
    description: "a module loses its supply and starts anew",
    example: (slot) => ({ fault: "brown-out", slots: [slot] }),
    seconds: 0.5,
  },
  mute: {
    description: "a module's firmware hangs; its controller still acknowledges",
    example: (slot) => ({ fault: "mute", slots: [slot] }),
    seconds: 30,
  },
  liar: {
    description: "a module counts a fifth more energy than passes",
    example: (slot) => ({ fault: "liar", slots: [slot], gain: 1.2 }),
    seconds: 300,
  },
  drift: {
    description: "a module's clock runs 1 % fast",
    example: (slot) => ({ fault: "drift", slots: [slot], ppm: 10_000 }),
    seconds: 120,
  },
  replay: {
    description: "a node records the pack's orders and sends them again 5 s later",
    example: () => ({ fault: "replay", record: "commands", delayMs: 5000 }),
    seconds: 60,
  },
  spoof: {
    description: "a node sends orders under the gateway's own identifiers",
    example: (slot) => ({ fault: "spoof", perSecond: 5, slots: [slot] }),
    seconds: 30,
  },
  flood: {
    description: "a node sends 1,000 frames a second under high-priority identifiers",
    example: () => ({ fault: "flood", firstId: 0x100, lastId: 0x1ff, perSecond: 1000 }),
    seconds: 30,
  },
  "clear-frames": {
    description: "a node sends clear readings under the slot of a paired module",
    example: (slot) => ({ fault: "clear-frames", perSecond: 5, slots: [slot] }),
    seconds: 30,
  },
  jam: {
    description: "somebody in the cut cable hands a module the pack's orders 5 s late",
    example: (slot) => ({ fault: "jam", delayMs: 5000, slots: [slot] }),
    seconds: 30,
  },
  babbling: {
    description: "a defective node sends identifier 0 without a pause",
    example: () => ({ fault: "babbling" }),
    seconds: 5,
  },
  shunt: {
    description: "the pack's shunt shows 5 % less current than flows",
    example: () => ({ fault: "shunt", gain: 0.95 }),
    seconds: 300,
  },
  clock: {
    description: "the gateway's UTC is set back an hour, and put right again",
    example: () => ({ fault: "clock", stepSeconds: -3600 }),
    seconds: 120,
  },
};

/** Object.keys, typed. */
export const FAULT_NAMES: readonly FaultName[] = Object.keys(FAULTS).filter(isFaultName);

export function isFaultName(name: string): name is FaultName {
  return Object.hasOwn(FAULTS, name);
}

/** Throws SimError `configuration` for a slot that no module has, or a shunt that is not there. */
export function checkFault(fault: Fault, stage: Stage): void {
  if (fault.fault === "shunt") shuntOf(stage);
  const slots: Slots = "slots" in fault ? fault.slots : undefined;
  const missing = slots?.find((slot) => !stage.modules.some((module) => module.slot === slot));
  if (missing !== undefined) {
    throw new SimError("configuration", "usage", `${fault.fault}: no module has slot ${missing}`);
  }
}

/** Lasts until called back. Throws as `checkFault`. */
export function startFault(fault: Fault, stage: Stage): Cancel {
  checkFault(fault, stage);
  switch (fault.fault) {
    case "corrupt":
    case "cut":
    case "lost":
    case "stuck-dominant":
    case "bus-off":
      return startWireFault(fault, stage);
    case "brown-out":
    case "mute":
    case "liar":
    case "drift":
      return startModuleFault(fault, stage);
    case "replay":
    case "spoof":
    case "flood":
    case "clear-frames":
    case "babbling":
      return startAttack(fault, stage);
    case "jam":
      return startJam(fault, stage);
    case "shunt":
      return startShuntFault(fault, stage);
    case "clock":
      return startClockFault(fault, stage);
  }
}
