import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect as connectTo, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { concatBytes, toHex } from "@wattseal/base";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { getRandom } from "../commands/basic.js";
import { createPrimary, readPublic } from "../commands/objects.js";
import { STORAGE_ROOT } from "../structures/templates.js";
import { entropy, hasSwtpm, OWNER, Swtpm } from "../testing/swtpm.js";
import { bare } from "../testing/wiretap.js";
import { type SaltKey, Tpm } from "../tpm.js";
import { TpmError } from "../wire/errors.js";
import { type DeviceFile, deviceTransport } from "./device.js";
import { heldTransport } from "./held.js";
import { swtpmTransport } from "./swtpm.js";

const options = { entropy, pause };
const RANDOM = Uint8Array.of(0x80, 1, 0, 0, 0, 0x0c, 0, 0, 1, 0x7b, 0, 4);

/** Listens on a free TCP port, and does with each connection what it is told. */
async function serve(serveOne: (socket: import("node:net").Socket) => void) {
  const server: Server = createServer(serveOne);
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return { server, address: { host: "127.0.0.1", port: address.port } };
}

describe("the emulator's socket", () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });
  const answering = async (...pieces: readonly Uint8Array[]) => {
    const { server, address } = await serve((socket) => {
      socket.on("error", () => {});
      socket.once("data", () => {
        for (const piece of pieces) socket.write(piece);
      });
    });
    servers.push(server);
    return swtpmTransport({ address, timeoutMs: 300 });
  };

  it("is refused by name where nobody listens", async () => {
    const { server, address } = await serve(() => {});
    server.close();
    await once(server, "close");
    await expect(swtpmTransport({ address }).open()).rejects.toMatchObject({
      code: "tpm-unreachable",
    });
  });

  it("gives up, for good, on an answer that does not come in time", async () => {
    const connection = await (await answering()).open();
    await expect(connection.transmit(RANDOM)).rejects.toMatchObject({ code: "tpm-timeout" });
    await expect(connection.transmit(RANDOM)).rejects.toMatchObject({ code: "tpm-timeout" });
    await connection.close();
  });

  it("puts together an answer that comes in pieces", async () => {
    const whole = bare(0x922);
    const connection = await (await answering(whole.subarray(0, 3), whole.subarray(3))).open();
    expect(await connection.transmit(RANDOM)).toEqual(whole);
    await connection.close();
  });

  it.each([
    ["is cut short", [bare(0).subarray(0, 9)], "tpm-timeout"],
    ["announces less than a header", [bare(0).with(5, 9)], "tpm-response"],
    ["announces more than a TPM sends", [bare(0).with(2, 1)], "tpm-response"],
    ["has another behind it", [bare(0), bare(0)], "tpm-response"],
  ] as const)("refuses an answer that %s", async (_, pieces, code) => {
    const connection = await (await answering(...pieces)).open();
    const outcome = () =>
      connection.transmit(RANDOM).then(
        () => "answered",
        (error: unknown) => (error instanceof TpmError ? error.code : "untyped"),
      );
    // Two answers may arrive one after the other: then the second one ends the connection.
    await expect.poll(outcome).toBe(code);
    await connection.close();
  });

  it("says so when the emulator is gone", async () => {
    const { server, address } = await serve((socket) => {
      socket.once("data", () => {
        socket.destroy();
      });
    });
    servers.push(server);
    const connection = await swtpmTransport({ address }).open();
    await expect(connection.transmit(RANDOM)).rejects.toMatchObject({ code: "tpm-unreachable" });
    await connection.close();
  });

  it("takes one command at a time", async () => {
    const connection = await (await answering(bare(0))).open();
    const first = connection.transmit(RANDOM);
    await expect(connection.transmit(RANDOM)).rejects.toMatchObject({ code: "tpm-usage" });
    expect(await first).toEqual(bare(0));
    await connection.close();
  });
});

