import { existsSync } from "node:fs";
import { open, rename, unlink } from "node:fs/promises";
import { resolve } from "node:path";
import { bytesEqual, InvariantViolation, messageOf, toHex } from "@wattseal/base";
import { LedgerError } from "@wattseal/energy-ledger";
import { type ExportHead, type Period, WHOLE_LOG } from "@wattseal/energy-ledger/exports";
import type { StoredLog } from "@wattseal/tlog/store";
import { firstReplay, type LogReplay, type Trust, VerifierError } from "@wattseal/verifier";
import { openLog, readTrust } from "../audit/folder.js";
import { CliError, EXIT } from "../errors.js";
import type { Exporter } from "../export/exporter.js";
import { exporterFor, type Format } from "../export/formats.js";
import { writeOut } from "../view/output.js";
import { withProgress } from "../view/progress.js";
import { count } from "../view/units.js";

export interface ExportOptions {
  readonly format: Format;
  readonly from?: number;
  readonly to?: number;
  readonly out?: string;
  readonly trust?: string;
  readonly state?: string;
}

/** A UTC day, which stands for its midnight, or an instant with a zone. */
export function parseTime(text: string): number {
  const known = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?$/.test(text);
  const time = known ? Date.parse(text) : Number.NaN;
  if (Number.isSafeInteger(time) && time >= 0) return time;
  throw new CliError("usage", `"${text}" is no time such as 2026-11-20 or 2026-11-20T08:00:00Z`);
}

/** `wattseal ledger export`: exit status 1, and no file, when the log is refused anywhere. */
export async function exportCommand(path: string, options: ExportOptions): Promise<number> {
  const period = periodOf(options);
  const trust = await readTrust(options.trust);
  const log = await openLog(path);
  const { note, head } = headOf(log);
  const replay = replayFor(options.format, log, trust);
  const begins = replay.size;
  const sink = options.out === undefined ? standardOutput() : await fileAt(resolve(options.out));
  try {
    const exporter = exporterFor(options.format, {
      replay,
      head,
      period,
      stored: (name) => log.readDocument(name),
      state: options.state,
    });
    const rows = await withProgress("entries", (progress) =>
      exportAll({ log, replay, exporter, sink, note, size: head.size, progress }),
    );
    await sink.done();
    for (const note of exporter.notes?.() ?? []) process.stderr.write(`wattseal: ${note}\n`);
    if (rows === 0) process.stderr.write(`wattseal: ${exporter.nothing}\n`);
  } catch (thrown) {
    await sink.drop();
    if (!isRefusal(thrown)) throw thrown;
    const given = options.out === undefined ? "what was printed is not to be used" : "no file";
    process.stderr.write(`wattseal: REFUSED ${messageOf(thrown)} (${given})\n`);
    return EXIT.failed;
  }
  if (log.firstEntry > 0) {
    process.stderr.write(
      `wattseal: the log was pruned below entry ${log.firstEntry}: rows begin at ${begins}\n`,
    );
  }
  const after = log.durableSize - head.size;
  if (after > 0) {
    const from = `${count(after)} entries after the last signed head`;
    process.stderr.write(`wattseal: ${from} are left out: they are not signed yet\n`);
  }
  return EXIT.ok;
}

/** From where the log begins: rows need no more, daily records stand for what is gone, and sums need entry 0. */
function replayFor(format: Format, log: StoredLog, trust: Trust | undefined): LogReplay {
  const { firstEntry } = log;
  if (firstEntry > 0 && (format === "storage" || format === "passport")) {
    throw new CliError(
      "usage",
      `${format} sums up a log from entry 0, but this one was pruned below ${firstEntry}. Export it from a backup made before that, or export csv, jsonl or ocmf.`,
    );
  }
  try {
    return firstReplay(log, trust);
  } catch (cause) {
    throw new CliError("usage", `nothing can be exported: ${messageOf(cause)}`, { cause });
  }
}

