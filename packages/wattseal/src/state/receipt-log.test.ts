import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Logger, silentLogger } from "@wattseal/base";
import { afterEach, beforeEach, expect, it } from "vitest";
import { makeFolder } from "./files.js";
import { layoutOf } from "./layout.js";
import { openReceiptLogKeys, setLogKeysAside } from "./receipt-log.js";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "wattseal-receipts-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

it("is made once for a folder that has none, told, and its owner's alone, however many workers start there", async () => {
  const layout = layoutOf(root);
  await makeFolder(layout.federation.directory);
  const told: string[] = [];
  const logger: Logger = { ...silentLogger, warn: (event) => void told.push(event) };
  const ports = { entropy: { bytes: (length: number) => randomBytes(length) }, logger };
  const open = async () => (await openReceiptLogKeys(layout, "fleet.example", ports)).receiptLogKey;
  const opened = await Promise.all([1, 2, 3].map(() => open()));
  opened.push(await open());
  expect(new Set(opened.map(({ publicKey }) => String(publicKey))).size).toBe(1);
  expect(new Set(opened.map(({ name }) => name))).toEqual(new Set(["fleet.example/receipts"]));
  expect(told).toEqual(["federation.receipt-log-key-made"]);
  expect(statSync(layout.federation.receiptLogKey).mode & 0o777).toBe(0o600);
});

it("is put aside with the next one, each under a name of its own, for a store that begins another log", async () => {
  const layout = layoutOf(root);
  const { receiptLogKey, nextReceiptLogKey } = layout.federation;
  await makeFolder(layout.federation.directory);
  for (const time of ["first", "second"]) {
    writeFileSync(receiptLogKey, `own, ${time}`);
    writeFileSync(nextReceiptLogKey, `next, ${time}`);
    await setLogKeysAside(layout, silentLogger);
  }
  await setLogKeysAside(layout, silentLogger); // nothing is left to do
  const files = readdirSync(layout.federation.directory).sort();
  const contents = files.map((name) => [
    name,
    readFileSync(join(layout.federation.directory, name), "utf8"),
  ]);
  expect(contents).toEqual([
    ["receipts-next.pem.before-rebuild-1", "next, first"],
    ["receipts-next.pem.before-rebuild-2", "next, second"],
    ["receipts.pem.before-rebuild-1", "own, first"],
    ["receipts.pem.before-rebuild-2", "own, second"],
  ]);
});
