import { relative, resolve } from "node:path";
import { messageOf } from "@wattseal/base";
import {
  createEd25519KeyFile,
  type Ed25519SecretKey,
  openEd25519KeyFile,
} from "@wattseal/lct-keys";
import { formatVkey, witnessVkeys } from "@wattseal/tlog";
import { federationSchema } from "../config/federation-schema.js";
import { renderConfig } from "../config/file.js";
import { CliError, EXIT } from "../errors.js";
import { systemEntropy } from "../ports/system.js";
import { makeFederationKeys } from "../state/federation-keys.js";
import { exists, makeFolder, writeWhole } from "../state/files.js";
import { type Layout, layoutOf } from "../state/layout.js";
import { writeOut } from "../view/output.js";
import { requireYes } from "./consent.js";
import { fleetOf } from "./init-pack.js";

export interface InitFederationOptions {
  readonly state: string;
  /** Name of the witness's cosignatures. */
  readonly federation: string;
  readonly fleet: string;
  /** Key file of an authority that there is; undefined makes one. */
  readonly authority?: string;
  readonly yes: boolean;
  readonly json: boolean;
}

/** What people call an authority that this command makes. */
const nameOfAuthority = (witness: string) => `authority of ${witness}`;

/** `wattseal init --federation`: the keys, the trust file and the configuration of a fleet's own federation. */
export async function initFederation(options: InitFederationOptions): Promise<number> {
  const layout = layoutOf(resolve(options.state));
  const fleet = fleetOf(options.fleet);
  const name = witnessName(options.federation);
  for (const directory of [layout.federation.directory, layout.authority.directory]) {
    if (!(await exists(directory))) continue;
    throw new CliError(
      "state-exists",
      `${directory} is there already; keys are never overwritten. Choose another --state.`,
    );
  }
  const given = options.authority === undefined ? undefined : resolve(options.authority);
  const authority = given === undefined ? undefined : await openEd25519KeyFile(given);
  await requireConsent(options, layout);
  await makeFolder(layout.federation.directory);
  const key = authority ?? (await makeAuthority(layout));
  const keyFile = given ?? layout.authority.key;
  const names = { authority: nameOfAuthority(name), witness: name };
  const { witnesses } = await makeFederationKeys({
    layout,
    names,
    authority: key,
    entropy: systemEntropy,
  });
  key.dispose();
  const config = renderConfig(federationSchema, "Wattseal federation", {
    fleet,
    "registry.key": relative(layout.federation.directory, keyFile),
  });
  await writeWhole(layout.federation.config, config, 0o644);
  const vkeys = witnesses.flatMap(witnessVkeys);
  await writeOut(
    options.json ? `${madeJson(layout, keyFile, vkeys)}\n` : told(layout, keyFile, vkeys),
  );
  return EXIT.ok;
}

/** C2SP signed-note: a key name is not empty and has neither spaces nor plus. */
function witnessName(name: string): string {
  try {
    formatVkey({ name, publicKey: new Uint8Array(32), type: "cosignature" });
    return name;
  } catch (cause) {
    throw new CliError("usage", `--federation: ${messageOf(cause)}`, { cause });
  }
}

async function makeAuthority({ authority }: Layout): Promise<Ed25519SecretKey> {
  await makeFolder(authority.directory);
  return createEd25519KeyFile(authority.key, systemEntropy);
}

async function requireConsent({ yes, authority }: InitFederationOptions, layout: Layout) {
  if (yes) return;
  const keys = authority === undefined ? "a witness's key and an authority's" : "a witness's key";
  const plan = `${keys} and a configuration, in ${layout.root}`;
  await requireYes({ plan: `A federation: ${plan}`, question: "Make it", done: "made" });
}

function madeJson({ root, federation }: Layout, authority: string, witness: readonly string[]) {
  return JSON.stringify({ state: root, authority, witness, trust: federation.trust });
}

function told({ root, federation }: Layout, authority: string, vkeys: readonly string[]): string {
  return [
    ...vkeys,
    `A federation in ${root}.`,
    `  ${federation.trust}: whom to believe. Give it to packs, auditors and buyers.`,
    `  ${authority}: the authority. Whoever has it can enrol anything: keep a copy where the machine is not.`,
    `  ${federation.config}: broker, store, and where the registry and the query API listen; read it before the first start.`,
    `Next: wattseal federation --state ${root}`,
    `      wattseal federation token --state ${root} > token.txt, for each pack: docs/identity.md`,
    "",
  ].join("\n");
}