function periodOf({ from = WHOLE_LOG.from, to = WHOLE_LOG.to }: ExportOptions): Period {
  if (from < to) return { from, to };
  throw new CliError("usage", "--to is not after --from");
}

function headOf(log: StoredLog): { readonly note: string; readonly head: ExportHead } {
  if (log.head === undefined) {
    throw new CliError("usage", "the log is not signed yet: a checkpoint follows within 10 s");
  }
  const { note, checkpoint } = log.head;
  const { origin, size, root } = checkpoint;
  return { note, head: { origin, size, root: toHex(root) } };
}

/** What the log says is wrong, and not what surrounds it. */
function isRefusal(thrown: unknown): boolean {
  return (
    thrown instanceof VerifierError ||
    thrown instanceof LedgerError ||
    thrown instanceof InvariantViolation
  );
}

interface Run {
  readonly log: StoredLog;
  readonly replay: LogReplay;
  readonly exporter: Exporter;
  readonly sink: Sink;
  readonly note: string;
  readonly size: number;
  readonly progress: (done: number, of: number) => void;
}

const PROGRESS_EVERY = 4_096;

/** Returns how many pieces of text came of it. Every entry under the head is replayed, whatever the period: a row stands for what the verifier let pass. */
async function exportAll(run: Run): Promise<number> {
  const { log, replay, exporter, sink, note, size, progress } = run;
  let written = 0;
  const write = (text: string) => {
    written += 1;
    return sink.write(text);
  };
  requireRoot(log, size);
  await sink.write(exporter.start);
  for (const bytes of log.entries(replay.size, size)) {
    const index = replay.size;
    const entry = replay.append(bytes);
    const text = exporter.take(index, entry);
    if (text !== "") await write(text);
    if (replay.size % PROGRESS_EVERY === 0) progress(replay.size, size);
  }
  replay.checkCheckpoint(note);
  for await (const text of exporter.finish()) await write(text);
  return written;
}

/** Said before the first row; who signed the head is known once the last entry is there. */
function requireRoot(log: StoredLog, size: number): void {
  const root = log.head?.checkpoint.root;
  if (root !== undefined && bytesEqual(log.root(size), root)) return;
  throw new VerifierError("checkpoint", `the entries are not those of the head of size ${size}`);
}

interface Sink {
  write(text: string): Promise<void>;
  done(): Promise<void>;
  drop(): Promise<void>;
}

const CHUNK = 65_536;

/** Collects text and passes it on in pieces of some size. */
class Chunked implements Sink {
  readonly #pass: (text: string) => Promise<unknown>;
  readonly #end: (kept: boolean) => Promise<void>;
  #text = "";

  constructor(
    pass: (text: string) => Promise<unknown>,
    end: (kept: boolean) => Promise<void> = async () => {},
  ) {
    this.#pass = pass;
    this.#end = end;
  }

  async write(text: string): Promise<void> {
    this.#text += text;
    if (this.#text.length >= CHUNK) await this.#flush();
  }

  async done(): Promise<void> {
    await this.#flush();
    await this.#end(true);
  }

  drop(): Promise<void> {
    return this.#end(false);
  }

  async #flush(): Promise<void> {
    const text = this.#text;
    this.#text = "";
    if (text !== "") await this.#pass(text);
  }
}

const standardOutput = (): Sink => new Chunked(writeOut);

/** The whole file or none: it gets its name once the last row stands under a head that verified. */
async function fileAt(path: string): Promise<Sink> {
  const draft = `${path}.new`;
  const file = await open(draft, "wx", 0o644).catch((cause: unknown) => {
    const left = `${draft} is there: another export is writing it, or was killed. Remove it, or choose another --out`;
    const problem = existsSync(draft) ? left : `${path} cannot be written: ${messageOf(cause)}`;
    throw new CliError("usage", problem, { cause });
  });
  return new Chunked(
    (text) => file.writeFile(text),
    async (kept) => {
      if (kept) await file.sync();
      await file.close();
      await (kept ? rename(draft, path) : unlink(draft));
    },
  );
}
