import { resolve } from "node:path";
import { EXIT } from "../errors.js";
import { systemClock, systemEntropy } from "../ports/system.js";
import { initDemo } from "../state/demo.js";
import { layoutOf } from "../state/layout.js";
import { checkModuleCount } from "../state/modules.js";
import { chosenTpm, type TpmChoice, tpmSetting } from "../tpm/address.js";

/** `wattseal init --demo`. */
export async function init(options: {
  readonly state: string;
  readonly modules: number;
  readonly legacy: number;
  readonly broker: string;
  readonly tpm: TpmChoice;
  readonly json: boolean;
}): Promise<number> {
  const layout = layoutOf(resolve(options.state));
  checkModuleCount(options.modules, options.legacy);
  const tpm = await chosenTpm(options.tpm, layout.tpm);
  const document = await initDemo({
    layout,
    modules: options.modules,
    legacy: options.legacy,
    fleet: "demo",
    broker: options.broker,
    tpm,
    entropy: systemEntropy,
    clock: systemClock(),
  });
  if (options.json) {
    const made = {
      lct: document.lct,
      state: layout.root,
      modules: options.modules,
      tpm: tpmSetting(tpm),
    };
    process.stdout.write(`${JSON.stringify(made)}\n`);
    return EXIT.ok;
  }
  process.stdout.write(
    [
      `${document.lct}`,
      `A demonstration pack of ${options.modules} modules in ${layout.root}.`,
      tpm === undefined
        ? "Its keys are files (a software anchor), and the authority that vouches for it lies beside it: for trying out only."
        : "Its keys are in a TPM, and the authority that vouches for it lies beside it and takes every TPM for an emulator: for trying out only.",
      `Next: wattseal federation --state ${options.state}`,
      `      wattseal sim --state ${options.state}`,
      `      wattseal gateway --state ${options.state}`,
      "",
    ].join("\n"),
  );
  return EXIT.ok;
}
