import type { EnergyInterval, Entry } from "@wattseal/energy-ledger";
import { VerifierError } from "../errors.js";

/** The body of an interval that commits to its readings. Throws VerifierError `proof` for any other entry. */
export function requireDigested(index: number, { type, body }: Entry): EnergyInterval {
  if (type === "energy.interval" && body.digest !== undefined) return body;
  const what =
    type === "energy.interval" ? "an interval of a clear-text module, which has no digest" : type;
  throw new VerifierError(
    "proof",
    `entry ${index} is ${what}: readings are kept for each energy.interval of a module with a sealed link`,
    { index, kind: "usage" },
  );
}
