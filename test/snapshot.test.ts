// The state of a log as bytes: what is restored from them is the log, whatever its history and wherever it is cut.
import { encodeCbor, millis, sha256 } from "@wattseal/base";
import { SNAPSHOT_SPACING } from "@wattseal/energy-ledger";
import { decodeTrust, LogReplay, VerifierError } from "@wattseal/verifier";
import * as cborg from "cborg";
import { describe, expect, it } from "vitest";
import { historyOf } from "./support/histories.js";
import { bytesOf, fieldsOf, KeyedLog, listOf, TRUST_FILE } from "./support/keyed-log.js";
import { Random } from "./support/random.js";
import { tpmHistoryOf } from "./support/tpm-histories.js";

const trust = decodeTrust(TRUST_FILE);
const SEEDS = Array.from({ length: 40 }, (_, seed) => seed);

function replayed(entries: readonly Uint8Array[], from = new LogReplay(trust)): LogReplay {
  for (const entry of entries) from.append(entry);
  return from;
}

/** Everything that a log's user can ask. */
function seen({ fold, chain, size }: LogReplay, sizes: readonly number[]) {
  const { society } = fold;
  return {
    size,
    summary: fold.summary(),
    totals: fold.totals,
    epoch: fold.epoch,
    lct: fold.lct,
    synchronised: fold.synchronised,
    time: fold.time,
    tickets: society.tickets(),
    policy: society.policy,
    opened: society.opened,
    due: society.dueEntry(millis(fold.time + 20 * 86_400_000)),
    window: fold.nextWindow(millis(fold.time + 60_000)),
    modules: fold
      .pairedModules()
      .toSorted()
      .map((uid) => [uid, fold.moduleEnd(uid), fold.pairing(uid)]),
    keys: sizes.map((at) => chain?.at(at)?.publicKey),
    states: chain?.epochs.map(({ state, bootVersion }) => [state, bootVersion]),
  };
}

/** With a byte of it changed, and now and then cut. */
function altered(bytes: Uint8Array, random: Random): Uint8Array {
  const kept = random.below(12) === 0 ? 1 + random.below(bytes.length - 1) : bytes.length;
  const changed = bytes.slice(0, kept);
  const at = random.below(kept);
  changed[at] = (changed[at] ?? 0) ^ random.of([1, 2, 4, 8, 16, 32, 64, 128, 255]);
  return changed;
}

/** What is some other state has these very bytes: then the digest tells it from the log's. */
function refusesOrIs(bytes: Uint8Array): void {
  let restored: LogReplay;
  try {
    restored = LogReplay.fromSnapshot(bytes, trust);
  } catch (error) {
    expect(error).toBeInstanceOf(VerifierError);
    expect(error).toMatchObject({ code: "snapshot" });
    return;
  }
  expect(restored.snapshot()).toEqual(bytes);
}

