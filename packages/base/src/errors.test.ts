import { describe, expect, it } from "vitest";
import {
  DecodeError,
  InvariantViolation,
  messageOf,
  RangeViolation,
  WattsealError,
} from "./errors.js";

describe("errors", () => {
  it("say who has to act, and keep their cause", () => {
    const cause = new Error("inner");
    const decode = new DecodeError("entry 3", 17, "ends too early", { cause });
    expect(decode).toMatchObject({
      code: "decode",
      kind: "input",
      what: "entry 3",
      offset: 17,
      cause,
    });
    expect(decode.message).toBe("entry 3: ends too early (at offset 17)");
    expect(new RangeViolation("x")).toMatchObject({ code: "range", kind: "usage" });
    expect(new InvariantViolation("x", { cause })).toMatchObject({ kind: "invariant", cause });
  });

  it("are one family, each under its own name", () => {
    for (const error of [
      new DecodeError("a", 0, "b"),
      new RangeViolation("c"),
      new InvariantViolation("d"),
    ]) {
      expect(error).toBeInstanceOf(WattsealError);
      expect(error.name).toBe(error.constructor.name);
    }
  });

  it("have a message even where something else was thrown", () => {
    expect(messageOf(new RangeViolation("range"))).toBe("range");
    expect(messageOf("text")).toBe("text");
    expect(messageOf(undefined)).toBe("undefined");
  });
});
