/** Startup, capabilities, random numbers, clock (Part 3 §9, §16, §29, §30). */
import { type ClockInfo, clockInfo } from "../structures/attest.js";
import { type PcrSelection, pcrSelections } from "../structures/pcr.js";
import type { Tpm } from "../tpm.js";
import { buffer, list, u16, u32, yesNo } from "../wire/codec.js";
import { CAP, CC, SU } from "../wire/constants.js";
import { TpmError } from "../wire/errors.js";
import type { Reader } from "../wire/reader.js";

/** TPM2_Startup. For emulators: on hardware the firmware does it. Refused (`initialize`) where it was started already. */
export async function startup(tpm: Tpm, kind: keyof typeof SU = "clear"): Promise<void> {
  await tpm.run({ code: CC.startup, parameters: (w) => w.u16(SU[kind]), open: true });
}

/** TPM2_Shutdown: an orderly end, so that the next start does not count as a power cut. */
export async function shutdown(tpm: Tpm, kind: keyof typeof SU = "clear"): Promise<void> {
  await tpm.run({ code: CC.shutdown, parameters: (w) => w.u16(SU[kind]) });
}

const MOST_ITEMS = 256;
const handles = list(u32, MOST_ITEMS);
const taggedProperties = list(
  {
    write: () => {},
    read: (r: Reader) => [r.u32(), r.u32()] as const,
  },
  MOST_ITEMS,
);

async function capability<T>(
  tpm: Tpm,
  kind: keyof typeof CAP,
  first: number,
  read: (reader: Reader) => T,
): Promise<{ readonly more: boolean; readonly data: T }> {
  const { parameters } = await tpm.run({
    code: CC.getCapability,
    parameters: (w) => {
      w.u32(CAP[kind]);
      w.u32(first);
      w.u32(MOST_ITEMS);
    },
  });
  const more = yesNo.read(parameters);
  const found = parameters.u32();
  if (found !== CAP[kind]) parameters.fail(`capability ${found} where ${CAP[kind]} was asked for`);
  const data = read(parameters);
  parameters.end();
  return { more, data };
}

/** Handles in use from `first` on, of the type in its top byte. */
export async function handlesFrom(tpm: Tpm, first: number): Promise<readonly number[]> {
  const all: number[] = [];
  for (let from = first; ; ) {
    const { more, data } = await capability(tpm, "handles", from, (r) => handles.read(r));
    all.push(...data);
    const last = data.at(-1);
    if (!more || last === undefined) return all;
    from = last + 1;
  }
}

/** TPM_PT: its value; undefined where this TPM has no such property. */
export async function property(tpm: Tpm, tag: number): Promise<number | undefined> {
  const { data } = await capability(tpm, "properties", tag, (r) => taggedProperties.read(r));
  return data.find(([found]) => found === tag)?.[1];
}

/** The PCR banks that are active. */
export async function pcrBanks(tpm: Tpm): Promise<readonly PcrSelection[]> {
  const { data } = await capability(tpm, "pcrs", 0, (r) => pcrSelections.read(r));
  return data;
}

/** Numbers of the algorithms (TPM_ALG_ID) that it implements. */
export async function algorithms(tpm: Tpm): Promise<readonly number[]> {
  const item = { write: () => {}, read: (r: Reader) => [r.u16(), r.u32()] as const };
  const { data } = await capability(tpm, "algorithms", 0, (r) => list(item, MOST_ITEMS).read(r));
  return data.map(([algorithm]) => algorithm);
}

/** Codes of the commands that it implements. */
export async function commandCodes(tpm: Tpm): Promise<readonly number[]> {
  const { data } = await capability(tpm, "commands", 0, (r) => list(u32, MOST_ITEMS).read(r));
  return data.map((attributes) => attributes & 0xffff);
}

/** Numbers of the curves (TPM_ECC_CURVE). */
export async function curves(tpm: Tpm): Promise<readonly number[]> {
  const { data } = await capability(tpm, "curves", 0, (r) => list(u16, MOST_ITEMS).read(r));
  return data;
}

const MOST_RANDOM = 64;
const random = buffer(MOST_RANDOM);

/** Exactly `length` bytes from the TPM's generator. */
export async function getRandom(tpm: Tpm, length: number): Promise<Uint8Array> {
  if (!Number.isSafeInteger(length) || length < 0 || length > 4096) {
    throw new TpmError("tpm-usage", `${length} random bytes: 0 to 4096 can be asked for`);
  }
  const bytes = new Uint8Array(length);
  for (let have = 0; have < length; ) {
    const asked = Math.min(MOST_RANDOM, length - have);
    const { parameters } = await tpm.run({
      code: CC.getRandom,
      parameters: (w) => w.u16(asked),
      secret: { response: true },
    });
    const some = random.read(parameters);
    parameters.end();
    if (some.length === 0 || some.length > asked)
      parameters.fail(`${some.length} bytes of ${asked}`);
    bytes.set(some, have);
    have += some.length;
  }
  return bytes;
}

export interface TimeInfo extends ClockInfo {
  /** ms since the TPM's last reset. */
  readonly time: bigint;
}

export async function readClock(tpm: Tpm): Promise<TimeInfo> {
  const { parameters } = await tpm.run({ code: CC.readClock });
  const time = parameters.u64();
  const info = clockInfo.read(parameters);
  parameters.end();
  return { time, ...info };
}
