import { join } from "node:path";
import { bytesEqual, messageOf, silentLogger } from "@wattseal/base";
import type { Entry } from "@wattseal/energy-ledger";
import { DayMeter, type LedgerDay, within } from "@wattseal/energy-ledger/exports";
import { dailyRecordDocument } from "@wattseal/gateway";
import { type OcmfSigner, softwareOcmfSigner } from "@wattseal/lct-keys";
import {
  type LctDocument,
  type OcmfDay,
  ocmfDayOf,
  ocmfPayload,
  verifyOcmf,
} from "@wattseal/lct-keys/verify";
import { VerifierError } from "@wattseal/verifier";
import { loadConfig } from "../config/file.js";
import { gatewaySchema } from "../config/gateway-schema.js";
import { systemEntropy } from "../ports/system.js";
import { openLocalSigner } from "../roles/local-signer.js";
import { settingOf } from "../roles/signer.js";
import { exists } from "../state/files.js";
import { layoutOf } from "../state/layout.js";
import { documentOf, type Exporter, type ExportSetting } from "./exporter.js";

/**
 * The kept record of each complete day, held against what the log says of that day. Days wait, a few hundred bytes each,
 * until the whole log has verified: nothing is signed or handed out for less.
 */
export function ocmf(setting: ExportSetting): Exporter {
  const { replay, period, stored, state } = setting;
  const gone = goneDays(setting);
  const told = gone.at(-1)?.day;
  const meter = new DayMeter(told);
  const days: LedgerDay[] = [];
  const unsigned: LedgerDay[] = [];
  const asTold = (size: number) => {
    if (told === undefined || size !== told.last + 1 || bytesEqual(told.root, replay.root()))
      return;
    refuse(told.page, "it is of another tree than this log's");
  };
  asTold(replay.size);
  return {
    start: "",
    take(index: number, entry: Entry) {
      asTold(index + 1);
      if (told !== undefined && index <= told.last) return "";
      const day = meter.take(index, entry, {
        synchronised: replay.fold.synchronised,
        softwareVersion: replay.chain?.current?.softwareVersion ?? "",
        root: () => replay.root(),
      });
      if (day !== undefined && within(period, day.end.time)) days.push(day);
      return "";
    },
    async *finish() {
      const document = documentOf(replay);
      for (const { day, record } of gone) {
        if (within(period, day.end.time)) yield `${record}\n`;
      }
      const signer = new AnchorOf(state, document);
      for (const day of days) {
        const kept = stored(dailyRecordDocument(day.page));
        if (kept !== undefined) requireRecord(kept, day, document);
        const record = kept ?? (await signer.ocmf(day));
        if (record === undefined) unsigned.push(day);
        else yield `${record}\n`;
      }
      await signer.close();
    },
    nothing: "no record: a day has one once a window of a later day is under the head",
    notes: () => [...goneNote(gone), ...unsigned.map(unsignedNote)],
  };
}

interface DaySigner extends OcmfSigner {
  close(): Promise<void>;
}

/** Opened for the first day that needs it; signs nothing where no state folder is given. */
class AnchorOf {
  readonly #state: string | undefined;
  readonly #document: LctDocument;
  #signer: DaySigner | undefined;

  constructor(state: string | undefined, document: LctDocument) {
    this.#state = state;
    this.#document = document;
  }

  async ocmf(day: LedgerDay): Promise<string | undefined> {
    if (this.#state === undefined) return undefined;
    this.#signer ??= await signerIn(this.#state, this.#document);
    return this.#signer.ocmf(day);
  }

  async close(): Promise<void> {
    await this.#signer?.close();
  }
}

/** The anchor of a state folder: its file, or the TPM that the gateway's configuration names. */
async function signerIn(state: string, document: LctDocument): Promise<DaySigner> {
  const layout = layoutOf(state);
  const { config: path, signer: directory } = layout.gateway;
  if (!(await exists(join(directory, "tpm.cbor")))) {
    const file = softwareOcmfSigner({ directory, entropy: systemEntropy, document });
    return { ocmf: (day) => file.ocmf(day), close: async () => {} };
  }
  const environment = process.env;
  const config = await loadConfig({ schema: gatewaySchema, path, environment, flags: {} });
  const logger = silentLogger;
  const { service, close } = await openLocalSigner(settingOf({ layout, config, document, logger }));
  return { ocmf: (day) => service.ocmf(day), close };
}

interface GoneDay {
  readonly day: OcmfDay;
  readonly record: string;
}

/**
 * The days that cannot be measured again because entries of theirs were pruned: up to the first that ends where the
 * log's rest can go on. Their records stand by the anchor's signature alone.
 */
function goneDays({ replay, stored }: ExportSetting): readonly GoneDay[] {
  const begins = replay.size;
  if (begins === 0) return [];
  const document = documentOf(replay);
  const gone: GoneDay[] = [];
  for (let page = 1; ; page += 1) {
    const record = stored(dailyRecordDocument(page));
    if (record === undefined) refuse(page, `it is missing, and the log begins at entry ${begins}`);
    const day = dayOf(record, page, document);
    const before = gone.at(-1)?.day;
    if (day.page !== page || (before !== undefined && !follows(day, before))) {
      refuse(page, "it does not go on from the page before");
    }
    gone.push({ day, record });
    if (day.last + 1 >= begins) return gone;
  }
}

function follows(day: OcmfDay, before: OcmfDay): boolean {
  const [begin, end] = [day.begin, before.end];
  const same = begin.inMwh === end.inMwh && begin.outMwh === end.outMwh && begin.time === end.time;
  return same && day.first > before.last;
}

function dayOf(record: string, page: number, document: LctDocument): OcmfDay {
  try {
    return ocmfDayOf(verifiedPayload(record, document), document);
  } catch (cause) {
    return refuse(page, messageOf(cause), cause);
  }
}

/** What lies beside the log is believed as little as the log itself. */
function requireRecord(record: string, day: LedgerDay, document: LctDocument): void {
  try {
    if (verifiedPayload(record, document) === ocmfPayload(day, document)) return;
  } catch (cause) {
    refuse(day.page, messageOf(cause), cause);
  }
  refuse(day.page, "it does not say what the log says");
}

function verifiedPayload(record: string, { anchor }: LctDocument): string {
  if (anchor.type !== "p256") throw new Error("the log's anchor is no P-256 key");
  return verifyOcmf(record, anchor.publicKey);
}

function refuse(page: number, problem: string, cause?: unknown): never {
  const name = dailyRecordDocument(page);
  throw new VerifierError("file", `${name} beside the log: ${problem}`, { cause });
}

function goneNote(gone: readonly GoneDay[]): readonly string[] {
  if (gone.length === 0) return [];
  const pages = gone.length === 1 ? "page F1 is" : `pages F1 to F${gone.length} are`;
  return [
    `${pages} of entries that were pruned: signed by the anchor, and not measured again here`,
  ];
}

function unsignedNote({ page, start }: LedgerDay): string {
  const date = new Date(start).toISOString().slice(0, 10);
  return `page F${page}, ${date}, is not signed: the gateway does it when it runs, --state names the folder of a software anchor that can`;
}
