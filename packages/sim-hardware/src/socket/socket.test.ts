import { spawnSync } from "node:child_process";
import { chmodSync, statSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { dirname, join } from "node:path";
import { type LogFields, type Millis, micros, millis, silentLogger } from "@wattseal/base";
import type { CanBus, CanFrame } from "@wattseal/can-protocol";
import { frameNanos } from "@wattseal/can-protocol";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { VirtualBus } from "../bus/virtual-bus.js";
import {
  classic,
  listener,
  START,
  START_MICROS,
  temporaryDirectory,
  turns,
  VirtualWall,
} from "../testing.fixture.js";
import { SimKernel } from "../time/kernel.js";
import { connectBus } from "./client.js";
import { type BusRecord, encodeRecord, RecordStream } from "./record.js";
import { BusServer } from "./server.js";

let directory: ReturnType<typeof temporaryDirectory>;
let kernel: SimKernel;
let bus: VirtualBus;
let server: BusServer;
let path: string;
let module: CanBus;

beforeEach(async () => {
  directory = temporaryDirectory();
  path = join(directory.path, "run", "bus.sock");
  kernel = new SimKernel({ start: START, wall: new VirtualWall() });
  bus = new VirtualBus(kernel, { nominalBitRate: 500_000, dataBitRate: undefined });
  module = bus.attach({ name: "module" });
  server = await BusServer.listen({ kernel, bus, path });
});
afterEach(async () => {
  kernel.stop();
  await server.close();
  directory.remove();
});

/** Wall time that passes when told to. */
class SteppedWall {
  #time = 0;
  #wake: (() => void) | undefined;

  now(): number {
    return this.#time;
  }
  sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const due = this.#time + milliseconds;
      this.#wake = () => {
        if (this.#time >= due) resolve();
      };
    });
  }
  async pass(milliseconds: number): Promise<void> {
    for (let passed = 0; passed < milliseconds; passed += 100) {
      this.#time += 100;
      this.#wake?.();
      await turns(1);
    }
  }
}

