import { resolve } from "node:path";
import { EXIT } from "../errors.js";
import { systemClock, systemEntropy } from "../ports/system.js";
import { initDemo } from "../state/demo.js";
import { layoutOf } from "../state/layout.js";
import { checkModuleCount } from "../state/modules.js";

/** `wattseal init --demo`. */
export async function init(options: {
  readonly state: string;
  readonly modules: number;
  readonly legacy: number;
  readonly broker: string;
  readonly json: boolean;
}): Promise<number> {
  const layout = layoutOf(resolve(options.state));
  checkModuleCount(options.modules, options.legacy);
  const document = await initDemo({
    layout,
    modules: options.modules,
    legacy: options.legacy,
    fleet: "demo",
    broker: options.broker,
    entropy: systemEntropy,
    clock: systemClock(),
  });
  if (options.json) {
    const made = { lct: document.lct, state: layout.root, modules: options.modules };
    process.stdout.write(`${JSON.stringify(made)}\n`);
    return EXIT.ok;
  }
  process.stdout.write(
    [
      `${document.lct}`,
      `A demonstration pack of ${options.modules} modules in ${layout.root}.`,
      "Its keys are files (a software anchor), and the authority that vouches for it lies beside it: for trying out only.",
      `Next: wattseal federation --state ${options.state}`,
      `      wattseal sim --state ${options.state}`,
      `      wattseal gateway --state ${options.state}`,
      "",
    ].join("\n"),
  );
  return EXIT.ok;
}
