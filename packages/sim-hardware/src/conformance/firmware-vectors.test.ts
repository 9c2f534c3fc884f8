/**
 * docs/firmware/vectors against an implementation written from docs/firmware alone: it decodes every frame of
 * both sessions and makes it again, and gives the verdicts of the rejected examples.
 */
import { readFileSync } from "node:fs";
import type { CanFrame } from "@wattseal/can-protocol";
import { describe, expect, it } from "vitest";
import {
  type Body,
  DOCS,
  readBodies,
  readBody,
  type Values,
  writeBody,
} from "./reference/bodies.fixture.js";
import {
  answer,
  ascii,
  hex,
  hkdfOf,
  hmac,
  join,
  label,
  NOBLE,
  nonce,
  PLATFORM,
  prologue,
  statementMac,
  unhex,
} from "./reference/crypto.fixture.js";
import { ReferenceReceiver } from "./reference/receiver.fixture.js";
import {
  associatedData,
  BASE,
  type Cls,
  cut,
  DOMAIN,
  openPdu,
  padded,
  parseId,
  plaintext,
  sealText,
} from "./reference/wire.fixture.js";

const read = (name: string) =>
  JSON.parse(readFileSync(new URL(`vectors/${name}.json`, DOCS), "utf8"));
const handshake = read("handshake");
const pairing = read("pairing");
const bodies = readBodies();

const identity = {
  packHash: unhex(pairing.packHash),
  uid: unhex(pairing.modules[0].uid),
  slot: pairing.modules[0].slot,
  busId: pairing.modules[0].busId,
  moduleSecret: unhex(pairing.modules[0].secret),
  packHalf: unhex(pairing.packHalf),
};
const keys = {
  toModule: unhex(handshake.packToModuleKey),
  toPack: unhex(handshake.moduleToPackKey),
  handshakeHash: unhex(handshake.handshakeHash),
};

function framesOf(lines: readonly string[], fd: boolean): CanFrame[] {
  return lines.map((line) => {
    const [id = "", data = ""] = line.split("#");
    return { id: Number.parseInt(id, 16), data: unhex(data), fd };
  });
}

interface Step {
  readonly name: string;
  readonly from: "pack" | "module";
  readonly tick: number;
  readonly frames: readonly string[];
  readonly handshake?: string;
  readonly pdu?: {
    readonly class: Cls;
    readonly counter: number;
    readonly type: number;
    readonly body: string;
    readonly fields: object;
    readonly ad: string;
    readonly nonce: string;
    readonly plaintext: string;
    readonly sealed: string;
  };
}

interface Rejected {
  readonly id: string;
  readonly what: string;
  readonly start: "linked" | "no session";
  readonly tick: number;
  readonly verdict: string;
  readonly accepted: readonly string[];
  readonly answer: string | null;
  readonly reason: string | null;
  readonly frames: readonly string[];
}

function flat(fields: object, prefix = ""): Values {
  return Object.fromEntries(
    Object.entries(fields).flatMap(([name, value]) => {
      if (name === "kind") return [];
      if (typeof value === "object") return Object.entries(flat(value, `${prefix}${name}.`));
      return [[`${prefix}${name}`, value]];
    }),
  );
}

function bodyOf(type: number, toPack: boolean): Body {
  const found = bodies.find((body) => body.type === type && body.toPack === toPack);
  if (found === undefined) throw new Error(`messages.md has no type ${type}`);
  return found;
}

/** How many fields use each bit. */
function usesOf({ length, fields }: Body): number[] {
  const uses: number[] = Array(8 * length).fill(0);
  for (const { offset, width } of fields) {
    const from = 8 * offset + ("from" in width ? width.from : 0);
    const bits = "from" in width ? width.to - width.from + 1 : 8 * width.bytes;
    for (let bit = from; bit < from + bits; bit += 1) uses[bit] = (uses[bit] ?? 0) + 1;
  }
  return uses;
}

const { dh, publicOf } = NOBLE;

