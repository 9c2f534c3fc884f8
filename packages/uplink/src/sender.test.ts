import { millis, utf8 } from "@wattseal/base";
import type { Frontier } from "@wattseal/tlog";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkBatch, checkResponse } from "./check.js";
import { ORIGIN, SignedLog } from "./log.fixture.js";
import { PendingCheckpoints } from "./pending.js";
import { takeResponse } from "./respond.js";
import { type SenderEffect, type SenderEvent, UplinkSender } from "./sender.js";

const log = SignedLog.of(4000);

async function setup(sizes: readonly number[], witnessed = 0, base = 0) {
  const { pending } = PendingCheckpoints.load({
    origin: ORIGIN,
    stored: undefined,
    witnessed: base,
    log,
    save: async () => {},
  });
  let from = base;
  for (const size of sizes) {
    await pending.add(log.pending(from, size));
    from = size;
  }
  const sender = new UplinkSender({
    witnessed,
    pending,
    window: 3,
    retryMs: 1000,
    maxRetryMs: 8000,
  });
  let now = 0;
  /** The effects of an event; the broker acknowledges each at once. */
  const at = (time: number, event: SenderEvent) => {
    now = Math.max(now, time);
    return brief(acknowledged(sender, event, now));
  };
  const status = () => sender.status(millis(now));
  return { sender, pending, at, status };
}

function acknowledged(sender: UplinkSender, event: SenderEvent, now: number): SenderEffect[] {
  const effects = [...sender.handle(event, millis(now))];
  for (const { kind } of effects) {
    if (kind === "alarm") continue;
    effects.push(...sender.handle({ kind: "acknowledged" }, millis(now)));
  }
  return effects;
}

function brief(effects: readonly SenderEffect[]): string[] {
  return effects.map(briefly);
}

function briefly(effect: SenderEffect): string {
  switch (effect.kind) {
    case "head":
      return `head ${effect.note.split("\n")[1]}`;
    case "batch":
      return `${effect.from}-${effect.to}`;
    case "response":
      return `response ${effect.id} ${effect.from}`;
    case "alarm":
      return effect.code;
  }
}

const witnessed = (size: number): SenderEvent => ({ kind: "witnessed", size });
const request = (from: number): SenderEvent => ({ kind: "request", request: { id: 5, from } });

