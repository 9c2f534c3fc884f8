import { generateKeyPairSync, sign } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { utf8 } from "@wattseal/base";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TlogError } from "../errors.js";
import { signCheckpoint, verifyCheckpoint } from "../note/checkpoint.js";
import { LogStore } from "./store.js";

/** A log's files, by path. */
type Files = ReadonlyMap<string, Uint8Array>;

const root = mkdtempSync(join(tmpdir(), "wattseal-tamper-"));
afterAll(() => rmSync(root, { recursive: true }));
const directory = join(root, "log");

const { publicKey: spki, privateKey } = generateKeyPairSync("ed25519");
const publicKey = new Uint8Array(Buffer.from(spki.export({ format: "jwk" }).x ?? "", "base64url"));
const key = { name: "wattseal/log", publicKey };
const signer = {
  ...key,
  sign: (bytes: Uint8Array) => new Uint8Array(sign(null, bytes, privateKey)),
};
const open = () =>
  LogStore.open({ directory, verifyHead: (note) => void verifyCheckpoint(note, key) });

/** Entries of different lengths; all of 40 bytes or more. */
const entryAt = (i: number) => utf8(`entry ${i} ${"x".repeat(40 + (i % 7))}`);
const entriesFrom = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => entryAt(from + i));

function read(): Files {
  const found = readdirSync(directory, { recursive: true, withFileTypes: true, encoding: "utf8" });
  const paths = found
    .filter((file) => file.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  const named = paths.map((path): [string, Uint8Array] => [
    path.slice(directory.length + 1),
    new Uint8Array(readFileSync(path)),
  ]);
  return new Map(named.sort(([a], [b]) => a.localeCompare(b)));
}

function lay(files: Files): void {
  rmSync(directory, { recursive: true, force: true });
  for (const [path, bytes] of files) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), bytes);
  }
}

async function grow(to: number, signed: number, pruned = 0): Promise<Files> {
  let log = await open();
  await log.append(entriesFrom(log.size, to));
  await log.writeHead(signCheckpoint({ size: signed, root: log.root(signed) }, signer));
  await log.writeDocument("receipt", `at ${signed}`);
  await log.close();
  log = await open(); // everything is sealed
  await log.prune(pruned);
  await log.close();
  return read();
}

const changed = (
  files: Files,
  changes: Readonly<Record<string, Uint8Array | undefined>>,
): Files => {
  const next = new Map(files);
  for (const [path, bytes] of Object.entries(changes)) {
    if (bytes === undefined) next.delete(path);
    else next.set(path, bytes);
  }
  return next;
};

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const copy = bytes.slice();
  copy[at]! ^= 1 << (at % 8);
  return copy;
}

/** First and last byte, and `count` between, none of them at the same place of a record or hash as another. */
const places = (length: number, count: number) => [
  ...new Set([
    0,
    ...Array.from({ length: count }, (_, i) => Math.floor((i + 0.5) * (length / count))),
    length - 1,
  ]),
];

