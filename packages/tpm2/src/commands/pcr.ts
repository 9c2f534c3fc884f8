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

/**
 * TPM2_PCR_Read, as often as it takes. Throws TpmError `tpm-refused` with `pcr-changed` named where a PCR changed
 * between two of its answers, so that the values are of one moment.
 */
export async function pcrRead(tpm: Tpm, selection: PcrSelection): Promise<PcrValues> {
  const values = new Map<number, Uint8Array>();
  let counter: number | undefined;
  let open = selection.pcrs;
  while (open.length > 0) {
    const { parameters } = await tpm.run({
      code: CC.pcrRead,
      parameters: (w) => pcrSelections.write(w, [{ hash: selection.hash, pcrs: open }]),
    });
    const update = parameters.u32();
    const [read] = pcrSelections.read(parameters);
    const found = digests.read(parameters);
    parameters.end();
    if (counter !== undefined && counter !== update) {
      values.clear();
      open = selection.pcrs;
      counter = update;
    }
    counter ??= update;
    const pcrs = read?.pcrs ?? [];
    if (pcrs.length === 0) {
      throw new TpmError("tpm-usage", `this TPM has no PCR ${open[0]} in that bank`);
    }
    for (const [i, pcr] of pcrs.entries()) {
      const digest = found[i];
      if (digest === undefined || !open.includes(pcr)) {
        throw new TpmError("tpm-response", "PCRs other than those asked for");
      }
      values.set(pcr, digest);
    }
    open = open.filter((pcr) => !values.has(pcr));
  }
  return values;
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
