/** An anchor whose counter is not the signer's files: what each crash, copy and rival leaves, and what the next start makes of it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger, toHex } from "@wattseal/base";
import { unverifiedCheckpoint } from "@wattseal/tlog";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  CountingAnchor,
  codeOfThrown,
  MemoryStateFiles,
  manualClock,
  only,
  seededEntropy,
  testPack,
  tree,
} from "../lct-keys.fixture.js";
import { decodeEpochEvidence } from "../verify/evidence.js";
import { LocalSigner } from "./local-signer.js";

const pack = testPack("counter");
const log = tree("log", 40);
const BASE = 57;
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "wattseal-counter-"));
});
afterAll(() => rm(directory, { recursive: true }));

class Machine {
  files = new MemoryStateFiles();
  anchor = new CountingAnchor(pack.anchor, BASE);
  readonly bodies = new Map<number, string>();
  readonly roots = new Map<number, string>();
  lastCounter = 0;

  service() {
    return LocalSigner.open({
      directory,
      files: this.files,
      anchor: this.anchor,
      document: pack.document,
      entropy: seededEntropy(`epoch ${this.bodies.size}`),
      softwareVersion: "0",
      clock: manualClock(),
      logger: silentLogger,
    });
  }

  /** Begins an epoch on `size` entries; whatever evidence gets out is witnessed, and entered. */
  async begin(size: number, { lastCounter = this.lastCounter, from = log } = {}) {
    const service = await this.service();
    const start = {
      log: from.log(size, { lastCounter }),
      clock: manualClock(),
      synchronised: true,
    };
    const signer = await service.begin(start);
    const { body, bodyBytes } = decodeEpochEvidence(signer.epochEvidence);
    expect(this.bodies.has(body.epoch), `counter ${body.epoch} twice`).toBe(false);
    this.bodies.set(body.epoch, toHex(bodyBytes));
    this.lastCounter = body.epoch;
    return signer;
  }

  async run(size: number, to: number, from = log): Promise<void> {
    const signer = await this.begin(size, { from });
    const note = await only(signer.sign(from.request(size, to)));
    const signed = unverifiedCheckpoint(note);
    expect(this.roots.get(signed.size) ?? toHex(signed.root)).toBe(toHex(signed.root));
    this.roots.set(signed.size, toHex(signed.root));
  }

  refusal(size: number): Promise<string> {
    return this.begin(size).then(() => "nothing", codeOfThrown);
  }

  copyOfFiles(): MemoryStateFiles {
    const copy = new MemoryStateFiles();
    for (const [epoch, content] of this.files.files) copy.files.set(epoch, content);
    return copy;
  }
}

describe("the counter", () => {
  it("starts where the anchor was made, and moves by one for each epoch", async () => {
    const machine = new Machine();
    await machine.run(1, 5);
    await machine.run(5, 9);
    expect([...machine.bodies.keys()]).toEqual([BASE + 1, BASE + 2]);
    expect(machine.anchor.value).toBe(BASE + 2);
    expect([...machine.files.files.keys()]).toEqual([BASE + 2]);
  });

  it("does not move for a start that is refused", async () => {
    const machine = new Machine();
    await machine.run(1, 20);
    for (let again = 0; again < 3; again += 1) {
      expect(await machine.refusal(12)).toBe("log-rolled-back");
    }
    expect(machine.anchor.value).toBe(BASE + 1);
    await machine.run(20, 22);
    expect(machine.lastCounter).toBe(BASE + 2);
  });
});

