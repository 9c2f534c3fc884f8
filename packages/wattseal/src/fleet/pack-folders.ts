/** Folders of light packs: what a gateway needs of one, without modules that anybody could talk to. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, type Entropy, slot } from "@wattseal/base";
import { encodePackPairing, labelText } from "@wattseal/device-keys";
import { type Ed25519SecretKey, openEd25519KeyFile } from "@wattseal/lct-keys";
import { provisionModules } from "@wattseal/sim-hardware";
import { writeStatements } from "../state/demo.js";
import { makeDemoIdentity } from "../state/demo-identity.js";
import { exists, makeFolder, readRequired, writeWhole } from "../state/files.js";
import { type Layout, layoutOf } from "../state/layout.js";

export interface PackFoldersOptions {
  /** Whose authority vouches for the packs, and whose federation is to accept them. */
  readonly layout: Layout;
  readonly fleet: string;
  readonly packs: number;
  /** Modules of a pack that is made, 1 to 31. */
  readonly modules: number;
  readonly entropy: Entropy;
  readonly clock: Clock;
  readonly progress: (done: number, of: number) => void;
}

/** Makes the packs that are not there yet; those that are go on. Numbered from 0001. */
export async function preparePacks(options: PackFoldersOptions): Promise<readonly Layout[]> {
  const { layout, packs, progress } = options;
  await makeFolder(layout.fleet);
  const authority = await openEd25519KeyFile(layout.authority.key);
  const layouts: Layout[] = [];
  try {
    for (let number = 1; number <= packs; number += 1) {
      const pack = layoutOf(join(layout.fleet, `${number}`.padStart(4, "0")));
      if (!(await exists(pack.gateway.pairings))) await makePack(pack, options, authority);
      layouts.push(pack);
      progress(number, packs);
    }
  } finally {
    authority.dispose();
  }
  return layouts;
}

/** Its pairings are written last: a folder without them was cut short before it had a log, and is made again. */
async function makePack(
  pack: Layout,
  options: PackFoldersOptions,
  authority: Ed25519SecretKey,
): Promise<void> {
  const { layout, fleet, modules, entropy, clock } = options;
  const { gateway } = pack;
  await rm(pack.root, { recursive: true, force: true });
  for (const folder of [gateway.directory, gateway.signer, gateway.genesis]) {
    await makeFolder(folder);
  }
  const identity = { layout: pack, fleet, tpm: undefined, entropy, clock };
  const { document, half } = await makeDemoIdentity(identity, authority);
  await writeStatements(pack, authority, document.lct, modules, clock.now());
  await writeWhole(gateway.trust, await readRequired(layout.federation.trust), 0o644);
  const paired = provisionModules(modules, entropy).map((module, i) => {
    const { uid, ratedCapacity, ratedWatts } = module;
    const { publicKey } = module.half;
    module.half.dispose();
    const label = labelText(uid, publicKey);
    return { uid, half: publicKey, label, ratedCapacity, ratedWatts, slot: slot(i + 1), busId: 0 };
  });
  const pairing = { packHash: document.packHash, packHalf: half, modules: paired };
  await writeWhole(gateway.pairings, encodePackPairing(pairing), 0o644);
}
