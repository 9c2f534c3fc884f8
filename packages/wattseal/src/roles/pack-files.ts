import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { bytesEqual } from "@wattseal/base";
import { decodePackPairing, encodePackPairing, type PackPairing } from "@wattseal/device-keys";
import type { StatementDraft } from "@wattseal/gateway";
import { type LctDocument, verifyLctDocument } from "@wattseal/lct-keys/verify";
import { decodeTrust, type Trust } from "@wattseal/verifier";
import { CliError } from "../errors.js";
import { readRequired, writeWhole } from "../state/files.js";
import type { Layout } from "../state/layout.js";

/** What a gateway needs from its folder, read and held against each other. */
export interface PackFiles {
  readonly trust: Trust;
  readonly document: LctDocument;
  readonly pairing: PackPairing;
  readonly statements: readonly StatementDraft[];
}

/**
 * Trust: whoever can write this folder decides whom the pack obeys (trust.json), which modules it believes
 * (pairings) and under what policy it charges; that is why it is the gateway user's own, mode 0700.
 */
export async function readPackFiles(layout: Layout): Promise<PackFiles> {
  const { gateway } = layout;
  const trust = decodeTrust(await readRequired(gateway.trust));
  const authorities = trust.authorities.map(({ publicKey }) => publicKey);
  const document = verifyLctDocument(await readRequired(gateway.document), authorities);
  const pairing = decodePackPairing(await readRequired(gateway.pairings));
  if (!bytesEqual(pairing.packHash, document.packHash)) {
    throw new CliError("config", `${gateway.pairings} is of another pack than ${gateway.document}`);
  }
  const statements = await readStatements(gateway.genesis);
  return { trust, document, pairing, statements };
}

/** The pack's record of its pairings, whole and durable. */
export function writePairing(layout: Layout, pairing: PackPairing): Promise<void> {
  return writeWhole(layout.gateway.pairings, encodePackPairing(pairing), 0o644);
}

/** Files `<order>-<entry type>.cose`. */
async function readStatements(folder: string): Promise<readonly StatementDraft[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".cose")).sort();
  return Promise.all(
    names.map(async (name) => {
      const type = name.replace(/^\d+-/, "").replace(/\.cose$/, "");
      const body = { sign1: new Uint8Array(await readRequired(join(folder, name))) };
      if (type === "society.mint" || type === "society.policy" || type === "society.source") {
        return { type, body };
      }
      throw new CliError(
        "config",
        `${join(folder, name)}: "${type}" is not society.mint, society.policy or society.source`,
      );
    }),
  );
}
