/** Platform configuration registers (Part 3 §22). */

import { handleName } from "../structures/name.js";
import {
  type DigestValue,
  digests,
  digestValues,
  type PcrSelection,
  pcrSelections,
} from "../structures/pcr.js";
import type { Tpm } from "../tpm.js";
import { CC } from "../wire/constants.js";
import { TpmError } from "../wire/errors.js";

/** One bank's registers by number. */
export type PcrValues = ReadonlyMap<number, Uint8Array>;

const NOTHING = new Uint8Array(0);

/** A read begins again where a PCR changed in the middle of it, so often. */
const RESTARTS = 8;

/** Registers of one answer, with the count of all changes so far. */
async function readSome(tpm: Tpm, { hash, pcrs }: PcrSelection) {
  const { parameters } = await tpm.run({
    code: CC.pcrRead,
    parameters: (w) => pcrSelections.write(w, [{ hash, pcrs }]),
  });
  const update = parameters.u32();
  const [read] = pcrSelections.read(parameters);
  const found = digests.read(parameters);
  parameters.end();
  const some = new Map<number, Uint8Array>();
  for (const [i, pcr] of (read?.pcrs ?? []).entries()) {
    const digest = found[i];
    if (digest === undefined || !pcrs.includes(pcr)) {
      throw new TpmError("tpm-response", "PCRs other than those asked for");
    }
    some.set(pcr, digest);
  }
  if (some.size === 0) {
    throw new TpmError("tpm-usage", `this TPM has no PCR ${pcrs[0]} in that bank`);
  }
  return { update, some };
}

/** TPM2_PCR_Read, as often as it takes for values of one moment. Throws TpmError `tpm-usage` for a PCR that is not there. */
export async function pcrRead(tpm: Tpm, selection: PcrSelection): Promise<PcrValues> {
  const values = new Map<number, Uint8Array>();
  const open = () => selection.pcrs.filter((pcr) => !values.has(pcr));
  let counter: number | undefined;
  let restarts = 0;
  while (open().length > 0) {
    const { update, some } = await readSome(tpm, { ...selection, pcrs: open() });
    if (counter !== undefined && counter !== update) {
      restarts += 1;
      if (restarts > RESTARTS) throw new TpmError("tpm-response", "the PCRs do not hold still");
      values.clear();
      counter = undefined;
      continue;
    }
    counter = update;
    for (const [pcr, digest] of some) values.set(pcr, digest);
  }
  return new Map(selection.pcrs.map((pcr) => [pcr, values.get(pcr) ?? NOTHING]));
}

/** TPM2_PCR_Extend with digests of any banks. */
export async function pcrExtend(
  tpm: Tpm,
  pcr: number,
  values: readonly DigestValue[],
): Promise<void> {
  const { parameters } = await tpm.run({
    code: CC.pcrExtend,
    uses: [{ handle: pcr, name: handleName(pcr) }],
    parameters: (w) => digestValues.write(w, values),
  });
  parameters.end();
}
