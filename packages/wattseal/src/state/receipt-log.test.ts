import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Logger, silentLogger } from "@wattseal/base";
import { afterEach, beforeEach, expect, it } from "vitest";
import { makeFolder } from "./files.js";
import { layoutOf } from "./layout.js";
import { openReceiptLogKeys } from "./receipt-log.js";

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
