/** Bytes that no client of ours sends: never a crash, never an answer without the token, never a word that was not judged. */
import { DecodeError, millis, silentLogger } from "@wattseal/base";
import { unverifiedCheckpoint } from "@wattseal/tlog";
import { describe, expect, it, onTestFinished } from "vitest";
import { dayOf, MemoryStateFiles, START, seededEntropy } from "../../lct-keys.fixture.js";
import { LctKeysError } from "../../verify/errors.js";
import { CallLimits } from "./call-limits.js";
import { decodeNotes, decodeReply } from "./replies.js";
import { type Ask, encodeGreeting, encodeRequest } from "./requests.js";
import { Session, type SessionOptions } from "./session.js";
import { log, SteppedClock, TOKEN, testSigner } from "./socket.fixture.js";

const FRAMES = 20_000;
const LONG = { timeout: 240_000 };
const entropy = seededEntropy("hostile");

function below(bound: number): number {
  const [a = 0, b = 0, c = 0] = entropy.bytes(3);
  return ((a << 16) | (b << 8) | c) % bound;
}

/** One to four bytes changed, lost, added or cut off. */
function damaged(frame: Uint8Array): Uint8Array {
  let bytes = [...frame];
  for (let times = 1 + below(4); times > 0; times -= 1) {
    const at = below(bytes.length + 1);
    const kind = below(5);
    if (kind === 0) bytes = bytes.slice(0, at);
    else if (kind === 1) bytes.splice(at, 0, below(256));
    else if (kind === 2) bytes.splice(at, 1);
    else bytes[Math.min(at, bytes.length - 1)] = below(256);
  }
  return Uint8Array.from(bytes);
}

const identity = {
  size: 9,
  root: log.root(9),
  lastCounter: 0,
  bootVersion: 0,
  head: undefined,
  receipt: undefined,
  time: millis(START),
  synchronised: true,
} as const;

const asks: readonly Ask[] = [
  { call: "identity", log: identity },
  { call: "sign", heads: [log.request(9, 20)] },
  { call: "sign", heads: [log.request(9, 12), log.request(12, 20)] },
  { call: "attest", nonce: entropy.bytes(32) },
  { call: "dh", own: entropy.bytes(32), peer: entropy.bytes(32) },
  { call: "ocmf", day: dayOf() },
  { call: "half" },
  { call: "starts" },
];

/** One client after the other, each until it is not believed any more. */
class Guests {
  readonly replies: Uint8Array[] = [];
  readonly #options: Omit<SessionOptions, "send" | "onSettled">;
  #session: Session | undefined;
  #settled: () => void = () => {};

  constructor(options: Omit<SessionOptions, "send" | "onSettled">) {
    this.#options = options;
  }

  /** Resolves with whether it was taken for a request, when that is answered. */
  async say(frame: Uint8Array): Promise<boolean> {
    this.#session ??= this.#guest();
    const settled = new Promise<void>((resolve) => {
      this.#settled = resolve;
    });
    try {
      this.#session.receive(frame);
    } catch (error) {
      expect(error).toBeInstanceOf(DecodeError);
      await this.leave();
      return false;
    }
    await settled;
    return true;
  }

  async leave(): Promise<void> {
    await this.#session?.end();
    this.#session = undefined;
  }

  #guest(): Session {
    const session = new Session({
      ...this.#options,
      send: (reply) => {
        this.replies.push(reply);
        // a guest has no proof to give
        if (decodeReply(reply).reply.kind === "proof") void this.leave();
      },
      onSettled: () => this.#settled(),
    });
    return session;
  }
}

const ERAS = 40;

/** Of one signer: roots by size, in every note that left it. */
function requireOneRootEach(replies: readonly Uint8Array[]): number {
  const roots = new Map<number, string>();
  let signed = 0;
  for (const { reply } of replies.map(decodeReply)) {
    if (reply.kind !== "ok") continue;
    for (const { size, root } of notesIn(reply.result).map(unverifiedCheckpoint)) {
      expect(roots.get(size) ?? String(root)).toBe(String(root));
      roots.set(size, String(root));
      signed += 1;
    }
  }
  return signed;
}

describe("a session", () => {
  it(`answers or refuses ${FRAMES} requests, most of them damaged, and goes on`, LONG, async () => {
    const total = { taken: 0, signed: 0 };
    for (let era = 0; era < ERAS; era += 1) {
      const { service } = await testSigner(onTestFinished, () => new MemoryStateFiles());
      const clock = new SteppedClock();
      const limits = new CallLimits(clock);
      const guests = new Guests({ service, limits, clock, logger: silentLogger });
      for (let count = 0; count < FRAMES / ERAS; count += 1) {
        clock.advance(10_000);
        const frame = encodeRequest(1, asks[count % asks.length]!);
        if (await guests.say(below(4) === 0 ? frame : damaged(frame))) total.taken += 1;
      }
      await guests.leave();
      total.signed += requireOneRootEach(guests.replies);
      expect((await service.attest(new Uint8Array(32))).signature.length).toBe(64);
    }
    expect(total.signed).toBeGreaterThan(0);
    expect(total.taken).toBeGreaterThan(FRAMES / 4);
    expect(total.taken).toBeLessThan(FRAMES);
  });
});

function notesIn(result: Parameters<typeof decodeNotes>[0]): readonly string[] {
  if (!Array.isArray(result)) return [];
  const texts = result.filter((item) => typeof item === "string" && item.startsWith("wattseal/"));
  return decodeNotes(texts, texts.length).filter((note) => note.includes("\n"));
}

describe("the socket", () => {
  it(
    "tells 300 strangers nothing, whatever they begin with, and serves its client",
    LONG,
    async () => {
      const { begin, client, raw } = await testSigner(onTestFinished);
      for (let stranger = 0; stranger < 300; stranger += 1) {
        const greeting = damaged(encodeGreeting(TOKEN));
        if (greeting.length === 0 || String(greeting) === String(encodeGreeting(TOKEN))) continue;
        const it = await raw();
        it.frame(greeting);
        it.socket.write(damaged(encodeRequest(1, asks[stranger % asks.length]!)));
        it.socket.end();
        await it.closed;
        expect(it.told).toEqual([]);
      }
      expect((await begin(await client(), 1, 0)).identity().epoch).toBe(1);
    },
  );

  it("outlives clients that send nonsense after the token", LONG, async () => {
    const { client, clock, raw } = await testSigner(onTestFinished);
    for (let guest = 0; guest < 100; guest += 1) {
      const it = await raw();
      it.greet();
      for (let frame = 0; frame < 5; frame += 1) {
        const bytes = damaged(encodeRequest(1 + frame, asks[below(asks.length)]!));
        if (bytes.length > 0) it.frame(bytes);
      }
      it.socket.end();
      await it.closed;
      expect(it.replies().length).toBeGreaterThan(0);
    }
    const own = await untilAdmitted(client);
    // Some of the nonsense was a request after all, and may have been the last for now.
    clock.advance(10_000);
    expect((await own.attest(new Uint8Array(32))).signature.length).toBe(64);
  });
});

async function untilAdmitted<T>(client: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await client();
    } catch (error) {
      if (!(error instanceof LctKeysError) || error.code !== "signer-busy") throw error;
    }
  }
}
