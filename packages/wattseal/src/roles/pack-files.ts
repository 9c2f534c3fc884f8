import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { bytesEqual } from "@wattseal/base";
import { DeviceHalf, decodePackPairing, type PackPairing } from "@wattseal/device-keys";
import type { StatementDraft } from "@wattseal/gateway";
import { type LctDocument, verifyLctDocument } from "@wattseal/lct-keys/verify";
import { decodeTrust, type Trust } from "@wattseal/verifier";
import { CliError } from "../errors.js";
import { readRequired, readSecret } from "../state/files.js";
import type { Layout } from "../state/layout.js";

/** What a gateway needs from its folder, read and held against each other. */
export interface PackFiles {
  readonly trust: Trust;
  readonly document: LctDocument;
  readonly pairing: PackPairing;
  readonly custody: DeviceHalf;
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
  const custody = DeviceHalf.fromSecret(await readSecret(gateway.deviceHalf));
  if (!bytesEqual(custody.publicKey, pairing.packHalf.publicKey)) {
    custody.dispose();
    throw new CliError(
      "config",
      `${gateway.deviceHalf} is not the half that the modules are paired with`,
    );
  }
  return { trust, document, pairing, custody, statements: await readStatements(gateway.genesis) };
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
