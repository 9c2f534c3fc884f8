import { type Logger, lctId, millis, silentLogger } from "@wattseal/base";
import { encodeEntry, encodeOrder } from "@wattseal/energy-ledger";
import { describe, expect, it } from "vitest";
import { AUTHORITY, START } from "../fleet.fixture.js";
import { OrderRelay, Unsendable } from "./relay.js";

const PACK = lctId(`lct:pack:${"p".repeat(32)}`);
const ORDER = encodeOrder(
  {
    id: new Uint8Array(16),
    pack: PACK,
    what: { action: "isolate", body: {} },
    expires: millis(START + 60_000),
    chain: [],
  },
  AUTHORITY.publicKey,
  (bytes) => AUTHORITY.sign(bytes),
);

function relayOver(
  fleet: { readonly connected: boolean; readonly takes: boolean },
  stored: readonly Uint8Array[] = [],
) {
  const lines: string[] = [];
  const logger: Logger = { ...silentLogger, info: (event) => void lines.push(event) };
  const relay = new OrderRelay({
    fleet: {
      ready: Promise.resolve(),
      connected: fleet.connected,
      publish: () => fleet.takes,
      close: async () => {},
    },
    store: { pack: async () => undefined, leaves: async (_pack, from) => stored.slice(from) },
    logger,
  });
  return { relay, lines };
}

describe("an order on its way", () => {
  it("is said to be sent where it was", async () => {
    const { relay, lines } = relayOver({ connected: true, takes: true });
    expect(await relay.send(ORDER)).toMatchObject({ pack: PACK, from: 0 });
    expect(lines).toEqual(["federation.order-sent"]);
  });

  it.each([
    { connected: true, why: "does not keep up" },
    { connected: false, why: "is away" },
  ])("is not where the broker $why", async ({ connected, why }) => {
    const { relay, lines } = relayOver({ connected, takes: false });
    const sent = relay.send(ORDER);
    await expect(sent).rejects.toThrow(Unsendable);
    await expect(sent).rejects.toThrow(`the broker ${why}: nothing was sent`);
    expect(lines).toEqual([]);
  });
});

/** As a gateway enters a message of its order topic that it does not obey. */
const refusal = (detail: string) =>
  encodeEntry({
    type: "link.alarm",
    timeMs: millis(START),
    body: { module: undefined, slot: undefined, alarm: "order-refused", count: 1, detail },
  });

it("an order without an answer comes with the last refusal that the pack has entered since", async () => {
  const stored = ["rate", "expired", "key"].map(refusal);
  const { relay } = relayOver({ connected: true, takes: true }, stored);
  const standing = (from: number) =>
    relay.standing(PACK, new Uint8Array(16), { from, command: undefined });
  const unanswered = { from: 3, command: undefined, outcome: undefined };
  expect(await standing(1)).toEqual({ ...unanswered, refused: "key" });
  expect(await standing(3)).toEqual({ ...unanswered, refused: undefined });
});
