/** The table of failures in this package's README, row by row. */
import { setTimeout as pause } from "node:timers/promises";
import { utf8 } from "@wattseal/base";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { getRandom, handlesFrom, property, readClock } from "./commands/basic.js";
import { unseal } from "./commands/keys.js";
import { create, createPrimary, flush, load, pinned, readPublic } from "./commands/objects.js";
import { policyAuthValue } from "./commands/policy.js";
import { startPolicy } from "./session/start.js";
import { SEALED, STORAGE_ROOT } from "./structures/templates.js";
import { entropy, hasSwtpm, OWNER, randomAuth, Swtpm } from "./testing/swtpm.js";
import { bare, codeOf, scripted, tapped } from "./testing/wiretap.js";
import { type SaltKey, Tpm } from "./tpm.js";
import type { Transport } from "./transport/transport.js";
import { CC, HANDLE_TYPE, PT } from "./wire/constants.js";

const RETRY = bare(0x922);
const random = (length: number) =>
  Uint8Array.from([0x80, 1, 0, 0, 0, 12 + length, 0, 0, 0, 0, 0, length, ...Array(length).fill(7)]);

describe("a TPM that is busy", () => {
  const asked = async (...answers: (Uint8Array | Error)[]) => {
    const pauses: number[] = [];
    const waiting = (ms: number) => {
      pauses.push(ms);
      return Promise.resolve();
    };
    const options = { entropy, pause: waiting };
    const result = await Tpm.transact(scripted(...answers), options, (tpm) =>
      getRandom(tpm, 4),
    ).catch((error: unknown) => error);
    return { result, pauses };
  };

  it.each([
    ["retry", 0x922],
    ["yielded", 0x908],
    ["testing", 0x90a],
    ["its NV memory's rate", 0x920],
    ["its NV memory not at hand", 0x923],
  ])("is asked again: %s", async (_, code) => {
    const { result, pauses } = await asked(bare(code), bare(code), random(4));
    expect(result).toEqual(Uint8Array.of(7, 7, 7, 7));
    expect(pauses).toEqual([1, 5]);
  });

  it("is not asked for ever", async () => {
    const { result, pauses } = await asked(...Array.from({ length: 7 }, () => RETRY));
    expect(result).toMatchObject({ code: "tpm-refused", response: { name: "retry", retry: true } });
    expect(pauses).toEqual([1, 5, 20, 100, 500]);
  });

  it("is not asked again for what it refuses for good, by itself or by Linux' resource manager", async () => {
    for (const code of [0x143, 0xb0143]) {
      const { result, pauses } = await asked(bare(code), random(4));
      expect(result).toMatchObject({
        code: "tpm-refused",
        response: { name: "command-code", raw: code },
      });
      expect(pauses).toEqual([]);
    }
  });

  it("has its failure reported as what broke, not as what failed after it", async () => {
    const broken = new Error("the cable");
    expect((await asked(broken, broken)).result).toBe(broken);
  });
});

describe.each([
  ["nothing", new Uint8Array(0)],
  ["half a header", bare(0).subarray(0, 6)],
  ["another length than announced", Uint8Array.from([...random(4), 0])],
  ["a response without parameters", bare(0)],
  ["fewer parameters than their length says", random(4).subarray(0, 14)],
  ["more random bytes than asked for", random(9)],
  ["a response with sessions to a command without", random(4).with(1, 2)],
])("a response of %s", (_, answer) => {
  it("is refused as no answer", async () => {
    const refused = Tpm.transact(scripted(answer), { entropy, pause }, (tpm) => getRandom(tpm, 4));
    await expect(refused).rejects.toMatchObject({ code: "tpm-response" });
  });
});

