import { type Logger, lctId, millis, silentLogger } from "@wattseal/base";
import { encodeOrder } from "@wattseal/energy-ledger";
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

function relayOver(fleet: { readonly connected: boolean; readonly takes: boolean }) {
  const lines: string[] = [];
  const logger: Logger = { ...silentLogger, info: (event) => void lines.push(event) };
  const relay = new OrderRelay({
    fleet: {
      ready: Promise.resolve(),
      connected: fleet.connected,
      publish: () => fleet.takes,
      close: async () => {},
    },
    store: { pack: async () => undefined, leaves: async () => [] },
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
