import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodeCbor } from "@wattseal/base";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { lockFolder } from "./folder-lock.js";
import { readModuleFlashes, writeModuleFlash } from "./module/flash.js";
import { pairedPack } from "./pack-side.fixture.js";
import { readState } from "./state.js";
import { seededEntropy, temporaryDirectory } from "./testing.fixture.js";

let directory: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(() => directory.remove());

describe("module flash files", () => {
  it("keep half and pairing, for their owner alone, and come back in the order of slots", async () => {
    const { modules } = pairedPack(3, seededEntropy("flash"));
    const blank = { ...pairedPack(1, seededEntropy("blank")).modules[0]!, pairing: undefined };
    for (const module of [blank, ...[...modules].reverse()]) {
      await writeModuleFlash(directory.path, module);
    }
    const read = await readModuleFlashes(directory.path);
    expect(read.map(({ uid, pairing }) => ({ uid, pairing }))).toEqual(
      [...modules, blank].map(({ uid, pairing }) => ({ uid, pairing })),
    );
    read.forEach(({ half }, i) => {
      expect(half.publicKey).toEqual([...modules, blank][i]!.half.publicKey);
    });
  });

  it("refuse anything else, naming the file", async () => {
    const { modules } = pairedPack(1, seededEntropy("flash"));
    const path = await writeModuleFlash(directory.path, modules[0]!);
    const good = readFileSync(path);
    const damaged = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.nat(good.length - 1).map((cut) => good.subarray(0, cut)),
    );
    await fc.assert(
      fc.asyncProperty(damaged, async (bytes) => {
        writeFileSync(path, bytes);
        await expect(readModuleFlashes(directory.path)).rejects.toMatchObject({
          code: "state-folder",
          message: expect.stringContaining(path),
        });
      }),
      { numRuns: 50 },
    );
  });
});

describe("simulator state", () => {
  it.each([
    ["no CBOR", Uint8Array.of(0xff)],
    ["another version", encodeCbor([2, 0, []])],
    ["no list", encodeCbor(7)],
    ["a negative counter", encodeCbor([1, 0, [[new Uint8Array(8), 1, -1, 0, 0]]])],
    ["a module without uid", encodeCbor([1, 0, [["", 1, 1, 0, 0]]])],
  ])("is refused when it is %s", async (_name, bytes) => {
    writeFileSync(join(directory.path, "simulator.state"), bytes);
    await expect(readState(directory.path)).rejects.toMatchObject({ code: "state-folder" });
  });

  it("may be absent", async () => {
    expect(await readState(directory.path)).toBeUndefined();
  });
});

describe("a state folder", () => {
  it("is one simulator's at a time", async () => {
    const release = await lockFolder(directory.path);
    await expect(lockFolder(directory.path)).rejects.toMatchObject({
      code: "state-folder",
      kind: "usage",
      message: expect.stringContaining(`another simulator runs on ${directory.path}`),
    });
    await release();
    await (await lockFolder(directory.path))();
  });
});
