import { utf8 } from "@wattseal/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SimError } from "../errors.js";
import { FAULT_NAMES, FAULTS } from "../faults/fault.js";
import { parseScenario } from "./parse.js";

const LEAST = { name: "n", description: "d" };
const parse = (value: unknown) => parseScenario(utf8(JSON.stringify(value)), "file.json");
const event = (fields: object) => ({ ...LEAST, events: [{ at: 1, ...fields }] });

describe("a scenario file", () => {
  it("needs a name and a description; the rest has defaults", () => {
    expect(parse(LEAST)).toEqual({
      ...LEAST,
      modules: undefined,
      seed: 1,
      entropy: "system",
      drive: { kind: "demo" },
      seconds: undefined,
      events: [],
      expect: undefined,
    });
  });

  it("says what happens when", () => {
    const scenario = parse({
      ...LEAST,
      modules: 4,
      seed: 7,
      entropy: "seeded",
      drive: { kind: "constant", watts: -8000 },
      seconds: 120,
      events: [
        { at: 10, seconds: 0.5, fault: "brown-out", slots: [2] },
        { at: 20.5, fault: "corrupt", bitErrorRate: 1e-5 },
      ],
      expect: { linked: 4, moduleAlarms: 1 },
    });
    expect(scenario).toMatchObject({ modules: 4, seed: 7, entropy: "seeded", seconds: 120 });
    expect(scenario.drive).toEqual({ kind: "constant", watts: -8000 });
    expect(scenario.events).toEqual([
      {
        at: 10,
        seconds: 0.5,
        fault: { fault: "brown-out", slots: [2] },
        place: "file.json.events[0]",
      },
      {
        at: 20.5,
        seconds: undefined,
        fault: { fault: "corrupt", bitErrorRate: 1e-5, slots: undefined },
        place: "file.json.events[1]",
      },
    ]);
    expect(scenario.expect).toEqual({ linked: 4, on: undefined, moduleAlarms: 1 });
  });

  it.each(FAULT_NAMES)(
    "takes the fault %s as the catalogue has it, and no further field",
    (name) => {
      const fault = FAULTS[name].example(3);
      expect(parse(event(fault)).events[0]!.fault).toMatchObject(fault);
      expect(() => parse(event({ ...fault, colour: "red" }))).toThrow(/unknown key "colour"/);
    },
  );

  it.each([
    ["no JSON", "{", "file.json: is not JSON"],
    ["not an object", "[]", "file.json: is not an object"],
    ["no name", { description: "d" }, "file.json.name: is not a text"],
    ["an unknown key", { ...LEAST, moduels: 3 }, 'unknown key "moduels"'],
    ["32 modules", { ...LEAST, modules: 32 }, "file.json.modules: is not a number from 1 to 31"],
    ["half a module", { ...LEAST, modules: 1.5 }, "file.json.modules: is not a whole number"],
    [
      "a drive of no kind",
      { ...LEAST, drive: { kind: "fast" } },
      "file.json.drive.kind: is none of",
    ],
    [
      "a drive without watts",
      { ...LEAST, drive: { kind: "constant" } },
      "drive.watts: is not a number",
    ],
    ["an event before the start", event({ at: -1, fault: "babbling" }), "events[0].at"],
    ["an event that takes no time", event({ seconds: 0, fault: "babbling" }), "events[0].seconds"],
    ["an unknown fault", event({ fault: "gremlin" }), "events[0].fault: is none of corrupt, cut"],
    ["slot 32", event({ fault: "mute", slots: [32] }), "events[0].slots[0]"],
    ["no slots", event({ fault: "mute", slots: [] }), "events[0].slots: is empty"],
    ["a liar who does not lie", event({ fault: "liar" }), "lies about neither"],
    [
      "identifiers backwards",
      event({ fault: "flood", firstId: 5, lastId: 4, perSecond: 1 }),
      "lastId",
    ],
    ["reordering", event({ fault: "reorder" }), "cannot be reordered"],
    ["a slot twice", event({ fault: "mute", slots: [2, 3, 2] }), "slots: has slot 2 twice"],
    [
      "a slot that no module has",
      { ...LEAST, modules: 2, events: [{ at: 1, fault: "mute", slots: [3] }] },
      "file.json.events[0]: slot 3 of 2 modules",
    ],
    [
      "an event after the end",
      { ...LEAST, seconds: 5, events: [4, 5].map((at) => ({ at, fault: "babbling" })) },
      "file.json.events[1]: is at 5 s, and the scenario ends at 5 s",
    ],
    [
      "an event twice",
      { ...LEAST, events: [1, 2, 1].map((at) => ({ at, fault: "babbling" })) },
      "file.json.events[2]: is the same as file.json.events[0]",
    ],
    [
      "more modules on than there are",
      { ...LEAST, seconds: 5, modules: 2, expect: { linked: 2, on: 3 } },
      "file.json.expect.on: 3 of 2 modules",
    ],
    ["an end that never comes", { ...LEAST, expect: { linked: 1 } }, "give it seconds"],
  ])("is refused with its place: %s", (_name, value, message) => {
    const bytes = utf8(typeof value === "string" ? value : JSON.stringify(value));
    expect(() => parseScenario(bytes, "file.json")).toThrowError(
      expect.objectContaining({ code: "scenario", message: expect.stringContaining(message) }),
    );
  });

  it("is a scenario or one SimError, whatever the bytes and whatever the JSON", () => {
    const json = fc.json().map((text) => utf8(text));
    const events = fc.record({
      name: fc.constant("n"),
      description: fc.constant("d"),
      drive: fc.option(fc.jsonValue(), { nil: undefined }),
      events: fc.array(
        fc.record(
          {
            at: fc.oneof(fc.double(), fc.constant("now")),
            seconds: fc.double(),
            fault: fc.constantFrom(...FAULT_NAMES, "reorder"),
            slots: fc.array(fc.integer({ min: -1, max: 33 })),
            perSecond: fc.double(),
            gain: fc.double(),
          },
          { requiredKeys: ["fault"] },
        ),
      ),
    });
    const shaped = events.map((value) => utf8(JSON.stringify(value)));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), json, shaped), (bytes) => {
        try {
          expect(parseScenario(bytes, "f").name).toBeTypeOf("string");
        } catch (error) {
          expect(error).toBeInstanceOf(SimError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
