import { resolve } from "node:path";
import { witnessVkeys } from "@wattseal/tlog";
import { EXIT } from "../errors.js";
import { systemEntropy } from "../ports/system.js";
import { beginLogRotation, finishLogRotation } from "../roles/receipt-log-keys.js";
import { beginRotation, finishRotation } from "../roles/witness-keys.js";
import { type Layout, layoutOf } from "../state/layout.js";
import { logVkeys } from "../state/receipt-log.js";
import { writeOut } from "../view/output.js";
import { requireYes } from "./consent.js";

export interface RotateOptions {
  readonly state: string;
  /** The receipt log's key, not the witness's. */
  readonly receiptLog: boolean;
  readonly finish: boolean;
  readonly yes: boolean;
  readonly json: boolean;
}

/** `wattseal federation rotate`: the next key, and with --finish its taking the old one's place. */
export async function rotateKey(options: RotateOptions): Promise<number> {
  const layout = layoutOf(resolve(options.state));
  const { directory } = layout.federation;
  if (options.finish && !options.yes) {
    const from = options.receiptLog ? `the receipt log in ${directory}` : directory;
    await requireYes({
      plan: `The old key goes for good: who pins it alone accepts nothing from ${from} any more`,
      question: "Finish",
      done: "changed",
    });
  }
  const { vkeys, json, rest } = options.receiptLog
    ? await rotatedLog(layout, options)
    : await rotatedWitness(layout, options);
  await writeOut(
    options.json ? `${JSON.stringify({ ...json, vkeys })}\n` : [...vkeys, ...rest, ""].join("\n"),
  );
  return EXIT.ok;
}

async function rotatedWitness(layout: Layout, { state, finish }: RotateOptions) {
  const witness = finish
    ? await finishRotation(layout)
    : await beginRotation(layout, systemEntropy);
  const { name } = witness;
  const rest = finish
    ? [
        `${name} has this key alone. Start its workers again; the others need its witness.pem and trust.json.`,
        "Gateways drop the old key from their trust.json at leisure; auditors keep it as long as they believe what it cosigned.",
      ]
    : [
        `From the next start of its workers on ${name} cosigns under both keys; each needs witness-next.pem and trust.json.`,
        "Then add the new key to the trust.json of every gateway and auditor, and start the gateways again.",
        `When all have it: wattseal federation rotate --finish --state ${state}`,
      ];
  const { trust } = layout.federation;
  return { vkeys: witnessVkeys(witness), json: { witness: name, trust }, rest };
}

async function rotatedLog(layout: Layout, { state, finish }: RotateOptions) {
  const log = finish
    ? await finishLogRotation(layout)
    : await beginLogRotation(layout, systemEntropy);
  const { name } = log;
  const rest = finish
    ? [
        `${name} has this key alone. Start its workers again; in the folder of each other one finish as well.`,
        "Auditors drop the old key once an audit has kept a head under the new one.",
      ]
    : [
        `From the next start of its workers on the heads of ${name} are signed under both keys; each needs receipts-next.pem.`,
        "Then give the new key to every auditor: wattseal federation audit --key OLD --key NEW",
        `When all have it: wattseal federation rotate --receipt-log --finish --state ${state}`,
      ];
  return { vkeys: logVkeys(log), json: { log: name }, rest };
}
