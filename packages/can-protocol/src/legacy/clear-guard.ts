/**
 * Clear frames on a bus with paired modules.
 *
 * Trust: anyone on the wire can send any of them. Nothing that bears a paired slot or unique id passes here, so
 * that nobody speaks for a paired module by speaking in clear.
 */
import { DecodeError, type Millis, type ModuleUid, millis, type Slot, slot } from "@wattseal/base";
import type { CanFrame } from "../bus.js";
import { type ClearMessage, decodeClear, uidOf } from "../catalogue/clear-codec.js";
import { parseClearId } from "../catalogue/clear-id.js";
import { CLEAR_FRAMES } from "../catalogue/frames.js";
import { AlarmLimiter } from "../link/alarms.js";
import { NEVER } from "../link/link-time.js";
import { LEGACY_LIMITS } from "./limits.js";
import type { ClearAlarm, RaisedClearAlarm, SecuredModule } from "./types.js";

const FIRST_BASE = 0x500;
const LAST_BASE = 0x523;

/** The frames of module registration, status, orders and log transfer. */
export const isClear = (id: number) => id >>> 18 >= FIRST_BASE && id >>> 18 <= LAST_BASE;

/** What modules send. */
export type ModuleSays = Extract<
  ClearMessage,
  {
    readonly name:
      | "announce"
      | "hardware"
      | "status1"
      | "status2"
      | "status3"
      | "cellDetail"
      | "timeRequest"
      | "cellComms"
      | "frameStart"
      | "frameData"
      | "frameEnd";
  }
>;

export type Inspected =
  | { readonly kind: "message"; readonly message: ModuleSays }
  | { readonly kind: "alarm"; readonly alarm: RaisedClearAlarm }
  /** Not in the range, or in it without meaning. */
  | undefined;

/** What a pack may believe it saw: a module's message, or something that calls for an alarm. */
export class ClearInspector {
  readonly #slots: ReadonlySet<number>;
  readonly #uids: ReadonlySet<ModuleUid>;

  constructor(secured: readonly SecuredModule[]) {
    this.#slots = new Set(secured.map((module) => module.slot));
    this.#uids = new Set(secured.map((module) => module.uid));
  }

  inspect(frame: CanFrame): Inspected {
    if (!isClear(frame.id)) return undefined;
    const { base, address } = parseClearId(frame.id);
    if (this.#slots.has(address)) {
      return { kind: "alarm", alarm: { kind: "clear-paired-slot", slot: slot(address), base } };
    }
    const message = decoded(frame);
    if (message === "malformed") return { kind: "alarm", alarm: { kind: "clear-malformed", base } };
    if (message === undefined) return undefined;
    const uid = identityIn(message);
    if (uid !== undefined && this.#uids.has(uid)) {
      return { kind: "alarm", alarm: { kind: "clear-paired-uid", uid, base } };
    }
    if (!isOfModule(message)) return { kind: "alarm", alarm: { kind: "clear-controller", base } };
    return { kind: "message", message };
  }
}

/** One alarm of each kind and slot in a while, so that noise about one module does not hide an attack on another. */
export const newClearLimiter = (spacingMs: number): AlarmLimiter<RaisedClearAlarm> =>
  new AlarmLimiter(spacingMs, subjectOf);

/** A paired uid is one of 31; one that a stranger claims could be any, and must not open a meter of its own. */
function subjectOf(alarm: RaisedClearAlarm): string {
  if (alarm.kind === "clear-paired-uid") return `${alarm.kind} ${alarm.uid}`;
  return "slot" in alarm ? `${alarm.kind} ${alarm.slot}` : alarm.kind;
}

/** For a bus that admits no clear-text module: every clear frame is one too many. */
export class ClearGuard {
  readonly #inspector: ClearInspector;
  readonly #limiter: AlarmLimiter<RaisedClearAlarm>;

  constructor(
    secured: readonly SecuredModule[],
    alarmSpacingMs: number = LEGACY_LIMITS.alarmSpacingMs,
  ) {
    this.#inspector = new ClearInspector(secured);
    this.#limiter = newClearLimiter(alarmSpacingMs);
  }

  /** When `due` has something to tell. */
  get deadline(): Millis | undefined {
    const { deadline } = this.#limiter;
    return deadline === NEVER ? undefined : millis(deadline);
  }

  /** Undefined for other frames, and for alarms that are only counted until `due` or `close`. */
  frame(frame: CanFrame, now: Millis): ClearAlarm | undefined {
    const inspected = this.#inspector.inspect(frame);
    if (inspected === undefined) return undefined;
    const alarm = inspected.kind === "alarm" ? inspected.alarm : foreign(inspected.message);
    return this.#limiter.pass(alarm, now);
  }

  /** What was only counted, in the last alarm of each kind and slot. */
  due(now: Millis): readonly ClearAlarm[] {
    return this.#limiter.due(now);
  }

  /** What was counted and not told yet. */
  close(): readonly ClearAlarm[] {
    return this.#limiter.rest();
  }
}

/** The alarm for a module's message that nobody here expects. */
export function foreign(message: ModuleSays): RaisedClearAlarm {
  const { base } = CLEAR_FRAMES[message.name];
  return { kind: "clear-foreign", base, uid: identityIn(message), slot: slotIn(message) };
}

function isOfModule(message: ClearMessage): message is ModuleSays {
  return CLEAR_FRAMES[message.name].direction === "M→P";
}

function decoded(frame: CanFrame): ClearMessage | undefined | "malformed" {
  try {
    return decodeClear(frame);
  } catch (error) {
    if (error instanceof DecodeError) return "malformed";
    throw error;
  }
}

function identityIn(message: ClearMessage): ModuleUid | undefined {
  if (message.name !== "announce" && message.name !== "register") return undefined;
  return uidOf(message.values);
}

function slotIn({ address }: ClearMessage): Slot | undefined {
  return address >= 1 && address <= 31 ? slot(address) : undefined;
}
