/** What a registry keeps of an LCT: who tells it counts for nothing, who signed it for everything. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { messageOf } from "@wattseal/base";
import { decodeAs, type LctState, statusPayload } from "@wattseal/energy-ledger";
import { RegistryClient, RegistryError } from "@wattseal/federation";
import { type LctDocument, verifyAuthority } from "@wattseal/lct-keys/verify";
import { CliError } from "../errors.js";

export interface RegistryOptions {
  /** Its http:// or https:// address. */
  readonly registry?: string;
  /** Of the authority that signed the registry's certificate, PEM. */
  readonly ca?: string;
}

/** What an authority signed last of an LCT, or that nothing can be told. */
export type ToldStanding =
  | { readonly state: "unknown" }
  | {
      readonly state: LctState;
      /** UTC ms. */
      readonly since: number;
      readonly reason: string;
    };

/** Nothing leads out of these. */
export function isEnded({ state }: ToldStanding): boolean {
  return state === "void" || state === "slashed" || state === "retired";
}

/**
 * Of what the registry tells, each statement verified under `authorities`. A registry can keep a statement back, but make none
 * up. Throws CliError where none answers, DecodeError or LctKeysError where what it tells was not signed so.
 */
export async function standingAt(
  url: string,
  { lct }: LctDocument,
  { ca, authorities }: { readonly ca?: string; readonly authorities: readonly Uint8Array[] },
): Promise<ToldStanding> {
  const client = await clientOf(url, ca);
  const told = await client.standing(lct).catch((cause: unknown) => {
    throw cause instanceof RegistryError ? unreachable(cause) : cause;
  });
  const statements = (told?.statements ?? [])
    .map((bytes) => decodeAs(statusPayload, verifyAuthority(bytes, authorities).payload, "status"))
    .filter((status) => status.lct === lct);
  const last = statements.find(isEnded) ?? statements.at(-1);
  if (last === undefined) return { state: "unknown" };
  return { state: last.state, since: last.since, reason: last.reason };
}

function unreachable(cause: RegistryError): CliError {
  return new CliError("unreachable", cause.message, { cause });
}

async function clientOf(url: string, ca: string | undefined): Promise<RegistryClient> {
  const pem = ca === undefined ? {} : { ca: await readPem(resolve(ca)) };
  try {
    return new RegistryClient({ url, ...pem });
  } catch (cause) {
    throw new CliError("usage", messageOf(cause), { cause });
  }
}

function readPem(path: string): Promise<string> {
  return readFile(path, "utf8").catch((cause: unknown) => {
    throw new CliError("usage", `${path} cannot be read: ${messageOf(cause)}`, { cause });
  });
}
