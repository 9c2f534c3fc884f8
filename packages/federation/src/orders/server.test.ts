import { join } from "node:path";
import { type Logger, lctId, silentLogger } from "@wattseal/base";
import { expect, it, onTestFinished } from "vitest";
import { temporaryDirectory } from "../fleet.fixture.js";
import { OrdersClient } from "./client.js";
import { OrderRelay } from "./relay.js";
import { serveOrders } from "./server.js";

const PACK = lctId(`lct:pack:${"p".repeat(32)}`);

it("of two workers in one folder the first serves, the second says so, and its socket is taken once it has gone", async () => {
  const directory = temporaryDirectory();
  onTestFinished(directory.remove);
  const socket = join(directory.path, "orders.sock");
  const lines: string[] = [];
  const logger: Logger = { ...silentLogger, info: (event) => void lines.push(event) };
  const relay = new OrderRelay({
    fleet: {
      ready: Promise.resolve(),
      connected: true,
      publish: () => true,
      close: async () => {},
    },
    store: { pack: async () => undefined, leaves: async () => [] },
    logger,
  });
  const first = await serveOrders(socket, relay, logger);
  expect(await serveOrders(socket, relay, logger)).toBeUndefined();
  expect(lines).toEqual(["orders.operator", "orders.elsewhere"]);
  const ask = () =>
    new OrdersClient(socket).standing(PACK, new Uint8Array(16), { from: 0, command: undefined });
  expect(await ask()).toMatchObject({ from: 0 });
  await first?.close();
  await expect(ask()).rejects.toMatchObject({ code: "listen" });
  const next = await serveOrders(socket, relay, logger);
  expect(await ask()).toMatchObject({ from: 0 });
  await next?.close();
});