describe("messages.md", () => {
  it("gives a layout for each type and direction, and no byte twice or not at all", () => {
    expect(bodies.filter(({ toPack }) => !toPack).map(({ type }) => type)).toEqual([
      1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14,
    ]);
    expect(bodies.filter(({ toPack }) => toPack).map(({ type }) => type)).toEqual([
      1, 2, 3, 4, 5, 8, 9, 10, 13, 14,
    ]);
    for (const body of bodies)
      expect(usesOf(body), body.name).toEqual(Array(8 * body.length).fill(1));
  });
});

describe("vectors/handshake.json", () => {
  it("is what link.md §4 gives, every intermediate value", () => {
    expect(hex(prologue(identity))).toBe(handshake.prologue);
    const steps: { step: string; values: Record<string, string> }[] = [];
    const done = answer(
      identity,
      unhex(handshake.message1),
      unhex(handshake.secrets.moduleEphemeral),
      unhex(handshake.payload2),
      {
        trace: (step, values) => {
          const text = Object.entries(values).map(([name, bytes]) => [name, hex(bytes)]);
          steps.push({ step, values: Object.fromEntries(text) });
        },
      },
    );
    expect(done && hex(done.message2)).toBe(handshake.message2);
    expect(done && hex(done.keys.handshakeHash)).toBe(handshake.handshakeHash);
    expect(done && hex(done.keys.toModule)).toBe(handshake.packToModuleKey);
    expect(done && hex(done.keys.toPack)).toBe(handshake.moduleToPackKey);
    const published = handshake.steps.filter(
      ({ step }: { step: string }) => !/Initialize|Split/.test(step),
    );
    expect(steps.map(({ step }) => step)).toEqual(
      published.map(({ step }: Step & { step: string }) => step),
    );
    for (const [i, { values }] of steps.entries()) {
      const { input, ck, k, h, output } = published[i];
      if (values["dh"] !== undefined) {
        expect({ dh: input.dh, ck, k }).toEqual(values);
      } else expect({ data: input.data ?? output, h }).toEqual(values);
    }
  });

  it("has the pack compute the same Diffie-Hellman results from its own secrets", () => {
    for (const { input } of handshake.steps) {
      if (input?.dh === undefined) continue;
      expect(hex(dh(unhex(input.secret), unhex(input.public))!)).toBe(input.dh);
      expect(hex(PLATFORM.dh(unhex(input.secret), unhex(input.public))!)).toBe(input.dh);
    }
  });
});

describe.each([
  ["classic", false],
  ["fd", true],
])("vectors/session-%s.json", (name, fd) => {
  const steps: readonly Step[] = read(`session-${name}`).steps;
  const sealed = steps.filter((step) => step.pdu !== undefined);

  it("carries every type in both directions", () => {
    const seen = new Set(sealed.map(({ from, pdu }) => `${from} ${pdu!.type}`));
    const wanted = bodies.map(({ type, toPack }) => `${toPack ? "module" : "pack"} ${type}`);
    expect([...seen].sort()).toEqual(wanted.sort());
  });

  it("cuts hello and handshake messages as §3 says", () => {
    const expected: Record<string, [Uint8Array, number]> = {
      hello: [identity.uid, BASE.handshake + 1],
      "message 1": [unhex(handshake.message1), BASE.handshake],
      "message 2": [unhex(handshake.message2), BASE.handshake + 1],
    };
    for (const [step, [bytes, base]] of Object.entries(expected)) {
      const { frames } = steps.find((one) => one.name === step)!;
      expect(cut(bytes, base, identity.slot, 0, fd)).toEqual(framesOf(frames, fd));
    }
  });

  it.each(sealed.map((step, i) => [i, step.name, step] as const))("%i %s", (_i, _name, step) => {
    const pdu = step.pdu!;
    const toPack = step.from === "module";
    const spec = bodyOf(pdu.type, toPack);
    const frames = framesOf(step.frames, fd);
    const key = toPack ? keys.toPack : keys.toModule;
    const how = { key, cls: pdu.class, toPack, slot: identity.slot, counter: pdu.counter };
    expect(spec.cls).toBe(pdu.class);

    // Decoding
    const bytes = join(...frames.map(({ data }) => data));
    expect(frames.map(({ id }) => parseId(id).counter)).toEqual(frames.map(() => pdu.counter % 16));
    const text = openPdu(bytes, how)!;
    expect(hex(text)).toBe(pdu.plaintext);
    const body = text.subarray(3, 3 + (text[1]! | (text[2]! << 8)));
    const values = readBody(spec, body)!;
    const wanted = flat(pdu.fields);
    expect(Object.keys(values).sort()).toEqual(Object.keys(wanted).sort());
    for (const [field, value] of Object.entries(values)) {
      if (typeof value === "string") expect(value, field).toBe(wanted[field]);
      else expect(value, field).toBeCloseTo(Number(wanted[field]), 9);
    }

    // And making it again
    const again = writeBody(spec, wanted);
    expect(hex(again)).toBe(pdu.body);
    const length = padded(19 + again.length, fd);
    const resealed = sealText(plaintext(pdu.type, again, length), how);
    expect(hex(resealed)).toBe(pdu.sealed);
    const base = BASE[pdu.class] + (toPack ? 1 : 0);
    expect(cut(resealed, base, identity.slot, pdu.counter, fd)).toEqual(frames);
    expect(hex(associatedData(base, identity.slot, length))).toBe(pdu.ad);
    expect(hex(nonce(DOMAIN[pdu.class], pdu.counter))).toBe(pdu.nonce);
  });
});

