import { type Logger, messageOf } from "@wattseal/base";
import type { EntryBody } from "@wattseal/energy-ledger";
import type { Shed } from "../evidence/store.js";
import { type Level, levelOf, MINUTES, reliefOf, reserveOf } from "./levels.js";
import type { DiskSpace, Space } from "./space.js";

export interface PressureOptions {
  /** Undefined: nobody watches, and nothing gives way before the disk is full. */
  readonly space: DiskSpace | undefined;
  /** Bytes to be left free. */
  readonly reserve: number;
  /** Oldest readings go until so many bytes are free, and none are kept meanwhile where that is not enough. */
  readonly shed: (bytes: number) => Promise<Shed | undefined>;
  /** Readings are kept again. */
  readonly keep: () => void;
  /** What every required witness has goes from the log; false where nothing could. */
  readonly prune: () => Promise<boolean>;
  /** Enters it. */
  readonly lost: (body: EntryBody<"ops.loss">) => void;
  /** Room is short, from here on. */
  readonly alarm: (detail: string) => void;
  readonly logger: Logger;
}

export interface PressureStatus extends Space {
  readonly reserve: number;
  readonly level: Level;
}

type Wanted = EntryBody<"energy.resolution">;

const REASON = "disk-pressure";
const MIB = 2 ** 20;
/** Looks: what is to be pruned has to be witnessed first, and to look for it is to read the log. */
const PRUNE_EVERY = 10;

/**
 * Watches the disk's space, and lets go in this order, each only where the one before was not enough: readings kept as
 * evidence, entries that witnesses have, and the length of intervals, which the recorder then enters. With room again,
 * all of it comes back.
 */
export class PressureKeeper {
  readonly #options: PressureOptions;
  #level: Level = "room";
  #seen: Space | undefined;
  #wanted: Wanted | undefined;
  /** At a disk that is short. */
  #looks = 0;
  #working: Promise<void> | undefined;

  constructor(options: PressureOptions) {
    this.#options = options;
    if (options.space === undefined) this.#wanted = this.#room("nobody watches the space");
  }

  /** Of intervals from the next minute on; undefined while nothing is known: as they are. */
  get wanted(): Wanted | undefined {
    return this.#wanted;
  }

  /** Undefined before the first look. */
  get status(): PressureStatus | undefined {
    const seen = this.#seen;
    return seen && { ...seen, reserve: this.#reserve(seen), level: this.#level };
  }

  /** Looks, unless the last look is still under way. */
  minute(): void {
    const { space } = this.#options;
    if (space === undefined) return;
    this.#working ??= this.#look(space).then(() => {
      this.#working = undefined;
    });
  }

  /** The look under way is done. */
  async settled(): Promise<void> {
    await this.#working;
  }

  async #look(space: DiskSpace): Promise<void> {
    const { logger } = this.#options;
    try {
      const seen = await space.read();
      this.#seen = seen;
      await this.#judge(seen);
    } catch (error) {
      logger.warn("disk.unwatched", { error: messageOf(error) });
    }
  }

  async #judge(seen: Space): Promise<void> {
    const reserve = this.#reserve(seen);
    const before = this.#level;
    this.#level = levelOf(seen.free, reserve, before);
    const detail = `${mib(seen.free)} of ${mib(seen.total)} MiB free, ${mib(reserve)} to be left`;
    if (this.#level === "room") {
      if (before !== "room") this.#relieve(detail);
      this.#wanted = this.#room(detail);
      return;
    }
    if (before === "room") this.#begin(seen, reserve, detail);
    if (seen.free >= reserve || (await this.#gaveWay(seen.free, reserve))) return;
    const minutes = MINUTES[this.#level];
    if (this.#wanted?.minutes === minutes) return;
    this.#wanted = { minutes, reason: REASON, detail };
  }

  #begin({ free, total }: Space, reserve: number, detail: string): void {
    const { logger, alarm } = this.#options;
    logger.warn("disk.short", { free, total, reserve });
    alarm(detail);
  }

  #relieve(detail: string): void {
    this.#options.logger.info("disk.room", { detail });
    this.#looks = 0;
    this.#options.keep();
  }

  /** Whether less detail is not needed, or not yet. */
  async #gaveWay(free: number, reserve: number): Promise<boolean> {
    const { shed, prune, lost, logger } = this.#options;
    const isTimeToPrune = this.#looks % PRUNE_EVERY === 0;
    this.#looks += 1;
    const gone = await shed(reliefOf(reserve) - free);
    if (gone !== undefined) {
      const { files, bytes, from, until } = gone;
      const detail = `${files} files of readings, ${mib(bytes)} MiB`;
      lost({ what: "evidence", from, until, reason: REASON, detail });
      logger.warn("evidence.shed", { files, bytes });
      if (free + gone.bytes >= reserve) return true;
    }
    return isTimeToPrune && (await prune());
  }

  #reserve(seen: Space): number {
    return reserveOf(this.#options.reserve, seen);
  }

  #room(detail: string): Wanted {
    return { minutes: MINUTES.room, reason: "room", detail };
  }
}

/** To a tenth. */
function mib(bytes: number): string {
  return (bytes / MIB).toFixed(1);
}