describe("UplinkSender", () => {
  it("says nothing while disconnected, whatever happens", async () => {
    const { sender, at, status } = await setup([256, 512]);
    for (const event of [
      { kind: "signed" },
      { kind: "tick" },
      request(0),
      { kind: "disconnected" },
      witnessed(256),
    ] as const) {
      expect(at(0, event)).toEqual([]);
    }
    expect(sender.deadline).toBeUndefined();
    expect(status()).toEqual({
      connected: false,
      witnessed: 256,
      published: 256,
      inFlight: 0,
      behind: 256,
      lagMs: 0,
      stalled: false,
    });
  });

  it("publishes the newest head first, then history in order, a window of it", async () => {
    const { at } = await setup([256, 512, 768, 1024, 1280]);
    expect(at(0, { kind: "connected" })).toEqual(["head 1280", "0-256", "256-512", "512-768"]);
    expect(at(1, witnessed(256))).toEqual(["768-1024"]);
    expect(at(2, witnessed(768))).toEqual(["1024-1280"]);
  });

  it("publishes each new head at once even when history fills the window", async () => {
    const { at, pending } = await setup([256, 512, 768, 1024]);
    at(0, { kind: "connected" });
    await pending.add(log.pending(1024, 1300));
    expect(at(1, { kind: "signed" })).toEqual(["head 1300"]);
    await pending.add(log.pending(1300, 1400));
  });

  it("carries several small checkpoints in one batch", async () => {
    const { at } = await setup([10, 20, 30, 270, 286]);
    expect(at(0, { kind: "connected" })).toEqual(["head 286", "0-30", "30-286"]);
  });

  it("starts again from what is witnessed when no receipt comes, ever more patiently", async () => {
    const { sender, at } = await setup([256, 512]);
    expect(at(0, { kind: "connected" })).toEqual(["head 512", "0-256", "256-512"]);
    expect(sender.deadline).toBe(1000);
    expect(at(999, { kind: "tick" })).toEqual([]);
    expect(at(1000, { kind: "tick" })).toEqual(["head 512", "0-256"]);
    expect(sender.deadline).toBe(3000);
    expect(at(3000, { kind: "tick" })).toHaveLength(2);
    expect(sender.deadline).toBe(7000);
    expect(at(7000, { kind: "tick" })).toHaveLength(2);
    expect(sender.deadline).toBe(15_000);
    expect(at(15_000, { kind: "tick" })).toHaveLength(2);
    expect(sender.deadline).toBe(23_000);
    expect(at(16_000, witnessed(256))).toEqual(["256-512"]);
    expect(sender.deadline).toBe(17_000);
    at(16_000, witnessed(512));
    expect(sender.deadline).toBeUndefined();
  });

  it("repeats less each time that a connection breaks before a receipt, and opens the window again with receipts", async () => {
    const { at } = await setup([256, 512, 768, 1024, 1280, 1536]);
    const again = (time: number) => {
      at(time, { kind: "disconnected" });
      return at(time, { kind: "connected" });
    };
    expect(at(0, { kind: "connected" })).toHaveLength(4);
    expect(again(1)).toEqual(["head 1536", "0-256"]);
    expect(again(2)).toEqual(["head 1536", "0-256"]);
    expect(at(3, witnessed(256))).toEqual(["256-512", "512-768"]);
    expect(at(4, witnessed(512))).toEqual(["768-1024", "1024-1280"]);
    at(5, witnessed(1536));
    // one that breaks while nothing is under way says nothing about the link
    expect(again(6)).toEqual(["head 1536"]);
    expect(again(7)).toEqual(["head 1536"]);
    expect(at(8, request(0))).toHaveLength(3);
  });

  it("forgets what was in flight when the connection goes, and never what was witnessed", async () => {
    const { at, status } = await setup([256, 512, 768]);
    at(0, { kind: "connected" });
    at(1, witnessed(256));
    at(2, { kind: "disconnected" });
    expect(status().inFlight).toBe(0);
    expect(at(3, { kind: "connected" })).toEqual(["head 768", "256-512"]);
    expect(at(4, witnessed(256))).toEqual([]);
    expect(at(4, witnessed(100))).toEqual([]);
    expect(status().witnessed).toBe(256);
  });

  it("goes back to where a request asks, and does not lower the cursor for it", async () => {
    const { at, status } = await setup([256, 512, 768]);
    at(0, { kind: "connected" });
    expect(at(100, request(256))).toEqual(["256-512", "512-768"]);
    expect(at(200, request(300))).toEqual(["300-512", "512-768"]);
    expect(at(300, request(768))).toEqual([]);
    expect(status().witnessed).toBe(0);
  });

  it("answers for leaves below its checkpoints with a response, and alarms at sizes never signed", async () => {
    const { at } = await setup([3000, 3200], 2900, 2900);
    at(0, { kind: "connected" });
    expect(at(100, request(0))).toEqual(["response 5 0"]);
    expect(at(200, request(2899))).toEqual(["response 5 2899"]);
    expect(at(300, request(2900))).toEqual(["2900-3000", "3000-3200"]);
    expect(at(400, request(3201))).toEqual(["federation-ahead"]);
  });

  it("goes on from the receipt that ends the responses", async () => {
    const { at, pending } = await setup([3000], 3000, 2900);
    expect(at(0, { kind: "connected" })).toEqual(["head 3000"]);
    expect(at(1, request(2800))).toEqual(["response 5 2800"]);
    expect(at(2, witnessed(3000))).toEqual([]);
    await pending.add(log.pending(3000, 3100));
    expect(at(3, { kind: "signed" })).toEqual(["head 3100", "3000-3100"]);
  });

  it("answers requests at intervals: of those that come meanwhile, the last one", async () => {
    const { at, sender } = await setup([3000], 2900, 2900);
    at(0, { kind: "connected" });
    expect(at(10, request(0))).toEqual(["response 5 0"]);
    for (let from = 1; from < 50; from += 1) expect(at(10 + from, request(from))).toEqual([]);
    expect(sender.deadline).toBe(110);
    expect(at(110, { kind: "tick" })).toEqual(["response 5 49"]);
    expect(at(120, request(10))).toEqual([]);
    at(130, { kind: "disconnected" });
    expect(at(140, { kind: "connected" })).toEqual(["head 3000", "2900-3000"]);
    expect(sender.deadline).toBe(1140);
  });

  it("makes a pack hold no more than two windows of messages, whatever a broker asks and does not acknowledge", async () => {
    const { sender, pending } = await setup([3000], 2900, 2900);
    const now = { ms: 0 };
    const tell = (event: SenderEvent) => sender.handle(event, millis(now.ms));
    let held = tell({ kind: "connected" }).length;
    for (let i = 0; i < 40_000; i += 1) {
      now.ms += 100;
      const { size } = pending.newest!;
      if (i % 2000 === 0) await pending.add(log.pending(size, size + 1));
      const event = [{ kind: "signed" }, request(i % 2900), { kind: "tick" }] as const;
      for (const each of event) held += tell(each).filter(({ kind }) => kind !== "alarm").length;
      if (i % 777 === 0) {
        tell({ kind: "disconnected" });
        held += tell({ kind: "connected" }).length;
      }
    }
    expect(held).toBe(6);
    expect(sender.deadline ?? now.ms + 1).toBeGreaterThan(now.ms); // nothing turns in circles
    const after: string[] = [];
    for (; held > 0; held -= 1) after.push(...brief(tell({ kind: "acknowledged" })));
    expect(after).toContain("head 3020");
    expect(after.some((effect) => effect.startsWith("response"))).toBe(true);
  });

  it("says when receipts stop, once, and what they owe", async () => {
    const { at, sender, status } = await setup([256, 512]);
    at(0, { kind: "connected" });
    at(20_000, witnessed(256));
    expect(status()).toMatchObject({ lagMs: 0, stalled: false });
    const alarms: number[] = [];
    for (let now = 20_000; now < 600_000; now = sender.deadline ?? 600_000) {
      if (at(now, { kind: "tick" }).includes("receipts-stopped")) alarms.push(now);
    }
    expect(alarms).toEqual([80_001]);
    at(600_000, witnessed(256));
    expect(status()).toMatchObject({ behind: 256, lagMs: 580_000, stalled: true });
    at(600_001, witnessed(512));
    expect(status()).toMatchObject({ behind: 0, lagMs: 0, stalled: false });
    expect(sender.deadline).toBeUndefined();
    at(700_000, { kind: "disconnected" });
    at(900_000, { kind: "connected" });
    expect(status()).toMatchObject({ lagMs: 0, stalled: false });
  });

  it("does not take it for a stop when a log is fetched in parts, a request for each", async () => {
    const { at, status } = await setup([4000], 3999, 3999);
    at(0, { kind: "connected" });
    for (let i = 1; i < 10; i += 1) {
      expect(at(50_000 * i, request(100 * i))).toEqual([`response 5 ${100 * i}`]);
      expect(status().stalled).toBe(false);
    }
  });

  it("gives a late destination the whole log over batches and responses, whatever is lost on the way", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 12 }),
        fc.infiniteStream(fc.integer({ min: 0, max: 9 })),
        fc.boolean(),
        async (steps, luck, late) => {
          let size = 0;
          const sizes = steps
            .map((step) => (size = Math.min(4000, size + step)))
            .filter((s, i, all) => s !== all[i - 1]);
          const base = late && sizes.length > 1 ? sizes[0]! : 0;
          const { sender, pending } = await setup(
            sizes.filter((s) => s > base),
            0,
            base,
          );
          expect(simulate(sender, pending, luck)).toBe(sizes.at(-1));
        },
      ),
      { numRuns: 60 },
    );
  });
});

