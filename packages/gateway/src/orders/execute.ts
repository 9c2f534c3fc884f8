import { type ModuleUid, messageOf } from "@wattseal/base";
import type { OrderResult } from "@wattseal/can-protocol";
import type { OpsOutcome, OrderedAction } from "@wattseal/energy-ledger";
import { phraseOf } from "../metering/alarm-detail.js";
import type { SocietyOrders } from "../society/orders.js";

/** What orders act on: the very functions that the control socket calls. */
export interface Ordered {
  isolateAll(): Promise<ReadonlyMap<ModuleUid, OrderResult>>;
  allow(): void;
  readonly society: Pick<SocietyOrders, "reserve" | "commit" | "rollback" | "certify" | "resolve">;
}

export type Outcome = Pick<OpsOutcome, "outcome" | "detail">;

/** Does it; what is to be done at once has been when this returns its promise, which never rejects. */
export async function execute(what: OrderedAction, ordered: Ordered): Promise<Outcome> {
  try {
    return await perform(what, ordered);
  } catch (error) {
    return { outcome: "refused", detail: phraseOf(messageOf(error)) };
  }
}

async function perform(what: OrderedAction, ordered: Ordered): Promise<Outcome> {
  const { society } = ordered;
  switch (what.action) {
    case "isolate":
      return isolated(await ordered.isolateAll());
    case "allow":
      ordered.allow();
      return done("modules may close their relays");
    case "reserve": {
      const { ticket, deadline } = await society.reserve(what.body);
      return done(`ticket ${ticket}, until ${deadline}`);
    }
    case "commit":
      return entered(await society.commit(what.body));
    case "rollback":
      return entered(await society.rollback(what.body.ticket));
    case "certify":
      return entered(await society.certify(what.body));
    case "resolve":
      return entered(await society.resolve(what.body));
  }
}

function isolated(results: ReadonlyMap<ModuleUid, OrderResult>): Outcome {
  const obeyed = [...results.values()].filter(({ kind }) => kind === "acknowledged").length;
  const detail = `${obeyed} of ${results.size} modules obeyed`;
  return obeyed === results.size ? done(detail) : { outcome: "partial", detail };
}

function entered({ entry }: { readonly entry: number }): Outcome {
  return done(`entry ${entry}`);
}

function done(detail: string): Outcome {
  return { outcome: "done", detail };
}
