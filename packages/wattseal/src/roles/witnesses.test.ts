import type { Trust } from "@wattseal/verifier";
import { describe, expect, it } from "vitest";
import { gatewaySchema } from "../config/gateway-schema.js";
import { layoutOf } from "../state/layout.js";
import { witnessesIn } from "./witnesses.js";

const witnesses = ["a", "b", "c"].map((name, i) => ({
  name,
  publicKeys: [new Uint8Array(32).fill(i + 1)],
}));
const trustOf = (quorum: number): Trust => ({ authorities: [], witnesses, quorum });
const of = (names: readonly string[], asked: number, given = 0) =>
  witnessesIn(
    trustOf(asked),
    layoutOf("/state"),
    gatewaySchema.parse({
      uplink: names.map((witness) => ({ witness })),
      witnesses: { quorum: given },
    }),
  );

describe("a gateway's witnesses", () => {
  it("are its uplinks', in their order, as many of them as trust.json asks for", () => {
    expect(of(["c", "a"], 1)).toEqual({ destinations: [witnesses[2], witnesses[0]], quorum: 1 });
    expect(of(["a", "b", "c"], 2).quorum).toBe(2);
    expect(of(["a", "b", "c"], 2, 3).quorum).toBe(3);
  });

  it("of a sole [uplink] table are one", () => {
    const config = gatewaySchema.parse({ uplink: { witness: "b" } });
    expect(witnessesIn(trustOf(1), layoutOf("/state"), config)).toEqual({
      destinations: [witnesses[1]],
      quorum: 1,
    });
  });

  it.each([
    ["one that trust.json does not name", ["a", "d"], 1, 0, /"d" is not in .*one of: a, b, c/],
    ["one twice", ["a", "a"], 1, 0, /two uplinks name the witness "a"/],
    ["fewer than trust.json asks for", ["a"], 2, 0, /trust.json asks for receipts of 2 .* to 1\./],
    ["fewer than the quorum", ["a", "b"], 1, 3, /witnesses.quorum asks for .* of 3/],
    ["less than trust.json asks for", ["a", "b"], 2, 1, /quorum is 1, and .* asks for 2/],
  ])("are refused: %s", (_, names, asked, given, problem) => {
    expect(() => of(names, asked, given)).toThrow(problem);
  });
});
