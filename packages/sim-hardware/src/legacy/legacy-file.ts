import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Entropy, messageOf, moduleUid, toHex } from "@wattseal/base";
import { SimError } from "../errors.js";
import { writeAtomically } from "../files.js";
import type { SimLegacyModule, SimLegacyQuirks } from "./quirks.js";

const FILE = "legacy-modules.json";
/** Manufacturer and part of simulated clear-text modules. */
const MANUFACTURER = 0x57;
const PART = 0x02;
const FLAGS = ["zeros", "erraticCells", "swapped", "silent", "badLogs"] as const;

/** Clear-text modules with unique ids of their own; no quirks but those that all of the public firmware has. */
export function provisionLegacyModules(
  count: number,
  entropy: Entropy,
): readonly SimLegacyModule[] {
  const serial = entropy.bytes(4);
  return Array.from({ length: count }, (_, i) => {
    const unique = Uint8Array.from(serial);
    unique[0] = ((unique[0] ?? 0) + i) & 0xff;
    return { uid: moduleUid(toHex(Uint8Array.of(MANUFACTURER, PART, 0, 0, ...unique))) };
  });
}

/** A list that people may edit: `[{"uid": "…", "quirks": {"zeros": true}}]`. */
export async function writeLegacyModules(
  directory: string,
  modules: readonly SimLegacyModule[],
): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const bytes = new TextEncoder().encode(`${JSON.stringify(modules, undefined, 2)}\n`);
  await writeAtomically(join(directory, FILE), bytes);
}

/** None where the folder has no list. Throws SimError `state-folder`. */
export async function readLegacyModules(directory: string): Promise<readonly SimLegacyModule[]> {
  const path = join(directory, FILE);
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
  try {
    const list: unknown = JSON.parse(text);
    if (!Array.isArray(list)) throw new TypeError("is not a list");
    return list.map(moduleOf);
  } catch (cause) {
    throw new SimError("state-folder", "input", `${path}: ${messageOf(cause)}`, { cause });
  }
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(value: unknown, what: string, known: readonly string[]): Fields {
  if (typeof value !== "object" || value === null) throw new TypeError(`${what} is not an object`);
  const fields: Record<string, unknown> = { ...value };
  const unknown = Object.keys(fields).find((key) => !known.includes(key));
  if (unknown !== undefined) throw new TypeError(`${what} has no "${unknown}"`);
  return fields;
}

function moduleOf(value: unknown): SimLegacyModule {
  const { uid, quirks } = fieldsOf(value, "a module", ["uid", "quirks"]);
  if (typeof uid !== "string") throw new TypeError("a module has no uid");
  return quirks === undefined
    ? { uid: moduleUid(uid) }
    : { uid: moduleUid(uid), quirks: quirksOf(quirks) };
}

function quirksOf(value: unknown): SimLegacyQuirks {
  const fields = fieldsOf(value, "quirks", [...FLAGS, "stateChangeBytes"]);
  const quirks: { -readonly [K in keyof SimLegacyQuirks]: SimLegacyQuirks[K] } = {};
  for (const flag of FLAGS) {
    const given = fields[flag];
    if (given === undefined) continue;
    if (typeof given !== "boolean") throw new TypeError(`"${flag}" is not true or false`);
    quirks[flag] = given;
  }
  const bytes = fields["stateChangeBytes"];
  if (bytes === 2 || bytes === 4) quirks.stateChangeBytes = bytes;
  else if (bytes !== undefined) throw new TypeError('"stateChangeBytes" is not 2 or 4');
  return quirks;
}
