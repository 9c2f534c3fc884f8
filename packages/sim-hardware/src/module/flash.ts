import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type CborValue,
  DecodeError,
  decodeCbor,
  type Entropy,
  encodeCbor,
  fromHex,
  type MilliwattHours,
  type ModuleUid,
  messageOf,
  milliwattHours,
  moduleUid,
  toHex,
} from "@wattseal/base";
import {
  DeviceHalf,
  decodeModulePairing,
  encodeModulePairing,
  HALF_LENGTH,
  type ModulePairing,
} from "@wattseal/device-keys";
import { SimError } from "../errors.js";
import { writeAtomically } from "../files.js";
import { RATED_AMP_HOURS, SERIES_CELLS } from "../pack/cells.js";

const VERSION = 1;
const SUFFIX = ".flash";
const UID_LENGTH = 8;
/** Manufacturer and part of simulated modules. */
const MANUFACTURER = 0x57;
const PART = 0x01;
const NOMINAL_CELL_VOLTS = 3.66;
const MOST_MODULES = 31;
/** A pack's peak power, shared by its modules, but no module is smaller than this. */
const PACK_PEAK_WATTS = 180_000;
const LEAST_RATED_WATTS = 20_000;

/** A module as it leaves the factory. `half` is secret. */
export interface ProvisionedModule {
  readonly uid: ModuleUid;
  readonly half: DeviceHalf;
  readonly ratedCapacity: MilliwattHours;
  readonly ratedWatts: number;
}

/** What survives in a module's flash. */
export interface ModuleFlash {
  readonly uid: ModuleUid;
  readonly half: DeviceHalf;
  /** Absent until commissioned. */
  readonly pairing: ModulePairing | undefined;
}

/** Makes 1 to 31 modules with unique ids and halves of their own. */
export function provisionModules(count: number, entropy: Entropy): readonly ProvisionedModule[] {
  if (!Number.isInteger(count) || count < 1 || count > MOST_MODULES) {
    throw new SimError(
      "configuration",
      "usage",
      `a bus has 1 to ${MOST_MODULES} modules, not ${count}`,
    );
  }
  const serial = entropy.bytes(4);
  const ratedWatts = Math.max(LEAST_RATED_WATTS, Math.ceil(PACK_PEAK_WATTS / count));
  const ratedCapacity = milliwattHours(
    Math.round(RATED_AMP_HOURS * SERIES_CELLS * NOMINAL_CELL_VOLTS * 1000),
  );
  return Array.from({ length: count }, (_, i) => {
    const unique = Uint8Array.from(serial);
    unique[0] = ((unique[0] ?? 0) + i) & 0xff;
    const uid = moduleUid(toHex(Uint8Array.of(MANUFACTURER, PART, 0, 0, ...unique)));
    return { uid, half: DeviceHalf.generate(entropy), ratedCapacity, ratedWatts };
  });
}

/**
 * Writes one module's flash file, readable by its owner alone; returns its path.
 *
 * Trust: whoever can read the file is the module, on any bus.
 */
export async function writeModuleFlash(directory: string, flash: ModuleFlash): Promise<string> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, `module-${flash.uid}${SUFFIX}`);
  const pairing =
    flash.pairing === undefined ? new Uint8Array() : encodeModulePairing(flash.pairing);
  const bytes = flash.half.lend((secret) =>
    encodeCbor([VERSION, fromHex(flash.uid), secret, pairing]),
  );
  try {
    await writeAtomically(path, bytes);
  } finally {
    bytes.fill(0);
  }
  return path;
}

/** Every module of a folder: paired ones in the order of their slots, then the rest by uid. Throws SimError `state-folder`. */
export async function readModuleFlashes(directory: string): Promise<readonly ModuleFlash[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith(SUFFIX)).sort();
  const flashes = await Promise.all(names.map((name) => readFlash(join(directory, name))));
  const place = (flash: ModuleFlash): number => flash.pairing?.slot ?? MOST_MODULES + 1;
  return flashes.sort((a, b) => place(a) - place(b) || (a.uid < b.uid ? -1 : 1));
}

async function readFlash(path: string): Promise<ModuleFlash> {
  const bytes = await readFile(path);
  try {
    return decodeFlash(bytes);
  } catch (cause) {
    throw new SimError("state-folder", "input", `${path}: ${messageOf(cause)}`, { cause });
  } finally {
    bytes.fill(0);
  }
}

function decodeFlash(bytes: Uint8Array): ModuleFlash {
  const fields: CborValue = decodeCbor(bytes, { what: "module flash" });
  if (!Array.isArray(fields) || fields.length !== 4) throw malformed("is not a list of four");
  const [version, uid, secret, pairing] = fields;
  if (version !== VERSION) throw malformed("has an unknown version");
  if (!(uid instanceof Uint8Array) || uid.length !== UID_LENGTH) throw malformed("has no uid");
  if (!(secret instanceof Uint8Array) || secret.length !== HALF_LENGTH) {
    throw malformed("has no half");
  }
  if (!(pairing instanceof Uint8Array)) throw malformed("has no pairing");
  return {
    uid: moduleUid(toHex(uid)),
    half: DeviceHalf.fromSecret(secret),
    // Copied out of the file's bytes, which are wiped.
    pairing: pairing.length === 0 ? undefined : decodeModulePairing(Uint8Array.from(pairing)),
  };
}

function malformed(problem: string): DecodeError {
  return new DecodeError("module flash", 0, problem);
}
