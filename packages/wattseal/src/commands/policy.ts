import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { fromHex, messageOf, toHex, WattsealError } from "@wattseal/base";
import {
  createP256KeyFile,
  formatP256PublicKey,
  type LctKeysError,
  openP256KeyFile,
  signBootApproval,
} from "@wattseal/lct-keys";
import { type LctDocument, verifyLctDocument } from "@wattseal/lct-keys/verify";
import { InvalidArgumentError } from "commander";
import { loadConfig } from "../config/file.js";
import { gatewaySchema } from "../config/gateway-schema.js";
import { CliError, EXIT } from "../errors.js";
import { systemEntropy } from "../ports/system.js";
import { exists, readRequired, writeWhole } from "../state/files.js";
import { type Layout, layoutOf } from "../state/layout.js";
import { type TpmAddress, tpmOfSetting } from "../tpm/address.js";
import { type Fit, fitOf, readApprovals } from "../tpm/approvals.js";
import { digestOf, type Pcrs, parsePcrs, readPcrs, readPresent } from "../tpm/pcrs.js";
import { writeOut } from "../view/output.js";

const MOST_VERSION = 2 ** 31 - 1;

export function parseVersion(text: string): number {
  const version = Number(text);
  if (/^\d+$/.test(text) && version >= 1 && version <= MOST_VERSION) return version;
  throw new InvalidArgumentError(`Use a whole number from 1 to ${MOST_VERSION}.`);
}

/** `wattseal policy key`. */
export async function policyKey(options: {
  readonly out: string;
  readonly json: boolean;
}): Promise<number> {
  const file = resolve(options.out);
  const publicFile = `${file}.pub`;
  await requireFree(publicFile);
  const key = await createP256KeyFile(file, systemEntropy);
  const pem = formatP256PublicKey(key.publicKey);
  key.dispose();
  await writeWhole(publicFile, pem, 0o644);
  await writeOut(
    options.json
      ? `${JSON.stringify({ key: file, publicKey: publicFile })}\n`
      : `${file}: who has this file approves boots. Keep it where updates are built.\n${publicFile}: for wattseal init --update-key\n`,
  );
  return EXIT.ok;
}

/** `wattseal policy sign`. */
export async function policySign(options: {
  readonly key: string;
  readonly lct: string;
  readonly version: number;
  readonly pcrsFrom?: string;
  readonly tpm?: TpmAddress;
  readonly digest?: string;
  readonly out: string;
  readonly json: boolean;
}): Promise<number> {
  const { version } = options;
  const file = resolve(options.out);
  if (!file.endsWith(".boot")) {
    throw new CliError("usage", "--out has to end in .boot: a gateway looks for no other file");
  }
  await requireFree(file);
  const document = await readDocument(options.lct);
  const pcrDigest = await chosenDigest(options, pcrsOf(document));
  const key = await openP256KeyFile(resolve(options.key));
  try {
    await writeWhole(file, signed(key, document, { version, pcrDigest }), 0o644);
  } finally {
    key.dispose();
  }
  const digest = toHex(pcrDigest);
  await writeOut(
    options.json
      ? `${JSON.stringify({ file, lct: document.lct, version, pcrDigest: digest })}\n`
      : `${file}: version ${version} of ${document.lct} for PCR digest ${digest}\nPut it into the pack's gateway/boot folder before it starts into that boot.\n`,
  );
  return EXIT.ok;
}

/** A wrong --key is the command line's fault, not some file's. */
function signed(...given: Parameters<typeof signBootApproval>): Uint8Array {
  try {
    return signBootApproval(...given);
  } catch (cause) {
    if (!(cause instanceof WattsealError) || cause.kind !== "input") throw cause;
    throw new CliError("usage", `--key does not go with --lct: ${messageOf(cause)}`, { cause });
  }
}

/** `wattseal policy show`. */
export async function policyShow(options: {
  readonly state: string;
  readonly tpm?: TpmAddress;
  readonly json: boolean;
}): Promise<number> {
  const { gateway, tpm: directory } = layoutOf(resolve(options.state));
  const document = verifyLctDocument(await readRequired(gateway.document), "self-consistent");
  const pcrs = pcrsOf(document);
  const tpm = options.tpm ?? (await configuredTpm(gateway, directory));
  const read = tpm === undefined ? undefined : await readPresent(tpm, pcrs, gateway.signer);
  const present = read === undefined ? undefined : digestOf(read.values, pcrs, "the TPM");
  const { confirmed, refused } = read ?? {};
  // What another TPM is in says nothing about this pack's boot.
  const compared = refused === undefined ? present : undefined;
  const approvals = (await readApprovals(gateway.boot, document)).map((approval) =>
    fitOf(approval, compared, confirmed),
  );
  const { lct } = document;
  const shown = { lct, pcrs, values: read?.values, present, confirmed, refused, approvals };
  await writeOut(options.json ? `${JSON.stringify(jsonOf(shown))}\n` : textOf(shown));
  const fits = approvals.some(({ fit }) => fit === "fits");
  return present === undefined || fits ? EXIT.ok : EXIT.failed;
}

