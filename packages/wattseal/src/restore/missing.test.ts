import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Ed25519SecretKey } from "@wattseal/lct-keys";
import { packName } from "@wattseal/uplink";
import { beforeEach, expect, it, onTestFinished } from "vitest";
import { systemEntropy } from "../ports/system.js";
import { type Layout, layoutOf } from "../state/layout.js";
import { keepMissing, missingNow, missingOf, packsWithMissing } from "./missing.js";

const PACK = packName("a".repeat(32));
const witness = {
  name: "fleet.example",
  ...(() => {
    const key = Ed25519SecretKey.generate(systemEntropy);
    return { publicKey: key.publicKey, sign: (message: Uint8Array) => key.sign(message) };
  })(),
};
let layout: Layout;
beforeEach(() => {
  const root = mkdtempSync(join(tmpdir(), "wattseal-missing-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  layout = layoutOf(root);
});

it("goes by what was said before where a gateway is not heard, up to what is stored now", async () => {
  expect(await packsWithMissing(layout)).toEqual([]);
  await keepMissing(layout, PACK, { from: 10, to: 30 }, witness);
  expect(await packsWithMissing(layout)).toEqual([PACK]);
  const now = (size: number) => missingNow(layout, { pack: PACK, size });
  expect(await now(0)).toEqual({ from: 10, to: 30 });
  expect(await now(20)).toEqual({ from: 20, to: 30 });
  expect(await now(30)).toBeUndefined();
  const seen = { from: 12, to: 40 };
  const said = (verified: boolean) =>
    missingNow(layout, { pack: PACK, size: 12, seen: { ...seen, verified } });
  expect(await said(true)).toEqual(seen);
  expect(await said(false)).toEqual({ from: 12, to: 30 });
  await keepMissing(layout, PACK, undefined, witness);
  expect(await said(false)).toBeUndefined();
});

it("is taken back only where nothing is missing", async () => {
  await keepMissing(layout, PACK, { from: 0, to: 5 }, witness);
  expect(await missingOf(layout, PACK)).toContain("0 5");
  await keepMissing(layout, PACK, undefined, witness);
  expect(await missingOf(layout, PACK)).toBeUndefined();
  expect(await packsWithMissing(layout)).toEqual([]);
});
