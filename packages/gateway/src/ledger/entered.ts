import { bytesEqual, type ModuleUid, toHex } from "@wattseal/base";
import type { PackPairing } from "@wattseal/device-keys";
import type { Entry, EntryBody } from "@wattseal/energy-ledger";

/** What the authority signed for the society, entered once each. */
export type StatementDraft = {
  readonly [Type in "society.mint" | "society.policy" | "society.source"]: {
    readonly type: Type;
    readonly body: EntryBody<Type>;
  };
}["society.mint" | "society.policy" | "society.source"];

export interface PairedDraft {
  readonly type: "link.paired";
  readonly body: EntryBody<"link.paired">;
}

/** Which pairings and statements the log holds already, so that a restart enters only what is new. */
export class Entered {
  readonly #statements = new Set<string>();
  readonly #pairings = new Map<ModuleUid, EntryBody<"link.paired">>();

  observe(entry: Entry): void {
    const { type, body } = entry;
    if (type === "link.paired") this.#pairings.set(body.module, body);
    else if (type === "link.unpaired") this.#pairings.delete(body.module);
    else if (type === "society.mint" || type === "society.policy" || type === "society.source") {
      this.#statements.add(toHex(body.sign1));
    }
  }

  missingStatements(statements: readonly StatementDraft[]): readonly StatementDraft[] {
    return statements.filter(({ body }) => !this.#statements.has(toHex(body.sign1)));
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
      .filter((body) => !samePairing(body, this.#pairings.get(body.module)))
      .map((body) => ({ type: "link.paired" as const, body }));
  }
}

function samePairing(
  a: EntryBody<"link.paired">,
  b: EntryBody<"link.paired"> | undefined,
): boolean {
  return (
    b !== undefined &&
    a.slot === b.slot &&
    a.bus === b.bus &&
    a.capacity === b.capacity &&
    bytesEqual(a.moduleKey, b.moduleKey) &&
    bytesEqual(a.packKey, b.packKey)
  );
}
