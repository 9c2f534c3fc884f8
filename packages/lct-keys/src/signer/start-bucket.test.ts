import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "@wattseal/base";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  CountingAnchor,
  codeOfThrown,
  MemoryStateFiles,
  manualClock,
  START,
  seededEntropy,
  testPack,
  tree,
} from "../lct-keys.fixture.js";
import { LctKeysError } from "../verify/errors.js";
import { LocalSigner } from "./local-signer.js";
import { smallFile } from "./small-file.js";
import { StartBucket } from "./start-bucket.js";

const TEN_MINUTES = 600_000;
let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "wattseal-starts-"));
});
afterEach(() => rm(directory, { recursive: true }));

function bucketIn() {
  const clock = manualClock();
  return { clock, bucket: new StartBucket(smallFile(directory, "starts"), clock) };
}

const refusalOf = (attempt: Promise<unknown>) =>
  attempt.then(
    () => undefined,
    (thrown: unknown) => {
      if (thrown instanceof LctKeysError) return { code: thrown.code, after: thrown.retryAfterMs };
      throw thrown;
    },
  );

async function empty(bucket: StartBucket): Promise<void> {
  for (let start = 0; start < 20; start += 1) await bucket.take();
}

describe("starts of an anchor that wears out", () => {
  it("are 20, and then 6 an hour", async () => {
    const { bucket, clock } = bucketIn();
    await empty(bucket);
    expect(await refusalOf(bucket.take())).toEqual({ code: "epoch-rationed", after: TEN_MINUTES });
    clock.set(START + TEN_MINUTES - 1);
    expect(await refusalOf(bucket.take())).toEqual({ code: "epoch-rationed", after: 1 });
    clock.set(START + TEN_MINUTES);
    await bucket.take();
    expect(await refusalOf(bucket.require())).toMatchObject({ after: TEN_MINUTES });
    clock.set(START + 7 * 3_600_000);
    await empty(bucket);
    expect(await refusalOf(bucket.require())).toMatchObject({ code: "epoch-rationed" });
  });

  it("are counted over restarts", async () => {
    await empty(bucketIn().bucket);
    expect(await refusalOf(bucketIn().bucket.take())).toMatchObject({ code: "epoch-rationed" });
  });

  it("are none where the file was damaged, until it has filled again", async () => {
    const { bucket, clock } = bucketIn();
    await bucket.take();
    for (const content of ["", "damaged", "x".repeat(80)]) {
      await writeFile(join(directory, "starts"), content);
      expect(await refusalOf(bucket.require())).toMatchObject({ after: TEN_MINUTES });
    }
    clock.set(START + TEN_MINUTES);
    expect(await refusalOf(bucket.take())).toBeUndefined();
  });

  it("are never more for a clock that is set back, and no fewer ever after", async () => {
    const { bucket, clock } = bucketIn();
    await empty(bucket);
    clock.set(START - 10 * 3_600_000);
    expect(await refusalOf(bucket.take())).toMatchObject({ after: TEN_MINUTES });
    clock.set(START - 10 * 3_600_000 + TEN_MINUTES);
    expect(await refusalOf(bucket.take())).toBeUndefined();
  });

  it("are paid for when it says so: that start is taken then, and one ms before it is not", async () => {
    const { bucket, clock } = bucketIn();
    expect(await bucket.nextStartMs()).toBe(0);
    await empty(bucket);
    expect(await bucket.nextStartMs()).toBe(TEN_MINUTES);
    clock.set(START + 1234);
    const ms = await bucket.nextStartMs();
    expect(ms).toBe(TEN_MINUTES - 1234);
    clock.set(START + 1234 + ms - 1);
    expect(await bucket.nextStartMs()).toBe(1);
    expect(await refusalOf(bucket.take())).toMatchObject({ after: 1 });
    clock.set(START + 1234 + ms);
    expect(await bucket.nextStartMs()).toBe(0);
    expect(await refusalOf(bucket.take())).toBeUndefined();
  });

  it("stay paid for over a restart, also where the clock is set back meanwhile", async () => {
    const before = bucketIn();
    await empty(before.bucket);
    before.clock.set(START + TEN_MINUTES);
    expect(await before.bucket.nextStartMs()).toBe(0);
    const after = bucketIn();
    after.clock.set(START - 10 * 3_600_000);
    expect(await refusalOf(after.bucket.take())).toBeUndefined();
    expect(await refusalOf(after.bucket.take())).toMatchObject({ after: TEN_MINUTES });
  });

  it("are given once, whoever asks meanwhile what is left", async () => {
    const { bucket } = bucketIn();
    const asked: Promise<unknown>[] = [];
    for (let start = 0; start < 20; start += 1) asked.push(bucket.take(), bucket.nextStartMs());
    await Promise.all(asked);
    expect(await refusalOf(bucket.take())).toMatchObject({ code: "epoch-rationed" });
  });

  it("are never more than 20 and what the running clock brought, whatever is asked when", async () => {
    const step = fc.record({
      ms: fc.integer({ min: -TEN_MINUTES, max: TEN_MINUTES }),
      asks: fc.nat(4),
    });
    const run = fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      await rm(join(directory, "starts"), { force: true });
      const { bucket, clock } = bucketIn();
      let granted = 0;
      let forward = 0;
      for (const { ms, asks } of steps) {
        clock.set(clock.now() + ms);
        forward += Math.max(0, ms);
        for (let ask = 0; ask < asks; ask += 1) {
          if ((await refusalOf(bucket.take())) === undefined) granted += 1;
        }
        expect(granted).toBeLessThanOrEqual(20 + forward / TEN_MINUTES);
      }
    });
    await fc.assert(run, { numRuns: 30 });
  });
});

