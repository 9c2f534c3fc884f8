import type { Destination } from "@wattseal/uplink";
import type { Trust } from "@wattseal/verifier";
import type { GatewayConfig } from "../config/gateway-schema.js";
import { CliError } from "../errors.js";
import type { Layout } from "../state/layout.js";

/** Whose receipts count, and how many of them have to. */
export interface Witnesses {
  /** Of each uplink, in their order, with its keys as pinned. */
  readonly destinations: readonly Destination[];
  readonly quorum: number;
}

/**
 * Throws CliError `config` for a witness that trust.json does not name or that two uplinks name, and for a quorum that they
 * cannot make up, or that is below what trust.json asks for: the gateway would prune what its own verifier calls unwitnessed.
 */
export function witnessesIn(
  trust: Trust,
  { gateway }: Layout,
  { uplink, witnesses }: GatewayConfig,
): Witnesses {
  const refuse = (problem: string): never => {
    throw new CliError("config", `${gateway.config}: ${problem}`);
  };
  const names = trust.witnesses.map(({ name }) => name).join(", ");
  const destinations = uplink.map(({ witness }, i) => {
    if (uplink.findIndex((other) => other.witness === witness) !== i) {
      refuse(`two uplinks name the witness "${witness}": each receipts for itself`);
    }
    const found = trust.witnesses.find(({ name }) => name === witness);
    if (found !== undefined) return found;
    return refuse(
      `uplink.witness "${witness}" is not in ${gateway.trust}. Add its key there, or name one of: ${names}`,
    );
  });
  const quorum = witnesses.quorum === 0 ? trust.quorum : witnesses.quorum;
  if (quorum < trust.quorum) {
    refuse(`witnesses.quorum is ${quorum}, and ${gateway.trust} asks for ${trust.quorum}`);
  }
  if (quorum > destinations.length) {
    const asked = witnesses.quorum === 0 ? gateway.trust : "witnesses.quorum";
    refuse(
      `${asked} asks for receipts of ${quorum} witnesses, but uplinks lead to ${destinations.length}. Add an [[uplink]] for each`,
    );
  }
  return { destinations, quorum };
}
