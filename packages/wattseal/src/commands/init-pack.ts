import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type LctId, messageOf } from "@wattseal/base";
import { RegistryClient, RegistryRefusal } from "@wattseal/federation";
import { parseP256PublicKey } from "@wattseal/lct-keys";
import type { LctDocument } from "@wattseal/lct-keys/verify";
import { fleetName } from "@wattseal/uplink";
import { decodeTrust, type Trust } from "@wattseal/verifier";
import { InvalidArgumentError } from "commander";
import { renderConfig } from "../config/file.js";
import { gatewaySchema } from "../config/gateway-schema.js";
import { CliError, EXIT } from "../errors.js";
import { pinoLogger } from "../ports/system.js";
import { exists, writeWhole } from "../state/files.js";
import { type Layout, layoutOf } from "../state/layout.js";
import { makePackIdentity } from "../state/pack-identity.js";
import { chosenTpm, type TpmAddress, type TpmChoice, tpmSetting } from "../tpm/address.js";
import { writeOut } from "../view/output.js";
import { requireYes } from "./consent.js";

export interface InitPackOptions {
  readonly state: string;
  readonly fleet: string;
  readonly tpm: TpmChoice;
  readonly pcrs: readonly number[];
  readonly updateKey?: string;
  readonly ekChain?: string;
  readonly enrol: string;
  readonly ca?: string;
  readonly token: string;
  readonly trust: string;
  readonly witness?: string;
  readonly context?: readonly string[];
  readonly succeeds?: LctId;
  readonly broker: string;
  readonly yes: boolean;
  readonly json: boolean;
}

/** `0,2,4-7`, ascending. */
export function parsePcrList(text: string): readonly number[] {
  const numbers = text.split(",").flatMap((part) => {
    const [, first = "", last = first] = /^(\d{1,2})(?:-(\d{1,2}))?$/.exec(part) ?? [];
    const count = Number(last) - Number(first) + 1;
    return first === "" || !(count >= 1)
      ? [Number.NaN]
      : Array.from({ length: count }, (_, i) => Number(first) + i);
  });
  const ascending = numbers.every(
    (pcr, i) => pcr <= 23 && (i === 0 || pcr > (numbers[i - 1] ?? 0)),
  );
  if (ascending) return numbers;
  throw new InvalidArgumentError("Use PCRs from 0 to 23, ascending, such as 0,2,4-7.");
}

/** `wattseal init --enrol`: the identity of a real pack. Called again, it goes on where it was interrupted. */
export async function initPack(options: InitPackOptions): Promise<number> {
  const layout = layoutOf(resolve(options.state));
  const { gateway } = layout;
  if ((await exists(gateway.config)) && (await exists(gateway.document))) {
    throw new CliError(
      "state-exists",
      `${gateway.directory} holds an identity already; it is never overwritten. Choose another --state.`,
    );
  }
  const fleet = fleetOf(options.fleet);
  const tpm = await tpmOf(options, layout);
  const trust = await readGiven(options.trust, (bytes) => decodeTrust(bytes));
  const witness = witnessOf(options, trust);
  const updateKey =
    options.updateKey === undefined
      ? undefined
      : await readGiven(options.updateKey, (bytes) => parseP256PublicKey(bytes.toString("utf8")));
  const token = await readToken(options.token);
  const ca = options.ca === undefined ? {} : { ca: await readGiven(options.ca, String) };
  await requireConsent(options, layout, tpm);
  const document = await refusedPlainly(
    layout,
    tpm,
    makePackIdentity({
      layout,
      tpm,
      pcrs: options.pcrs,
      updateKey,
      intermediates: await chainOf(options.ekChain),
      registry: new RegistryClient({ url: options.enrol, token, ...ca }),
      context: options.context ?? [],
      succeeds: options.succeeds,
      authorities: trust.authorities.map(({ publicKey }) => publicKey),
      logger: pinoLogger("wattseal-init", "warn", process.stderr),
    }),
  );
  await writeWhole(gateway.trust, await readGiven(options.trust, (bytes) => bytes), 0o644);
  const config = renderConfig(gatewaySchema, "Wattseal gateway", {
    fleet,
    "uplink.broker": options.broker,
    "uplink.witness": witness,
    "signer.tpm": tpmSetting(tpm),
  });
  await writeWhole(gateway.config, config, 0o644);
  await writeOut(made(options, layout, tpm, document));
  return EXIT.ok;
}

/** Throws CliError `usage`. */
export function fleetOf(name: string): string {
  try {
    return fleetName(name);
  } catch (cause) {
    throw new CliError("usage", `--fleet: ${messageOf(cause)}`, { cause });
  }
}