/** Opens what lies there: refused by the name of one of `names`, with the way out, and nothing is touched. */
async function expectRefused(files: Files, names: readonly string[], what: string): Promise<void> {
  lay(files);
  const error: unknown = await open().then(
    async (log) => {
      await log.close();
      return "it opened";
    },
    (refused: unknown) => refused,
  );
  if (!(error instanceof TlogError)) expect.fail(`${what}: ${String(error)}`);
  expect(error.code, what).toMatch(/^(corrupt|head-mismatch)$/);
  expect(error.message, what).toMatch(/restore this log from the federation's copy$/);
  expect(error.message, what).toContain(`log ${directory}: `);
  expect(
    names.some((name) => error.message.includes(name)),
    `${what}: ${error.message}`,
  ).toBe(true);
  expect(sameFiles(read(), files), `${what}: something was written`).toBe(true);
}

function sameFiles(a: Files, b: Files): boolean {
  if (a.size !== b.size) return false;
  return [...a].every(([path, bytes]) => Buffer.compare(bytes, b.get(path) ?? utf8("")) === 0);
}

const SIZE = 1_150;
const SIGNED = 1_120;
/** The documents are other people's word, and checked by who knows their keys. */
const isHeld = (path: string) => path !== "receipt";
let older: Files;
let whole: Files;
let pruned: Files;

beforeAll(async () => {
  older = await grow(600, 590);
  whole = await grow(SIZE, SIGNED);
  pruned = await grow(SIZE, SIGNED, 800);
  expect([...whole.keys()].filter((path) => path.startsWith("tile"))).toHaveLength(8);
  const left = ["checkpoint", "floor", "journal", "tile/0/003", "tile/entries/003"];
  expect([...pruned.keys()].filter(isHeld)).toEqual(left);
});

const TIMEOUT = { timeout: 400_000 };
const LOGS: readonly (readonly [string, () => Files])[] = [
  ["log", () => whole],
  ["pruned log", () => pruned],
];
const heldPaths = (files: Files) => [...files.keys()].filter(isHeld);

describe.each(LOGS)("each file of a %s", (_, filesOf) => {
  it("with a byte changed is refused, wherever that is", TIMEOUT, async () => {
    const files = filesOf();
    for (const path of heldPaths(files)) {
      const bytes = files.get(path)!;
      for (const at of places(bytes.length, 12)) {
        await expectRefused(
          changed(files, { [path]: flipped(bytes, at) }),
          [path],
          `${path}, byte ${at}`,
        );
      }
    }
  });

  it("cut short or lengthened is refused", TIMEOUT, async () => {
    const files = filesOf();
    for (const path of heldPaths(files)) {
      const bytes = files.get(path)!;
      const lengths = path === "journal" ? [0, 1, 23] : [0, 1, bytes.length >> 1, bytes.length - 1];
      for (const length of lengths) {
        await expectRefused(
          changed(files, { [path]: bytes.slice(0, length) }),
          [path],
          `${path} of ${length} bytes`,
        );
      }
      const more = Buffer.concat([bytes, bytes.subarray(0, 64)]);
      await expectRefused(changed(files, { [path]: more }), [path], `${path} with 64 bytes more`);
    }
  });

  it("deleted is refused, but for a head, which only its signer can miss", TIMEOUT, async () => {
    const files = filesOf();
    for (const path of heldPaths(files)) {
      if (path === "checkpoint" && files === whole) continue;
      const lost = path === "floor" ? "tile/entries/000" : path;
      await expectRefused(changed(files, { [path]: undefined }), [lost], `no ${path}`);
    }
  });

  it("exchanged with any other is refused", TIMEOUT, async () => {
    const files = filesOf();
    const paths = heldPaths(files);
    for (const [i, one] of paths.entries()) {
      for (const other of paths.slice(i + 1)) {
        const exchange = { [one]: files.get(other), [other]: files.get(one) };
        await expectRefused(changed(files, exchange), [one, other], `${one} for ${other}`);
      }
    }
  });
});

it("a bundle and its tile, changed together, do not come out at the head", async () => {
  const tile = whole.get("tile/0/002");
  const bundle = whole.get("tile/entries/002");
  const forged = changed(whole, { "tile/0/003": tile, "tile/entries/003": bundle });
  await expectRefused(forged, ["checkpoint: its root of 1120"], "003 is 002");
});

describe("a journal cut", () => {
  /** Where each record of the journal begins, and where the last ends. */
  function ends(): readonly number[] {
    const at = [24];
    for (let i = 1_024; i < SIZE; i += 1) at.push((at.at(-1) ?? 0) + 8 + entryAt(i).length + 32);
    expect(at.at(-1)).toBe(whole.get("journal")!.length);
    return at;
  }
  const cutAt = (length: number) =>
    changed(whole, { journal: whole.get("journal")!.slice(0, length) });
  const INSIDE = [1, 4, 7, 8, 9, 40, -33, -32, -31, -1];

  it(
    "before the end of what the head covers is refused, inside a record or between two",
    TIMEOUT,
    async () => {
      const at = ends();
      for (const record of [0, 1, 50, SIGNED - 1_024 - 1]) {
        const [begin, end] = [at[record]!, at[record + 1]!];
        for (const place of [0, ...INSIDE]) {
          const length = (place < 0 ? end : begin) + place;
          await expectRefused(cutAt(length), ["journal"], `record ${record}, ${place}`);
        }
      }
    },
  );

  it(
    "behind that, inside a record, is cut to the record before, and says so",
    TIMEOUT,
    async () => {
      const at = ends();
      for (const record of [SIGNED - 1_024, SIZE - 1_024 - 1]) {
        const [begin, end] = [at[record]!, at[record + 1]!];
        for (const place of INSIDE) {
          const length = (place < 0 ? end : begin) + place;
          lay(cutAt(length));
          const log = await open();
          expect([log.durableSize, log.opened.cut]).toEqual([
            1_024 + record,
            { bytes: length - begin },
          ]);
          await log.close();
        }
      }
    },
  );

  it("behind that, between two records, cannot be told from a log that had no more", async () => {
    lay(cutAt(ends()[SIGNED - 1_024 + 3]!));
    const log = await open();
    expect([log.durableSize, log.opened.cut]).toEqual([SIGNED + 3, undefined]);
    await log.close();
  });
});

describe("a file of an earlier state of the log", () => {
  it("is refused: journal and floor", TIMEOUT, async () => {
    const journal = older.get("journal");
    await expectRefused(changed(whole, { journal }), ["journal"], "an older journal");
    await expectRefused(changed(pruned, { journal }), ["journal"], "an older journal, pruned log");
    const { checkpoint } = Object.fromEntries(older);
    const both = changed(whole, { journal, checkpoint });
    await expectRefused(both, ["tile/entries/002: lies beyond the journal"], "journal and head");
    await expectRefused(changed(pruned, { checkpoint }), ["checkpoint"], "a head below the floor");
    lay(pruned);
    const later = await grow(1_500, 1_400, 1_400);
    const { floor } = Object.fromEntries(pruned);
    const missing = ["tile/entries/003: is missing"];
    await expectRefused(changed(later, { floor }), missing, "an older floor");
  });

  it("that is the head alone opens with every entry, held by the older head", async () => {
    for (const checkpoint of [older.get("checkpoint"), undefined]) {
      lay(changed(whole, { checkpoint }));
      const log = await open();
      expect([log.durableSize, log.head?.checkpoint.size]).toEqual([
        SIZE,
        checkpoint === undefined ? undefined : 590,
      ]);
      await log.close();
    }
  });

  // who does: packages/lct-keys/src/signer/software-signer.test.ts, "the start, when state and log disagree"
  it("cannot be told when all are of it: a rollback is for the signer and the witness to see", async () => {
    lay(older);
    const log = await open();
    expect([log.durableSize, log.head?.checkpoint.size]).toEqual([600, 590]);
    await log.close();
  });
});
