/** Invariant 5: two checkpoints of one size with different roots never leave one signer, whatever fails and whoever races. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toHex } from "@wattseal/base";
import { unverifiedCheckpoint } from "@wattseal/tlog";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { issueLctDocument } from "../authority.js";
import { Ed25519SecretKey } from "../keys/ed25519.js";
import {
  codeOfThrown,
  genesisOf,
  MemoryStateFiles,
  manualClock,
  only,
  seededEntropy,
  type TestTree,
  tree,
} from "../lct-keys.fixture.js";
import { type LctDocument, verifyLctDocument } from "../verify/document.js";
import { decodeEpochEvidence } from "../verify/evidence.js";
import { beginSoftwareEpoch } from "./open-software.js";
import type { Signer } from "./port.js";
import { createSoftwareAnchor } from "./software-anchor.js";
import { decodeState } from "./state.js";
import type { StateFiles } from "./state-files.js";

const entropy = seededEntropy("no fork");
const clock = manualClock();
let directory: string;
let document: LctDocument;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "wattseal-fork-"));
  const anchor = await createSoftwareAnchor(directory, entropy);
  const authority = Ed25519SecretKey.generate(entropy);
  document = verifyLctDocument(issueLctDocument(authority, genesisOf(anchor)), "self-consistent");
});
afterAll(() => rm(directory, { recursive: true }));

function open(files: StateFiles, log: ReturnType<TestTree["log"]>): Promise<Signer> {
  const version = { softwareVersion: "0", synchronised: true };
  return beginSoftwareEpoch({ directory, files, clock, entropy, document, log, ...version });
}

/** What left the signer: roots by size, bodies by counter. */
class Witness {
  readonly roots = new Map<number, string>();
  readonly bodies = new Map<number, string>();

  notes(texts: readonly string[]): void {
    for (const text of texts) this.note(text);
  }

  note(text: string): void {
    const { size, root } = unverifiedCheckpoint(text);
    expect(this.roots.get(size) ?? toHex(root), `two roots for size ${size}`).toBe(toHex(root));
    this.roots.set(size, toHex(root));
  }

  evidence(bytes: Uint8Array): void {
    const { body, bodyBytes } = decodeEpochEvidence(bytes);
    expect(this.bodies.has(body.epoch), `counter ${body.epoch} twice`).toBe(false);
    this.bodies.set(body.epoch, toHex(bodyBytes));
  }

  get largest(): number {
    return Math.max(0, ...this.roots.keys());
  }
}

const REFUSALS =
  /^(sign-(smaller|forked|inconsistent)|signer-superseded|log-(forked|rolled-back))$/;
const trees = [tree("a", 24), tree("b", 24, 9), tree("c", 24, 4)] as const;

describe("arbitrary requests", () => {
  const request = fc.record({
    kind: fc.constantFrom("sign", "sign", "sign", "pair", "stale", "again", "restart"),
    tree: fc.nat(2),
    size: fc.integer({ min: 1, max: 24 }),
    from: fc.integer({ min: 1, max: 24 }),
    root: fc.nat(2),
  });

  type Request = typeof request extends fc.Arbitrary<infer T> ? T : never;

  /** A good request of some tree, or one whose proof or root belongs elsewhere. */
  function requestOf({ kind, tree: which, size, from, root }: Request, last: number) {
    const asked = trees[which]!;
    if (kind === "again") return { ...asked.request(last, last), root: trees[root]!.root(last) };
    if (kind !== "stale") return asked.request(Math.min(last, size), size);
    return { ...asked.request(Math.min(from, size), size), root: trees[root]!.root(size) };
  }

  /** The same, with an honest or a crooked head behind it in the same call. */
  function requestsOf(request: Request, last: number) {
    const first = requestOf(request, last);
    const after = trees[request.root]!.request(Math.min(first.size, request.from), request.from);
    return request.kind === "pair" ? [first, after] : [first];
  }

  async function serve(requests: readonly Request[], witness: Witness): Promise<void> {
    const files = new MemoryStateFiles();
    let signer = await open(files, trees[0].log(1));
    const restart = async (size: number, which: number) => {
      signer = await open(files, trees[which]!.log(size));
      witness.evidence(signer.epochEvidence);
    };
    for (const request of requests) {
      const attempt =
        request.kind === "restart"
          ? restart(request.size, request.tree)
          : signer
              .sign(...requestsOf(request, signer.lastSigned.size))
              .then((n) => witness.notes(n));
      await attempt.catch((refusal: unknown) => {
        if (!REFUSALS.test(codeOfThrown(refusal))) throw refusal;
      });
    }
  }

  it("never get two roots for one size, over restarts too", async () => {
    let signed = 0;
    const run = fc.asyncProperty(fc.array(request, { maxLength: 25 }), async (requests) => {
      const witness = new Witness();
      await serve(requests, witness);
      signed += witness.roots.size;
    });
    await fc.assert(run, { numRuns: 150 });
    expect(signed).toBeGreaterThan(100);
  });
});

