import { fromUtf8, millis, utf8 } from "@wattseal/base";
import { expect, it } from "vitest";
import { VirtualBus } from "../bus/virtual-bus.js";
import { START, VirtualWall } from "../testing.fixture.js";
import { SimKernel } from "../time/kernel.js";
import { SlcanAdapter } from "./adapter.js";
import type { BytePortListener } from "./port.js";

/** A host that types, and sees what comes back. */
function host() {
  const kernel = new SimKernel({ start: START, wall: new VirtualWall() });
  const bus = new VirtualBus(kernel, { nominalBitRate: 500_000, dataBitRate: undefined });
  const other = bus.attach({ name: "other" });
  let listener: BytePortListener | undefined;
  let seen = "";
  new SlcanAdapter({
    bus: bus.attach({ name: "adapter" }),
    port: {
      write: (bytes) => {
        seen += fromUtf8(bytes);
      },
      listen: (to) => {
        listener = to;
      },
      close: () => {},
    },
  });
  const type = (text: string) => {
    seen = "";
    listener?.data(utf8(text));
    return seen;
  };
  return { kernel, other, type, heard: () => seen };
}

it("SlcanAdapter answers as the manual says: what it is in no state for, or does not know, with BEL", () => {
  const { type } = host();
  expect(type("C\rO\rT0000000110A\rF\rS5\rY2\rs031C\r")).toBe("\x07".repeat(7));
  expect(type("\rZ0\rX1\rS6\rO\r")).toBe("\r".repeat(5));
  expect(type("S6\rO\rX1\rT000000019\rt10010A\rB0000000110A\r")).toBe("\x07".repeat(6));
  expect(type("F\rT0000000110A\rC\r")).toBe("F00\rZ\r\r");
  expect(type(`${"T".repeat(5000)}\r`)).toBe("\x07");
});

it("SlcanAdapter sends in the order given, whatever the identifiers, and refuses when its queue is full", async () => {
  const { kernel, other, type, heard } = host();
  const ids: number[] = [];
  other.listen({
    frame: ({ id }) => {
      ids.push(id);
    },
    sent: () => {},
    error: () => {},
    state: () => {},
  });
  type("S6\rX1\rO\r");
  const frames = Array.from({ length: 17 }, (_, i) => `T${String(90 - i).padStart(8, "0")}0\r`);
  expect(type(frames.join(""))).toBe(`${"Z\r".repeat(16)}\x07`);
  await kernel.run({ until: millis(kernel.now() + 10) });
  expect(ids).toEqual(frames.slice(0, 16).map((line) => Number.parseInt(line.slice(1, 9), 16)));
  type("");
  other.send({ id: 0x12, data: Uint8Array.of(0xab), fd: false });
  await kernel.run({ until: millis(kernel.now() + 10) });
  expect(heard()).toBe("T000000121AB\r");
});
