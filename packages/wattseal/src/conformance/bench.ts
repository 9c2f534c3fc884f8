import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fromHex, messageOf, moduleUid } from "@wattseal/base";
import {
  DeviceHalf,
  decodePackPairing,
  HALF_LENGTH,
  holdsPackHalf,
  type PackPairing,
} from "@wattseal/device-keys";
import type { BenchPairing } from "@wattseal/sim-hardware";
import { z } from "zod";
import { CliError } from "../errors.js";
import { readSecret } from "../state/files.js";

const HEX_32 = z.string().regex(/^[0-9a-f]{64}$/i, "64 hexadecimal digits");

/** As docs/firmware/vectors/pairing.json: both ends' keys of a bench, in one file. What is not used here is let be. */
const benchFile = z.object({
  packHash: HEX_32,
  packSecret: HEX_32,
  federationSecret: HEX_32.optional(),
  modules: z.array(
    z.object({
      uid: z.string().regex(/^[0-9a-f]{16}$/, "16 hexadecimal digits"),
      slot: z.int().min(1).max(31),
      busId: z.int().min(0).max(255),
      half: HEX_32,
    }),
  ),
});

const NO_PAIRING =
  "neither a pack's pairing record (STATE/gateway/pairings.cbor) nor a bench file (JSON, as docs/firmware/vectors/pairing.json)";

export interface BenchFlags {
  readonly slot: number;
  readonly pairing: string;
  readonly key?: string;
  readonly federationKey?: string;
}

interface DisposablePairing extends BenchPairing {
  dispose(): void;
}

/** The pairing under test: a bench file (JSON), or a pack's record with its half beside it. Throws CliError. */
export async function readBench(flags: BenchFlags): Promise<DisposablePairing> {
  const path = resolve(flags.pairing);
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new CliError("usage", `${path} cannot be read: ${messageOf(cause)}`, { cause });
  });
  const isJson = bytes.toString("latin1").trimStart().startsWith("{");
  const found = isJson
    ? fromJson(path, bytes.toString("utf8"), flags)
    : await fromRecord(path, bytes, flags);
  const federationHalf = await federationHalfOf(flags, found.federationHalf);
  return {
    ...found,
    ...(federationHalf === undefined ? {} : { federationHalf }),
    dispose: () => {
      found.packHalf.dispose();
      federationHalf?.dispose();
    },
  };
}

type Found = Omit<BenchPairing, "packHalf" | "federationHalf"> & {
  readonly packHalf: DeviceHalf;
  readonly federationHalf?: DeviceHalf;
};

function fromJson(path: string, text: string, { slot }: BenchFlags): Found {
  const file = benchFile.safeParse(parsed(path, text));
  if (!file.success) {
    throw new CliError("usage", `${path} is ${NO_PAIRING}:\n${z.prettifyError(file.error)}`);
  }
  const { packHash, packSecret, federationSecret, modules } = file.data;
  const module = modules.find((one) => one.slot === slot);
  if (module === undefined) throw new CliError("usage", `${path} has no module in slot ${slot}`);
  return {
    packHash: fromHex(packHash),
    packHalf: DeviceHalf.fromSecret(fromHex(packSecret)),
    module: {
      uid: moduleUid(module.uid),
      slot: module.slot,
      busId: module.busId,
      half: fromHex(module.half),
    },
    ...(federationSecret === undefined
      ? {}
      : { federationHalf: DeviceHalf.fromSecret(fromHex(federationSecret)) }),
  };
}

function parsed(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new CliError("usage", `${path} is ${NO_PAIRING}: ${messageOf(cause)}`, { cause });
  }
}

async function fromRecord(path: string, bytes: Uint8Array, flags: BenchFlags): Promise<Found> {
  const pairing = recordOf(path, bytes);
  const module = pairing.modules.find((one) => one.slot === flags.slot);
  if (module === undefined) {
    throw new CliError("usage", `${path} has no module in slot ${flags.slot}`);
  }
  const key = flags.key ?? join(dirname(path), pairing.packHalf.reference);
  const packHalf = await halfIn(resolve(key));
  if (!holdsPackHalf(pairing, packHalf.publicKey)) {
    packHalf.dispose();
    throw new CliError("usage", `${key} is not the half that ${path} names`);
  }
  return { packHash: pairing.packHash, packHalf, module };
}

function recordOf(path: string, bytes: Uint8Array): PackPairing {
  try {
    return decodePackPairing(bytes);
  } catch (cause) {
    throw new CliError("usage", `${path} is ${NO_PAIRING}`, { cause });
  }
}

async function federationHalfOf(
  { federationKey }: BenchFlags,
  found: DeviceHalf | undefined,
): Promise<DeviceHalf | undefined> {
  return federationKey === undefined ? found : halfIn(resolve(federationKey));
}

async function halfIn(path: string): Promise<DeviceHalf> {
  const secret = await readSecret(path);
  if (secret.length !== HALF_LENGTH) {
    throw new CliError("usage", `${path} does not hold a secret half of ${HALF_LENGTH} bytes`);
  }
  try {
    return DeviceHalf.fromSecret(secret);
  } finally {
    secret.fill(0);
  }
}