describe("a store that fails, or a crash, at any step", () => {
  const log = trees[0];

  /** One run with a failure at step `fatal`; what escaped is witnessed, what is durable stays in `files`. */
  async function run(
    files: MemoryStateFiles,
    witness: Witness,
    fatal: number,
    when: "before" | "after",
  ) {
    let step = 0;
    files[when] = () => {
      step += 1;
      if (step === fatal) throw new Error("disk failure");
    };
    try {
      const signer = await open(files, log.log(3));
      witness.evidence(signer.epochEvidence);
      for (const [from, to] of [
        [3, 5],
        [5, 9],
        [9, 17],
      ] as const) {
        const note = await only(signer.sign(log.request(from, to))).catch(() => undefined);
        if (note === undefined) continue;
        witness.note(note);
        const newest = [...files.files.values()].at(-1)!;
        expect(decodeState(newest)).toMatchObject({ size: to, root: log.root(to) });
      }
    } catch (thrown) {
      expect(codeOfThrown(thrown)).toBe("Error: disk failure");
    }
    files[when] = () => {};
    return step;
  }

  it.each(["before", "after"] as const)(
    "lets no signature out that is not durable (failing %s the step)",
    async (when) => {
      const steps = await run(new MemoryStateFiles(), new Witness(), 0, when);
      expect(steps).toBeGreaterThan(6);
      for (let fatal = 1; fatal <= steps; fatal += 1) {
        const files = new MemoryStateFiles();
        const witness = new Witness();
        await run(files, witness, fatal, when);
        const lastCounter = witness.bodies.size;
        const next = await open(files, log.log(20, { lastCounter }));
        witness.evidence(next.epochEvidence);
        witness.notes(await next.sign(log.request(20, 21)));
        // whatever got out before, a log cut below it is refused now
        if (witness.largest > 3) {
          const cut = open(files, log.log(2, { lastCounter }));
          expect(await cut.then(() => "nothing", codeOfThrown)).toBe("log-rolled-back");
        }
      }
    },
  );

  it("ends the signer: it cannot know what the disk holds", async () => {
    const files = new MemoryStateFiles();
    const signer = await open(files, log.log(3));
    files.after = () => {
      throw new Error("disk failure");
    };
    const attempt = () => signer.sign(log.request(3, 5)).then(() => "nothing", codeOfThrown);
    expect(await attempt()).toBe("signer-faulted");
    files.after = () => {};
    expect(await attempt()).toBe("signer-faulted");
  });
});

describe("two signers racing on one state", () => {
  /** From here on the scheduler decides which step runs next; opening the anchor, real I/O, is over by then. */
  function interleave(
    files: MemoryStateFiles,
    scheduler: fc.Scheduler,
    starters: number,
    holdFirstWrite = 0,
  ) {
    let arrived = 0;
    let hold = holdFirstWrite;
    let go: () => void = () => {};
    const ready = new Promise<void>((resolve) => {
      go = resolve;
    });
    files.before = async (step) => {
      arrived += 1;
      if (arrived >= starters) go();
      await ready;
      for (; hold > 0 && step === "write"; hold -= 1) {
        await scheduler.schedule(Promise.resolve(), "held");
      }
      await scheduler.schedule(Promise.resolve(), step);
    };
    files.after = (step) => scheduler.schedule(Promise.resolve(), `${step} done`);
  }

  it("never sign two roots for one size, in any interleaving of their steps", async () => {
    const winners = new Set<number>();
    const race = fc.asyncProperty(fc.scheduler(), fc.nat(24), async (scheduler, hold) => {
      const files = new MemoryStateFiles();
      const witness = new Witness();
      const first = await open(files, trees[0].log(3));
      interleave(files, scheduler, 2, hold);
      const other = open(files, trees[2].log(3, { lastCounter: 1 }));
      const outcomes = Promise.allSettled([
        first.sign(trees[0].request(3, 12)),
        other.then((signer) => signer.sign(trees[2].request(3, 12))),
      ]);
      await scheduler.waitFor(outcomes);
      for (const [index, outcome] of (await outcomes).entries()) {
        if (outcome.status === "rejected") continue;
        witness.notes(outcome.value);
        winners.add(index);
      }
    });
    await fc.assert(race, { numRuns: 200 });
    expect(winners).toEqual(new Set([0, 1]));
  });

  it.each([true, false])("never begin two epochs under one counter (lock: %s)", async (lock) => {
    let refused = 0;
    const race = fc.asyncProperty(fc.scheduler(), async (scheduler) => {
      const files = new MemoryStateFiles();
      files.locking = lock;
      const witness = new Witness();
      interleave(files, scheduler, 2);
      const log = trees[0].log(3);
      const starts = Promise.allSettled([open(files, log), open(files, log)]);
      await scheduler.waitFor(starts);
      for (const start of await starts) {
        if (start.status === "fulfilled") witness.evidence(start.value.epochEvidence);
        else refused += 1;
      }
    });
    await fc.assert(race, { numRuns: 100 });
    expect(refused).toBeGreaterThan(0);
  });
});
