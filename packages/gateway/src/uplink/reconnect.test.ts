import { expect, it } from "vitest";
import { reconnectMs } from "./reconnect.js";

const drawn = (...bytes: number[]) => reconnectMs({ bytes: () => Uint8Array.from(bytes) });

it("spreads the attempts of a fleet over a second and a half, none before half a second", () => {
  expect(drawn(0, 0)).toBe(500);
  expect(drawn(0x80, 0)).toBe(1250);
  expect(drawn(0xff, 0xff)).toBe(1999);
});
