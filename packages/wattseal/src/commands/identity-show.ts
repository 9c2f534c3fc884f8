import { readFile, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { messageOf, printable } from "@wattseal/base";
import { decodeAs, type LctState, statusPayload } from "@wattseal/energy-ledger";
import {
  type EpochChain,
  type EpochState,
  type LctDocument,
  TRUST_CEILING_BPS,
  verifyAuthority,
  verifyLctDocument,
} from "@wattseal/lct-keys/verify";
import type { Trust } from "@wattseal/verifier";
import { followEpochs } from "../audit/epochs.js";
import { openLog, readTrust } from "../audit/folder.js";
import { CliError, EXIT } from "../errors.js";
import { exists } from "../state/files.js";
import { layoutOf } from "../state/layout.js";
import { identityLines } from "../view/identity.js";
import { writeOut } from "../view/output.js";
import {
  isEnded,
  type RegistryOptions,
  standingAt,
  type ToldStanding,
} from "./identity-standing.js";

/** A statement of an authority about this LCT, as the log holds it. */
export interface StatedStatus {
  readonly entry: number;
  readonly state: LctState;
  /** UTC ms. */
  readonly since: number;
  readonly reason: string;
}

export interface ShownEpoch {
  /** Of its epoch.begin. */
  readonly entry: number;
  readonly epoch: number;
  /** As its evidence says, UTC ms. */
  readonly time: number;
  readonly state: EpochState;
  readonly softwareVersion: string;
  readonly synchronised: boolean;
}

/** What can be said of an identity from here. */
export interface ShownIdentity {
  readonly document: LctDocument;
  readonly verdict: "verified" | "self-consistent only";
  /** Name of the trusted authority that issued it. */
  readonly authority: string | undefined;
  /** Of a state folder. */
  readonly held: Held | undefined;
  /** At the registry that was asked. */
  readonly standing: ToldStanding | undefined;
}

interface Held {
  readonly anchor: string;
  readonly statuses: readonly StatedStatus[];
  readonly epochs: readonly ShownEpoch[];
}

/** Far above any document. */
const LONGEST = 65_536;

interface ShowOptions extends RegistryOptions {
  readonly state?: string;
  readonly trust?: string;
  readonly json: boolean;
}

/** `wattseal identity show`. */
export async function showIdentity(
  file: string | undefined,
  options: ShowOptions,
): Promise<number> {
  if ((file === undefined) === (options.state === undefined)) {
    throw new CliError("usage", "Name a document, or the --state folder of a gateway.");
  }
  if (options.ca !== undefined && options.registry === undefined) {
    throw new CliError("usage", "--ca goes with --registry.");
  }
  const trust = await readTrust(options.trust);
  let shown: ShownIdentity;
  try {
    shown = await examine(file, options, trust);
  } catch (error) {
    if (error instanceof CliError) throw error;
    const reason = messageOf(error);
    await writeOut(
      options.json
        ? `${JSON.stringify({ verdict: "refused", reason })}\n`
        : `verdict    refused\nreason     ${reason}\n`,
    );
    return EXIT.failed;
  }
  const text = options.json ? JSON.stringify(identityJson(shown)) : identityLines(shown).join("\n");
  await writeOut(`${text}\n`);
  return shown.standing !== undefined && isEnded(shown.standing) ? EXIT.failed : EXIT.ok;
}

async function examine(
  file: string | undefined,
  { state, registry, ca }: ShowOptions,
  trust: Trust | undefined,
): Promise<ShownIdentity> {
  const layout = layoutOf(resolve(state ?? "."));
  const bytes = await readDocument(file === undefined ? layout.gateway.document : resolve(file));
  const keys = trust?.authorities.map(({ publicKey }) => publicKey);
  const document = verifyLctDocument(bytes, keys ?? "self-consistent");
  const issuer = Buffer.from(document.issuer.publicKey);
  const authority = trust?.authorities.find(({ publicKey }) => issuer.equals(publicKey));
  return {
    document,
    verdict: trust === undefined ? "self-consistent only" : "verified",
    authority: authority?.name,
    held: file === undefined ? await heldIn(layout, document, trust) : undefined,
    standing:
      registry === undefined
        ? undefined
        : await standingAt(registry, document, {
            ...(ca === undefined ? {} : { ca }),
            authorities: keys ?? [document.issuer.publicKey],
          }),
  };
}

async function readDocument(path: string): Promise<Uint8Array> {
  const unreadable = (cause: unknown): never => {
    throw new CliError("usage", `${path} cannot be read: ${messageOf(cause)}`, { cause });
  };
  const { size } = await stat(path).catch(unreadable);
  if (size > LONGEST) throw new CliError("usage", `${path} is too long for an LCT document`);
  return readFile(path).catch(unreadable);
}

async function heldIn(
  { gateway, tpm }: ReturnType<typeof layoutOf>,
  document: LctDocument,
  trust: Trust | undefined,
): Promise<Held> {
  const anchor = await anchorIn(gateway.signer, tpm);
  if (!(await exists(gateway.log))) return { anchor, statuses: [], epochs: [] };
  return { anchor, ...(await followed(gateway.log, document, trust)) };
}

/** `emulator` is the folder of an emulated TPM's state, where there is one. */
async function anchorIn(signer: string, emulator: string): Promise<string> {
  const [file, record] = [join(signer, "anchor.pem"), join(signer, "tpm.cbor")];
  if (await exists(file)) return `key file ${file}`;
  if (!(await exists(record))) return "not in this folder";
  return `${(await exists(emulator)) ? "emulated TPM" : "TPM"}, by ${record}`;
}

/** The log's epochs and statements about the LCT, each verified; the rest of the log is for `ledger audit`. */
async function followed(
  path: string,
  document: LctDocument,
  trust: Trust | undefined,
): Promise<Pick<Held, "statuses" | "epochs">> {
  const log = await openLog(path);
  const keys = trust?.authorities.map(({ publicKey }) => publicKey) ?? [document.issuer.publicKey];
  const statuses: StatedStatus[] = [];
  const chain = followEpochs(log, {
    document,
    trust,
    onEntry: (entry, { type, body }) => {
      if (type !== "lct.status") return;
      const { payload } = verifyAuthority(body.sign1, keys);
      const { lct, state, since, reason } = decodeAs(statusPayload, payload, "LCT status");
      if (lct === document.lct) statuses.push({ entry, state, since, reason });
    },
  });
  if (chain.document.lct !== document.lct) {
    throw new CliError("config", `${path} is the log of ${chain.document.lct}`);
  }
  return { statuses, epochs: chain.epochs.map(shownEpoch) };
}

function shownEpoch(of: EpochChain["epochs"][number]): ShownEpoch {
  const { treeSize: entry, epoch, time, state, softwareVersion, synchronised } = of;
  return { entry, epoch, time, state, softwareVersion, synchronised };
}

function identityJson({ document, verdict, authority, held, standing }: ShownIdentity): unknown {
  const { bytes: _, genesisBody: __, ...said } = document;
  const ceilingBps = TRUST_CEILING_BPS[document.binding];
  return printable({ verdict, authority, ...said, ceilingBps, ...held, standing });
}
