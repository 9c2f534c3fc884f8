/** Many light packs in one process, each with a connection of its own. */
import { bytesEqual, type Clock, type Logger, messageOf } from "@wattseal/base";
import type { Federation } from "@wattseal/federation";
import { Latencies } from "./latencies.js";
import type { LightPack, LightPackListener } from "./light-pack.js";

/** ms; undefined before the first. */
export interface Quantiles {
  readonly p50: number | undefined;
  readonly p99: number | undefined;
}

/** Counts and times of a fleet at one moment. */
export interface FleetStatus {
  readonly packs: number;
  readonly connected: number;
  /** Recorded since the start. */
  readonly entries: number;
  /** Of all entries on disk, those that a receipt covers; and all. */
  readonly witnessed: number;
  readonly durable: number;
  readonly batchesInFlight: number;
  readonly receipts: number;
  readonly entryToReceipt: Quantiles;
  readonly signedToReceipt: Quantiles;
  /** The broker's own answer to what was published, which proves nothing. */
  readonly publishToPuback: Quantiles;
  /** Entries and receipts that a pack refused. */
  readonly refused: number;
  /** Why packs record no more. */
  readonly stopped: readonly string[];
}

/** Packs that are opened, ended or compared at once. */
const AT_ONCE = 16;

/** Does `task` for each, a few at a time. Throws the first failure, when all have ended. */
export async function forEach<T>(
  items: readonly T[],
  task: (item: T, index: number) => Promise<void>,
  atOnce = AT_ONCE,
): Promise<void> {
  const queue = items.entries();
  const failures: unknown[] = [];
  const work = async () => {
    for (const [index, item] of queue) {
      await task(item, index).catch((error: unknown) => failures.push(error));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  if (failures.length > 0) throw failures[0];
}

/** What packs tell of their receipts, added up. */
export class FleetTally implements LightPackListener {
  readonly entryToReceipt = new Latencies();
  readonly signedToReceipt = new Latencies();
  readonly publishToPuback = new Latencies();
  readonly #clock: Clock;
  receipts = 0;
  refusedReceipts = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  receipted(entries: number, enteredAt: number, signedAt: number): void {
    const now = this.#clock.now();
    this.entryToReceipt.add(now - enteredAt, entries);
    this.signedToReceipt.add(now - signedAt, entries);
  }

  receipt(): void {
    this.receipts += 1;
  }

  published(): () => void {
    const since = performance.now();
    return () => this.publishToPuback.add(performance.now() - since, 1);
  }

  /** `logger`, with receipts counted that a pack does not believe. */
  listening(logger: Logger): Logger {
    return {
      ...logger,
      error: (event, fields) => {
        if (event === "uplink.receipt-refused") this.refusedReceipts += 1;
        logger.error(event, fields);
      },
    };
  }
}

export class Fleet {
  readonly #packs: readonly LightPack[];
  readonly #tally: FleetTally;
  readonly #before: number;
  readonly #timers = new Map<LightPack, NodeJS.Timeout>();
  readonly #steps = new Map<LightPack, Promise<void>>();
  readonly #failures: string[] = [];
  #running = true;

  constructor(packs: readonly LightPack[], tally: FleetTally) {
    this.#packs = packs;
    this.#tally = tally;
    this.#before = sum(packs, ({ size }) => size);
  }

  /** Each pack steps every `stepMs`, at a phase of its own, 0 to 1; one that falls behind leaves steps out. */
  start(stepMs: number, phase: () => number): void {
    for (const pack of this.#packs) pack.connect();
    for (const pack of this.#packs) this.#step(pack, performance.now() + phase() * stepMs, stepMs);
  }

  #step(pack: LightPack, at: number, stepMs: number): void {
    if (!this.#running) return;
    const step = async () => {
      await pack.step();
      this.#step(pack, Math.max(at + stepMs, performance.now()), stepMs);
    };
    const timer = setTimeout(() => {
      this.#timers.delete(pack);
      const stepping = step().catch((error: unknown) => void this.#failures.push(messageOf(error)));
      this.#steps.set(pack, stepping);
    }, at - performance.now());
    this.#timers.set(pack, timer);
  }

  status(): FleetStatus {
    const packs = this.#packs;
    const { entryToReceipt, signedToReceipt, publishToPuback, receipts, refusedReceipts } =
      this.#tally;
    const durable = sum(packs, ({ size }) => size);
    return {
      packs: packs.length,
      connected: sum(packs, ({ uplink }) => Number(uplink?.connected ?? false)),
      entries: durable - this.#before,
      witnessed: sum(packs, ({ witnessed }) => witnessed),
      durable,
      batchesInFlight: sum(packs, ({ uplink }) => uplink?.inFlight ?? 0),
      receipts,
      entryToReceipt: quantiles(entryToReceipt),
      signedToReceipt: quantiles(signedToReceipt),
      publishToPuback: quantiles(publishToPuback),
      refused: refusedReceipts + sum(packs, ({ refused }) => refused),
      stopped: [...packs.flatMap(({ stopped }) => stopped ?? []), ...this.#failures],
    };
  }

  /** Records no more, ends every epoch, and waits up to `drainMs` for the last receipts. */
  async finish(drainMs: number): Promise<void> {
    this.#running = false;
    for (const timer of this.#timers.values()) clearTimeout(timer);
    await Promise.all(this.#steps.values());
    await Promise.all(this.#packs.map((pack) => pack.finish(drainMs)));
  }

  /** Packs of which the federation has not stored every entry byte for byte, each with the first difference. */
  async differences(federation: Pick<Federation, "readStoredLog">): Promise<readonly string[]> {
    const found: string[] = [];
    await forEach(this.#packs, async (pack) => {
      const problem = await differenceOf(pack, federation);
      if (problem !== undefined) found.push(`${pack.name}: ${problem}`);
    });
    return found;
  }
}

async function differenceOf(
  pack: LightPack,
  federation: Pick<Federation, "readStoredLog">,
): Promise<string | undefined> {
  const own = pack.entries()[Symbol.iterator]();
  let index = 0;
  try {
    for await (const stored of federation.readStoredLog(pack.name)) {
      const entry = own.next();
      if (entry.done === true) return `entry ${index} is stored, and not in the pack's log`;
      if (!bytesEqual(entry.value, stored)) return `entry ${index} is stored otherwise`;
      index += 1;
    }
  } catch (error) {
    return messageOf(error);
  }
  return own.next().done === true ? undefined : `entry ${index} is not stored`;
}

function quantiles(latencies: Latencies): Quantiles {
  return { p50: latencies.quantile(0.5), p99: latencies.quantile(0.99) };
}

function sum(packs: readonly LightPack[], of: (pack: LightPack) => number): number {
  return packs.reduce((total, pack) => total + of(pack), 0);
}