/** Of a signer that keeps the identity elsewhere, the gateway's configuration names none. */
async function configuredTpm(
  { config: path, directory: folder }: Layout["gateway"],
  directory: string,
): Promise<TpmAddress | undefined> {
  if (!(await exists(path))) return undefined;
  const given = { path, environment: process.env, flags: {} };
  const { signer } = await loadConfig({ schema: gatewaySchema, ...given });
  return tpmOfSetting(signer.tpm, folder, directory);
}

interface Shown {
  readonly lct: string;
  readonly pcrs: readonly number[];
  readonly values: Pcrs | undefined;
  readonly present: Uint8Array | undefined;
  readonly confirmed: number | undefined;
  readonly refused: LctKeysError | undefined;
  readonly approvals: readonly Fit[];
}

function jsonOf({ lct, pcrs, values, present, confirmed, refused, approvals }: Shown) {
  const entries = [...(values ?? [])].map(([pcr, value]) => [pcr, toHex(value)]);
  return {
    lct,
    pcrs,
    present: present && { pcrDigest: toHex(present), values: Object.fromEntries(entries) },
    confirmed,
    refused: refused && { code: refused.code, detail: refused.message },
    approvals: approvals.map(({ file, approval, fit }) => ({
      file,
      version: approval?.version,
      pcrDigest: approval && toHex(approval.pcrDigest),
      fit,
    })),
  };
}

/** The values as tpm2_pcrread prints them, so that --pcrs-from takes what is shown. */
function textOf({ lct, pcrs, values, present, confirmed, refused, approvals }: Shown): string {
  const shown = [...(values ?? [])].map(
    ([pcr, value]) => `  ${String(pcr).padEnd(2)}: 0x${toHex(value).toUpperCase()}`,
  );
  return [
    `lct        ${lct}`,
    `PCRs       ${pcrs.join(", ")}`,
    ...(present === undefined
      ? ["present    not read: name the TPM with --tpm"]
      : ["sha256:", ...shown, `present    ${toHex(present)}`]),
    ...(refused === undefined ? [] : [`not this pack's TPM: ${refused.code}: ${refused.message}`]),
    ...(confirmed === undefined ? [] : [`in force   version ${confirmed}`]),
    ...(approvals.length === 0 ? ["approvals  none"] : []),
    ...approvals.map(({ file, approval, fit }) =>
      approval === undefined
        ? `${file}  ${fit}`
        : `${file}  version ${approval.version}  ${toHex(approval.pcrDigest)}  ${fit}`,
    ),
    "",
  ].join("\n");
}

async function requireFree(file: string): Promise<void> {
  if (!(await exists(file))) return;
  throw new CliError("state-exists", `${file} is there already: choose another --out`);
}

async function readGiven(file: string): Promise<Buffer> {
  return readFile(resolve(file)).catch((cause: unknown) => {
    throw new CliError("usage", `${file} cannot be read: ${messageOf(cause)}`, { cause });
  });
}

/** Its issuer is not judged: an approval is good for this LCT alone, whoever vouches for it. */
async function readDocument(file: string): Promise<LctDocument> {
  try {
    return verifyLctDocument(await readGiven(file), "self-consistent");
  } catch (cause) {
    if (cause instanceof CliError) throw cause;
    throw new CliError("usage", `${file} is no LCT document: ${messageOf(cause)}`, { cause });
  }
}

function pcrsOf({ lct, attestation }: LctDocument): readonly number[] {
  if (attestation?.boot !== undefined) return attestation.pcrs;
  throw new CliError(
    "usage",
    attestation === undefined
      ? `${lct} has no TPM: nobody approves its boots`
      : `${lct} names no update key: nobody approves its boots`,
  );
}

async function chosenDigest(
  { pcrsFrom, tpm, digest }: Parameters<typeof policySign>[0],
  pcrs: readonly number[],
): Promise<Uint8Array> {
  if ([pcrsFrom, tpm, digest].filter((given) => given !== undefined).length !== 1) {
    throw new CliError("usage", "Give one of --pcrs-from, --tpm and --digest.");
  }
  if (digest !== undefined) return fromHex(digest);
  if (tpm !== undefined) return digestOf(await readPcrs(tpm, pcrs), pcrs, "the TPM");
  const file = pcrsFrom ?? "";
  return digestOf(parsePcrs((await readGiven(file)).toString("utf8")), pcrs, file);
}
