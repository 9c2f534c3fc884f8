import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Logger, lctId, silentLogger } from "@wattseal/base";
import { expect, it, onTestFinished, vi } from "vitest";
import { TestClock, temporaryDirectory } from "../fleet.fixture.js";
import { OrdersClient } from "./client.js";
import { OrderRelay } from "./relay.js";
import { OrdersServer } from "./server.js";

const PACK = lctId(`lct:pack:${"p".repeat(32)}`);
const LOOK_MS = 2_000;

/** A folder whose workers have a clock in common; who asks at its socket is told which of them answers. */
function folder() {
  const directory = temporaryDirectory();
  onTestFinished(directory.remove);
  const socket = join(directory.path, "orders.sock");
  const clock = new TestClock();
  const lines: string[] = [];
  const start = async (name: number) => {
    const note = (event: string) => void lines.push(`${name} ${event}`);
    const logger: Logger = { ...silentLogger, info: note, warn: note };
    const relay = new OrderRelay({
      fleet: {
        ready: Promise.resolve(),
        connected: true,
        publish: () => true,
        close: async () => {},
      },
      store: {
        pack: async () => undefined,
        leaves: async (_pack, from) => {
          lines.push(`${name} asked from ${from}`);
          return [];
        },
      },
      logger,
    });
    const server = await OrdersServer.start({ socket, relay, clock, logger });
    onTestFinished(() => server.close());
    return server;
  };
  let asked = 0;
  /** Which worker answers. */
  const ask = async () => {
    asked += 1;
    const id = new Uint8Array(16);
    await new OrdersClient(socket).standing(PACK, id, { from: asked, command: undefined });
    return lines.find((line) => line.endsWith(` asked from ${asked}`))?.split(" ")[0];
  };
  /** Lets every worker look again, until it is so. */
  const until = (wanted: () => Promise<void>) =>
    vi.waitFor(
      async () => {
        await clock.advance(LOOK_MS);
        await wanted();
      },
      { timeout: 120_000 },
    );
  return { socket, lines, start, ask, until };
}

it("of two workers in one folder the first serves, the second says so once, and takes its place when it has gone", async () => {
  const { lines, start, ask, until } = folder();
  const first = await start(1);
  const second = await start(2);
  expect(lines).toEqual(["1 orders.operator", "2 orders.elsewhere"]);
  await until(async () => expect(await ask()).toBe("1"));
  await first.close();
  // A socket has its name a moment before the line that says so.
  const told = () => lines.filter((line) => line.startsWith("2 orders."));
  await until(async () => expect(told()).toEqual(["2 orders.elsewhere", "2 orders.operator"]));
  expect(await ask()).toBe("2");
  await second.close();
  await expect(ask()).rejects.toMatchObject({ code: "listen" });
});

it("of workers that start at once one ends up serving, and the others wait for it to go", async () => {
  const { lines, start, ask, until } = folder();
  const servers = await Promise.all([1, 2, 3].map((name) => start(name)));
  const waits = (name: string) =>
    lines.findLast((line) => line.startsWith(`${name} orders.`))?.endsWith(".elsewhere");
  let serving = "";
  await until(async () => {
    serving = (await ask()) ?? "";
    const others = ["1", "2", "3"].filter((name) => name !== serving);
    expect(others.map(waits)).toEqual([true, true]);
  });
  await servers[Number(serving) - 1]?.close();
  await until(async () => expect(["1", "2", "3"]).toContain(await ask()));
  expect(await ask()).not.toBe(serving);
});

it("a socket that somebody removed is there again, and what has its name else is left alone", async () => {
  const { socket, lines, start, ask, until } = folder();
  await start(1);
  await rm(socket);
  await until(async () => expect(await ask()).toBe("1"));
  await rm(socket);
  await writeFile(socket, "mine");
  await until(async () => expect(lines).toContain("1 orders.unservable"));
  await expect(start(2)).rejects.toMatchObject({ code: "listen" });
  await rm(socket);
  await until(async () => expect(await ask()).toBe("1"));
});
