import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  decodeCbor,
  type Entropy,
  encodeCbor,
  Fields,
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
import { writeDurably } from "../files.js";
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

export interface PairedFlash extends ModuleFlash {
  readonly pairing: ModulePairing;
}

export function isPaired(flash: ModuleFlash): flash is PairedFlash {
  return flash.pairing !== undefined;
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
 * Writes one module's flash file durably, readable by its owner alone; returns its path.
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
    await writeDurably(path, bytes);
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
  const what = "module flash";
  const fields = new Fields(decodeCbor(bytes, { what }), what, 4);
  if (fields.value(0) !== VERSION) fields.fail("has an unknown version");
  const uid = moduleUid(toHex(fields.bytes(1, "uid", UID_LENGTH)));
  const secret = fields.bytes(2, "half", HALF_LENGTH);
  // Copied out of the file's bytes, which are wiped.
  const pairing = Uint8Array.from(fields.bytes(3, "pairing", { least: 0, most: bytes.length }));
  return {
    uid,
    half: DeviceHalf.fromSecret(secret),
    pairing: pairing.length === 0 ? undefined : decodeModulePairing(pairing),
  };
}