const NAME = hasSwtpm() ? "a TPM that fails" : "failures (skipped: swtpm is not installed)";
describe.skipIf(!hasSwtpm())(NAME, () => {
  let swtpm: Swtpm;
  let root: SaltKey;
  beforeAll(async () => {
    swtpm = await Swtpm.start();
    root = await swtpm.storageRoot();
  }, 60_000);
  afterAll(() => swtpm.remove());

  const types = [HANDLE_TYPE.transient, HANDLE_TYPE.hmacSession, HANDLE_TYPE.policySession];
  /** TPM_HT_LOADED_SESSION lists sessions of both kinds under 0x02. */
  const leftBehind = () =>
    swtpm.use(async (tpm) => {
      const all: number[] = [];
      for (const type of types) all.push(...(await handlesFrom(tpm, type * 2 ** 24)));
      return all;
    });

  const through = (
    transport: Transport,
    work: (tpm: Tpm) => Promise<unknown>,
    signal?: AbortSignal,
  ) => Tpm.transact(transport, { entropy, pause, saltKey: root, signal }, work);

  async function busy(tpm: Tpm) {
    await startPolicy(tpm);
    const auth = randomAuth();
    const blob = await create(tpm, root, { publicArea: SEALED, auth, sealed: utf8("s") });
    return { ...(await load(tpm, root, blob)), auth };
  }

  it("by power cut in the middle: the transaction fails as unreachable, the next one works", async () => {
    const cut = swtpm.use(async (tpm) => {
      const object = await busy(tpm);
      await swtpm.powerCut();
      await unseal(tpm, object);
    }, root);
    await expect(cut).rejects.toMatchObject({ code: "tpm-unreachable" });
    await expect(swtpm.use((tpm) => getRandom(tpm, 4))).rejects.toMatchObject({
      code: "tpm-unreachable",
    });
    await swtpm.powerOn();
    expect(await swtpm.use((tpm) => getRandom(tpm, 4), root)).toHaveLength(4);
    expect(await leftBehind()).toEqual([]);
  });

  it("by many power cuts: none counts as a wrong guess, since what is used here does not count guesses", async () => {
    for (let i = 0; i < 10; i += 1) {
      const cut = swtpm.use(async (tpm) => {
        const object = await busy(tpm);
        await unseal(tpm, object);
        await swtpm.powerCut();
        await unseal(tpm, object);
      }, root);
      await expect(cut).rejects.toMatchObject({ code: "tpm-unreachable" });
      await swtpm.powerOn();
    }
    expect(await swtpm.use((tpm) => property(tpm, PT.lockoutCounter), root)).toBe(0);
  }, 60_000);

  it("by a reset that the connection survives: sessions and objects are gone, by name, and the next one works", async () => {
    let inner = swtpm.transport.open();
    const surviving: Transport = {
      open: () =>
        Promise.resolve({
          transmit: async (command) => (await inner).transmit(command),
          close: async () => (await inner).close(),
        }),
    };
    const reset = through(surviving, async (tpm) => {
      const object = await busy(tpm);
      await swtpm.powerCut();
      await swtpm.powerOn();
      inner = swtpm.transport.open();
      await unseal(tpm, object);
    });
    await expect(reset).rejects.toMatchObject({ response: { name: "reference" } });
    expect(await swtpm.use((tpm) => getRandom(tpm, 4), root)).toHaveLength(4);
  });

  it("by another TPM in its place: the pinned key is not there, or not the same", async () => {
    const other = await Swtpm.start();
    try {
      const asked = () => other.use((tpm) => pinned(tpm, root.handle, root.name));
      await expect(asked()).rejects.toMatchObject({ response: { name: "handle" } });
      await expect(other.use((tpm) => getRandom(tpm, 4), root)).rejects.toMatchObject({
        code: "tpm-refused",
      });
      await other.storageRoot(root.handle);
      await expect(asked()).rejects.toMatchObject({ code: "tpm-evidence" });
      await expect(other.use((tpm) => getRandom(tpm, 4), root)).rejects.toMatchObject({
        code: expect.stringMatching(/tpm-refused|tpm-response/),
      });
    } finally {
      await other.remove();
    }
  });

  it("for too many objects or sessions: refused by name, and nothing is left behind", async () => {
    const objects = swtpm.use(async (tpm) => {
      for (;;) await createPrimary(tpm, OWNER, { publicArea: STORAGE_ROOT });
    }, root);
    await expect(objects).rejects.toMatchObject({ response: { name: "object-memory" } });
    const sessions = swtpm.use(async (tpm) => {
      for (;;) await startPolicy(tpm);
    }, root);
    await expect(sessions).rejects.toMatchObject({ response: { name: "session-memory" } });
    expect(await leftBehind()).toEqual([]);
  });

  it("leaves nothing behind in 1,000 transactions, a third of which fail or are cancelled", async () => {
    for (let i = 0; i < 1000; i += 1) {
      const controller = new AbortController();
      const work = async (tpm: Tpm) => {
        const session = await startPolicy(tpm);
        await policyAuthValue(tpm, session);
        if (i % 6 === 1) throw new Error("of the caller");
        const loading = createPrimary(tpm, OWNER, { publicArea: STORAGE_ROOT });
        if (i % 6 === 3) controller.abort();
        await loading;
        if (i % 6 === 5) await flush(tpm, session.handle);
      };
      const ended = swtpm.use(work, i % 2 === 0 ? root : undefined, { signal: controller.signal });
      await ended.catch((error: unknown) => {
        if (i % 6 !== 1 && i % 6 !== 3) throw error;
      });
    }
    expect(await leftBehind()).toEqual([]);
  }, 120_000);

  it("ends a cancelled transaction after the command under way, which it cleans up behind", async () => {
    const controller = new AbortController();
    const commands: number[] = [];
    const transport = tapped(swtpm.transport, {
      command: (bytes) => {
        commands.push(codeOf(bytes));
        if (codeOf(bytes) === CC.createPrimary) controller.abort();
        return undefined;
      },
    });
    const work = async (tpm: Tpm) => {
      await createPrimary(tpm, OWNER, { publicArea: STORAGE_ROOT });
      await readClock(tpm);
    };
    await expect(through(transport, work, controller.signal)).rejects.toMatchObject({
      code: "tpm-cancelled",
    });
    expect(commands).toEqual([
      CC.startAuthSession,
      CC.createPrimary,
      CC.flushContext,
      CC.flushContext,
    ]);
    expect(await leftBehind()).toEqual([]);
    const never = through(swtpm.transport, readClock, AbortSignal.abort());
    await expect(never).rejects.toMatchObject({ code: "tpm-cancelled" });
  });

  it("takes no commands of a transaction that is over", async () => {
    const escaped = await swtpm.use((tpm) => Promise.resolve(tpm));
    await expect(readClock(escaped)).rejects.toMatchObject({ code: "tpm-usage" });
  });

  it("puts commands that are given at once one after the other", async () => {
    const all = await swtpm.use(
      (tpm) => Promise.all(Array.from({ length: 8 }, () => getRandom(tpm, 8))),
      root,
    );
    expect(new Set(all.map(String)).size).toBe(8);
  });

  it("by an answer that belongs to the command before: refused, as is what comes after", async () => {
    let before: Uint8Array | undefined;
    const late = tapped(swtpm.transport, {
      response: (bytes) => {
        const given = before ?? bytes;
        before = bytes;
        return given;
      },
    });
    const work = async (tpm: Tpm) => {
      await startPolicy(tpm);
      await getRandom(tpm, 4);
    };
    await expect(through(late, work)).rejects.toMatchObject({ code: "tpm-response" });
    // What the client could not know of is flushed by hand: this TPM has no resource manager.
    for (const handle of await leftBehind()) await swtpm.use((tpm) => flush(tpm, handle));
    expect(await swtpm.use((tpm) => readPublic(tpm, root.handle))).toMatchObject({
      name: root.name,
    });
  });
});
