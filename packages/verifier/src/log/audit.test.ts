import { decodeEntry, encodeEntry } from "@wattseal/energy-ledger";
import { formatVkey, leafHash } from "@wattseal/tlog";
import { describe, expect, it } from "vitest";
import { secretKey, TRUST, writtenPack } from "../pack.fixture.js";
import type { Trust } from "../trust/trust.js";
import { decodeTrust, encodeTrust } from "../trust/trust.js";
import { auditLog } from "./audit.js";
import { LogReplay } from "./replay.js";

type Key = ReturnType<typeof secretKey>;

const pack = writtenPack();
const checkpoint = pack.checkpoint();
const receipt = pack.receipt(checkpoint);
const source = { entries: pack.entries, checkpoint, receipts: [receipt] };

describe("an audit", () => {
  it("verifies a log from its first entry to its receipt, and totals it", async () => {
    const report = await auditLog(source, { trust: TRUST });
    expect(report.difference).toBeUndefined();
    expect(report).toMatchObject({
      verdict: "verified",
      entries: pack.size,
      signed: pack.size,
      witnessed: pack.size,
      receipts: { found: 1, judged: 1 },
      witnesses: ["federation.example"],
      authority: "Demo authority",
      lct: pack.document.lct,
      epochs: 2,
      epochStates: { software: 2 },
      energy: pack.replay.fold.totals,
      society: pack.replay.fold.summary(),
    });
    expect(report.society.atp).toBeGreaterThan(0);
    expect(report.energy.outMwh).toBeGreaterThan(0);
  });

  it("without trust says that the log agrees with itself, and no more", async () => {
    const report = await auditLog(source);
    expect(report).toMatchObject({
      verdict: "self-consistent only",
      witnessed: 0,
      signed: pack.size,
    });
    expect(report.authority).toBeUndefined();
  });

  it("reads entries as they arrive, tells progress, and counts an unsigned tail as unsigned", async () => {
    async function* arriving() {
      for (const bytes of pack.entries) yield await Promise.resolve(bytes);
    }
    const told: number[] = [];
    const early = pack.checkpoint(pack.size - 2);
    const report = await auditLog(
      { entries: arriving(), checkpoint: early },
      { trust: TRUST, progress: (entries) => void told.push(entries) },
    );
    expect(report).toMatchObject({
      verdict: "verified in part",
      signed: pack.size - 2,
      entries: pack.size,
    });
    expect(told.at(-1)).toBe(pack.size);
  });

  it("calls verified only what an accepted witness has seen to the end", async () => {
    const checkpoint = pack.checkpoint(pack.size);
    const unseen = await auditLog({ entries: pack.entries, checkpoint }, { trust: TRUST });
    expect(unseen).toMatchObject({ verdict: "verified in part", witnessed: 0 });
  });

  it("names the entry, for each one altered, missing, doubled or swapped", async () => {
    for (let index = 0; index < pack.size; index += 1) {
      const cut = pack.entries.toSpliced(index, 1);
      const twice = pack.entries.toSpliced(index, 0, pack.entries[index]!);
      for (const entries of [cut, twice]) {
        const { verdict, difference } = await auditLog({ ...source, entries }, { trust: TRUST });
        expect(verdict).toBe("refused");
        expect(difference?.reason).toMatch(/^(entry \d+|checkpoint|receipt)/);
      }
    }
  });

  it("finds any bit flipped in any entry", async () => {
    let named = 0;
    for (const [index, bytes] of pack.entries.entries()) {
      for (const bit of [3, 37, 8 * bytes.length - 1, 8 * (((bytes.length * 2) / 3) | 0)]) {
        const flipped = bytes.slice();
        flipped[bit >> 3]! ^= 1 << (bit & 7);
        const entries = pack.entries.with(index, flipped);
        const { verdict, difference } = await auditLog({ ...source, entries }, { trust: TRUST });
        expect(verdict).toBe("refused");
        if (difference?.index === index) named += 1;
      }
    }
    expect(named).toBeGreaterThan(pack.size);
  });

  it("says which entry changed an amount that still adds up by itself", async () => {
    const index = pack.entries.findIndex((bytes) => decodeEntry(bytes).type === "energy.window");
    const entry = decodeEntry(pack.entries[index]!);
    if (entry.type !== "energy.window") throw new Error("no window");
    const forged = encodeEntry({ ...entry, body: { ...entry.body, net: entry.body.net + 1 } });
    const { difference } = await auditLog({ ...source, entries: pack.entries.with(index, forged) });
    expect(difference).toMatchObject({ index, code: "entry" });
    expect(difference?.reason).toMatch(/energy.window.*net is/);
  });

  it("refuses heads of another log, size, root or key", async () => {
    const other = writtenPack();
    other.minute(7);
    const first = pack.checkpoint(5); // signed by the second epoch's key, which has not begun there
    for (const [head, code] of [
      [other.checkpoint(), "checkpoint"],
      [undefined, "checkpoint"],
      ["", "checkpoint"],
      [first, "checkpoint"],
      [checkpoint.replace(/\n[A-Za-z0-9+/=]{44}\n/, `\n${"A".repeat(43)}=\n`), "checkpoint"],
    ] as const) {
      const { verdict, difference } = await auditLog({ entries: pack.entries, checkpoint: head });
      expect(verdict).toBe("refused");
      expect(difference?.code).toBe(code);
    }
  });

  it("believes a receipt only of an accepted witness", async () => {
    const stranger = pack.receipt(checkpoint, undefined, "somebody.else");
    for (const note of [stranger, checkpoint]) {
      expect(await auditLog({ ...source, receipts: [note] }, { trust: TRUST })).toMatchObject({
        verdict: "verified in part",
        witnessed: 0,
        receipts: { found: 1, judged: 0 },
      });
      const receipts = [note, receipt];
      expect(await auditLog({ ...source, receipts }, { trust: TRUST })).toMatchObject({
        verdict: "verified",
        receipts: { found: 2, judged: 1 },
      });
    }
  });

  it("refuses a receipt that an accepted witness has wrongly signed, or that is of another head", async () => {
    const lines = receipt.trimEnd().split("\n");
    const broken = lines.at(-1)!.replace(/.{8}$/, "AAAAAAA=");
    const other = writtenPack();
    other.minute(7);
    for (const note of [`${[...lines.slice(0, -1), broken].join("\n")}\n`, other.receipt()]) {
      const receipts = [note];
      const { verdict, difference } = await auditLog({ ...source, receipts }, { trust: TRUST });
      expect(verdict).toBe("refused");
      expect(difference).toMatchObject({ code: "receipt" });
    }
  });

  it("takes for witnessed what a quorum has cosigned, each witness under any of its keys, and no more", async () => {
    const keys = ["a", "b", "b2", "c"].map((seed) => secretKey(seed));
    const [a, b, next, c] = keys as [Key, Key, Key, Key];
    const witnesses = [
      { name: "a.example", publicKeys: [a.publicKey] },
      { name: "b.example", publicKeys: [b.publicKey, next.publicKey] },
      { name: "c.example", publicKeys: [c.publicKey] },
    ];
    const early = pack.checkpoint(pack.size - 2);
    const audit = (quorum: number, receipts: readonly string[]) =>
      auditLog({ ...source, receipts }, { trust: { ...TRUST, witnesses, quorum } });
    const byA = pack.receipt(checkpoint, a, "a.example");
    const byB = pack.receipt(early, next, "b.example");
    const both = pack.receipt(pack.receipt(checkpoint, b, "b.example"), next, "b.example");
    expect(await audit(1, [byA, byB])).toMatchObject({ verdict: "verified", quorum: 1 });
    expect(await audit(2, [byA, byB])).toMatchObject({
      verdict: "verified in part",
      witnessed: pack.size - 2,
      witnesses: ["b.example", "a.example"],
    });
    expect(await audit(2, [both])).toMatchObject({ verdict: "verified in part", witnessed: 0 });
    expect(await audit(2, [byB, byA, both])).toMatchObject({ verdict: "verified", quorum: 2 });
    expect(await audit(3, [byB, byA, both])).toMatchObject({ witnessed: 0 });
    const byC = pack.receipt(byA, c, "c.example");
    expect(await audit(3, [byB, byC, both])).toMatchObject({ verdict: "verified", quorum: 3 });
    expect(await audit(2, [pack.receipt(byA, c, "a.example")])).toMatchObject({ witnessed: 0 });
  });

  it("believes only accepted authorities", async () => {
    const nobody = { ...TRUST, authorities: [{ name: "Other", publicKey: new Uint8Array(32) }] };
    const { verdict, difference } = await auditLog(source, { trust: nobody });
    expect(verdict).toBe("refused");
    expect(difference).toMatchObject({ index: 0, code: "entry" });
  });

  it("reports what the source throws as the source's", async () => {
    function* failing() {
      yield pack.entries[0]!;
      throw new Error("tile 3 is gone");
    }
    const { difference } = await auditLog({ entries: failing(), checkpoint });
    expect(difference).toEqual({ index: 1, code: "source", reason: "tile 3 is gone" });
  });
});

