import { rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Logger } from "@wattseal/base";
import {
  type Federation,
  type Gap,
  openStore,
  type SaidGap,
  type TakeOptions,
} from "@wattseal/federation";
import type { PackName } from "@wattseal/uplink";
import { federationSchema } from "../config/federation-schema.js";
import { loadConfig } from "../config/file.js";
import { EXIT } from "../errors.js";
import { onStopSignal } from "../ports/signals.js";
import { pinoLogger, systemClock, systemEntropy, systemWallClock } from "../ports/system.js";
import { type CopyOptions, clientFor, isUrl } from "../restore/copies.js";
import { type Filled, fillFromFederation, fillFromFolder } from "../restore/fill.js";
import { keepMissing, missingNow, packsWithMissing } from "../restore/missing.js";
import { Progress } from "../restore/progress.js";
import { federationKeys, openFederation, storeOf } from "../roles/federation.js";
import { type Layout, layoutOf } from "../state/layout.js";
import { openReceiptLogKeys, setLogKeysAside } from "../state/receipt-log.js";
import { readStatementKeys } from "../state/statement-keys.js";
import { writeOut } from "../view/output.js";
import { count } from "../view/units.js";

export interface RebuildOptions extends CopyOptions {
  readonly state: string;
  readonly from: readonly string[];
  readonly port?: string;
  /** ms without anything from the packs that was missing, after which it ends; 0: the packs are not waited for. */
  readonly wait: number;
  readonly json: boolean;
}

interface Heard {
  readonly pack: PackName;
  readonly entries: number;
  readonly witnessed: number;
  readonly said: SaidGap | undefined;
}

interface PackNow extends Omit<Heard, "said"> {
  readonly missing: Gap | undefined;
  /** Said in the name of a pack of which nothing is stored: whether by it, nobody can tell. */
  readonly unverified: Gap | undefined;
}

type Config = Awaited<ReturnType<typeof configOf>>;

function configOf(layout: Layout, port: string | undefined) {
  const flags = { "broker.port": port };
  const path = layout.federation.config;
  return loadConfig({ schema: federationSchema, path, environment: process.env, flags });
}

/** `wattseal federation rebuild`: from copies first, then from the packs themselves. */
export async function rebuildCommand(options: RebuildOptions): Promise<number> {
  const layout = layoutOf(resolve(options.state));
  const config = await configOf(layout, options.port);
  const logger = pinoLogger("wattseal-rebuild", config.log.level, process.stderr);
  const filled = await fill(layout, config, options, logger);
  for (const { pack, copy, from, to, size, refused } of filled) {
    logger.info("rebuild.copy", { pack, copy, from, to, size, refused });
  }
  const packs = await withFormerlyMissing(layout, await gather(layout, config, options, logger));
  const { witnessKey } = await federationKeys(layout);
  for (const { pack, missing } of packs) await keepMissing(layout, pack, missing, witnessKey);
  const refused = filled.filter((copy) => copy.refused !== undefined);
  const complete =
    refused.length === 0 &&
    packs.every(({ missing, unverified }) => (missing ?? unverified) === undefined);
  await writeOut(
    options.json
      ? `${JSON.stringify({ complete, packs, copies: filled })}\n`
      : textOf(packs, refused),
  );
  return complete ? EXIT.ok : EXIT.failed;
}

/** A pack that nobody heard this time has what it had, and lacks what it lacked. */
async function withFormerlyMissing(
  layout: Layout,
  heard: readonly Heard[],
): Promise<readonly PackNow[]> {
  const names = new Set(heard.map(({ pack }) => pack));
  const silent = (await packsWithMissing(layout)).filter((pack) => !names.has(pack));
  const all = [
    ...heard,
    ...silent.map((pack) => ({ pack, entries: 0, witnessed: 0, said: undefined })),
  ];
  return Promise.all(
    all.map(async ({ said: seen, ...now }) => {
      const { pack, entries: size } = now;
      const missing = await missingNow(layout, { pack, size, seen });
      const unverified = seen?.verified === false ? { from: seen.from, to: seen.to } : undefined;
      return { ...now, missing, unverified };
    }),
  );
}

