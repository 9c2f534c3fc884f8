import { lctId } from "@wattseal/base";
import {
  decodeEnrolmentChallenge,
  Ed25519SecretKey,
  encodeEnrolmentActivation,
  enrol,
  enrolmentSignedBytes,
  issueLctDocument,
  type P256SecretKey,
  softwareApplicant,
} from "@wattseal/lct-keys";
import { type LctDocument, verifyLctDocument } from "@wattseal/lct-keys/verify";
import { type PackName, packName } from "@wattseal/uplink";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { START, seededEntropy, TestPack } from "../fleet.fixture.js";
import { anchorOf, ISSUER, requestOf, said, TestRegistry } from "./registry.fixture.js";
import type { LctRegistry } from "./registry.js";

let test: TestRegistry;
let registry: LctRegistry;

beforeEach(async () => {
  test = await TestRegistry.open();
  registry = test.registry;
});
afterEach(() => test.remove());

const HOUR = 3_600_000;
const nameOf = ({ label }: LctDocument): PackName => packName(label);
const fork = (document: LctDocument, payload = Uint8Array.of(1, 2, 3)) => ({
  pack: nameOf(document),
  kind: "epoch" as const,
  size: 7,
  payload,
  receipt: "receipt",
});

function answer(anchor: P256SecretKey, challenge: Uint8Array): Uint8Array {
  const decoded = decodeEnrolmentChallenge(challenge);
  const signature = anchor.sign(enrolmentSignedBytes(decoded));
  return encodeEnrolmentActivation({ id: decoded.id, proof: { type: "software", signature } });
}

describe("an enrolment", () => {
  it("leads from pending to active, and says so under the authority's key", async () => {
    const { token } = await registry.grant({ context: ["fleet test"] });
    const anchor = anchorOf("pack");
    const { id, challenge } = await registry.request(token, requestOf(anchor));
    const { lct } = decodeEnrolmentChallenge(challenge);
    expect(await registry.lct(lct)).toMatchObject({ state: "pending", document: undefined });
    await registry.activate(token, id, answer(anchor, challenge));
    const standing = await registry.lct(lct);
    expect(standing).toMatchObject({ state: "active", since: START });
    const document = verifyLctDocument(standing!.document!, [ISSUER.publicKey]);
    expect(document).toMatchObject({ lct, context: ["fleet test"] });
    expect(standing!.statements.map(said)).toMatchObject([{ lct, state: "active", since: START }]);
    expect(await registry.lcts()).toMatchObject([{ lct, state: "active" }]);
  });

  it("asked for again gets the same challenge; another request replaces it", async () => {
    const { token } = await registry.grant({});
    const anchor = anchorOf("pack");
    const first = await registry.request(token, requestOf(anchor));
    test.pass(1_000);
    expect(await registry.request(token, requestOf(anchor))).toEqual(
      expect.objectContaining({ id: first.id, challenge: first.challenge }),
    );
    const second = await registry.request(token, requestOf(anchor, ["bay 3"]));
    await expect(
      registry.activate(token, first.id, answer(anchor, first.challenge)),
    ).rejects.toMatchObject({ code: "enrolment" });
    await registry.activate(token, second.id, answer(anchor, second.challenge));
    expect(await registry.lcts()).toHaveLength(1);
  });

  it("is refused under a token that is unknown, used or too old, and by a challenge that is", async () => {
    const anchor = anchorOf("pack");
    const request = requestOf(anchor);
    await expect(registry.request("x".repeat(43), request)).rejects.toMatchObject({
      code: "token",
    });
    const { token } = await registry.grant({ hours: 1 });
    test.pass(HOUR / 2);
    const early = await registry.request(token, request);
    test.pass(600_001);
    const late = answer(anchor, early.challenge);
    await expect(registry.activate(token, early.id, late)).rejects.toMatchObject({
      code: "enrol-expired",
    });
    const { id, challenge } = await registry.request(token, request);
    expect(challenge).not.toEqual(early.challenge);
    await expect(registry.activate(token, id, late)).rejects.toMatchObject({
      code: "enrol-challenge",
    });
    await registry.activate(token, id, answer(anchor, challenge));
    const other = requestOf(anchorOf("other"));
    await expect(registry.request(token, other)).rejects.toMatchObject({ code: "token" });
    await expect(registry.activate(token, early.id, late)).rejects.toMatchObject({ code: "token" });
    const old = await registry.grant({ hours: 1 });
    test.pass(HOUR + 1);
    await expect(registry.request(old.token, request)).rejects.toMatchObject({ code: "token" });
  });

  it("whose answer was lost gives the same document to whoever proves the same again", async () => {
    const { token } = await registry.grant({ hours: 1 });
    const anchor = anchorOf("pack");
    const { id, challenge } = await registry.request(token, requestOf(anchor));
    const result = await registry.activate(token, id, answer(anchor, challenge));
    test.pass(1_000 * HOUR);
    registry = await test.reopen();
    const again = await registry.request(token, requestOf(anchor));
    expect(again.challenge).toEqual(challenge);
    expect(await registry.activate(token, again.id, answer(anchor, challenge))).toEqual(result);
    await expect(
      registry.activate(token, again.id, answer(anchorOf("other"), challenge)),
    ).rejects.toMatchObject({ code: "enrol-proof" });
    expect(await registry.lcts()).toHaveLength(1);
  });

  it("gives no anchor a second LCT, whatever became of the first", async () => {
    const { lct } = await test.enrolled("pack");
    await expect(test.enrolled("pack")).rejects.toMatchObject({ code: "enrolled" });
    await registry.void(lct, "scrapped");
    await expect(test.enrolled("pack")).rejects.toMatchObject({ code: "enrolled" });
  });

  it("keeps no token that could be used", async () => {
    const { token } = await registry.grant({});
    expect(JSON.stringify([await registry.tokens(), test.logged])).not.toContain(token);
  });
});