describe("a replay", () => {
  it("refuses an epoch that continues another tree, and is as it was", () => {
    const replay = new LogReplay(TRUST);
    for (const bytes of pack.entries) replay.append(bytes);
    const root = replay.root();
    const forged = writtenPack();
    const evidence = forged.evidence(3, pack.size, new Uint8Array(32));
    const entry = encodeEntry({ type: "epoch.begin", timeMs: pack.time, body: { evidence } });
    expect(() => replay.append(entry)).toThrow(
      expect.objectContaining({
        code: "entry",
        index: pack.size,
        message: expect.stringMatching(/continues a tree/),
      }),
    );
    expect(replay.size).toBe(pack.size);
    expect(replay.root()).toEqual(root);
    expect(replay.checkCheckpoint(checkpoint).size).toBe(pack.size);
  });

  it("tells who signs what comes next, before taking any of it", () => {
    const begins = pack.entries.findLastIndex((bytes) => decodeEntry(bytes).type === "epoch.begin");
    const replay = new LogReplay(TRUST);
    const leaves = pack.entries.map((bytes) => ({
      entry: decodeEntry(bytes),
      leafHash: leafHash(bytes),
    }));
    const whole = replay.chainAfter(leaves);
    expect(whole?.verifyCheckpoint(checkpoint).size).toBe(pack.size);
    expect([replay.size, replay.chain]).toEqual([0, undefined]);
    for (const leaf of leaves.slice(0, begins)) replay.take(leaf);
    const root = replay.root();
    expect(replay.chainAfter(leaves.slice(begins))?.epochs).toEqual(whole?.epochs);
    expect(replay.chain?.epochs).toHaveLength(1);
    expect(replay.root()).toEqual(root);
    expect(() => replay.chainAfter(leaves.slice(begins).reverse())).toThrow(/continues a tree/);
    for (const leaf of leaves.slice(begins)) replay.take(leaf);
    expect(replay.checkCheckpoint(checkpoint).size).toBe(pack.size);
    expect(new LogReplay(TRUST).chainAfter(leaves.slice(1))).toBeUndefined();
  });

  it("knows which key signs a tree of a size", () => {
    const begins = pack.entries.flatMap((bytes, index) =>
      decodeEntry(bytes).type === "epoch.begin" ? [index] : [],
    );
    const [first, second] = begins as [number, number];
    expect(pack.replay.keyAt(first)).toBeUndefined();
    expect(pack.replay.keyAt(second)).toEqual(pack.replay.keyAt(first + 1));
    expect(pack.replay.keyAt(second + 1)).not.toEqual(pack.replay.keyAt(second));
  });
});

