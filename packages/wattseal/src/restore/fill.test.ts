/** What a bad copy does: it is refused, and stands in the way of nothing that is taken elsewhere or later. */
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FederationError, openStore, type TakeOptions } from "@wattseal/federation";
import { GatewayError } from "@wattseal/gateway";
import { Ed25519SecretKey } from "@wattseal/lct-keys";
import { backupLog, LogStore } from "@wattseal/tlog/store";
import { packName } from "@wattseal/uplink";
import { describe, expect, it, onTestFinished } from "vitest";
import { writtenPack } from "../export/pack.fixture.js";
import { systemClock, systemEntropy } from "../ports/system.js";
import { readPackFiles } from "../roles/pack-files.js";
import { staged } from "./copies.js";
import { type Filled, fillFromFederation, fillFromFolder } from "./fill.js";

const LIAR = packName("a".repeat(32));
const key = Ed25519SecretKey.generate(systemEntropy);
const witness = {
  name: "fleet.example",
  publicKey: key.publicKey,
  sign: (message: Uint8Array) => key.sign(message),
};

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "wattseal-fill-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A pack's log, sources of it that may lie, and a store to fill. */
async function lostStore() {
  const folder = await temporaryFolder();
  const { layout, document, signed } = await writtenPack(join(folder, "state"));
  const log = await LogStore.openReadOnly({ directory: layout.gateway.log });
  const entries = [...log.entries()].slice(0, signed).map((entry) => entry.slice());
  const receipt = log.head!.note;
  const pack = packName(document.label);
  const store = await openStore({ kind: "embedded", directory: join(folder, "store") });
  onTestFinished(() => store.close());
  const { trust } = await readPackFiles(layout);
  const options: TakeOptions = {
    ...{ store, witness, clock: systemClock() },
    authorityKeys: trust.authorities.map(({ publicKey }) => publicKey),
  };
  const filled: Filled[] = [];
  const staging = join(folder, "rebuild");
  /** Another federation; `given`: its entries of a pack. `cut`: how many of them come before the way to it is lost. */
  const fill = (given: ReadonlyMap<string, readonly Uint8Array[]>, cut = signed) => {
    const source = {
      url: "https://other.example",
      async *packs() {
        yield* [...given.keys()].map(packName);
      },
      pack: async () => ({ witnessed: signed }) as never,
      receipt: async () => receipt,
      async *entries(name: string, from: number) {
        yield (given.get(name) ?? []).slice(from, cut);
        if (cut < signed) throw new FederationError("query-unreachable", "cut");
      },
    };
    return fillFromFederation(options, source, staging, (copy) => void filled.push(copy));
  };
  const altered = entries.map((entry, i) => (i === 3 ? entries[2]! : entry));
  const directory = layout.gateway.log;
  return { folder, pack, signed, entries, altered, options, filled, fill, directory };
}

describe("filling a lost store", () => {
  it("takes every other log of a federation that has a bad copy of one", async () => {
    const { pack, signed, entries, altered, filled, fill } = await lostStore();
    await fill(new Map([[LIAR, altered] as const, [pack, entries] as const]));
    expect(filled).toEqual([
      expect.objectContaining({ pack: LIAR, to: 0, refused: expect.stringContaining("root") }),
      expect.objectContaining({ pack, from: 0, to: signed, refused: undefined }),
    ]);
  });

  it("takes a log whole though what an earlier call fetched of it was another's", async () => {
    const { pack, signed, entries, altered, filled, fill } = await lostStore();
    const lost = fill(new Map([[pack, altered]]), 5);
    await expect(lost).rejects.toMatchObject({ code: "query-unreachable" });
    expect(filled).toEqual([]);
    await fill(new Map([[pack, entries]]));
    expect(filled).toMatchObject([{ pack, from: 0, to: signed, refused: undefined }]);
  });

  it("takes every other log of a folder with a damaged one", async () => {
    const { folder, pack, signed, options, filled, directory } = await lostStore();
    const copies = join(folder, "copies");
    await mkdir(join(copies, "a"), { recursive: true });
    await writeFile(join(copies, "a", "journal"), "no journal");
    const whole = join(copies, "b");
    await backupLog({ source: directory, destination: whole });
    await fillFromFolder(options, copies, (copy) => void filled.push(copy));
    expect(filled).toMatchObject([
      { copy: join(copies, "a"), pack: undefined, to: 0, refused: expect.any(String) },
      { copy: whole, pack, to: signed, refused: undefined },
    ]);
  });
});

describe("a folder that copies are made in", () => {
  const refused = new GatewayError("copy-refused", "input", "the copy does not hold");
  const behind = new GatewayError("copy-behind", "input", "entries are missing");

  /** Whether anything was there at each try. */
  const tries = async (directory: string, problem: Error) => {
    const found: boolean[] = [];
    const make = async () => {
      found.push((await readdir(directory).catch(() => [])).length > 0);
      await mkdir(directory, { recursive: true });
      await writeFile(join(directory, "journal"), "");
    };
    await expect(staged(directory, make, () => Promise.reject(problem))).rejects.toBe(problem);
    return found;
  };

  it("is begun once more from nothing where what was left there is refused, and then left empty", async () => {
    const directory = await temporaryFolder();
    await writeFile(join(directory, "journal"), "left");
    expect(await tries(directory, refused)).toEqual([true, false]);
    expect(await tries(directory, refused)).toEqual([false]);
    expect(await tries(directory, behind)).toEqual([false]);
    expect(await readdir(directory)).toEqual(["journal"]);
  });
});
