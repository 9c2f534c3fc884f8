/** An honest log of several files, and copies of it with some of them altered. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { cp, mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { KeyedLog } from "./keyed-log.js";

type Files = Readonly<Record<string, Uint8Array | string | undefined>>;

export interface AlteredFiles {
  /** Undefined: nothing is broken. */
  readonly rule?: string;
  readonly what: string;
  /** What to write over the files of the honest log; undefined: delete. */
  readonly files: (honest: (name: string) => Buffer) => Files;
}

/** Two bundles, a journal, and two epochs. */
export const HONEST: readonly Uint8Array[] = (() => {
  const log = new KeyedLog();
  const fill = () => {
    for (let i = 0; i < 300; i += 1) log.put("ops.config", ["filler", new Uint8Array(32)]);
  };
  fill();
  log.end();
  log.begin();
  fill();
  return log.entries;
})();
export const sha = (...parts: readonly (Uint8Array | string)[]) => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};

export const u64 = (value: bigint, order: "LE" | "BE") => {
  const bytes = Buffer.alloc(8);
  if (order === "LE") bytes.writeBigUInt64LE(value);
  else bytes.writeBigUInt64BE(value);
  return bytes;
};

export function readerOf(folder: string) {
  return (name: string) => readFileSync(join(folder, name));
}

/** Copies of a log's folder beside it, each altered in one way. */
export function alteredCopies(honest: string, all: readonly AlteredFiles[]): Promise<string[]> {
  return Promise.all(
    all.map(async ({ files }, i) => {
      const folder = `${honest}-${i}`;
      await cp(honest, folder, { recursive: true });
      for (const [name, bytes] of Object.entries(files(readerOf(honest)))) {
        const path = join(folder, name);
        await mkdir(dirname(path), { recursive: true });
        await (bytes === undefined ? rm(path) : writeFile(path, bytes));
      }
      return folder;
    }),
  );
}