const twice = <T>(item: T) => [item, item];
const shared = (publicKey: Uint8Array, ...names: readonly string[]) =>
  names.map((name) => ({ name, keys: [formatVkey({ name, publicKey, type: "cosignature" })] }));

describe("a trust file", () => {
  it("is readable text that decodes to what it says", () => {
    const bytes = encodeTrust(TRUST);
    expect(decodeTrust(bytes)).toEqual(TRUST);
    expect(JSON.parse(new TextDecoder().decode(bytes))).toMatchObject({
      format: "wattseal-trust-1",
    });
  });

  const keyOf = (seed: string) => secretKey(seed).publicKey;
  const witnesses = [
    { name: "a.example", publicKeys: [keyOf("a"), keyOf("next")] },
    { name: "b.example", publicKeys: [keyOf("b")] },
  ];
  const quorum = { ...TRUST, witnesses, quorum: 2 };

  it("names several keys a witness and a quorum in its second form, and only where it has to", () => {
    const text = (trust: Trust) => new TextDecoder().decode(encodeTrust(trust));
    expect(decodeTrust(encodeTrust(quorum))).toEqual(quorum);
    expect(JSON.parse(text(quorum))).toMatchObject({
      format: "wattseal-trust-2",
      witnesses: [{ name: "a.example", keys: [expect.any(String), expect.any(String)] }, {}],
      quorum: 2,
    });
    expect(text({ ...quorum, quorum: 1 })).toContain("wattseal-trust-2");
    const plain = { ...quorum, witnesses: witnesses.slice(1), quorum: 1 };
    expect(text(plain)).toContain("wattseal-trust-1");
  });

  it("of the first form takes keys of one name for one witness's", () => {
    const keys = witnesses.flatMap(({ name, publicKeys }) =>
      publicKeys.map((publicKey) => formatVkey({ name, publicKey, type: "cosignature" })),
    );
    const file = JSON.stringify({ ...valid(), witnesses: [...keys, keys[0]] });
    expect(decodeTrust(new TextEncoder().encode(file))).toEqual({ ...quorum, quorum: 1 });
  });

  const second = () => JSON.parse(new TextDecoder().decode(encodeTrust(quorum)));
  const valid = () => JSON.parse(new TextDecoder().decode(encodeTrust(TRUST)));
  it.each([
    ["no JSON", "{", /not JSON/],
    ["a list", [], /not an object/],
    ["another format", { ...valid(), format: "x" }, /format/],
    ["an unknown key", { ...valid(), note: 1 }, /unknown key "note"/],
    ["no witnesses key", { format: "wattseal-trust-1", authorities: [] }, /no witnesses/],
    ["an authority without a name", { ...valid(), authorities: [{ ed25519: "" }] }, /authority 0/],
    ["a short key", { ...valid(), authorities: [{ name: "a", ed25519: "AAAA" }] }, /3 bytes/],
    ["a quorum in the first form", { ...valid(), quorum: 1 }, /unknown key "quorum"/],
    ["no quorum in the second", { ...second(), quorum: undefined }, /no quorum/],
    ["a quorum of nobody", { ...second(), quorum: 0 }, /quorum is not a number from 1 to/],
    ["a quorum of more than there are", { ...second(), quorum: 3 }, /from 1 to .*2$/],
    ["half a quorum", { ...second(), quorum: 1.5 }, /quorum/],
    ["no witness for its quorum", { ...second(), witnesses: [] }, /quorum/],
    ["a witness twice", { ...second(), witnesses: twice(second().witnesses[0]) }, /named twice/],
    [
      "one key under two names",
      { ...second(), witnesses: shared(keyOf("a"), "a.example", "c.example") },
      /key of a.example is named again under c.example/,
    ],
    [
      "a key of another name",
      { ...second(), witnesses: [{ ...second().witnesses[0], name: "c" }, {}] },
      /of a.example, not of c/,
    ],
    ["a witness without a key", { ...second(), witnesses: [{ name: "a", keys: [] }] }, /no key/],
    ["a vkey for a witness", { ...second(), witnesses: valid().witnesses }, /not an object/],
    ["a checkpoint key as a witness", { ...valid(), witnesses: ["x"] }, /witness 0/],
  ])("with %s is refused", (_, content, reason) => {
    const text = typeof content === "string" ? content : JSON.stringify(content);
    expect(() => decodeTrust(new TextEncoder().encode(text))).toThrow(reason);
  });
});
