/** PCR values of the SHA-256 bank: from a TPM, or from what tpm2_pcrread printed elsewhere. */
import { fromHex } from "@wattseal/base";
import {
  LctKeysError,
  openTpmIdentity,
  requireSameTpm,
  type TpmIdentity,
  tpmFolder,
} from "@wattseal/lct-keys";
import { ALG, nvReadCounter, pcrRead, Tpm, TpmError } from "@wattseal/tpm2";
import { pcrDigest } from "@wattseal/tpm2/verify";
import { CliError } from "../errors.js";
import { askTpm, type OpenTpm, openTpm, type TpmAddress } from "./address.js";

export type Pcrs = ReadonlyMap<number, Uint8Array>;

export async function readPcrs(address: TpmAddress, pcrs: readonly number[]): Promise<Pcrs> {
  const tpm = await openTpm(address);
  try {
    return await askTpm(tpm, (asked) => pcrRead(asked, { hash: ALG.sha256, pcrs }));
  } finally {
    await tpm.close();
  }
}

/** The boot that a machine is in, for whoever wants to know which approval is good for it. */
export interface PresentPcrs {
  readonly values: Pcrs;
  /** Version of the last boot that was confirmed, 0 before the first; undefined where this TPM does not say. */
  readonly confirmed: number | undefined;
  /** Why this is not the TPM that the pack's identity was made in: `tpm-replaced`, `tpm-cleared`. */
  readonly refused: LctKeysError | undefined;
}

/** `signer`: the folder with the identity; without one in it, nothing tells whose TPM this is. */
export async function readPresent(
  address: TpmAddress,
  pcrs: readonly number[],
  signer: string,
): Promise<PresentPcrs> {
  const tpm = await openTpm(address);
  try {
    const values = await askTpm(tpm, (asked) => pcrRead(asked, { hash: ALG.sha256, pcrs }));
    return { values, ...(await ownIn(tpm, signer)) };
  } finally {
    await tpm.close();
  }
}

async function ownIn(tpm: OpenTpm, signer: string): Promise<Omit<PresentPcrs, "values">> {
  const identity = await openTpmIdentity(tpmFolder(signer));
  if (identity === undefined) return { confirmed: undefined, refused: undefined };
  try {
    await requireSameTpm(tpm, identity);
    return { confirmed: await confirmedIn(tpm, identity), refused: undefined };
  } catch (error) {
    if (!(error instanceof LctKeysError)) throw error;
    return { confirmed: undefined, refused: error };
  } finally {
    identity.auth.dispose();
  }
}

async function confirmedIn(
  { transport, entropy, pause }: OpenTpm,
  { root: saltKey, auth, boot }: TpmIdentity,
): Promise<number | undefined> {
  if (boot === undefined) return undefined;
  try {
    const use = { ...boot.version, auth };
    const read = (asked: Tpm) => nvReadCounter(asked, use, boot.version);
    return Number(await Tpm.transact(transport, { entropy, pause, saltKey }, read)) - boot.base;
  } catch (error) {
    if (error instanceof TpmError && error.code !== "tpm-unreachable") return undefined;
    throw error;
  }
}

/** `  7 : 0x…` under `sha256:`, as tpm2_pcrread prints; lines of other banks are passed over. */
export function parsePcrs(text: string): Pcrs {
  const values = new Map<number, Uint8Array>();
  let bank = "sha256";
  for (const line of text.split("\n")) {
    bank = /^\s*(sha\d+):\s*$/.exec(line)?.[1] ?? bank;
    const [, pcr, value] = /^\s*(\d{1,2})\s*:\s*0x([0-9A-Fa-f]{64})\s*$/.exec(line) ?? [];
    if (bank !== "sha256" || pcr === undefined || value === undefined) continue;
    values.set(Number(pcr), fromHex(value.toLowerCase()));
  }
  return values;
}

/** SHA-256 over the values of `pcrs`, as a quote has it. Throws CliError `usage` where one is missing in `from`. */
export function digestOf(values: Pcrs, pcrs: readonly number[], from: string): Uint8Array {
  return pcrDigest(
    pcrs.map((pcr) => {
      const value = values.get(pcr);
      if (value !== undefined) return value;
      throw new CliError("usage", `${from} has no SHA-256 value of PCR ${pcr}`);
    }),
  );
}
