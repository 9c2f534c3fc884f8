import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { bytesEqual, type Entropy, toHex } from "@wattseal/base";
import {
  DeviceHalf,
  decodePackPairing,
  encodePackPairing,
  HALF_LENGTH,
  type PackPairing,
} from "@wattseal/device-keys";
import type { StatementDraft } from "@wattseal/gateway";
import { type LctDocument, verifyLctDocument } from "@wattseal/lct-keys/verify";
import { decodeTrust, type Trust } from "@wattseal/verifier";
import { CliError } from "../errors.js";
import { readRequired, readSecret, writeWhole } from "../state/files.js";
import type { Layout } from "../state/layout.js";

/** What a gateway needs from its folder, read and held against each other. */
export interface PackFiles {
  readonly trust: Trust;
  readonly document: LctDocument;
  readonly pairing: PackPairing;
  readonly custody: DeviceHalf;
  /** The half that is to follow, while one is being rolled. */
  readonly nextCustody: DeviceHalf | undefined;
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
  const custody = await openHalf(layout, pairing.packHalf);
  const { nextHalf } = pairing;
  const nextCustody = nextHalf === undefined ? undefined : await openHalf(layout, nextHalf);
  const statements = await readStatements(gateway.genesis);
  return { trust, document, pairing, custody, nextCustody, statements };
}

/** The pack's record of its pairings, whole and durable. */
export function writePairing(layout: Layout, pairing: PackPairing): Promise<void> {
  return writeWhole(layout.gateway.pairings, encodePackPairing(pairing), 0o644);
}

/** Draws a half and puts it into a file of its own; returns it with the name that the record is to hold. */
export async function createHalf(
  layout: Layout,
  entropy: Entropy,
): Promise<{ readonly half: DeviceHalf; readonly reference: string }> {
  const secret = entropy.bytes(HALF_LENGTH);
  const half = DeviceHalf.fromSecret(secret);
  const reference = `device-half-${toHex(half.publicKey.subarray(0, 4))}.key`;
  await writeWhole(join(layout.gateway.directory, reference), secret, 0o600);
  secret.fill(0);
  return { half, reference };
}

async function openHalf(layout: Layout, named: PackPairing["packHalf"]): Promise<DeviceHalf> {
  const path = join(layout.gateway.directory, basename(named.reference));
  const half = DeviceHalf.fromSecret(await readSecret(path));
  if (bytesEqual(half.publicKey, named.publicKey)) return half;
  half.dispose();
  throw new CliError("config", `${path} is not the half that ${layout.gateway.pairings} names`);
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
