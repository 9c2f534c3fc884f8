/** What a copy of a log has to be before it may take the log's place. */
import { join } from "node:path";
import { Ed25519SecretKey } from "@wattseal/lct-keys";
import { cosign, formatCheckpoint, signNote, unverifiedCheckpoint } from "@wattseal/tlog";
import { LogStore } from "@wattseal/tlog/store";
import { describe, expect, it, onTestFinished } from "vitest";
import { makePack } from "../pack.fixture.js";
import { receiptDocument } from "./receipts.js";
import { CopyBehind, fetchLog, judgeCopy, type KnownHead, type OfferedLog } from "./restore.js";

const key = Ed25519SecretKey.generate({ bytes: (length) => new Uint8Array(length).fill(7) });
const WITNESS = { name: "federation.example", publicKeys: [key.publicKey] };
const ENTRIES = 600;

const signer = {
  name: WITNESS.name,
  publicKey: key.publicKey,
  sign: (bytes: Uint8Array) => key.sign(bytes),
};

/** A log that a federation has whole, with an earlier head of it. */
async function witnessedLog() {
  const pack = await makePack(onTestFinished);
  const log = await pack.openLog();
  await pack.begin(log);
  await log.flush();
  const early = log.store.head!.note;
  const alarm = { module: undefined, slot: undefined, alarm: "test", count: 1, detail: "" };
  for (let i = 0; i < ENTRIES; i += 1) await log.append({ type: "link.alarm", body: alarm });
  await log.endEpoch("shutdown");
  const entries = [...log.store.entries()].map((entry) => entry.slice());
  const receipt = cosign(log.store.head!.note, { ...signer, time: 1_760_000_100 });
  await log.close();
  const trust = { ...pack.trust, witnesses: [WITNESS] };
  const directory = join(pack.root, "log.restoring");
  const offer = (given: readonly Uint8Array[] = entries): OfferedLog => ({
    receipt,
    size: entries.length,
    async *entries(from) {
      for (let at = from; at < given.length; at += 256) yield given.slice(at, at + 256);
    },
  });
  const fetch = (offered = offer()) => fetchLog({ directory, offered, destinations: [WITNESS] });
  const judge = (...heads: readonly KnownHead[]) =>
    judgeCopy({ directory, document: pack.document, trust, heads });
  return { ...pack, entries, receipt, early, directory, offer, fetch, judge };
}

const where = "the old folder";

/** A head of this origin, whoever signed it. */
function headOf(origin: string, size: number, fill: number): KnownHead {
  const text = formatCheckpoint({ origin, size, root: new Uint8Array(32).fill(fill) });
  return { where, note: signNote(text, { ...signer, name: origin }) };
}

describe("a copy from a federation", () => {
  it("is the log, byte for byte, with its head and its receipt, and ends its epoch", async () => {
    const { fetch, judge, directory, entries, receipt, early } = await witnessedLog();
    await fetch();
    const judged = await judge({ where, note: receipt }, { where, note: early });
    expect(judged).toMatchObject({ size: entries.length, closed: true });
    expect(judged.report).toMatchObject({ verdict: "verified", witnessed: entries.length });
    expect(judged.log).toMatchObject({ lastCounter: 1, bootVersion: 0 });
    const copy = await LogStore.openReadOnly({ directory });
    expect([...copy.entries()].map((entry) => entry.slice())).toEqual(entries);
    expect(copy.readDocument(receiptDocument(WITNESS.name, key.publicKey))).toBe(receipt);
    expect(unverifiedCheckpoint(copy.head!.note).size).toBe(entries.length);
  });

  it("goes on where fetching it was cut", async () => {
    const { fetch, judge, offer, entries } = await witnessedLog();
    const asked: number[] = [];
    const cut = {
      ...offer(),
      async *entries(from: number) {
        asked.push(from);
        yield entries.slice(from, from + 256);
        throw new Error("cut");
      },
    };
    await expect(fetch(cut)).rejects.toThrow("cut");
    await expect(fetch(cut)).rejects.toThrow("cut");
    expect(asked).toEqual([0, 256]);
    await fetch();
    expect((await judge()).report.verdict).toBe("verified");
  });

  it("is refused where an entry is another than was signed", async () => {
    const { fetch, judge, offer, entries } = await witnessedLog();
    const altered = entries.map((entry, i) => (i === 300 ? entries[1]! : entry));
    await expect(fetch(offer(altered))).rejects.toThrow(/head/);
    await expect(judge()).rejects.toThrow();
  });

  it("is refused as another pack's", async () => {
    const { fetch, directory, trust } = await witnessedLog();
    const other = await makePack(onTestFinished);
    await fetch();
    const judged = judgeCopy({ directory, document: other.document, trust, heads: [] });
    await expect(judged).rejects.toMatchObject({ code: "other-pack" });
  });
});

describe("a head that is known of", () => {
  it("beyond the copy refuses it, and names what is missing", async () => {
    const { fetch, judge, entries, document } = await witnessedLog();
    await fetch();
    const beyond = headOf(document.origin, entries.length + 3, 1);
    const refused = await judge(beyond).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(CopyBehind);
    expect(refused).toMatchObject({
      code: "copy-behind",
      from: entries.length,
      to: entries.length + 3,
    });
  });

  it("with another root refuses the copy as a fork", async () => {
    const { fetch, judge, document } = await witnessedLog();
    await fetch();
    const refused = judge(headOf(document.origin, 300, 1));
    await expect(refused).rejects.toMatchObject({ code: "copy-forked" });
  });

  it("of another log says nothing, and what is no head refuses", async () => {
    const { fetch, judge } = await witnessedLog();
    await fetch();
    await judge(headOf(`wattseal/${"a".repeat(32)}`, 10_000, 1));
    await expect(judge({ where, note: "?" })).rejects.toMatchObject({ code: "copy-refused" });
  });
});
