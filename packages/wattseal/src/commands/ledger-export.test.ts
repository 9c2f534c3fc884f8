import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { p256 } from "@noble/curves/nist.js";
import { fromHex, utf8 } from "@wattseal/base";
import { decodeEntry, encodeEntry } from "@wattseal/energy-ledger";
import { verifyOcmf } from "@wattseal/lct-keys/verify";
import { LogStore } from "@wattseal/tlog/store";
import { encodeTrust } from "@wattseal/verifier";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { EXIT } from "../errors.js";
import type { Format } from "../export/formats.js";
import { beginPack, FIRST_DAY, writtenPack } from "../export/pack.fixture.js";
import { exportCommand, parseTime } from "./ledger-export.js";

const root = mkdtempSync(join(tmpdir(), "wattseal-export-"));
afterAll(() => rmSync(root, { recursive: true }));
const state = join(root, "state");
let written: Awaited<ReturnType<typeof writtenPack>>;
let entries: Uint8Array[];
beforeAll(async () => {
  written = await writtenPack(state);
  const log = await LogStore.openReadOnly({ directory: written.layout.gateway.log });
  entries = [...log.entries()];
});

let files = 0;
/** Runs the command into a file; undefined where it left none. */
async function exported(format: Format, options: object = {}, log = written.layout.gateway.log) {
  files += 1;
  const folder = join(root, `out-${files}`);
  const out = `${folder}.txt`;
  const said: string[] = [];
  const { write } = process.stderr;
  process.stderr.write = (text: string | Uint8Array) => said.push(String(text)) > 0;
  try {
    const status = await exportCommand(log, { format, out, ...options });
    const names = readdirSync(root).filter((name) => name.startsWith(`out-${files}`));
    expect(names.length).toBeLessThanOrEqual(1);
    const text = names.length === 0 ? undefined : readFileSync(out, "utf8");
    return { status, text, stderr: said.join("") };
  } finally {
    process.stderr.write = write;
  }
}
const lines = (text: string | undefined) => (text ?? "").trimEnd().split("\n");
const records = (text: string | undefined) => lines(text).map((line) => JSON.parse(line));