describe("a standing", () => {
  it("that is final stays, also after a restart", async () => {
    const gone = await test.enrolled("gone");
    const bad = await test.enrolled("bad");
    await registry.void(gone.lct, "water in the gateway");
    await registry.slash(fork(bad), bad);
    for (const isReopened of [false, true]) {
      const again = isReopened ? await test.reopen() : registry;
      expect(again.finalState(nameOf(gone))).toBe("void");
      expect(again.finalState(nameOf(bad))).toBe("slashed");
      await expect(again.void(bad.lct, "late")).rejects.toMatchObject({ code: "final" });
      await again.slash(fork(gone), gone);
      expect(await again.lct(gone.lct)).toMatchObject({ state: "void" });
    }
    const { statements } = (await test.registry.lct(gone.lct))!;
    expect(statements.map(said).map(({ state, reason }) => [state, reason])).toEqual([
      ["active", "enrolled"],
      ["void", "water in the gateway"],
    ]);
  });

  it("of a slashed LCT names its evidence, which is kept, and alarms once", async () => {
    const bad = await test.enrolled("bad");
    await registry.slash(fork(bad), bad);
    await registry.slash(fork(bad), bad);
    await registry.slash(fork(bad, Uint8Array.of(4)), bad);
    const [, last, ...more] = (await registry.lct(bad.lct))!.statements.map(said);
    expect(more).toEqual([]);
    // sha256 of 01 02 03
    expect(last?.reason).toMatch(
      /039058c6f2c0cb492c533b0a4d14ef77cc0f78abccced5287d84a1a2011cfb81$/,
    );
    expect(await registry.evidence(bad.lct)).toHaveLength(2);
    expect(test.logged.filter(({ event }) => event === "registry.slashed")).toHaveLength(1);
  });

  it("passes to a successor, which the old LCT is retired by", async () => {
    const old = await test.enrolled("old board");
    const next = await test.enrolled("new board", old.lct);
    expect(next.mrh).toEqual([{ relation: "succeeds", lct: old.lct }]);
    expect(registry.finalState(nameOf(old))).toBe("retired");
    expect(registry.finalState(nameOf(next))).toBeUndefined();
    const { statements } = (await registry.lct(old.lct))!;
    expect(said(statements.at(-1)!)).toMatchObject({
      state: "retired",
      reason: `succeeded by ${next.lct}`,
    });
    // A void board may be succeeded too, and stays void.
    await registry.void(next.lct, "burnt");
    await test.enrolled("third board", next.lct);
    expect(registry.finalState(nameOf(next))).toBe("void");
  });

  it("is not handed on by whoever was slashed or succeeded, nor by anyone unknown", async () => {
    const bad = await test.enrolled("bad");
    await registry.slash(fork(bad), bad);
    const old = await test.enrolled("old");
    await test.enrolled("new", old.lct);
    const stranger = lctId(`lct:pack:${"a".repeat(32)}`);
    for (const lct of [bad.lct, old.lct, stranger]) {
      await expect(registry.grant({ succeeds: lct })).rejects.toMatchObject({ code: "grant" });
    }
  });

  it("that ends between challenge and answer ends the succession too", async () => {
    const old = await test.enrolled("old");
    const { token } = await registry.grant({ succeeds: old.lct });
    const anchor = anchorOf("new");
    const under = test.under(token);
    const slashed = {
      ...under,
      activate: async (id: Uint8Array, bytes: Uint8Array) => {
        await registry.slash(fork(old), old);
        return under.activate(id, bytes);
      },
    };
    await expect(
      enrol(softwareApplicant(anchor), slashed, {
        kind: "pack",
        context: [],
        succeeds: old.lct,
        authorities: [ISSUER.publicKey],
      }),
    ).rejects.toMatchObject({ code: "grant" });
    expect(await registry.lcts()).toHaveLength(1);
  });

  it("is kept of documents that were signed elsewhere: adopted, or slashed by their log", async () => {
    const { document } = new TestPack("elsewhere", ISSUER);
    expect(registry.finalState(nameOf(document))).toBeUndefined();
    expect(await registry.adopt(document.bytes)).toBe(document.lct);
    await expect(registry.adopt(document.bytes)).rejects.toMatchObject({ code: "enrolled" });
    await registry.void(document.lct, "sold for parts");
    const other = new TestPack("unheard of", ISSUER).document;
    await registry.slash(fork(other), other);
    expect(registry.finalState(nameOf(other))).toBe("slashed");
    const forged = issueLctDocument(Ed25519SecretKey.generate(seededEntropy("stranger")), {
      kind: "policy",
      class: "responsive",
      anchor: { type: "policy", text: "text" },
      binding: "unknown",
      strengthBps: 0,
      context: [],
      created: START,
      witnesses: [],
      mrh: [],
    });
    await expect(registry.adopt(forged)).rejects.toMatchObject({ code: "document-untrusted" });
  });
});