async function fill(
  layout: Layout,
  config: Config,
  options: RebuildOptions,
  logger: Logger,
): Promise<readonly Filled[]> {
  const filled: Filled[] = [];
  const { witnessKey, nextWitnessKey, authorityKeys } = await federationKeys(layout);
  const store = await openStore(await storeOf(layout, config));
  try {
    if ((await store.receiptLog()).note === undefined) await setLogKeysAside(layout, logger);
    const statements = await readStatementKeys(layout);
    const { receiptLogKey, nextReceiptLogKey } = await openReceiptLogKeys(layout, witnessKey.name, {
      entropy: systemEntropy,
      logger,
    });
    const take: TakeOptions = {
      ...{ store, witness: witnessKey, authorityKeys, clock: systemClock() },
      receiptLog: receiptLogKey,
      ...(nextReceiptLogKey && { nextReceiptLog: nextReceiptLogKey }),
      ...(nextWitnessKey && { nextWitness: nextWitnessKey }),
      ...(statements && { statements }),
    };
    const told = (copy: Filled) => void filled.push(copy);
    const staging = join(layout.federation.directory, "rebuild");
    for (const from of options.from) {
      if (isUrl(from)) {
        await fillFromFederation(take, await clientFor(from, options), staging, told);
      } else await fillFromFolder(take, from, told);
    }
    await rm(staging, { recursive: true, force: true });
    return filled;
  } finally {
    await store.close();
  }
}

const LOOK_MS = 250;
const SAID_EVERY = 20;

/** Runs the federation until nothing that is missing has come for as long as it was told to wait. */
async function gather(
  layout: Layout,
  config: Config,
  { wait }: RebuildOptions,
  logger: Logger,
): Promise<readonly Heard[]> {
  const federation = await openFederation({ layout, config, logger });
  try {
    let stopped = wait === 0;
    onStopSignal(() => {
      stopped = true;
    });
    const progress = new Progress();
    let since = systemWallClock.now();
    for (let look = 1; !stopped && systemWallClock.now() - since < wait; look += 1) {
      await systemWallClock.sleep(LOOK_MS);
      const { stats } = federation;
      if (progress.look(stats)) since = systemWallClock.now();
      const { packs, entries, requests } = stats;
      if (look % SAID_EVERY === 0) logger.info("rebuild.progress", { packs, entries, requests });
    }
    return packsIn(federation);
  } finally {
    await federation.stop();
  }
}

/** Those that are stored, and strangers that said what they have no more. */
function packsIn({ stats: { latest, gaps } }: Federation): readonly Heard[] {
  const names = [...new Set([...latest.keys(), ...gaps.keys()])].sort();
  return names.map((pack) => {
    const { size: entries, witnessed } = latest.get(pack) ?? { size: 0, witnessed: 0 };
    return { pack, entries, witnessed, said: gaps.get(pack) };
  });
}

function textOf(packs: readonly PackNow[], refused: readonly Filled[]): string {
  const sum = (of: (pack: PackNow) => number) => packs.reduce((all, pack) => all + of(pack), 0);
  const lost = packs.flatMap(({ pack, missing }) => {
    if (missing === undefined) return [];
    const { from, to } = missing;
    return [`missing    ${pack}: entries ${from} to ${to - 1}, which its gateway has no more`];
  });
  const unverified = packs.flatMap(({ pack, unverified: said }) => {
    if (said === undefined) return [];
    const { from, to } = said;
    return [
      `unverified ${pack}: entries ${from} to ${to - 1} are said to be gone, by whoever speaks for it: nothing of it is stored to tell by, and nothing is signed`,
    ];
  });
  const odd = refused.map(
    ({ pack, copy, to, size, refused: why }) =>
      `refused    ${pack ?? "a log"}: ${to} of ${size} entries of ${copy} (${why})`,
  );
  return [
    `packs      ${count(packs.length)}: ${count(sum(({ entries }) => entries))} entries, ${count(sum(({ witnessed }) => witnessed))} of them witnessed`,
    ...odd,
    ...unverified,
    ...lost,
    ...(lost.length === 0
      ? []
      : ["A statement of each is signed in federation/missing; a copy that has them fills it."]),
    "",
  ].join("\n");
}