describe("an export", () => {
  it("tells every energy entry under the signed head, and leaves out what is not signed", async () => {
    const { status, text, stderr } = await exported("jsonl");
    expect(status).toBe(EXIT.ok);
    expect(stderr).toMatch(/2 entries after the last signed head are left out/);
    const rows = records(text);
    const told = entries
      .slice(0, written.signed)
      .flatMap((bytes, index) => (/^energy|charge/.test(decodeEntry(bytes).type) ? index : []));
    expect(rows.map(({ index }) => index)).toEqual(told);
    for (const { index, proof } of rows) {
      expect(proof).toMatchObject({ origin: written.document.origin, last: index });
      expect(proof.size).toBe(written.signed);
    }
    const intervals = rows.filter(({ record }) => record === "interval");
    const sum = intervals.reduce((total, { inMwh }) => total + inMwh, 0);
    expect(sum).toBe(written.totals.inMwh);
  });

  it("says the same in CSV, in Wh", async () => {
    const rows = records((await exported("jsonl")).text);
    const { text } = await exported("csv");
    const [header, ...cells] = lines(text).map((line) => line.trimEnd().split(","));
    expect(cells).toHaveLength(rows.length);
    const column = header!.indexOf("in_wh");
    for (const [i, row] of rows.entries()) {
      const mwh = row.inMwh === undefined ? "" : (row.inMwh / 1000).toFixed(3);
      expect(cells[i]![column]).toBe(mwh);
    }
  });

  it("accounts for all that was charged", async () => {
    const all = records((await exported("storage")).text);
    const sum = (name: string) =>
      all.reduce((total, { record, energyMwh }) => total + (record === name ? energyMwh : 0), 0);
    const { atp, withheld } = written.summary;
    expect(sum("charge")).toBeGreaterThan(0);
    expect(sum("charge") - sum("allocation")).toBe(atp + withheld);
  });

  it("gives passport attributes with what backs them", async () => {
    const { status, text } = await exported("passport");
    expect(status).toBe(EXIT.ok);
    const { battery, attributes, proof } = JSON.parse(text!);
    expect(battery).toBe(written.document.lct);
    expect(proof).toMatchObject({ origin: written.document.origin, size: written.signed });
    const { inMwh, outMwh } = written.totals;
    const value = Number(attributes.energyThroughput.value.replace(".", ""));
    expect(value).toBe(inMwh + outMwh);
    expect(attributes.energyThroughput.unprovenDischarged).toBe("0.000777");
  });

  it("takes only the period that is asked for", async () => {
    const from = parseTime("2026-11-19");
    const to = parseTime("2026-11-20T00:00:00Z");
    const rows = records((await exported("jsonl", { from, to })).text);
    const windows = rows.filter(({ record }) => record === "window");
    expect(windows.map((row) => row.to.slice(0, 10))).toEqual(["2026-11-19", "2026-11-19"]);
    const { status, text, stderr } = await exported("jsonl", { from: 1, to: 2 });
    expect([status, text]).toEqual([EXIT.ok, ""]);
    expect(stderr).toMatch(/no row ends in this period/);
    await expect(exported("csv", { from: 2, to: 2 })).rejects.toThrow(/not after --from/);
  });

  it("leaves nothing that looks complete where it cannot be: what lies in the way stays as it is", async () => {
    const folder = mkdtempSync(join(tmpdir(), "wattseal-export-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const { log } = written.layout.gateway;
    const out = join(folder, "rows.csv");
    const write = (path: string) => exportCommand(log, { format: "csv", out: path });
    writeFileSync(`${out}.new`, "another's");
    await expect(write(out)).rejects.toThrow(/rows.csv.new is there/);
    expect(readFileSync(`${out}.new`, "utf8")).toBe("another's");
    rmSync(`${out}.new`);
    writeFileSync(out, "older");
    expect(await write(out)).toBe(EXIT.ok);
    expect(readFileSync(out, "utf8")).toMatch(/^record,/);
    // A folder in its place: the last step fails, and the draft goes.
    const taken = join(folder, "taken");
    mkdirSync(taken);
    await expect(write(taken)).rejects.toThrow();
    expect(readdirSync(folder).sort()).toEqual(["rows.csv", "taken"]);
    await expect(write(join(folder, "nowhere", "rows.csv"))).rejects.toThrow(/cannot be written/);
  });

  it.each(["2026-13-01", "yesterday", "2026-11-20T08:00", "1", ""])("refuses time %s", (text) => {
    expect(() => parseTime(text)).toThrow(/no time/);
  });
});

describe("OCMF records", () => {
  it("are one a complete day, signed by the anchor, page after page", async () => {
    const { status, text } = await exported("ocmf", { state });
    expect(status).toBe(EXIT.ok);
    const days = lines(text);
    expect(days).toHaveLength(2);
    const { anchor } = written.document;
    if (anchor.type !== "p256") throw new Error("no anchor");
    const payloads = days.map((record) => JSON.parse(verifyOcmf(record, anchor.publicKey)));
    expect(payloads.map(({ PG, WD }) => [PG, WD])).toEqual([
      ["F1", "2026-11-18"],
      ["F2", "2026-11-19"],
    ]);
    expect(payloads[1].RD[0].RV).toBe(payloads[0].RD[2].RV);
    expect(payloads[0].RD[2].EF).toBe("");
    // what passed between the days is in a gap, and in no register
    expect(payloads[1]).toMatchObject({ WL: { inMwh: 0, outMwh: 777, resets: 0 } });
    expect(payloads[1].RD[2].EF).toBe("E");
    for (const record of days) {
      const [, payload, signature] = record.split("|");
      const { SD } = JSON.parse(signature!);
      const options = { format: "der", lowS: false } as const;
      expect(p256.verify(fromHex(SD), utf8(payload!), anchor.publicKey, options)).toBe(true);
    }
  });

  it("name a tree that the log's own hashes give", async () => {
    const [record] = lines((await exported("ocmf", { state })).text);
    const { first, last, size, root: said } = JSON.parse(record!.split("|")[1]!).WP;
    const log = await LogStore.openReadOnly({ directory: written.layout.gateway.log });
    expect(Buffer.from(log.root(size)).toString("hex")).toBe(said);
    expect(decodeEntry(log.entry(last)).type).toBe("energy.window");
    expect(decodeEntry(log.entry(first)).type).toBe("energy.interval");
    expect(last).toBe(size - 1);
  });

  it("are the same whenever they are asked for, whole or in part", async () => {
    const { text } = await exported("ocmf", { state });
    expect((await exported("ocmf", { state })).text).toBe(text);
    const from = FIRST_DAY + 86_400_000;
    expect((await exported("ocmf", { state, from })).text).toBe(`${lines(text)[1]}\n`);
  });

  it("are handed out as they lie beside the log; what is not signed is said, day by day", async () => {
    const folder = mkdtempSync(join(tmpdir(), "wattseal-export-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const { layout } = await writtenPack(folder);
    const { log } = layout.gateway;
    const none = await exported("ocmf", {}, log);
    expect([none.status, none.text]).toEqual([EXIT.ok, ""]);
    expect(none.stderr).toMatch(/page F1, 2026-11-18, is not signed/);
    expect(none.stderr).toMatch(/page F2, 2026-11-19, is not signed/);

    const signed = lines((await exported("ocmf", { state: folder }, log)).text);
    const keep = async (page: number, record: string) => {
      const store = await LogStore.open({ directory: log });
      await store.writeDocument(`ocmf-${page}`, record);
      await store.close();
    };
    await keep(2, signed[1]!);
    const one = await exported("ocmf", {}, log);
    expect([one.status, one.text]).toEqual([EXIT.ok, `${signed[1]}\n`]);
    expect(one.stderr).toMatch(/page F1, 2026-11-18, is not signed/);
    expect(one.stderr).not.toMatch(/page F2/);
    await keep(1, signed[0]!);
    const both = await exported("ocmf", {}, log);
    expect(lines(both.text)).toEqual(signed);
    expect(both.stderr).not.toMatch(/is not signed/);

    // Another day's record, and one that was changed: neither is handed out.
    for (const record of [signed[0]!, signed[1]!.replace('"resets":0', '"resets":1')]) {
      await keep(2, record);
      const refused = await exported("ocmf", {}, log);
      expect([refused.status, refused.text]).toEqual([EXIT.failed, undefined]);
      expect(refused.stderr).toMatch(/REFUSED ocmf-2 beside the log/);
    }
  });

  it("are not made by another's anchor", async () => {
    const other = mkdtempSync(join(tmpdir(), "wattseal-export-"));
    onTestFinished(() => rmSync(other, { recursive: true }));
    const { pack } = await beginPack(other);
    await pack.log.close();
    await expect(exported("ocmf", { state: other })).rejects.toThrow(/is not that of/);
    await expect(exported("ocmf", { state: join(other, "nowhere") })).rejects.toThrow(/anchor/);
  });
});

describe("a log that does not hold", () => {
  async function badPack(spoil: (log: LogStore, sign: () => Promise<void>) => Promise<void>) {
    const folder = mkdtempSync(join(tmpdir(), "wattseal-export-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const { pack, layout } = await beginPack(folder);
    await pack.minute(1_000);
    await spoil(pack.log, () => pack.sign());
    await pack.log.close();
    return { log: layout.gateway.log, state: folder, signer: layout.gateway.signer };
  }

  it.each(["csv", "jsonl", "storage", "passport", "ocmf"] as const)(
    "is refused at its first difference, and leaves no %s file",
    async (format) => {
      const bad = await badPack(async (log, sign) => {
        const last = decodeEntry(log.entry(log.durableSize - 2));
        if (last.type !== "energy.window") throw new Error("no window");
        const body = { ...last.body, t0: last.body.t1, t1: (last.body.t1 + 1) as never, net: 5 };
        const again = { ...last, timeMs: (last.timeMs + 1) as never, body };
        await log.append([encodeEntry(again)]);
        await sign();
      });
      const { status, text, stderr } = await exported(format, { state: bad.state }, bad.log);
      expect([status, text]).toEqual([EXIT.failed, undefined]);
      expect(stderr).toMatch(/REFUSED entry \d+ \(energy.window\)/);
      expect(readdirSync(bad.signer).filter((name) => name.startsWith("ocmf"))).toEqual([]);
    },
  );

  it("is refused when its head is signed by nobody it names", async () => {
    const bad = await badPack(async (log, sign) => {
      await sign();
      const { note } = log.head!;
      const at = note.trimEnd().length - 10;
      const other = note[at] === "A" ? "B" : "A";
      await log.writeHead(note.slice(0, at) + other + note.slice(at + 1));
    });
    const { status, text, stderr } = await exported("jsonl", {}, bad.log);
    expect([status, text]).toEqual([EXIT.failed, undefined]);
    expect(stderr).toMatch(/REFUSED/);
  });

  it("is refused when its authority is not accepted", async () => {
    const trust = join(root, "trust.json");
    const stranger = { name: "Someone", publicKey: new Uint8Array(32).fill(9) };
    writeFileSync(trust, encodeTrust({ authorities: [stranger], witnesses: [], quorum: 1 }));
    const { status, stderr } = await exported("jsonl", { trust });
    expect(status).toBe(EXIT.failed);
    expect(stderr).toMatch(/REFUSED entry 0/);
    const own = written.layout.gateway.trust;
    expect((await exported("jsonl", { trust: own })).status).toBe(EXIT.ok);
  });

  it("is not exported before it is signed", async () => {
    const bad = await badPack(async () => {});
    await expect(exported("csv", {}, bad.log)).rejects.toThrow(/not signed yet/);
  });
});