const runFor = (ms: number) => kernel.run({ until: millis(kernel.now() + ms) });
const since = (time: number) => time - START;
/** The client's side of `close` has been seen by the server. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turns(1);
}

describe("BusServer: a client that holds time", () => {
  it("is named in the log after 10 s of wall time, once, and nothing is done to it", async () => {
    const wall = new SteppedWall();
    const told: string[] = [];
    const warn = (event: string, fields?: LogFields) =>
      void told.push(`${event} ${fields?.["client"]}`);
    const other = await BusServer.listen({
      kernel,
      bus,
      path: join(directory.path, "run", "other.sock"),
      wall,
      logger: { ...silentLogger, warn },
    });
    const quick = await connectBus(other.path);
    const hung = await connectBus(other.path);
    let release = () => {};
    hung.addReader({
      ready: (next) =>
        next < START_MICROS + 50_000
          ? undefined
          : new Promise((resolve) => {
              release = resolve;
            }),
    });
    const run = runFor(150);
    while (since(kernel.now()) < 100) await turns(1);
    await turns(20);
    await wall.pass(9500);
    expect(told).toEqual([]);
    await wall.pass(1000);
    expect(told).toEqual(["bus.client.holds-time client-2"]);
    await wall.pass(60_000);
    expect(told.length).toBe(1);
    expect(other.clients).toBe(2);
    hung.close();
    release();
    await run;
    expect(since(kernel.now())).toBe(150);
    quick.close();
    await other.close();
  });
});

describe("BusServer and connectBus: time", () => {
  it("fires the client's tasks at exactly their time, however the server runs", async () => {
    const client = await connectBus(path);
    const ran: string[] = [];
    const task = (name: string) => () => void ran.push(`${name}@${since(client.clock.now())}`);
    client.clock.at(millis(START + 250), task("b"));
    client.clock.at(millis(START + 7), () => {
      task("a")();
      client.clock.at(millis(START + 8), task("a+"));
      client.clock.at(START, task("late"));
    });
    client.clock.at(millis(START + 90), () => expect.unreachable())();
    await runFor(1000);
    expect(ran).toEqual(["a@7", "late@7", "a+@8", "b@250"]);
    client.close();
  });

  it("does not let time pass a deadline before the client's answer to it is on the bus", async () => {
    const client = await connectBus(path);
    const frame = classic(0x100, 1, 2);
    const heard: number[] = [];
    module.listen(listener({ frame: (_frame, time) => void heard.push(time - START_MICROS) }));
    client.clock.at(millis(START + 33), () => void client.bus.send(frame));
    await runFor(100);
    expect(heard).toEqual([33_000 + frameNanos(frame, bus.info) / 1000]);
    client.close();
  });

  it("tells of a frame within the quantum: an answer is on the wire 2 ms later", async () => {
    const client = await connectBus(path);
    const [ask, answer] = [classic(0x200, 1), classic(0x100, 2)];
    const wire: string[] = [];
    bus.tap(({ id }, time) => void wire.push(`${id.toString(16)}@${time - START_MICROS}`));
    client.bus.listen(
      listener({
        frame: ({ id }, time) => {
          expect(client.clock.now()).toBe(Math.floor(time / 1000));
          if (id === ask.id) client.bus.send(answer);
        },
      }),
    );
    kernel.at(millis(START + 10), () => void module.send(ask));
    await runFor(100);
    const [askMicros, answerMicros] = [ask, answer].map((f) => frameNanos(f, bus.info) / 1000);
    expect(wire).toEqual([
      `200@${10_000 + askMicros!}`,
      `100@${10_000 + askMicros! + 2000 + answerMicros!}`,
    ]);
    client.close();
  });

  it("interleaves tasks and frames by their time, in one order each run", async () => {
    const run = async () => {
      const client = await connectBus(path);
      const begin = kernel.now();
      const seen: string[] = [];
      const note = (what: string) => void seen.push(`${what}@${client.clock.now() - begin}`);
      client.bus.listen(listener({ frame: ({ id }) => note(`frame ${id}`) }));
      for (const ms of [3, 5, 9]) client.clock.at(millis(begin + ms), () => note("task"));
      for (const ms of [2, 4, 8]) {
        kernel.at(millis(begin + ms), () => void module.send(classic(ms)));
      }
      await runFor(20);
      client.close();
      await until(() => server.clients === 0);
      return seen;
    };
    const first = await run();
    expect(first).toEqual(["frame 2@2", "task@3", "frame 4@4", "task@5", "frame 8@8", "task@9"]);
    expect(await run()).toEqual(first);
  });

  it("waits for a slow reader", async () => {
    const client = await connectBus(path);
    let release = () => {};
    let asked = 0;
    client.addReader({
      ready: (next) => {
        if (next < START_MICROS + 50_000 || asked > 0) return undefined;
        asked += 1;
        return new Promise((resolve) => {
          release = resolve;
        });
      },
    });
    client.clock.at(millis(START + 50), () => {});
    const run = runFor(200);
    await until(() => asked === 1);
    await turns(20);
    expect(since(kernel.now())).toBe(50);
    release();
    await run;
    expect(since(kernel.now())).toBe(200);
    client.close();
  });

  it("serves a task that is scheduled between two grants", async () => {
    const client = await connectBus(path);
    await turns(3);
    const run = kernel.run({ until: millis(START + 60_000) });
    await until(() => client.clock.now() > START + 1000);
    const from = client.clock.now();
    const fired = await new Promise<Millis>((resolve) => {
      client.clock.at(millis(from + 1), () => resolve(client.clock.now()));
    });
    // The server may have been up to one grant ahead.
    expect(fired - from).toBeLessThanOrEqual(200);
    kernel.stop();
    await run;
    client.close();
  });
});

describe("BusServer and connectBus: frames", () => {
  it("reports the client's own frames sent, as the objects it gave, and keeps its mailboxes", async () => {
    const client = await connectBus(path);
    const frames = Array.from({ length: 20 }, (_, i) => classic(0x300 - i, i));
    const taken = frames.map((frame) => client.bus.send(frame));
    expect(taken.filter(Boolean).length).toBe(8);
    const sent: CanFrame[] = [];
    client.bus.listen(listener({ sent: (frame) => void sent.push(frame) }));
    await runFor(50);
    expect(sent.length).toBe(8);
    expect(new Set(sent)).toEqual(new Set(frames.slice(0, 8)));
    expect(client.bus.send(frames[8]!)).toBe(true);
    client.close();
  });

  it("refuses an FD frame on the client's side of a classic bus", async () => {
    const client = await connectBus(path);
    expect(client.bus.info).toEqual(bus.info);
    expect(() => void client.bus.send({ id: 1, data: new Uint8Array(64), fd: true })).toThrowError(
      expect.objectContaining({ code: "fd-on-classic-bus" }),
    );
    client.close();
  });
});

describe("BusServer and connectBus: errors", () => {
  const record = (client: { readonly bus: CanBus }) => {
    const log: string[] = [];
    client.bus.listen(
      listener({
        sent: ({ id }, time) => void log.push(`sent ${id}@${time}`),
        error: ({ kind, transmitting }, time) =>
          void log.push(`${kind}${transmitting ? " own" : ""}@${time}`),
        state: (state, time) => void log.push(`${state}@${time}`),
      }),
    );
    return log;
  };

  it("reports what a node on the spot sees, in order, with its time", async () => {
    const spot: string[] = [];
    const client = await connectBus(path);
    const far = record(client);
    let disturbed = 3;
    bus.disturb(() => {
      disturbed -= 1;
      return disturbed >= 0 ? { bit: 40 } : undefined;
    });
    // The other end of the same errors.
    module.listen(
      listener({
        error: ({ kind, transmitting }, time) => {
          expect([kind, transmitting]).toEqual(["stuff", false]);
          spot.push(`bit own@${time}`);
        },
      }),
    );
    client.bus.send(classic(5));
    await runFor(50);
    expect(spot.length).toBe(3);
    expect(far.slice(0, 3)).toEqual(spot);
    expect(far.at(-1)).toMatch(/^sent 5@/);
    client.close();
  });

  it("forgets at bus-off what was queued, takes nothing, and goes on after recovery", async () => {
    const client = await connectBus(path);
    const log = record(client);
    const stop = bus.disturb((frame) => (frame.id < 8 ? { bit: 40 } : undefined));
    client.bus.send(classic(6));
    client.bus.send(classic(7));
    const refused: boolean[] = [];
    const unlisten = client.bus.listen(
      listener({
        state: (state) => {
          if (state === "bus-off") refused.push(client.bus.send(classic(9)));
        },
      }),
    );
    await runFor(15);
    stop();
    unlisten();
    await runFor(50);
    expect(refused).toEqual([false]);
    const states = log.filter((line) => !/own|sent/.test(line)).map((line) => line.split("@")[0]);
    expect(states).toEqual(["warning", "passive", "bus-off", "active"]);
    expect(client.bus.state).toBe("active");
    expect(log.some((line) => line.startsWith("sent"))).toBe(false);
    for (let id = 8; id < 16; id += 1) expect(client.bus.send(classic(id))).toBe(true);
    await runFor(50);
    expect(log.filter((line) => line.startsWith("sent")).length).toBe(8);
    expect(server.clients).toBe(1);
    client.close();
  });
});

describe("BusServer: clients come and go", () => {
  it("says when the first one is there", async () => {
    const joined = server.joined();
    const client = await connectBus(path);
    await joined;
    await server.joined();
    expect(server.clients).toBe(1);
    client.close();
  });

  it("lets time go on when a client is gone in the middle of a grant, and a new one join at the present", async () => {
    const crashing = await connectBus(path);
    crashing.addReader({
      ready: (next) => (next < START_MICROS + 40_000 ? undefined : new Promise(() => {})),
    });
    const first = runFor(500);
    await until(() => kernel.now() >= START + 40 || server.clients === 0);
    await turns(10);
    expect(kernel.now()).toBeLessThan(START + 500);
    crashing.close();
    expect(await crashing.done).toBe("closed here");
    await first;
    expect(since(kernel.now())).toBe(500);

    const next = await connectBus(path);
    expect(since(next.clock.now())).toBe(500);
    let fired = 0;
    next.clock.at(millis(START + 600), () => {
      fired = since(next.clock.now());
    });
    await runFor(200);
    expect(fired).toBe(600);
    next.close();
  });

  it("tells a client why its connection ends, and puts its bus off", async () => {
    const client = await connectBus(path);
    const states: string[] = [];
    client.bus.listen(listener({ state: (state) => void states.push(state) }));
    await turns(2);
    await server.close();
    expect(await client.done).toBe("the simulator has stopped");
    expect(states).toEqual(["bus-off"]);
    expect(() => void client.bus.send(classic(1))).toThrowError(
      expect.objectContaining({ code: "bus-closed" }),
    );
  });
});

/** A client made of raw bytes. */
async function rawClient(send: Uint8Array): Promise<readonly BusRecord[]> {
  const records: BusRecord[] = [];
  const stream = new RecordStream();
  const socket = connect(path);
  socket.on("data", (chunk) => void stream.push(chunk, (record) => void records.push(record)));
  socket.on("error", () => {});
  const closed = new Promise((resolve) => void socket.once("close", resolve));
  socket.write(send);
  await closed;
  return records;
}

