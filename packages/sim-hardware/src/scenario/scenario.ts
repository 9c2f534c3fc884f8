import type { Fault } from "../faults/fault.js";

/** What the pack does meanwhile. */
export type DriveSpec =
  | { readonly kind: "idle" }
  | { readonly kind: "demo" }
  /** Of the whole pack; positive charges. */
  | { readonly kind: "constant"; readonly watts: number }
  /** A path; relative ones start at the scenario's folder. */
  | { readonly kind: "replay"; readonly file: string };

export interface FaultEvent {
  /** Simulated seconds after the start. */
  readonly at: number;
  /** How long it lasts; undefined: to the end. */
  readonly seconds: number | undefined;
  readonly fault: Fault;
  /** File and index, for whoever has to put it right. */
  readonly place?: string;
}

/** What must hold at the end; undefined fields are not looked at. */
export interface Expectations {
  /** Modules with a verified session. */
  readonly linked: number | undefined;
  /** Modules whose relay is closed. */
  readonly on: number | undefined;
  /** Alarms of all modules together, at least. */
  readonly moduleAlarms: number | undefined;
}

export interface Scenario {
  readonly name: string;
  readonly description: string;
  /** Of a pack that is made for it, 1 to 31. */
  readonly modules: number | undefined;
  /** Of everything physical, and of attackers. */
  readonly seed: number;
  /** `seeded`: the modules' secrets come from the seed, so that a run can be repeated bit for bit. Never with keys of worth. */
  readonly entropy: "system" | "seeded";
  readonly drive: DriveSpec;
  /** Simulated seconds; undefined: until stopped, or to the end of the recording. */
  readonly seconds: number | undefined;
  readonly events: readonly FaultEvent[];
  readonly expect: Expectations | undefined;
}
