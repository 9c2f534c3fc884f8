import { resolve } from "node:path";
import { witnessVkeys } from "@wattseal/tlog";
import { EXIT } from "../errors.js";
import { systemEntropy } from "../ports/system.js";
import { beginRotation, finishRotation } from "../roles/witness-keys.js";
import { layoutOf } from "../state/layout.js";
import { writeOut } from "../view/output.js";
import { requireYes } from "./consent.js";

export interface RotateOptions {
  readonly state: string;
  readonly finish: boolean;
  readonly yes: boolean;
  readonly json: boolean;
}

/** `wattseal federation rotate`: the witness's next key, and with --finish its taking the old one's place. */
export async function rotateWitness(options: RotateOptions): Promise<number> {
  const layout = layoutOf(resolve(options.state));
  if (options.finish && !options.yes) {
    await requireYes({
      plan: `The old key goes for good: who pins it alone accepts nothing from ${layout.federation.directory} any more`,
      question: "Finish",
      done: "changed",
    });
  }
  const witness = options.finish
    ? await finishRotation(layout)
    : await beginRotation(layout, systemEntropy);
  const vkeys = witnessVkeys(witness);
  const { name } = witness;
  const json = JSON.stringify({ witness: name, vkeys, trust: layout.federation.trust });
  await writeOut(options.json ? `${json}\n` : told(options, name, vkeys));
  return EXIT.ok;
}

function told({ state, finish }: RotateOptions, name: string, vkeys: readonly string[]): string {
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
  return [...vkeys, ...rest, ""].join("\n");
}