describe("BusServer: misbehaving clients", () => {
  const acknowledge = (time: number) =>
    encodeRecord({ kind: "acknowledge", deadline: undefined, time: micros(time) });

  it.each([
    ["random bytes", new Uint8Array(80).fill(0x11), "bus record"],
    ["a server's record", encodeRecord({ kind: "grant", time: micros(1) }), "grant"],
    ["a time that was not granted", acknowledge(START_MICROS + 1), "not granted"],
    [
      "an FD frame on a classic bus",
      encodeRecord({
        kind: "frame",
        frame: { id: 1, data: new Uint8Array(12), fd: true },
        sent: false,
        time: micros(1),
      }),
      "classic nodes",
    ],
    [
      "more frames than mailboxes",
      Buffer.concat(
        Array.from({ length: 9 }, (_, i) =>
          encodeRecord({ kind: "frame", frame: classic(i), sent: false, time: micros(1) }),
        ),
      ),
      "mailboxes",
    ],
  ])(
    "closes one that sends %s, with the reason, and lets time go on",
    async (_name, bytes, reason) => {
      const records = await rawClient(bytes);
      const last = records.at(-1);
      expect(last?.kind).toBe("closing");
      expect(last).toMatchObject({ reason: expect.stringContaining(reason) });
      expect(server.clients).toBe(0);
      await runFor(100);
      expect(since(kernel.now())).toBe(100);
    },
  );

  it("survives any bytes", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 80, maxLength: 400 }), async (bytes) => {
        await rawClient(bytes);
        expect(server.clients).toBe(0);
      }),
      { numRuns: 40 },
    );
  });
});