describe("a crash at any step of two epochs", () => {
  const during = async (machine: Machine, fatal: number, when: "before" | "after") => {
    let step = 0;
    const crash = () => {
      step += 1;
      if (step === fatal) throw new Error("power cut");
    };
    machine.files[when] = crash;
    machine.anchor[when] = crash;
    const outcome = await machine
      .run(3, 8)
      .then(() => machine.run(8, 12))
      .then(() => "done", String);
    machine.files[when] = () => {};
    machine.anchor[when] = () => {};
    return { step, outcome };
  };

  it.each(["before", "after"] as const)(
    "leaves a signer that goes on: no counter twice, no fork, no second start needed (%s the step)",
    async (when) => {
      const { step: steps } = await during(new Machine(), 0, when);
      expect(steps).toBeGreaterThan(14);
      for (let fatal = 1; fatal <= steps; fatal += 1) {
        const machine = new Machine();
        const { outcome } = await during(machine, fatal, when);
        // the boot's confirmation is behind the checkpoint, and nothing fails with it
        if (outcome !== "done") expect(outcome).toContain("power cut");
        const largest = Math.max(3, ...machine.roots.keys());
        if (largest > 3) expect(await machine.refusal(2)).toBe("log-rolled-back");
        await machine.run(30, 31);
        expect(machine.anchor.value).toBe(Math.max(...machine.files.files.keys()));
      }
    },
  );
});

describe("a part of the machine that was put back", () => {
  it("shows as such, without any network: the signer's disk alone", async () => {
    const machine = new Machine();
    await machine.run(1, 5);
    const old = machine.copyOfFiles();
    await machine.run(5, 9);
    machine.files = old;
    // the log went back with it: nothing but the counter knows
    machine.lastCounter = BASE + 1;
    expect(await machine.refusal(5)).toBe("state-rolled-back");
    machine.files = new MemoryStateFiles();
    machine.lastCounter = 0;
    expect(await machine.refusal(1)).toBe("state-rolled-back");
  });

  it("shows by nothing of its own where the copy is of its last epoch: by what others witnessed", async () => {
    const machine = new Machine();
    const running = await machine.begin(1);
    await running.sign(log.request(1, 5));
    const old = machine.copyOfFiles();
    const witnessed = await only(running.sign(log.request(5, 9)));
    machine.files = old;
    const service = await machine.service();
    const resume = (receipt: string | undefined) =>
      service
        .begin({
          log: { ...log.log(5, { lastCounter: BASE + 1 }), receipt },
          clock: manualClock(),
          synchronised: true,
        })
        .then(() => "nothing", codeOfThrown);
    expect(await resume(witnessed)).toBe("state-rolled-back");
    expect(await resume(undefined)).toBe("nothing");
  });

  it("shows as such: the counter alone, by one and by more", async () => {
    for (const back of [1, 2]) {
      const machine = new Machine();
      await machine.run(1, 5);
      await machine.run(5, 9);
      machine.anchor.value -= back;
      expect(await machine.refusal(9)).toBe("counter-rolled-back");
      expect(machine.anchor.value).toBe(BASE + 2 - back);
    }
  });

  it("shows in the log, where disk and counter went back together", async () => {
    const machine = new Machine();
    await machine.run(1, 5);
    const old = machine.copyOfFiles();
    await machine.run(5, 9);
    machine.files = old;
    machine.anchor.value -= 1;
    expect(await machine.refusal(9)).toBe("state-rolled-back");
  });
});

describe("two signers at once", () => {
  it.each([true, false])("begin no counter twice, and fork nothing (lock: %s)", async (locking) => {
    let begun = 0;
    const other = tree("other", 40, 5);
    const race = fc.asyncProperty(fc.scheduler(), async (scheduler) => {
      const machine = new Machine();
      machine.files.locking = locking;
      await machine.run(1, 5);
      const scheduled = (step: string) => scheduler.schedule(Promise.resolve(), step);
      machine.files.before = scheduled;
      machine.files.after = scheduled;
      machine.anchor.before = scheduled;
      machine.anchor.after = scheduled;
      const both = Promise.allSettled([machine.run(5, 9), machine.run(5, 9, other)]);
      await scheduler.waitFor(both);
      for (const outcome of await both) {
        if (outcome.status === "fulfilled") begun += 1;
        else
          expect(codeOfThrown(outcome.reason)).toMatch(
            /^(signer-superseded|.*-rolled-back|log-forked|Error: no such file)$/,
          );
      }
    });
    await fc.assert(race, { numRuns: 200 });
    expect(begun).toBeGreaterThan(0);
  });

  it("leave one that goes on", async () => {
    const machine = new Machine();
    await machine.run(1, 5);
    const both = await Promise.allSettled([machine.begin(5), machine.begin(5)]);
    expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    await machine.run(5, 9);
  });
});
