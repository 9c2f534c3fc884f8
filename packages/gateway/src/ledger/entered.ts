import { bytesEqual } from "@wattseal/base";
import type { PackPairing } from "@wattseal/device-keys";
import type { AuthorityEntry, EntryBody, LedgerFold, PairingState } from "@wattseal/energy-ledger";

/** What the authority signed for the society, entered once each. */
export type StatementDraft = AuthorityEntry;

export interface PairedDraft {
  readonly type: "link.paired";
  readonly body: EntryBody<"link.paired">;
}

export interface UnpairedDraft {
  readonly type: "link.unpaired";
  readonly body: EntryBody<"link.unpaired">;
}

/** Which pairings and statements the log holds already, so that a restart enters only what is new. */
export class Entered {
  readonly #fold: LedgerFold;

  constructor(fold: LedgerFold) {
    this.#fold = fold;
  }

  /** Those that neither are in force nor have been superseded. */
  missingStatements(statements: readonly StatementDraft[]): readonly StatementDraft[] {
    return statements.filter((statement) => !this.#fold.society.holds(statement));
  }

  /** Modules that the log has as paired, and the pack's record has not (any more). */
  goneModules({ modules }: PackPairing): readonly UnpairedDraft[] {
    const here = new Set(modules.map(({ uid }) => uid));
    const gone = this.#fold.pairedModules().filter((uid) => !here.has(uid));
    return gone.map((module) => ({
      type: "link.unpaired" as const,
      body: { module, reason: "removed" },
    }));
  }

  missingPairings({ modules, packHalf }: PackPairing): readonly PairedDraft[] {
    return modules
      .map((module) => ({
        module: module.uid,
        slot: module.slot,
        bus: module.busId,
        moduleKey: module.half,
        packKey: packHalf.publicKey,
        capacity: module.ratedCapacity,
      }))
      .filter((body) => !samePairing(body, this.#fold.pairing(body.module)))
      .map((body) => ({ type: "link.paired" as const, body }));
  }
}

function samePairing(a: PairingState, b: PairingState | undefined): boolean {
  return (
    b !== undefined &&
    a.slot === b.slot &&
    a.bus === b.bus &&
    a.capacity === b.capacity &&
    bytesEqual(a.moduleKey, b.moduleKey) &&
    bytesEqual(a.packKey, b.packKey)
  );
}