describe("vectors/rejected.json", () => {
  const session: readonly Step[] = read("session-classic").steps;
  const framesNamed = (name: string) =>
    framesOf(session.find((step) => step.name === name)!.frames, false);

  const cases: readonly Rejected[] = read("rejected").cases;

  function receiverFor(one: Rejected): ReferenceReceiver {
    const ephemeral = unhex(handshake.secrets.moduleEphemeral);
    const receiver = new ReferenceReceiver(identity, bodies, ephemeral, unhex(handshake.payload2));
    if (one.start === "no session") return receiver;
    const before = [...framesNamed("message 1"), ...framesNamed("ping")];
    for (const frame of before) receiver.frame(frame, 0, 0);
    return receiver;
  }

  it.each(cases.map((one) => [one.id, one.what, one] as const))("%s: %s", (_id, _what, one) => {
    const receiver = receiverFor(one);
    const results = framesOf(one.frames, false).map((frame) => receiver.frame(frame, 0, one.tick));
    const accepted = results.flatMap(({ body }) => (body === undefined ? [] : [hex(body)]));
    const reasons = results.flatMap(({ reason }) => reason ?? []);
    expect(accepted).toEqual(one.accepted);
    expect(new Set(reasons)).toEqual(new Set(one.reason === null ? [] : [one.reason]));
    expect(results.find(({ answer: said }) => said !== undefined)?.answer ?? null).toBe(one.answer);
    const counted = reasons.some((reason) => reason !== "duplicate");
    const refused = counted ? "refused" : "ignored";
    expect(accepted.length > 0 ? "accepted" : refused).toBe(one.verdict);
  });
});

describe("vectors/statement.json and label.json", () => {
  const statement = read("statement");

  it("the module makes the code, and the federation the same one", () => {
    const moduleSecret = unhex(statement.moduleSecret);
    const body = unhex(statement.statement);
    expect(hex(statementMac(moduleSecret, unhex(statement.federationHalf), body))).toBe(
      statement.mac,
    );
    const shared = dh(unhex(statement.federationSecret), unhex(statement.moduleHalf))!;
    expect(hex(shared)).toBe(statement.shared);
    expect(hex(hkdfOf(shared, ascii(statement.info)))).toBe(statement.key);
    expect(hex(hmac(unhex(statement.key), body))).toBe(statement.mac);
    expect(statement.body).toBe(statement.statement + statement.mac);
  });

  it("halves and label belong to the pairing", () => {
    const { uid, half, text } = read("label");
    expect(label(unhex(uid), unhex(half))).toBe(text);
    expect(hex(publicOf(unhex(pairing.packSecret)))).toBe(pairing.packHalf);
    expect(hex(publicOf(unhex(pairing.federationSecret)))).toBe(pairing.federationHalf);
    expect(hex(publicOf(identity.moduleSecret))).toBe(half);
    expect(pairing.modules[0].half).toBe(half);
  });
});
