import { fromHex, type Millis, type ModuleUid, type Slot, viewOf } from "@wattseal/base";
import { CanProtocolError } from "../errors.js";
import type { CellRound } from "./cell-round.js";
import type { LogTransfer } from "./log-transfer.js";
import type { LegacyPhase } from "./phase.js";
import { StateOrder } from "./state-order.js";
import { StatusRound } from "./status-round.js";
import type { LegacyLimits, LegacyModule } from "./types.js";

export interface LegacyIdentity {
  readonly manufacturer: number;
  readonly part: number;
  readonly unique: number;
}

/** Everything known of one listed module. */
export class ModuleRecord {
  readonly uid: ModuleUid;
  readonly identity: LegacyIdentity;
  readonly status: StatusRound;
  readonly order: StateOrder;
  phase: LegacyPhase = { kind: "absent" };
  /** Given last; the module's only while it is registered. */
  slot: Slot | undefined;
  fw = 0;
  state: number | undefined;
  lastHeard: Millis | undefined;
  announcedAt: number | undefined;
  readings = 0;
  hardwareKnown = false;
  hardwareRequests = 0;
  cells = 0;
  toldSwapped = false;
  round: CellRound | undefined;
  transfer: LogTransfer | undefined;

  constructor({ uid, quirks }: LegacyModule, limits: LegacyLimits) {
    this.uid = uid;
    this.identity = identityOf(uid);
    this.status = new StatusRound(quirks?.swapped ?? false);
    this.order = new StateOrder(quirks, limits);
  }

  get isRegistered(): boolean {
    return this.phase.kind === "active" || this.phase.kind === "faulted";
  }

  /** Its id is spoken for. */
  get holdsSlot(): boolean {
    return this.isRegistered || this.phase.kind === "registering";
  }

  /** What it said before its registration is void. */
  forget(): void {
    this.status.reset();
    this.order.reset();
    this.state = undefined;
    this.hardwareKnown = false;
    this.hardwareRequests = 0;
    this.toldSwapped = false;
    this.round = undefined;
    this.transfer = undefined;
  }
}

/** The parts of a unique id that an announcement carries; throws for one that no announcement can carry. */
function identityOf(uid: ModuleUid): LegacyIdentity {
  const bytes = fromHex(uid);
  if (bytes[2] !== 0 || bytes[3] !== 0) {
    throw new CanProtocolError(
      "legacy-modules",
      "usage",
      `no clear-text module has the unique id ${uid}: its third and fourth byte are not zero`,
    );
  }
  const unique = viewOf(bytes).getUint32(4, true);
  return { manufacturer: bytes[0] ?? 0, part: bytes[1] ?? 0, unique };
}