describe("connectBus: what answers is not trusted to be a bus", () => {
  it("refuses a path where nobody answers", async () => {
    await expect(connectBus(join(directory.path, "none.sock"))).rejects.toMatchObject({
      code: "bus-socket",
    });
  });

  it("ends the connection on a malformed record, and says so", async () => {
    const fakePath = join(directory.path, "fake.sock");
    const info = encodeRecord({
      kind: "info",
      bus: { nominalBitRate: 500_000, dataBitRate: undefined },
      mailboxes: 3,
      time: micros(START_MICROS),
    });
    const fake = createServer((socket) => {
      socket.on("error", () => {});
      socket.write(Buffer.concat([info, new Uint8Array(80)]));
    });
    await new Promise<void>((resolve) => {
      fake.listen(fakePath, resolve);
    });
    await expect(connectBus(fakePath)).rejects.toMatchObject({ code: "bus-record" });
    fake.close();
  });
});

describe("BusServer: its path", () => {
  it("makes a directory for its owner alone, and refuses one that is open to others", async () => {
    expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
    const open = join(directory.path, "open");
    await BusServer.listen({ kernel, bus, path: join(open, "a.sock") }).then((one) => one.close());
    chmodSync(open, 0o755);
    await expect(
      BusServer.listen({ kernel, bus, path: join(open, "b.sock") }),
    ).rejects.toMatchObject({ code: "bus-socket" });
  });

  it("takes over a stale socket, never a living one or another file", async () => {
    await expect(BusServer.listen({ kernel, bus, path })).rejects.toThrow("another simulator");
    const stale = join(directory.path, "run", "stale.sock");
    spawnSync(process.execPath, [
      "-e",
      `require("node:net").createServer().listen(${JSON.stringify(stale)}, () => process.kill(process.pid, "SIGKILL"))`,
    ]);
    expect(statSync(stale).isSocket()).toBe(true);
    const next = await BusServer.listen({ kernel, bus, path: stale });
    await next.close();
    const file = join(directory.path, "run", "file");
    writeFileSync(file, "precious");
    await expect(BusServer.listen({ kernel, bus, path: file })).rejects.toThrow("this name");
  });
});
