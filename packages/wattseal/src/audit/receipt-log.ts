/** Where an audit of a federation's receipt log reads from. */
import { readdir, readFile, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fromUtf8, messageOf } from "@wattseal/base";
import type { FederationStore, QueryClient } from "@wattseal/federation";
import { RECEIPT_PREFIX } from "@wattseal/gateway";
import { unverifiedCheckpoint } from "@wattseal/tlog";
import type { HeldReceipt, ReceiptLogSource } from "@wattseal/verifier";
import { CliError } from "../errors.js";
import { openStoreOf } from "../roles/federation.js";
import type { Layout } from "../state/layout.js";

/** What is audited, read once: receipts first, since the log goes on growing. */
export interface AuditedLog {
  /** The latest receipt of each pack, as the federation shows it. */
  readonly shown: readonly HeldReceipt[];
  readonly source: ReceiptLogSource;
  /** The log's size, as far as it is known. */
  readonly size: number;
  close(): Promise<void>;
}

const PAGE = 256;
const MOST_RECEIPT = 16_384;

/** Straight from the federation's store. */
export async function storedReceiptLog(layout: Layout): Promise<AuditedLog> {
  const store = await openStoreOf(layout);
  try {
    const shown = (await store.packs()).flatMap(({ pack, receipt }) =>
      receipt === undefined ? [] : [{ holder: `this federation for ${pack}`, note: receipt.text }],
    );
    const { note, size } = await store.receiptLog();
    const source = { note, records: recordsIn(store) };
    return { shown, source, size, close: () => store.close() };
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function* recordsIn(store: FederationStore): AsyncGenerator<Uint8Array> {
  for (let from = 0; ; ) {
    const page = await store.receiptRecords(from, PAGE);
    if (page.length === 0) return;
    yield* page;
    from += page.length;
  }
}

/** Over HTTP. */
export async function remoteReceiptLog(client: QueryClient): Promise<AuditedLog> {
  const shown: HeldReceipt[] = [];
  for await (const pack of client.packs()) {
    const note = await client.receipt(pack);
    if (note !== undefined) shown.push({ holder: `this federation for ${pack}`, note });
  }
  const note = await client.receiptLogHead();
  const size = note === undefined ? 0 : sizeOf(note);
  const source = { note, records: client.receiptRecords(size) };
  return { shown, source, size, close: async () => {} };
}

/** 0 of what is no head: the audit says so. */
function sizeOf(note: string): number {
  try {
    return unverifiedCheckpoint(note).size;
  } catch {
    return 0;
  }
}

/** Receipts in files, or in the folders of logs. */
export async function heldReceipts(paths: readonly string[]): Promise<readonly HeldReceipt[]> {
  const files: string[] = [];
  for (const path of paths) {
    const found = await stat(resolve(path)).catch(() => undefined);
    if (found?.isDirectory() !== true) files.push(path);
    else {
      const names = await readdir(resolve(path));
      const receipts = names.filter((name) => name.startsWith(RECEIPT_PREFIX)).sort();
      if (receipts.length === 0) throw new CliError("usage", `${path} holds no receipts`);
      files.push(...receipts.map((name) => join(path, name)));
    }
  }
  const held: HeldReceipt[] = [];
  for (const file of files) {
    const bytes = await read(file);
    if (bytes.length > MOST_RECEIPT) throw new CliError("usage", `${file} is no receipt`);
    held.push({ holder: file, note: fromUtf8(bytes, file) });
  }
  return held;
}

async function read(file: string): Promise<Uint8Array> {
  return readFile(resolve(file)).catch((cause: unknown) => {
    throw new CliError("usage", `${file} cannot be read: ${messageOf(cause)}`, { cause });
  });
}
