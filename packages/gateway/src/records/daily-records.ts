/**
 * The pack's word for each UTC day: an OCMF record, signed by the anchor through the signer and kept beside the log,
 * `ocmf-<page>`, once more as `ocmf` where it is the newest. From that one a start goes on.
 *
 * Trust: who can write the log's folder can take records away or damage them; they come again, the same, as long as
 * the entries are there. Nobody but the anchor can make one, and it signs one payload for a page.
 */
import { bytesEqual, type Logger, messageOf, RangeViolation } from "@wattseal/base";
import { decodeEntry, type Entry } from "@wattseal/energy-ledger";
import { DayMeter, type LedgerDay } from "@wattseal/energy-ledger/exports";
import { LctKeysError } from "@wattseal/lct-keys";
import { type LctDocument, type OcmfDay, ocmfDayOf, verifyOcmf } from "@wattseal/lct-keys/verify";
import type { LogStore } from "@wattseal/tlog/store";

export interface DailyRecordsOptions {
  readonly store: Pick<
    LogStore,
    "durableSize" | "entries" | "firstEntry" | "root" | "readDocument" | "writeDocument"
  >;
  readonly document: LctDocument;
  /** Version of the software whose epoch signs the tree of the first `size` entries. */
  readonly softwareVersionAt: (size: number) => string;
  /** The signer's; a day that it refuses for the moment is asked for again. */
  readonly ocmf: (day: OcmfDay) => Promise<string>;
  readonly logger: Logger;
}

const NEWEST = "ocmf";
/** Read after one checkpoint: what a long absence left is caught up over several. */
const ENTRIES_AT_ONCE = 16_384;
/** The anchor has spoken otherwise of this page, or its word was tampered with: asking again would not change that. */
const FINAL: ReadonlySet<string> = new Set(["ocmf-signed", "ocmf-signature"]);

function isFinal(error: unknown): boolean {
  if (error instanceof RangeViolation) return true; // no record can say such a day
  return error instanceof LctKeysError && FINAL.has(error.code);
}

/** Only days that are complete: a window of a later day is under the head. */
export class DailyRecords {
  readonly #options: DailyRecordsOptions;
  readonly #meter: DayMeter;
  #next: number;
  #synchronised: boolean;
  #due: readonly LedgerDay[] = [];
  #told = "";
  #working: Promise<void> = Promise.resolve();

  /** Goes on after the newest record that is there, or begins with entry 0. */
  constructor(options: DailyRecordsOptions) {
    this.#options = options;
    const newest = newestOf(options);
    this.#meter = new DayMeter(newest);
    this.#next = newest === undefined ? 0 : newest.last + 1;
    this.#synchronised = newest?.end.synchronised ?? false;
    const { firstEntry } = options.store;
    if (this.#next >= firstEntry) return;
    options.logger.error("records.entries-pruned", { needed: this.#next, firstEntry });
    this.#next = Number.POSITIVE_INFINITY;
  }

  /** The log's head is of this size: the days that are complete with it get their records. */
  signed(size: number): void {
    this.#working = this.#working.then(async () => {
      try {
        this.#read(size);
        await this.#record();
      } catch (error) {
        this.#options.logger.error("records.failed", { error: messageOf(error) });
      }
    });
  }

  /** Resolves when what was signed so far has been dealt with. */
  async settled(): Promise<void> {
    await this.#working;
  }

  #read(size: number): void {
    const { store, softwareVersionAt } = this.#options;
    const until = Math.min(size, this.#next + ENTRIES_AT_ONCE);
    for (const bytes of store.entries(this.#next, until)) {
      const index = this.#next;
      const entry = decodeEntry(bytes);
      this.#observe(entry);
      const day = this.#meter.take(index, entry, {
        synchronised: this.#synchronised,
        softwareVersion: softwareVersionAt(index + 1),
        root: () => store.root(index + 1),
      });
      if (day !== undefined) this.#due = [...this.#due, day];
      this.#next = index + 1;
    }
  }

  /** As the fold has it. */
  #observe({ type, body }: Entry): void {
    if (type === "epoch.begin") this.#synchronised = false;
    if (type === "ops.clock") this.#synchronised = body.sync === "synchronised";
  }

  async #record(): Promise<void> {
    for (let day = this.#due[0]; day !== undefined; day = this.#due[0]) {
      if (!(await this.#keep(day))) return;
      this.#due = this.#due.slice(1);
    }
  }

  /** False: later. */
  async #keep(day: LedgerDay): Promise<boolean> {
    const { store, ocmf, logger } = this.#options;
    const { page } = day;
    try {
      const record = await ocmf(day);
      await store.writeDocument(dailyRecordDocument(page), record);
      await store.writeDocument(NEWEST, record);
      logger.info("records.day", { page, last: day.last });
      return true;
    } catch (error) {
      const final = isFinal(error);
      const problem = messageOf(error);
      // The same trouble after every checkpoint is told once.
      if (this.#told !== `${page} ${problem}`) {
        logger.error("records.unsigned-day", { page, final, error: problem });
      }
      this.#told = `${page} ${problem}`;
      return final;
    }
  }
}

/** Document beside the log that holds the record of a page. */
export function dailyRecordDocument(page: number): string {
  return `${NEWEST}-${page}`;
}

/** The first entry that the coming record needs: below it a log can be pruned. */
export function recordsNeedFrom(
  options: Pick<DailyRecordsOptions, "store" | "document" | "logger">,
): number {
  const newest = newestOf(options);
  return newest === undefined ? 0 : newest.last + 1;
}

function newestOf({
  store,
  document,
  logger,
}: Pick<DailyRecordsOptions, "store" | "document" | "logger">): OcmfDay | undefined {
  const { anchor } = document;
  try {
    const record = store.readDocument(NEWEST);
    if (record === undefined) return undefined;
    if (anchor.type !== "p256") throw new Error("this log's anchor is no P-256 key");
    const day = ocmfDayOf(verifyOcmf(record, anchor.publicKey), document);
    if (day.last >= store.durableSize) {
      throw new Error(`it tells of entry ${day.last}, which the log does not have`);
    }
    // the anchor's word of another history, such as that before a backup was restored
    if (bytesEqual(store.root(day.last + 1), day.root)) return day;
    throw new Error(`it is of another tree of ${day.last + 1} entries`);
  } catch (error) {
    logger.warn("records.damaged", { document: NEWEST, error: messageOf(error) });
    return undefined;
  }
}
