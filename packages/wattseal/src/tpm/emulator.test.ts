import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { getRandom, Tpm } from "@wattseal/tpm2";
import { expect, it, onTestFinished } from "vitest";
import { systemEntropy } from "../ports/system.js";
import { hasEmulator, startEmulator } from "./emulator.js";

const installed = await hasEmulator();
const WHY = installed ? "" : " (skipped: swtpm is not installed; Debian: apt install swtpm)";

it.skipIf(!installed)(`answers, and keeps its state to its owner${WHY}`, async () => {
  const folder = await mkdtemp(join(tmpdir(), "wattseal-emulator-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const directory = join(folder, "tpm");
  const started = async () => {
    const emulator = await startEmulator(directory);
    onTestFinished(() => emulator.stop());
    return emulator;
  };
  const options = { entropy: systemEntropy, pause };
  const emulator = await started();
  const answer = await Tpm.transact(emulator.transport, options, (tpm) => getRandom(tpm, 8));
  expect(answer).toHaveLength(8);
  expect((await stat(directory)).mode & 0o077).toBe(0);
  await emulator.stop();
  await emulator.stop();
  await started();
});
