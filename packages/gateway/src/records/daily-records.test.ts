import { spawnSync } from "node:child_process";
import { unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { concatBytes, fromHex, type Logger, micros, silentLogger } from "@wattseal/base";
import { encodeModuleMessage } from "@wattseal/can-protocol";
import { decodeEntry } from "@wattseal/energy-ledger";
import { LctKeysError } from "@wattseal/lct-keys";
import { type OcmfDay, verifyOcmf } from "@wattseal/lct-keys/verify";
import { describe, expect, it, onTestFinished } from "vitest";
import { LogWriter } from "../ledger/log-writer.js";
import { Recorder } from "../metering/recorder.js";
import { moduleAt, pairingOf, SESSION, telemetryOf } from "../metering/recording.fixture.js";
import { makePack } from "../pack.fixture.js";
import { Books } from "../society/books.js";
import { LogClock } from "../time/log-clock.js";
import { DailyRecords, recordsNeedFrom } from "./daily-records.js";

const DAY = 86_400_000;
const MODULE = moduleAt(1);
/** RFC 5480 §2: the header of a P-256 key's SubjectPublicKeyInfo. */
const SPKI = fromHex("3059301306072a8648ce3d020106082a8648ce3d030107034200");
const OPENSSL = "openssl";
const openssl = spawnSync(OPENSSL, ["version"]).status === 0;

type Sign = (day: OcmfDay, signer: (day: OcmfDay) => Promise<string>) => Promise<string>;

/** A pack whose gateway runs, stops and runs again, on time that the test turns. */
async function pack() {
  const made = await makePack((cleanUp) => onTestFinished(cleanUp));
  const { clock, document } = made;
  const pairing = pairingOf([MODULE]);
  const charged = { in: 0, out: 0 };
  const asked: number[] = [];
  const told: string[] = [];
  const note = (event: string, fields: object = {}) => {
    told.push(`${event} ${JSON.stringify(fields)}`);
  };
  const logger: Logger = { ...silentLogger, warn: note, error: note };
  if (document.anchor.type !== "p256") throw new Error("no anchor");
  const { publicKey } = document.anchor;

  const run = async (sign: Sign = (day, signer) => signer(day)) => {
    const log = await made.openLog();
    const records = new DailyRecords({
      store: log.store,
      document,
      softwareVersionAt: (size) => log.softwareVersionAt(size),
      ocmf: (day) => {
        asked.push(day.page);
        return sign(day, (other) => log.ocmf(other));
      },
      logger,
    });
    await made.begin(log, (size) => records.signed(size));
    records.signed(log.store.head?.checkpoint.size ?? 0);
    await log.append(...log.entered.missingPairings(pairing));
    await log.append(...log.entered.missingStatements(made.statements));
    const writer = new LogWriter({ log, clock, logger });
    const books = new Books({ log, writer, pairing, source: "charger", clock, logger });
    const recorder = new Recorder({
      ...{ log, writer, books, pairing },
      steady: clock,
      clock: new LogClock(clock, clock.now()),
      onMinute: () => {},
      onWindow: () => {},
    });
    recorder.start();
    const settled = async () => {
      await writer.settled();
      await log.settled();
      await records.settled();
    };
    /** 70 s at 10 A, read every second, and the checkpoint after them. */
    const charge = async () => {
      for (let second = 0; second < 70; second += 1) {
        clock.advance(1_000);
        charged.in += 972;
        const telemetry = telemetryOf(10, charged);
        const time = micros(clock.now() * 1_000);
        const wire = { length: 64, tag: new Uint8Array(16) };
        const inner = encodeModuleMessage(telemetry);
        const pdu = { ...inner, ...wire, counter: charged.in, message: telemetry };
        recorder.telemetry(MODULE, { ...pdu, time, handshakeHash: SESSION });
      }
      await settled();
      clock.advance(10_000);
      await settled();
    };
    const stop = async () => {
      recorder.stop();
      recorder.closeEarly();
      await settled();
      await log.endEpoch("shutdown");
      await records.settled();
      await log.close();
    };
    onTestFinished(() => log.close().catch(() => {}));
    return { log, records, charge, settled, stop };
  };
  type Running = Awaited<ReturnType<typeof run>>;
  const kept = ({ log }: Running, page: number | "newest") => {
    const name = page === "newest" ? "ocmf" : `ocmf-${page}`;
    const record = log.store.readDocument(name);
    return record === undefined ? undefined : JSON.parse(verifyOcmf(record, publicKey));
  };
  return { ...made, publicKey, run, kept, asked, told };
}

describe("the pack's daily records", () => {
  it("are one a day, signed once each, when a window of a later day is under the head", async () => {
    const { run, kept, asked, clock, told, document } = await pack();
    const gateway = await run();
    await gateway.charge();
    await gateway.charge();
    expect(asked).toEqual([]);
    for (let day = 1; day <= 4; day += 1) {
      clock.jump(DAY);
      await gateway.charge();
      expect(asked.at(-1)).toBe(day);
      await gateway.charge();
    }
    expect(asked).toEqual([1, 2, 3, 4]);
    const records = [1, 2, 3, 4].map((page) => kept(gateway, page));
    expect(records.map(({ PG, WD }) => [PG, WD])).toEqual([
      ["F1", "2026-01-05"],
      ["F2", "2026-01-06"],
      ["F3", "2026-01-07"],
      ["F4", "2026-01-08"],
    ]);
    for (const [i, { RD, WP }] of records.entries()) {
      expect(RD[0].TM.endsWith(" S")).toBe(true);
      if (i === 0) continue;
      expect([RD[0].RV, RD[0].TM]).toEqual([records[i - 1].RD[2].RV, records[i - 1].RD[2].TM]);
      expect(WP.first).toBeGreaterThan(records[i - 1].WP.last);
    }
    // The registers are what the log's consistent intervals say up to the day's end.
    const { store } = gateway.log;
    const { last, root, size } = records[3].WP;
    const energy = [...store.entries(0, last)].map((bytes) => decodeEntry(bytes));
    const sum = energy.reduce(
      (mwh, entry) => (entry.type === "energy.interval" ? mwh + entry.body.in : mwh),
      0,
    );
    expect(Math.round(records[3].RD[2].RV * 1e6)).toBe(sum);
    expect(Buffer.from(store.root(size)).toString("hex")).toBe(root);
    expect(kept(gateway, "newest")).toEqual(records[3]);
    expect(kept(gateway, 5)).toBeUndefined();
    expect(recordsNeedFrom({ store, document, logger: silentLogger })).toBe(last + 1);
    expect(told).toEqual([]);
  });

  it("of the day of a shutdown wait for the next start, and go on from the newest record", async () => {
    const { run, kept, asked, clock } = await pack();
    const first = await run();
    await first.charge();
    clock.jump(DAY);
    await first.charge();
    await first.stop();
    expect(asked).toEqual([1]);

    clock.jump(3 * DAY);
    const second = await run();
    expect(asked).toEqual([1]);
    await second.charge();
    expect(asked).toEqual([1, 2]);
    expect(kept(second, 2)).toMatchObject({ PG: "F2", WD: "2026-01-06", GV: "test" });
    clock.jump(DAY);
    await second.charge();
    // Days on which nobody was there have no page.
    expect(kept(second, 3)).toMatchObject({ PG: "F3", WD: "2026-01-09" });
    expect(kept(second, 3).RD[0]).toEqual({ ...kept(second, 2).RD[2], EF: "" });
  });

  it("that a gateway could not make before it went are made at its next start, without a word from a module", async () => {
    const { run, kept, asked, clock, told } = await pack();
    const first = await run(() => Promise.reject(new Error("the signer is away")));
    await first.charge();
    clock.jump(DAY);
    await first.charge();
    await first.charge();
    clock.jump(DAY);
    await first.charge();
    await first.stop();
    expect(asked.every((page) => page === 1)).toBe(true);
    // Asked again after each checkpoint, told once.
    expect(asked.length).toBeGreaterThan(1);
    expect(told).toHaveLength(1);
    expect(told[0]).toMatch(/records.unsigned-day.*"page":1.*the signer is away/);

    const second = await run();
    await second.settled();
    expect(asked.slice(-2)).toEqual([1, 2]);
    expect([kept(second, 1).PG, kept(second, 2).PG, kept(second, "newest").PG]).toEqual([
      "F1",
      "F2",
      "F2",
    ]);
  });

  it("are asked for again when the signer was busy with a renewal", async () => {
    const { run, kept, asked, clock } = await pack();
    let away = true;
    const gateway = await run((day, signer) =>
      away ? Promise.reject(new LctKeysError("signer-closed", "closed")) : signer(day),
    );
    await gateway.charge();
    clock.jump(DAY);
    await gateway.charge();
    expect(kept(gateway, 1)).toBeUndefined();
    away = false;
    await gateway.charge();
    expect(kept(gateway, 1)).toMatchObject({ PG: "F1" });
    expect(new Set(asked)).toEqual(new Set([1]));
  });

  it("never say otherwise of a page that was signed: that day stays unsigned, and later ones do not wait for it", async () => {
    const { run, kept, clock, told, directory } = await pack();
    const gateway = await run((day, signer) =>
      signer(day.page === 1 ? { ...day, softwareVersion: "another" } : day),
    );
    await gateway.charge();
    clock.jump(DAY);
    await gateway.charge();
    await gateway.stop();
    const before = await run();
    const signed = before.log.store.readDocument("ocmf-1");
    await before.stop();
    // The page's record and the pointer are gone, as from a folder that was restored: the day is asked for once more.
    await unlink(join(directory, "ocmf-1"));
    await unlink(join(directory, "ocmf"));
    const after = await run();
    clock.jump(DAY);
    await after.charge();
    expect(told.filter((line) => line.includes('"final":true'))).toHaveLength(1);
    expect(kept(after, 1)).toBeUndefined();
    expect(kept(after, 2)).toMatchObject({ PG: "F2" });
    expect(signed).toContain('"GV":"another"');
  });

  it("come again, the same, where the newest is damaged", async () => {
    const { run, kept, clock, directory, told } = await pack();
    const first = await run();
    await first.charge();
    clock.jump(DAY);
    await first.charge();
    const record = first.log.store.readDocument("ocmf-1");
    await first.stop();
    for (const name of ["ocmf", "ocmf-1"]) {
      await writeFile(join(directory, name), record!.replace('"WD"', '"XD"'));
    }
    const second = await run();
    await second.settled();
    expect(told).toEqual([expect.stringMatching(/records.damaged.*not signed by this anchor/)]);
    expect(second.log.store.readDocument("ocmf-1")).toBe(record);
    expect(kept(second, "newest")).toMatchObject({ PG: "F1" });
  });

  it("come again where the newest is no text: a start does not stop at it", async () => {
    const { run, kept, clock, directory, told } = await pack();
    const first = await run();
    await first.charge();
    clock.jump(DAY);
    await first.charge();
    await first.stop();
    await writeFile(join(directory, "ocmf"), new Uint8Array([0x4f, 0xc3, 0x4d, 0x46]));
    const second = await run();
    await second.settled();
    expect(told).toEqual([expect.stringMatching(/records.damaged.*UTF-8/)]);
    expect(kept(second, "newest")).toMatchObject({ PG: "F1" });
  });

  it("do not go on from the anchor's word of another history", async () => {
    const { run, clock, told } = await pack();
    const root = new Uint8Array(32).fill(9);
    const first = await run((day, signer) => signer({ ...day, root }));
    await first.charge();
    clock.jump(DAY);
    await first.charge();
    await first.stop();
    const second = await run();
    await second.settled();
    expect(told[0]).toMatch(/records.damaged.*another tree/);
  });

  it.skipIf(!openssl)(
    "verify with openssl, which knows nothing of us (skipped: openssl is not installed)",
    async () => {
      const { run, clock, directory, root, publicKey } = await pack();
      const gateway = await run();
      await gateway.charge();
      clock.jump(DAY);
      await gateway.charge();
      const [, payload = "", signature = ""] = (
        gateway.log.store.readDocument("ocmf-1") ?? ""
      ).split("|");
      expect(directory).not.toBe(root);
      const file = (name: string) => join(root, name);
      await writeFile(file("key.der"), concatBytes(SPKI, publicKey));
      await writeFile(file("payload"), payload);
      await writeFile(file("changed"), payload.replace("F1", "F2"));
      await writeFile(file("signature"), fromHex(JSON.parse(signature).SD));
      const verify = (name: string) => {
        const key = ["-keyform", "DER", "-verify", file("key.der")];
        const args = ["dgst", "-sha256", ...key, "-signature", file("signature"), file(name)];
        return spawnSync(OPENSSL, args, { encoding: "utf8" }).stdout.trim();
      };
      expect(verify("payload")).toBe("Verified OK");
      expect(verify("changed")).toBe("Verification failure");
    },
  );
});