describe("a log's snapshot", () => {
  const histories = [
    ...SEEDS.map((seed) => ["history", seed, () => historyOf(seed, 30)] as const),
    ...SEEDS.slice(0, 8).map((seed) => ["TPM's", seed, () => tpmHistoryOf(seed, 30)] as const),
  ];
  it.each(histories)("restores to the log itself, cut at random (%s %i)", (_, seed, made) => {
    const random = new Random(seed);
    const { entries, replay } = made();
    for (let cuts = 0; cuts < 4; cuts += 1) {
      const at = 2 + random.below(entries.length - 1);
      const bytes = replayed(entries.slice(0, at)).snapshot();
      const restored = LogReplay.fromSnapshot(bytes, trust);
      expect(restored.snapshot()).toEqual(bytes);
      replayed(entries.slice(at), restored);
      expect(restored.snapshot()).toEqual(replay.snapshot());
      const sizes = [1, 2, at - 1, at, at + 1, entries.length];
      expect(seen(restored, sizes)).toEqual(seen(replay, sizes));
      expect(restored.root()).toEqual(replay.root());
    }
  });

  it("keeps its sums and queues through a snapshot at every entry", () => {
    const { entries, replay } = historyOf(9, 12);
    let restored = replayed(entries.slice(0, 2));
    for (const entry of entries.slice(2)) {
      restored = LogReplay.fromSnapshot(restored.snapshot(), trust);
      restored.append(entry);
    }
    expect(restored.snapshot()).toEqual(replay.snapshot());
  });

  it("is the array that docs/ledger-format.md lays down", () => {
    const log = new KeyedLog();
    const [module, keys] = [
      Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
      [9, 8].map((byte) => new Uint8Array(32).fill(byte)),
    ];
    log.put("link.paired", [module, 3, 1, ...keys, 5_000]);
    log.put("energy.reconcile", ["opening", 70, ""]);
    const [document, begin] = log.entries
      .slice(0, 2)
      .map((entry) => bytesOf(listOf(fieldsOf(entry)[3])[0]));
    expect(cborg.decode(log.replay.snapshot())).toEqual([
      "wattseal-snapshot-1",
      5,
      log.replay.frontier.nodes().map((node) => Uint8Array.from(node)),
      Uint8Array.from(document!),
      [Uint8Array.from(begin!)],
      [
        log.now,
        1,
        0,
        0,
        [0, 0, 0, 0, 0],
        [[module, [3, 1, ...keys, 5_000], [], []]],
        [[], 0, 0, [], []],
        [[], 0, [], 0],
        [1, [0, 0, 0, 70, 0, 70, 0, 0, 0, [], [], []], [[], 0, [], [[], 0]]],
      ],
    ]);
  });

  it("is refused, with one error, wherever it is altered, cut or lengthened", () => {
    const random = new Random(4);
    for (const seed of SEEDS.slice(0, 12)) {
      const bytes = historyOf(seed, 20).replay.snapshot();
      for (let i = 0; i < 120; i += 1) refusesOrIs(altered(bytes, random));
      expect(() => LogReplay.fromSnapshot(Buffer.concat([bytes, Buffer.of(0x80)]), trust)).toThrow(
        /stray/,
      );
    }
  });

  it("is refused where nobody accepted issued its document, or its anchor signed no such epoch", () => {
    const bytes = historyOf(1, 2).replay.snapshot();
    const stranger = { authorities: [{ publicKey: new Uint8Array(32).fill(3) }] };
    expect(() => LogReplay.fromSnapshot(bytes, stranger)).toThrow(/not a trusted authority/);
    const [evidence] = LogReplay.fromSnapshot(bytes, trust).chain!.save();
    const at = Buffer.from(bytes).indexOf(Buffer.from(evidence!));
    const forged = bytes.slice();
    const last = at + evidence!.length - 3;
    forged[last] = (forged[last] ?? 0) ^ 1;
    expect(() => LogReplay.fromSnapshot(forged, trust)).toThrow(/not signed by the anchor/);
  });
});

describe("ops.snapshot", () => {
  const full = () => {
    const log = new KeyedLog();
    while (log.entries.length < SNAPSHOT_SPACING) log.put("ops.config", ["x", new Uint8Array(32)]);
    return log;
  };

  it("states the digest of everything before it", () => {
    const log = full();
    const digest = sha256(log.replay.snapshot());
    const wrong = digest.with(31, (digest[31] ?? 0) ^ 1);
    expect(() => log.put("ops.snapshot", [wrong])).toThrow(/entry 1024 .*digest/);
    log.put("ops.snapshot", [digest]);
    expect(log.fold.lastSnapshot).toBe(SNAPSHOT_SPACING);
    expect(() => log.put("ops.snapshot", [sha256(log.replay.snapshot())])).toThrow(
      /before entry 2048/,
    );
  });

  it("is judged by a restored log too", () => {
    const log = full();
    const restored = LogReplay.fromSnapshot(log.replay.snapshot(), trust);
    const entry = encodeCbor([1, "ops.snapshot", log.now, [sha256(log.replay.snapshot())]]);
    restored.append(entry);
    log.add(entry);
    expect(restored.snapshot()).toEqual(log.replay.snapshot());
  });
});