describe("a device file", () => {
  const deviceOf = (file: Partial<DeviceFile>, timeoutMs = 200) => {
    const state = { closed: 0 };
    const transport = deviceTransport({
      path: "/dev/tpm-of-a-test",
      timeoutMs,
      openFile: () =>
        Promise.resolve({
          write: () => Promise.resolve(),
          read: () => Promise.resolve(bare(0)),
          close: () => {
            state.closed += 1;
            return Promise.resolve();
          },
          ...file,
        }),
    });
    return { state, transport };
  };

  it("gets a command in one write, and gives the response in one read", async () => {
    const written: Uint8Array[] = [];
    const { state, transport } = deviceOf({
      write: (command) => {
        written.push(command);
        return Promise.resolve();
      },
    });
    const connection = await transport.open();
    expect(await connection.transmit(RANDOM)).toEqual(bare(0));
    expect(written).toEqual([RANDOM]);
    await connection.close();
    expect(state.closed).toBe(1);
  });

  it("is opened, written, read and closed through the file system", async () => {
    const folder = await mkdtemp(join(tmpdir(), "wattseal-device-"));
    const path = join(folder, "tpmrm0");
    // In a plain file the response to read is what stands behind the command that is written.
    await writeFile(path, concatBytes(new Uint8Array(RANDOM.length), bare(0x922)));
    const connection = await deviceTransport({ path }).open();
    expect(await connection.transmit(RANDOM)).toEqual(bare(0x922));
    await connection.close();
    expect(new Uint8Array(await readFile(path)).subarray(0, RANDOM.length)).toEqual(RANDOM);
    await rm(folder, { recursive: true });
  });

  it("says what to look at where it cannot be opened", async () => {
    const nowhere = deviceTransport({ path: "/nowhere/tpmrm0" }).open();
    await expect(nowhere).rejects.toMatchObject({
      code: "tpm-unreachable",
      message: expect.stringContaining("group tss"),
    });
  });

  it.each([
    ["writing fails", { write: () => Promise.reject(new Error("ENODEV")) }],
    ["reading fails", { read: () => Promise.reject(new Error("EPIPE")) }],
    ["it ends", { read: () => Promise.resolve(new Uint8Array(0)) }],
  ])("is given up where %s", async (_, file) => {
    const { state, transport } = deviceOf(file);
    const failure = Tpm.transact(transport, options, (tpm) => getRandom(tpm, 4));
    await expect(failure).rejects.toMatchObject({ code: "tpm-unreachable" });
    expect(state.closed).toBe(1);
  });

  it("stays open until its thread has come back from a TPM that took too long", async () => {
    let answer: (response: Uint8Array) => void = () => {};
    const late = new Promise<Uint8Array>((resolve) => {
      answer = resolve;
    });
    const { state, transport } = deviceOf({ read: () => late }, 20);
    const failure = Tpm.transact(transport, options, (tpm) => getRandom(tpm, 4));
    await expect(failure).rejects.toMatchObject({ code: "tpm-timeout" });
    expect(state.closed).toBe(0);
    answer(bare(0));
    await expect.poll(() => state.closed).toBe(1);
  });
});

const NAME = hasSwtpm() ? "the emulator" : "the emulator (skipped: swtpm is not installed)";
describe.skipIf(!hasSwtpm())(NAME, () => {
  let swtpm: Swtpm;
  let root: SaltKey;
  beforeAll(async () => {
    swtpm = await Swtpm.start();
    root = await swtpm.storageRoot();
  }, 60_000);
  afterAll(() => swtpm.remove());

  it("is the same TPM over TCP", async () => {
    const { server, address } = await serve((socket) => {
      const inner = connectTo(swtpm.socket);
      socket.pipe(inner).pipe(socket);
    });
    const name = await Tpm.transact(swtpmTransport({ address }), options, async (tpm) => {
      await createPrimary(tpm, OWNER, { publicArea: STORAGE_ROOT });
      return (await readPublic(tpm, root.handle)).name;
    });
    expect(toHex(name)).toBe(toHex(root.name));
    server.close();
  });

  it("makes a second client wait until the first has ended", async () => {
    const order: string[] = [];
    let second: Promise<unknown> = Promise.resolve();
    await swtpm.use(async (tpm) => {
      second = swtpm.use((other) => getRandom(other, 4), root).then(() => order.push("second"));
      for (let i = 0; i < 50; i += 1) await getRandom(tpm, 4);
      order.push("first");
    }, root);
    await second;
    expect(order).toEqual(["first", "second"]);
  });
});

describe("a socket that is held for good", () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });
  const heldBy = async (
    answer: (socket: import("node:net").Socket, command: Uint8Array) => void,
  ) => {
    const { server, address } = await serve((socket) => {
      socket.on("error", () => {});
      socket.on("data", (command) => answer(socket, new Uint8Array(command)));
    });
    servers.push(server);
    const socket = connectTo(address);
    await once(socket, "connect");
    return { socket, transport: heldTransport(socket, { timeoutMs: 300 }) };
  };

  it("serves connections in turn, the next one once the one before is closed", async () => {
    const { socket, transport } = await heldBy((from, command) => void from.write(command));
    const first = await transport.open();
    const order: string[] = [];
    const second = transport.open().then((connection) => {
      order.push("second");
      return connection;
    });
    expect(await first.transmit(RANDOM)).toEqual(RANDOM);
    order.push("first");
    await first.close();
    expect(await (await second).transmit(RANDOM)).toEqual(RANDOM);
    expect(order).toEqual(["first", "second"]);
    socket.destroy();
  });

  it("is of no further use, for any connection, after an answer that did not come", async () => {
    const { socket, transport } = await heldBy(() => {});
    const first = await transport.open();
    await expect(first.transmit(RANDOM)).rejects.toMatchObject({ code: "tpm-timeout" });
    await first.close();
    const next = await transport.open();
    await expect(next.transmit(RANDOM)).rejects.toMatchObject({ code: "tpm-timeout" });
    socket.destroy();
  });
});
