/** Dynamic attributes of a battery passport, as far as a log can say them. Constant memory: a state per module. */
import type { LctId, ModuleUid } from "@wattseal/base";
import type { Entry } from "../entries/entry.js";
import { another, type EventCount, NO_EVENT, type PassportLimits } from "./events.js";
import { passportDocument } from "./passport-document.js";
import { PassportModule } from "./passport-module.js";
import { type ExportHead, endOf, type Period, within } from "./proof.js";

/** Alarms are labels that a gateway chooses: beyond this many different ones they count together. */
const MOST_ALARMS = 64;
const OTHER_ALARMS = "other";

export interface PassportState {
  readonly modules: readonly PassportModule[];
  readonly resets: EventCount;
  readonly gaps: EventCount;
  readonly suspect: EventCount;
  readonly suspectChecks: EventCount;
  readonly alarms: ReadonlyMap<string, EventCount>;
  /** UTC ms of the last entry in the period. */
  readonly lastUpdate: number | undefined;
  readonly first: number | undefined;
  readonly last: number | undefined;
}

export class Passport {
  readonly #limits: PassportLimits;
  readonly #period: Period;
  readonly #modules = new Map<ModuleUid, PassportModule>();
  readonly #alarms = new Map<string, EventCount>();
  #resets = NO_EVENT;
  #gaps = NO_EVENT;
  #suspect = NO_EVENT;
  #suspectChecks = NO_EVENT;
  #lastUpdate: number | undefined;
  #first: number | undefined;
  #last: number | undefined;

  constructor(limits: PassportLimits, period: Period) {
    this.#limits = limits;
    this.#period = period;
  }

  /** Takes the next entry. Pairings count whenever they were made, everything else in the period. */
  take(index: number, entry: Entry): void {
    if (entry.type === "link.paired") {
      const module = this.#module(entry.body.module);
      module.capacity = entry.body.capacity;
      module.paired = true;
    }
    if (entry.type === "link.unpaired") this.#module(entry.body.module).paired = false;
    if (entry.type === "energy.check") this.#settle(entry.body.verdict === "consistent");
    if (entry.type === "energy.window") this.#settle(true);
    if (within(this.#period, endOf(entry))) this.#use(index, entry);
  }

  #settle(borneOut: boolean): void {
    for (const module of this.#modules.values()) module.settle(borneOut);
  }

  #use(index: number, entry: Entry): void {
    const { type, body } = entry;
    if (type === "energy.interval") {
      this.#module(body.module).interval(index, body);
      if (body.verdict === "suspect") this.#suspect = another(this.#suspect, index);
    } else if (type === "energy.gap") {
      this.#module(body.module).gap(index, body);
      this.#gaps = another(this.#gaps, index);
    } else if (type === "energy.check" && body.verdict === "suspect") {
      this.#suspectChecks = another(this.#suspectChecks, index);
    } else if (type === "energy.reset") this.#resets = another(this.#resets, index);
    else if (type === "link.alarm") this.#alarm(index, body.alarm, body.count);
    else return;
    this.#first ??= index;
    this.#last = index;
    this.#lastUpdate = endOf(entry);
  }

  /** The document, once every entry under the head was taken. */
  document(battery: LctId, head: ExportHead) {
    this.#settle(true);
    const state: PassportState = {
      modules: [...this.#modules.values()],
      resets: this.#resets,
      gaps: this.#gaps,
      suspect: this.#suspect,
      suspectChecks: this.#suspectChecks,
      alarms: this.#alarms,
      lastUpdate: this.#lastUpdate,
      first: this.#first,
      last: this.#last,
    };
    return passportDocument(battery, head, this.#limits, this.#period, state);
  }

  #alarm(index: number, label: string, count: number): void {
    const room = this.#alarms.has(label) || this.#alarms.size < MOST_ALARMS;
    const name = room ? label : OTHER_ALARMS;
    this.#alarms.set(name, another(this.#alarms.get(name) ?? NO_EVENT, index, count));
  }

  #module(uid: ModuleUid): PassportModule {
    const known = this.#modules.get(uid);
    if (known !== undefined) return known;
    const module = new PassportModule(uid, this.#limits);
    this.#modules.set(uid, module);
    return module;
  }
}
