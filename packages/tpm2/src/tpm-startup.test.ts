/** Part 3 §9: what a TPM is between its power and its first command, and what an orderly end keeps. */
import { sha256, utf8 } from "@wattseal/base";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { getRandom, readClock, shutdown, startup } from "./commands/basic.js";
import { pcrExtend, pcrRead } from "./commands/pcr.js";
import { hasSwtpm, Swtpm } from "./testing/swtpm.js";
import { ALG } from "./wire/constants.js";
import { TpmError } from "./wire/errors.js";

const NAME = hasSwtpm() ? "a TPM that has power" : "startup (skipped: swtpm is not installed)";
const PCR = 7;

/** Which refusal, by the name of its response code; any other error stands for itself. */
const refusalOf = (work: Promise<unknown>) =>
  work.then(
    () => "nothing",
    (thrown: unknown) => (thrown instanceof TpmError ? thrown.response?.name : thrown),
  );

describe.skipIf(!hasSwtpm())(NAME, () => {
  let swtpm: Swtpm;
  beforeAll(async () => {
    swtpm = await Swtpm.start();
  }, 60_000);
  afterAll(() => swtpm.remove());

  const counts = async () => {
    const { resetCount, restartCount } = await swtpm.use(readClock);
    return { resetCount, restartCount };
  };
  const pcr = async () => {
    const values = await swtpm.use((tpm) => pcrRead(tpm, { hash: ALG.sha256, pcrs: [PCR] }));
    return values.get(PCR);
  };
  /** Its power off and on, with or without word before. */
  async function cycle(word: "clear" | "state" | undefined): Promise<void> {
    if (word !== undefined) await swtpm.use((tpm) => shutdown(tpm, word));
    await swtpm.powerCut();
    await swtpm.powerOn({ started: false });
  }

  it("does nothing before it is started, and is started once", async () => {
    await cycle("clear");
    expect(await refusalOf(swtpm.use((tpm) => getRandom(tpm, 4)))).toBe("initialize");
    await swtpm.use((tpm) => startup(tpm));
    expect(await swtpm.use((tpm) => getRandom(tpm, 4))).toHaveLength(4);
    expect(await refusalOf(swtpm.use((tpm) => startup(tpm)))).toBe("initialize");
  });

  it("goes on with its PCRs where its state was kept, and only there", async () => {
    const digest = sha256(utf8("measured"));
    await swtpm.use((tpm) => pcrExtend(tpm, PCR, [{ hash: ALG.sha256, digest }]));
    const [value, before] = [await pcr(), await counts()];
    await cycle("state");
    await swtpm.use((tpm) => startup(tpm, "state"));
    expect(await pcr()).toEqual(value);
    expect(await counts()).toEqual({ ...before, restartCount: before.restartCount + 1 });
    await cycle(undefined);
    expect(await refusalOf(swtpm.use((tpm) => startup(tpm, "state")))).toBe("value");
    await swtpm.use((tpm) => startup(tpm));
    expect(await pcr()).not.toEqual(value);
    expect((await counts()).resetCount).toBe(before.resetCount + 1);
  });
});
