/** What both of the registry's databases give. */
import { lctId, millis } from "@wattseal/base";
import { FederationError } from "../errors.js";
import { blob, integer, type Row, text, textOrNone } from "../store/row.js";
import type { Ending, FinalState, KeptEvidence, StoredLct, StoredToken } from "./port.js";
import { decodeGrant } from "./records.js";

export const TOKEN_COLUMNS = "hash, grants, created, expires, spent_on";
export const LCT_COLUMNS = "lct, kind, state, since, document";
export const EVIDENCE_COLUMNS = "lct, kind, size, payload, receipt";
/** Kept of one LCT. */
export const MAX_EVIDENCE = 16;
const STATES = ["active", "void", "slashed", "retired"] as const;

function stateOf(row: Row): "active" | FinalState {
  const found = STATES.find((state) => state === text(row, "state"));
  if (found !== undefined) return found;
  throw new FederationError("store-corrupt", "an LCT in the registry has a state of no known name");
}

/** Nothing for an active one. */
export function endedOf(row: Row): readonly Pick<Ending, "lct" | "state">[] {
  const state = stateOf(row);
  return state === "active" ? [] : [{ lct: lctId(text(row, "lct")), state }];
}

export function storedToken(row: Row): StoredToken {
  const spentOn = textOrNone(row, "spent_on");
  return {
    ...decodeGrant(blob(row, "grants")),
    hash: blob(row, "hash"),
    created: millis(integer(row, "created")),
    expires: millis(integer(row, "expires")),
    spentOn: spentOn === undefined ? undefined : lctId(spentOn),
  };
}

export function storedLct(row: Row, statements: readonly Row[]): StoredLct {
  return {
    lct: lctId(text(row, "lct")),
    kind: text(row, "kind"),
    state: stateOf(row),
    since: millis(integer(row, "since")),
    document: blob(row, "document"),
    statements: statements.map((statement) => blob(statement, "sign1")),
  };
}

export function evidenceOf(row: Row): KeptEvidence {
  return {
    lct: lctId(text(row, "lct")),
    kind: text(row, "kind"),
    size: integer(row, "size"),
    payload: blob(row, "payload"),
    receipt: text(row, "receipt"),
  };
}