describe("a signer on such an anchor", () => {
  const log = tree("log", 9);

  async function service(rationed: boolean) {
    const pack = testPack("rationed");
    const anchor = new CountingAnchor(pack.anchor);
    anchor.rationed = rationed;
    const clock = manualClock();
    const signer = await LocalSigner.open({
      directory,
      files: new MemoryStateFiles(),
      anchor,
      document: pack.document,
      entropy: seededEntropy("rationed"),
      softwareVersion: "0",
      clock,
      logger: silentLogger,
    });
    const begin = (lastCounter: number, size = 3) =>
      signer.begin({ log: log.log(size, { lastCounter }), clock, synchronised: true });
    return { anchor, clock, signer, begin };
  }

  it("begins no epoch without a start left, and costs the counter nothing; the anchor speaks on", async () => {
    const { anchor, clock, signer, begin } = await service(true);
    for (let epoch = 1; epoch <= 20; epoch += 1) await begin(epoch - 1);
    for (let again = 0; again < 3; again += 1) {
      expect(await refusalOf(begin(20))).toEqual({ code: "epoch-rationed", after: TEN_MINUTES });
    }
    expect(anchor.value).toBe(20);
    expect((await signer.attest(new Uint8Array(32))).signature.length).toBe(64);
    clock.set(START + TEN_MINUTES);
    expect((await begin(20)).identity().epoch).toBe(21);
  });

  it("pays no start for an epoch that log and state refuse", async () => {
    const { begin } = await service(true);
    await begin(0, 5);
    for (let again = 0; again < 30; again += 1) {
      expect(await begin(1, 2).then(() => "nothing", codeOfThrown)).toBe("log-rolled-back");
    }
    expect((await begin(1, 5)).identity().epoch).toBe(2);
  });

  it("says when the next start is paid for, within an epoch and outside of one", async () => {
    const { clock, signer, begin } = await service(true);
    expect(await signer.nextStartMs()).toBe(0);
    for (let epoch = 1; epoch < 20; epoch += 1) {
      expect(await (await begin(epoch - 1)).nextStartMs()).toBe(0);
    }
    const last = await begin(19);
    expect(await last.nextStartMs()).toBe(TEN_MINUTES);
    expect(await signer.nextStartMs()).toBe(TEN_MINUTES);
    clock.set(START + TEN_MINUTES);
    expect(await last.nextStartMs()).toBe(0);
    await last.close();
    expect(await last.nextStartMs().then(() => "nothing", codeOfThrown)).toBe("signer-closed");
  });

  it("is not rationed where nothing wears out, and says so", async () => {
    const { begin, signer } = await service(false);
    expect(await signer.nextStartMs()).toBeUndefined();
    expect(await (await begin(0)).nextStartMs()).toBeUndefined();
    for (let epoch = 2; epoch <= 30; epoch += 1) await begin(epoch - 1);
  });
});
