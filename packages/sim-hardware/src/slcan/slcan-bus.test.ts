import type { CanFrame } from "@wattseal/can-protocol";
import { describe, expect, it } from "vitest";
import { ManualClock, ManualPort } from "./slcan.fixture.js";
import { openSlcan } from "./slcan-bus.js";

const CLASSIC = { nominalBitRate: 500_000, dataBitRate: undefined };
const FD = { nominalBitRate: 500_000, dataBitRate: 2_000_000 };
const frame = (id: number, fd = false): CanFrame => ({ id, data: Uint8Array.of(1, 2), fd });
const lawicel = (command: string): string => {
  if (command === "F") return "F00\r";
  return command.startsWith("T") ? "Z\r" : "\r";
};

async function opened(answers = lawicel, info: typeof CLASSIC | typeof FD = CLASSIC) {
  const port = new ManualPort();
  port.answers = answers;
  const clock = new ManualClock();
  let waiting = true;
  const opening = openSlcan({ port, clock, info }).finally(() => {
    waiting = false;
  });
  for (let i = 0; waiting && i < 5000; i += 1) await clock.pass(1);
  const bus = await opening;
  const seen: unknown[] = [];
  const note = (event: unknown) => {
    seen.push(event);
  };
  bus.listen({
    frame: ({ id, fd }) => note({ id, fd }),
    sent: ({ id }) => note(`sent ${id}`),
    error: ({ transmitting }) => note(transmitting ? "error sending" : "error"),
    state: note,
  });
  const opens = port.commands.splice(0);
  return { bus, port, clock, seen, opens };
}

describe("openSlcan", () => {
  it("closes, sets the rates, opens, and asks for the state", async () => {
    expect((await opened()).opens).toEqual(["C", "C", "Z0", "X1", "S6", "O", "F"]);
    const fd = await opened((command) => (command === "F" ? "F20\r" : "\r"), FD);
    expect(fd.opens).toEqual(["C", "C", "Z0", "X1", "S6", "Y2", "O", "F"]);
    expect(fd.bus.state).toBe("passive");
  });

  it("goes on when what only some adapters know is refused", async () => {
    const { bus, opens } = await opened((command) => (/^[CZXF]/.test(command) ? "\x07" : "\r"));
    expect(opens.at(-1)).toBe("F");
    expect(bus.acknowledges).toBe(true);
  });

  it.each(["S6", "O"])("fails when %s is refused, and lets the port go", async (refused) => {
    const port = new ManualPort();
    port.answers = (command) => (command === refused ? "\x07" : "\r");
    const opening = openSlcan({ port, clock: new ManualClock(), info: CLASSIC });
    await expect(opening).rejects.toMatchObject({ code: "slcan-adapter", kind: "hardware" });
    expect(port.closed).toBe(true);
  });

  it("fails when the line ends, and for rates that have no number", async () => {
    const port = new ManualPort();
    port.answers = () => "";
    const clock = new ManualClock();
    const opening = openSlcan({ port, clock, info: CLASSIC });
    port.end("pulled out");
    await expect(opening).rejects.toThrow("pulled out");
    const odd = { nominalBitRate: 800_000, dataBitRate: undefined };
    await expect(openSlcan({ port: new ManualPort(), clock, info: odd })).rejects.toMatchObject({
      code: "configuration",
    });
  });
});

describe("SlcanBus", () => {
  it("has one frame with the adapter until that acknowledges it", async () => {
    const { bus, port, clock, seen } = await opened();
    port.answers = () => "";
    expect(bus.send(frame(1))).toBe(true);
    expect(bus.send(frame(2))).toBe(false);
    await clock.pass(100);
    expect(port.commands).toEqual(["T0000000120102"]);
    expect(seen).toEqual([]);
    port.say("z\r");
    expect(seen).toEqual(["sent 1"]);
    expect(bus.send(frame(2))).toBe(true);
  });

  it("offers a refused frame again, with an error each time, and looks at the state", async () => {
    const { bus, port, clock, seen } = await opened();
    let refusals = 3;
    port.answers = (command) => {
      if (command === "F") return refusals > 0 ? "F24\r" : "F00\r";
      refusals -= 1;
      return refusals >= 0 ? "\x07" : "\r";
    };
    bus.send(frame(1));
    await clock.pass(100);
    expect(seen.filter((event) => event === "error sending")).toHaveLength(3);
    expect(seen).toContain("passive");
    expect(seen.at(-1)).toBe("sent 1");
    await clock.pass(600);
    expect(bus.state).toBe("active");
  });

  it("tells what it hears: frames of our kind, lost frames, broken lines", async () => {
    const { port, clock, seen } = await opened(lawicel, FD);
    port.say("T0000001021");
    port.say("122\rB0000001110A\rt10021122\rR000000010\rT00000012912\r\x07V1013\r");
    expect(seen).toEqual([{ id: 0x10, fd: false }, { id: 0x11, fd: true }, "error"]);
    port.answers = () => "F08\r";
    await clock.pass(500);
    expect(seen.slice(3)).toEqual(["error"]);
  });

  it("paces frames for an adapter that acknowledges nothing", async () => {
    const { bus, port, clock, seen } = await opened(() => "");
    expect(bus.acknowledges).toBe(false);
    bus.send(frame(1));
    expect(bus.send(frame(2))).toBe(false);
    await clock.pass(1);
    expect(seen).toEqual([]);
    await clock.pass(1);
    expect(seen).toEqual(["sent 1"]);
    expect(port.commands).toEqual(["T0000000120102"]);
  });

  it("paces frames for an adapter that acknowledges commands alone", async () => {
    const { bus, clock, seen } = await opened((command) => (command.startsWith("T") ? "" : "\r"));
    bus.send(frame(1));
    await clock.pass(1000);
    bus.send(frame(2));
    await clock.pass(2);
    expect(seen).toEqual(["sent 1", "sent 2"]);
  });

  it("is over when an adapter that acknowledged goes silent, or its port ends", async () => {
    const silent = await opened();
    silent.bus.send(frame(1));
    silent.port.answers = () => "";
    await silent.clock.pass(1600);
    await expect(silent.bus.done).resolves.toBe("the adapter no longer answers");
    expect(silent.bus.send(frame(2))).toBe(false);
    const pulled = await opened();
    pulled.port.end("pulled out");
    await expect(pulled.bus.done).resolves.toBe("pulled out");
  });

  it("closes the channel and the port, once, and is silent then", async () => {
    const { bus, port, clock, seen } = await opened();
    bus.close();
    bus.close();
    await clock.pass(1000);
    expect(port.commands).toEqual(["C"]);
    expect(port.closed).toBe(true);
    expect(seen).toEqual([]);
  });

  it("refuses FD frames on a classic bus, as every bus", async () => {
    const { bus } = await opened();
    expect(() => bus.send(frame(1, true))).toThrow("classic");
  });
});