/** For a real pack nothing is chosen silently. */
async function tpmOf(
  { tpm, updateKey }: InitPackOptions,
  layout: Layout,
): Promise<TpmAddress | undefined> {
  if (tpm === "auto") {
    throw new CliError("usage", "Say what holds the keys: --tpm device, swtpm:PATH or none.");
  }
  const address = await chosenTpm(tpm, layout.tpm);
  if (address !== undefined || updateKey === undefined) return address;
  throw new CliError("usage", "--update-key does not go with --tpm none: no boot is measured");
}

function witnessOf({ witness, trust: file }: InitPackOptions, { witnesses }: Trust): string {
  const names = witnesses.map(({ name }) => name);
  const named = witness ?? (names.length === 1 ? names[0] : undefined);
  if (named !== undefined && names.includes(named)) return named;
  throw new CliError("usage", `Say with --witness which of ${file}: ${names.join(", ") || "none"}`);
}

async function readGiven<T>(file: string, decode: (bytes: Buffer) => T): Promise<T> {
  try {
    return decode(await readFile(resolve(file)));
  } catch (cause) {
    throw new CliError("usage", `${file}: ${messageOf(cause)}`, { cause });
  }
}

const TOKEN = /^[A-Za-z0-9_-]{20,100}$/;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----/g;

async function chainOf(file: string | undefined): Promise<readonly Uint8Array[]> {
  if (file === undefined) return [];
  const text = await readGiven(file, String);
  const found = [...text.matchAll(CERTIFICATE)].map(([, body = ""]) => body.replaceAll(/\s/g, ""));
  if (found.length === 0) throw new CliError("usage", `${file} holds no certificate in PEM`);
  return found.map((body) => new Uint8Array(Buffer.from(body, "base64")));
}

/** Anything else is refused before keys are made: a TPM has room for few. */
async function readToken(file: string): Promise<string> {
  const token = (file === "-" ? await readStdin() : await readGiven(file, String)).trim();
  if (TOKEN.test(token)) return token;
  const where = file === "-" ? "standard input" : file;
  throw new CliError("usage", `${where} holds no token, as wattseal federation token prints it`);
}

async function readStdin(): Promise<string> {
  let text = "";
  for await (const part of process.stdin.setEncoding("utf8")) text += String(part);
  return text;
}

async function requireConsent(
  { yes, token, enrol }: InitPackOptions,
  layout: Layout,
  tpm: TpmAddress | undefined,
): Promise<void> {
  if (yes) return;
  const where = tpm === undefined ? "key files" : tpmSetting(tpm);
  const plan = `An identity with its keys in ${where}, kept in ${layout.gateway.directory}, enrolled at ${enrol}`;
  await requireYes({ plan, question: "Make it", done: "made", taken: token === "-" });
}

/** What the registry refuses is its answer; who has to act is the one who called. */
async function refusedPlainly<T>(
  { root }: Layout,
  tpm: TpmAddress | undefined,
  work: Promise<T>,
): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    if (!(cause instanceof RegistryRefusal)) throw cause;
    throw new CliError(
      "usage",
      `The registry refuses (${cause.problem}): ${cause.message}. The keys are made: go on with --state ${root}${tpm === undefined ? "" : `, or take them out of the TPM again: wattseal identity retire --state ${root} --tpm ${tpmSetting(tpm)}`}`,
      { cause },
    );
  }
}

function made(
  { json, state, updateKey }: InitPackOptions,
  { root, gateway }: Layout,
  tpm: TpmAddress | undefined,
  { lct, binding }: LctDocument,
): string {
  if (json) return `${JSON.stringify({ lct, binding, state: root, tpm: tpmSetting(tpm) })}\n`;
  const unknownMaker =
    binding === "software" && tpm !== undefined
      ? [
          "The registry takes this TPM for an emulator; its log says why (registry.enrolled). Where a certificate is missing in between: --ek-chain",
        ]
      : [];
  const approve =
    updateKey === undefined
      ? []
      : [
          `Next: have this boot approved: wattseal policy sign --key UPDATE.PEM --lct ${gateway.document} --version 1 --pcrs-from FILE --out ${join(gateway.boot, "1.boot")}`,
        ];
  return [
    lct,
    `Bound to ${binding}; in ${root}. No module is paired yet.`,
    ...unknownMaker,
    ...approve,
    `Then: wattseal gateway --state ${state}, with bus.address in ${gateway.config} naming a bus that is served`,
    "",
  ].join("\n");
}
