import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { type LctId, messageOf } from "@wattseal/base";
import { RegistryError, RegistryOperator, RegistryRefusal } from "@wattseal/federation";
import { ENROLLED_KINDS } from "@wattseal/lct-keys";
import type { LctKind } from "@wattseal/lct-keys/verify";
import { InvalidArgumentError } from "commander";
import { federationSchema } from "../config/federation-schema.js";
import { loadConfig } from "../config/file.js";
import { CliError, EXIT } from "../errors.js";
import { layoutOf } from "../state/layout.js";
import { writeOut } from "../view/output.js";

export interface OperatorOptions {
  readonly state?: string;
  readonly socket?: string;
  readonly json: boolean;
}

export function parseHours(text: string): number {
  const hours = Number(text);
  if (/^\d+$/.test(text) && hours >= 1 && hours <= 8_760) return hours;
  throw new InvalidArgumentError("Use whole hours, 1 to 8760.");
}

/** `wattseal federation token`. */
export async function grantToken(
  options: OperatorOptions & {
    readonly kind: LctKind;
    readonly context?: readonly string[];
    readonly succeeds?: LctId;
    readonly hours: number;
  },
): Promise<number> {
  const { context = [], succeeds, hours } = options;
  const kind = ENROLLED_KINDS.find((one) => one === options.kind);
  if (kind === undefined) {
    throw new CliError("usage", `A ${options.kind} is not enrolled: wattseal identity issue`);
  }
  const grant = { kind, context, hours, ...(succeeds === undefined ? {} : { succeeds }) };
  return asked(options, async (operator) => {
    const { token, expires } = await operator.grant(grant);
    if (options.json) return JSON.stringify({ token, expires });
    process.stderr.write(`Good for one ${kind} until ${new Date(expires).toISOString()}.\n`);
    return token;
  });
}

/** `wattseal federation adopt`. */
export async function adoptDocument(file: string, options: OperatorOptions): Promise<number> {
  const document = await readFile(resolve(file)).catch((cause: unknown) => {
    throw new CliError("usage", `${file} cannot be read: ${messageOf(cause)}`, { cause });
  });
  return asked(options, async (operator) => {
    const lct = await operator.adopt(document);
    return options.json ? JSON.stringify({ lct }) : `${lct} has a standing here now: active.`;
  });
}

/** `wattseal identity void`. */
export function voidLct(
  lct: LctId,
  options: OperatorOptions & { readonly reason: string },
): Promise<number> {
  return asked(options, async (operator) => {
    await operator.void(lct, options.reason);
    return options.json
      ? JSON.stringify({ lct, state: "void" })
      : `${lct} is void. Nothing that it says is taken from now on.`;
  });
}

async function asked(
  options: OperatorOptions,
  work: (operator: RegistryOperator) => Promise<string>,
): Promise<number> {
  const socket = await socketOf(options);
  const operator = new RegistryOperator(socket);
  try {
    await writeOut(`${await work(operator)}\n`);
    return EXIT.ok;
  } catch (error) {
    if (error instanceof RegistryError && error.code === "unreachable") {
      throw unreachable(socket, options, error);
    }
    if (!(error instanceof RegistryRefusal)) throw error;
    const { problem: code, message: detail } = error;
    if (options.json) await writeOut(`${JSON.stringify({ code, detail })}\n`);
    process.stderr.write(`wattseal: ${detail}\n`);
    return EXIT.failed;
  }
}

function unreachable(socket: string, { state = "DIR" }: OperatorOptions, error: RegistryError) {
  const { cause } = error;
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  const message =
    code === "EACCES"
      ? `You may not open ${socket}: be its owner, or in its group.`
      : `No federation answers at ${socket} (${messageOf(cause)}). Start it: wattseal federation --state ${state}`;
  return new CliError("unreachable", message, { cause: error });
}

async function socketOf({ state, socket }: OperatorOptions): Promise<string> {
  if (socket !== undefined) return resolve(socket);
  if (state === undefined) {
    throw new CliError(
      "usage",
      "Say which federation: --state DIR, its state folder, or --socket PATH.",
    );
  }
  const { federation } = layoutOf(resolve(state));
  const { registry } = await loadConfig({
    schema: federationSchema,
    path: federation.config,
    environment: process.env,
    flags: {},
  });
  if (registry.key === "") {
    throw new CliError(
      "config",
      `${federation.config} names no registry.key: there is no registry`,
    );
  }
  return resolve(federation.directory, registry.socket);
}
