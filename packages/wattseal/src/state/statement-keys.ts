import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { bytesEqual, type ModuleUid, messageOf } from "@wattseal/base";
import { DeviceHalf, decodePackPairing } from "@wattseal/device-keys";
import type { StatementKeys } from "@wattseal/federation";
import { CliError } from "../errors.js";
import { exists, readSecret } from "./files.js";
import type { Layout } from "./layout.js";

/**
 * What a federation checks modules' counter statements with: its half, and the pairing records that commissioning made
 * (`modules/*.cbor`). Whoever can write these decides whose word counts as a module's: they do not come from a pack.
 * Undefined where the federation has no half. Throws CliError `config`.
 */
export async function readStatementKeys({
  federation,
}: Layout): Promise<StatementKeys | undefined> {
  if (!(await exists(federation.deviceHalf))) return undefined;
  const custody = halfIn(federation.deviceHalf, await readSecret(federation.deviceHalf));
  const halves = new Map<ModuleUid, Uint8Array>();
  for (const path of await recordsIn(federation.modules)) {
    for (const { uid, half } of modulesIn(path, await readFile(path))) {
      const known = halves.get(uid);
      if (known !== undefined && !bytesEqual(known, half)) {
        throw new CliError(
          "config",
          `${path} gives module ${uid} another half than a record before it. Remove the one that is wrong: the label on the module tells`,
        );
      }
      halves.set(uid, requireUsable(path, custody, half));
    }
  }
  return { custody, halves };
}

async function recordsIn(folder: string): Promise<readonly string[]> {
  if (!(await exists(folder))) return [];
  const names = await readdir(folder);
  return names
    .filter((name) => name.endsWith(".cbor"))
    .sort()
    .map((name) => join(folder, name));
}

function halfIn(path: string, secret: Uint8Array): DeviceHalf {
  try {
    return DeviceHalf.fromSecret(secret);
  } catch (cause) {
    throw new CliError("config", `${path}: ${messageOf(cause)}`, { cause });
  } finally {
    secret.fill(0);
  }
}

function modulesIn(path: string, bytes: Uint8Array) {
  try {
    return decodePackPairing(bytes).modules;
  } catch (cause) {
    throw new CliError("config", `${path} is no pairing record of a pack: ${messageOf(cause)}`, {
      cause,
    });
  }
}

/** One of small order would make the same key for everyone (RFC 7748 §6.1). */
function requireUsable(path: string, custody: DeviceHalf, half: Uint8Array): Uint8Array {
  try {
    custody.dh(half).fill(0);
    return half;
  } catch (cause) {
    throw new CliError("config", `${path}: ${messageOf(cause)}`, { cause });
  }
}
