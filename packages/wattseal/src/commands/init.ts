import { resolve } from "node:path";
import { CliError, EXIT } from "../errors.js";
import { systemClock, systemEntropy } from "../ports/system.js";
import { initDemo } from "../state/demo.js";
import { layoutOf } from "../state/layout.js";
import { checkModuleCount } from "../state/modules.js";
import { chosenTpm, type TpmChoice, tpmSetting } from "../tpm/address.js";
import { type InitFederationOptions, initFederation } from "./init-federation.js";
import { type InitPackOptions, initPack } from "./init-pack.js";

interface InitDemoOptions {
  readonly state: string;
  readonly modules: number;
  readonly legacy: number;
  readonly broker: string;
  readonly tpm: TpmChoice;
  readonly json: boolean;
}

type Given = InitDemoOptions &
  Omit<InitPackOptions, "enrol" | "token" | "trust"> &
  Partial<Pick<InitPackOptions, "enrol" | "token" | "trust">> &
  Omit<InitFederationOptions, "federation"> &
  Partial<Pick<InitFederationOptions, "federation">> & { readonly demo: boolean };

/** `wattseal init`: of the demonstration, of a pack, or of a federation. */
export async function init(options: Given): Promise<number> {
  const { demo, enrol, token, trust, federation } = options;
  if ([demo, enrol !== undefined, federation !== undefined].filter(Boolean).length !== 1) {
    throw new CliError(
      "usage",
      "Say which: --demo, --enrol URL for a pack of your own, or --federation NAME for the fleet that it belongs to.",
    );
  }
  if (federation !== undefined) return initFederation({ ...options, federation });
  if (enrol === undefined) return initDemoPack(options);
  if (token === undefined || trust === undefined) {
    throw new CliError("usage", "--enrol needs --token FILE and --trust FILE.");
  }
  return initPack({ ...options, enrol, token, trust });
}

async function initDemoPack(options: InitDemoOptions): Promise<number> {
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
        : `Its keys are in a TPM (${tpmSetting(tpm)}), and the authority that vouches for it lies beside it and takes every TPM for an emulator: for trying out only.`,
      `Next: ${federationFor(options)}`,
      `      wattseal sim --state ${options.state}`,
      `      wattseal gateway --state ${options.state}`,
      "",
    ].join("\n"),
  );
  return EXIT.ok;
}

/** The embedded broker listens on 127.0.0.1, at 1883 unless it is told; another broker is somebody else's. */
function federationFor({ state, broker }: Pick<InitDemoOptions, "state" | "broker">): string {
  const command = `wattseal federation --state ${state}`;
  const own = /^mqtt:\/\/(?:127\.0\.0\.1|localhost)(?::(?<port>\d+))?\/?$/.exec(broker);
  if (own === null) return `${command} --broker ${broker}`;
  const { port = "1883" } = own.groups ?? {};
  return port === "1883" ? command : `${command} --port ${port}`;
}
