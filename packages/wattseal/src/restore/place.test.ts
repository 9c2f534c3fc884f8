/** What a restore finds of the log that it replaces, wherever an earlier one was cut off. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { silentLogger } from "@wattseal/base";
import { expect, it, onTestFinished } from "vitest";
import { beginPack } from "../export/pack.fixture.js";
import { openGateway } from "../roles/gateway.js";
import { carryOrders, headsBeside, putInPlace, requireNoneCut, stagingOf } from "./place.js";

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "wattseal-place-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Folders of a log, with these files. */
async function placed(folders: Readonly<Record<string, Readonly<Record<string, string>>>>) {
  const directory = await temporaryFolder();
  const log = join(directory, "log");
  for (const [folder, files] of Object.entries(folders)) {
    await mkdir(join(directory, folder));
    for (const [name, text] of Object.entries(files)) {
      await writeFile(join(directory, folder, name), text);
    }
  }
  return { directory, log, staging: stagingOf(log) };
}

const ROOT = Buffer.alloc(32, 1).toString("base64");
const headOf = (size: number) => `wattseal/pack\n${size}\n${ROOT}\n\n— wattseal/pack AAAAAAAA\n`;
const id = (n: number) => `${n}`.padStart(32, "0");
const orders = (size: number, isolated: 0 | 1, ...ids: readonly number[]) =>
  `size ${size}\nfloor 0\nisolated ${isolated}\n${ids.map((n) => `${id(n)} 1\n`).join("")}`;

it("every head counts that a folder which was put aside has", async () => {
  const { log } = await placed({
    log: { checkpoint: headOf(7) },
    "log.before-restore-1": { checkpoint: headOf(9), "receipt.00": headOf(8) },
    "log.before-restore-12": { checkpoint: "no note", orders: "" },
    "log.before-restore-old": { checkpoint: headOf(99) },
  });
  const heads = await headsBeside(log);
  expect(heads.map(({ note }) => note).sort()).toEqual([headOf(7), headOf(8), headOf(9)]);
});

it("a log is put aside under a number that is above all that were", async () => {
  const { directory, log, staging } = await placed({
    log: { old: "" },
    "log.restoring": { new: "" },
    "log.before-restore-2": {},
  });
  expect(await putInPlace(staging, log)).toBe(`${log}.before-restore-3`);
  const left = ["log", "log.before-restore-2", "log.before-restore-3"];
  expect((await readdir(directory)).sort()).toEqual(left);
  expect(await readdir(log)).toEqual(["new"]);
});

it("orders that were obeyed go along, of the log or, where it was moved already, of the folder that was put aside last", async () => {
  const former = { orders: orders(90, 1, 2) };
  const before = { "log.before-restore-1": { orders: orders(9, 0, 1) } };
  const staged = { "log.restoring": { orders: orders(5, 0, 3) } };
  const carried = orders(0, 1, 2, 3);
  for (const folders of [{ log: former }, { "log.before-restore-2": former }]) {
    const { log, staging } = await placed({ ...before, ...folders, ...staged });
    for (let again = 0; again < 2; again += 1) {
      await carryOrders(staging, log);
      expect(await readFile(join(staging, "orders"), "latin1")).toBe(carried);
    }
  }
});

it("where nothing can be read of former orders, a copy keeps its own", async () => {
  for (const folders of [{}, { log: {} }, { log: { orders: "torn" } }]) {
    const { log, staging } = await placed({
      ...folders,
      "log.restoring": { orders: orders(5, 0, 3) },
    });
    await carryOrders(staging, log);
    expect(await readFile(join(staging, "orders"), "latin1")).toBe(orders(5, 0, 3));
  }
});

it("no gateway begins a log where one was to be restored", async () => {
  const { layout, pack } = await beginPack(join(await temporaryFolder(), "state"));
  await pack.log.close();
  const { log } = layout.gateway;
  await requireNoneCut(log);
  expect(await putInPlace(log, join(dirname(log), "elsewhere"))).toBeUndefined();
  await requireNoneCut(log);
  await mkdir(stagingOf(log));
  const gateway = openGateway({ layout, logger: silentLogger } as never);
  await expect(gateway).rejects.toMatchObject({
    code: "state-missing",
    message: expect.stringContaining("wattseal ledger restore"),
  });
  expect(await readdir(layout.gateway.directory)).not.toContain("log");
});
