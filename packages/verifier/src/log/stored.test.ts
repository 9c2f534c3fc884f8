import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messageOf } from "@wattseal/base";
import { LogStore, type StoreFiles } from "@wattseal/tlog/store";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TestPack, TRUST, writtenPack } from "../pack.fixture.js";
import type { Trust } from "../trust/trust.js";
import { auditLog } from "./audit.js";

const RECEIPT = "receipt-federation";
const BUNDLE = "tile/entries/000";
const TILE = "tile/0/000";
const HASHES = 256;
/** Bits between two flips in the large files; coprime to 8, so that all places in a byte have their turn. 1 takes two minutes. */
const STEP = Number(process.env["WATTSEAL_FLIP_STEP"] ?? 31);
const TIMEOUT = 600_000;

/** A folder's files in memory, one of them changed. */
class Folder implements StoreFiles {
  readonly location = "folder";
  readonly files: ReadonlyMap<string, Uint8Array>;

  constructor(files: ReadonlyMap<string, Uint8Array>) {
    this.files = files;
  }

  read(path: string) {
    return this.files.get(path);
  }
  list(path: string) {
    return [...this.files.keys()].filter((name) => name.startsWith(`${path}/`));
  }
  #refuse = () => Promise.reject(new Error("an audit writes nothing"));
  lock = this.#refuse;
  makeDirectory = this.#refuse;
  writeFiles = this.#refuse;
  rename = this.#refuse;
  remove = this.#refuse;
  removeDirectory = this.#refuse;
  syncDirectory = this.#refuse;
  openAppend = this.#refuse;
}

/** What an audit of the folder says against it, or what it leaves out; undefined when it finds and judges everything. */
async function auditFolder(
  files: ReadonlyMap<string, Uint8Array>,
  trust: Trust | undefined,
): Promise<string | undefined> {
  try {
    const log = await LogStore.openReadOnly({ directory: "folder" }, new Folder(files));
    const source = {
      entries: log.entries(),
      checkpoint: log.head?.note,
      receipts: [log.readDocument(RECEIPT) ?? ""],
    };
    const { difference, receipts } = await auditLog(source, { trust });
    if (difference !== undefined) return difference.reason;
    return trust !== undefined && receipts.judged === 0 ? "the receipt is nobody's" : undefined;
  } catch (error) {
    return messageOf(error);
  }
}

type Files = ReadonlyMap<string, Uint8Array>;
const directory = mkdtempSync(join(tmpdir(), "wattseal-verifier-"));
afterAll(() => rmSync(directory, { recursive: true }));

/** The files that a gateway's log of these entries consists of. */
async function storedFiles(pack: TestPack, name: string): Promise<Files> {
  const folder = join(directory, name);
  const log = await LogStore.open({ directory: folder });
  await log.append(pack.entries);
  await log.writeHead(pack.checkpoint());
  await log.writeDocument(RECEIPT, pack.receipt());
  await log.close();
  const found = readdirSync(folder, { recursive: true, withFileTypes: true, encoding: "utf8" });
  const paths = found
    .filter((file) => file.isFile())
    .map((file) => join(file.parentPath, file.name));
  return new Map(
    paths.map((path) => [path.slice(folder.length + 1), new Uint8Array(readFileSync(path))]),
  );
}

function flipped(files: Files, name: string, bit: number): Files {
  const bytes = files.get(name)!.slice();
  bytes[bit >> 3]! ^= 1 << (bit & 7);
  return new Map(files).set(name, bytes);
}

interface Flips {
  readonly trust: Trust | undefined;
  readonly step?: number;
  readonly end?: number;
}

/** Flips bits of a file; `named(byte)` is what the refusal has to say. */
async function refusesFlips(
  files: Files,
  name: string,
  named: (byte: number) => RegExp,
  { trust, step = 1, end = files.get(name)!.length }: Flips = { trust: TRUST },
) {
  for (let bit = 0; bit < 8 * end; bit += step) {
    const problem = await auditFolder(flipped(files, name, bit), trust);
    const expected = named(bit >> 3);
    if (problem === undefined || !expected.test(problem)) {
      expect.fail(`${name}, bit ${bit}: ${expected} is not in: ${problem}`);
    }
  }
}

describe("an audit of a stored log", () => {
  const pack = writtenPack();
  let stored: Files;
  /** Which entry a byte of a file belongs to, its length included. */
  const owners = (from: number, to: number, frame: number) =>
    pack.entries
      .slice(from, to)
      .flatMap((entry, i) => Array<number>(entry.length + frame).fill(from + i));

  /** One bundle and its tile, and a few entries in the journal. */
  beforeAll(async () => {
    while (pack.size < HASHES + 4) {
      pack.add("ops.clock", { sync: "synchronised", source: "t", step: pack.size });
    }
    stored = await storedFiles(pack, "sealed");
  });

  it("accepts it as it is, in these files", async () => {
    expect([...stored.keys()].sort()).toEqual(["checkpoint", "journal", RECEIPT, TILE, BUNDLE]);
    expect(await auditFolder(stored, TRUST)).toBeUndefined();
    expect(await auditFolder(stored, undefined)).toBeUndefined();
  });

  it(
    "refuses flips in the sealed bundle, naming file and entry",
    async () => {
      const owner = owners(0, HASHES, 2);
      expect(owner).toHaveLength(stored.get(BUNDLE)!.length);
      const named = (byte: number) => new RegExp(`${BUNDLE}.*entry ${owner[byte]}\\b`);
      await refusesFlips(stored, BUNDLE, named, { trust: TRUST, step: STEP });
    },
    TIMEOUT,
  );

  it(
    "refuses flips in the tile, naming file and entry",
    async () => {
      const named = (byte: number) => new RegExp(`entry ${byte >> 5}\\b.*${TILE}`);
      await refusesFlips(stored, TILE, named, { trust: TRUST, step: STEP });
    },
    TIMEOUT,
  );

  it("refuses every flip in the journal, naming file and entry", async () => {
    const owner = owners(HASHES, pack.size, 40);
    await refusesFlips(stored, "journal", (byte) =>
      byte < 24 ? /journal: its header/ : new RegExp(`journal: .*entry ${owner[byte - 24]}\\b`),
    );
  });
});

describe("an audit of a stored log's head and receipt", () => {
  const pack = new TestPack();
  let stored: Files;
  beforeAll(async () => {
    stored = await storedFiles(pack, "short");
  });

  it(
    "refuses every flip in the signed head, naming it",
    async () => {
      await refusesFlips(stored, "checkpoint", () => /checkpoint/);
    },
    TIMEOUT,
  );

  it(
    "refuses every flip in a receipt, cosignatures included, or takes it for nobody's and the log for unwitnessed",
    async () => {
      await refusesFlips(stored, RECEIPT, () => /receipt/);
    },
    TIMEOUT,
  );

  it(
    "without trust refuses what the pack signed, and says that it judged no witness",
    async () => {
      const end = Buffer.from(stored.get(RECEIPT)!).lastIndexOf("\u2014");
      const files = { trust: undefined, step: 3, end };
      await refusesFlips(stored, RECEIPT, () => /receipt/, files);
      const receipts = [pack.receipt(undefined, undefined, "anyone")];
      const source = { entries: pack.entries, checkpoint: pack.checkpoint(), receipts };
      expect(await auditLog(source)).toMatchObject({
        verdict: "self-consistent only",
        receipts: { found: 1, judged: 0 },
        witnessed: 0,
      });
    },
    TIMEOUT,
  );
});