/** What the receiver's log becomes by a message; whether a receipt is due. */
function receive(
  effect: SenderEffect,
  frontier: Frontier,
): { frontier: Frontier; receipt: boolean } {
  if (effect.kind === "response" && effect.from === frontier.size) {
    const response = takeResponse(log, effect);
    return { frontier: checkResponse(response, ORIGIN, frontier).frontier, receipt: false };
  }
  if (effect.kind !== "batch" || effect.from > frontier.size || effect.to <= frontier.size) {
    return { frontier, receipt: false };
  }
  const leaves = log.entries.slice(frontier.size, effect.to);
  const batch = { origin: ORIGIN, prevSize: frontier.size, leaves, checkpoint: effect.note };
  return { frontier: checkBatch(batch, frontier).frontier, receipt: true };
}

/** A link that loses three of ten messages either way; returns what the receiver has after a while. */
function simulate(
  sender: UplinkSender,
  pending: PendingCheckpoints,
  luck: Iterator<number>,
): number {
  let frontier = log.frontier(0);
  let now = 0;
  const goal = pending.newest?.size ?? 0;
  const isLost = () => luck.next().value < 3;
  const queue: SenderEffect[] = [];
  const tell = (event: SenderEvent) => queue.push(...acknowledged(sender, event, now));
  /** Nothing under way: the receiver asks for what it lacks, or repeats its receipt. */
  const idle = () => {
    if (frontier.size < goal) tell({ kind: "request", request: { id: 1, from: frontier.size } });
    else tell({ kind: "witnessed", size: goal });
    now = Math.max(now, sender.deadline ?? 0);
    tell({ kind: "tick" });
  };
  tell({ kind: "connected" });
  for (let turn = 0; turn < 2000 && sender.status(millis(now)).witnessed < goal; turn += 1) {
    now += 100;
    const effect = queue.shift();
    if (effect === undefined) idle();
    else if (!isLost()) {
      const received = receive(effect, frontier);
      frontier = received.frontier;
      if (received.receipt && !isLost()) tell({ kind: "witnessed", size: frontier.size });
    }
  }
  return frontier.size;
}

it("a checkpoint beyond a batch's bounds waits for the request that fetches it in parts", async () => {
  const big = new SignedLog(log.signer);
  big.append(...Array.from({ length: 40 }, (_, i) => utf8(`${i}`.repeat(4000))));
  const { pending } = PendingCheckpoints.load({
    origin: ORIGIN,
    stored: undefined,
    witnessed: 0,
    log: big,
    save: async () => {},
  });
  await pending.add(big.pending(0, 40));
  const sender = new UplinkSender({ witnessed: 0, pending });
  expect(brief(sender.handle({ kind: "connected" }, millis(0)))).toEqual(["head 40"]);
  let frontier = big.frontier(0);
  for (let turns = 0; frontier.size < 40; turns += 1) {
    expect(turns).toBeLessThan(20);
    const event = { kind: "request", request: { id: 1, from: frontier.size } } as const;
    const [effect] = acknowledged(sender, event, 100 * turns);
    if (effect?.kind !== "response") break;
    frontier = checkResponse(takeResponse(big, effect), ORIGIN, frontier).frontier;
  }
  expect(frontier.size).toBe(40);
});
