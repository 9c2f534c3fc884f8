import { DecodeError, RangeViolation } from "@wattseal/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PACK } from "./log.fixture.js";
import { CHANNELS, fleetName, packName, parseTopic, topicFilter, topicOf } from "./topics.js";

const fleet = fleetName("demo");

describe("topics", () => {
  it("reads what it builds, for every channel", () => {
    for (const channel of [
      "batch",
      "head",
      "epoch",
      "state",
      "alarm",
      "receipt",
      "request",
      "response",
      "order",
      "status",
    ] as const) {
      const topic = topicOf(fleet, PACK, channel);
      expect(topic).toBe(`wattseal/1/demo/${PACK}/${channel}`);
      expect(parseTopic(topic)).toEqual({ fleet, pack: PACK, channel });
    }
    expect(topicFilter(fleet, "batch")).toBe("wattseal/1/demo/+/batch");
  });

  it("retains head, epoch and state only, so that no old order or receipt is ever played again", () => {
    const retained = Object.entries(CHANNELS).filter(([, { retain }]) => retain);
    expect(retained.map(([channel]) => channel)).toEqual(["head", "epoch", "state"]);
  });

  it.each([
    ["wattseal/2/demo/P/batch", "is not wattseal/1"],
    ["wattseal/1/De mo/P/batch", "has no fleet name"],
    ["wattseal/1/a.b/P/batch", "has no fleet name"],
    ["wattseal/1/demo/short/batch", "has no pack name"],
    ["wattseal/1/demo/+/batch", "has no pack name"],
    ["wattseal/1/demo/P/toString", "has an unknown channel"],
    ["wattseal/1/demo/P/batch/more", "has too many levels"],
    ["wattseal/1/demo/P", "has an unknown channel"],
    ["", "is not wattseal/1"],
  ])("refuses %s", (topic, problem) => {
    const parse = () => parseTopic(topic.replace("P", PACK));
    expect(parse).toThrow(DecodeError);
    expect(parse).toThrow(problem);
  });

  it("refuses names that a topic cannot hold", () => {
    for (const name of ["", "-a", "a-", "A", "a/b", "a+", "x".repeat(64)]) {
      expect(() => fleetName(name)).toThrow(RangeViolation);
    }
    for (const name of ["", "a".repeat(31), "a".repeat(33), "1".repeat(32), "A".repeat(32)]) {
      expect(() => packName(name)).toThrow(RangeViolation);
    }
  });

  it("never reads another text than the one it would build", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          const { fleet: f, pack, channel } = parseTopic(text);
          expect(topicOf(f, pack, channel)).toBe(text);
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError);
        }
      }),
    );
  });
});
