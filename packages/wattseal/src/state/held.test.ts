import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "@wattseal/base";
import { lockDirectory } from "@wattseal/tlog/store";
import { expect, it, onTestFinished } from "vitest";
import { systemClock, systemEntropy } from "../ports/system.js";
import { openGateway } from "../roles/gateway.js";
import { initDemo } from "./demo.js";
import { holdGateway, holdGatewayAndLog } from "./held.js";
import { layoutOf } from "./layout.js";

async function pack() {
  const root = await mkdtemp(join(tmpdir(), "wattseal-held-"));
  onTestFinished(() => rm(root, { recursive: true }));
  const layout = layoutOf(join(root, "state"));
  const made = { layout, tpm: undefined, modules: 1, legacy: 0, fleet: "test" };
  const broker = "mqtt://127.0.0.1:1";
  await initDemo({ ...made, broker, entropy: systemEntropy, clock: systemClock() });
  return layout;
}
const refused = { code: "usage", message: expect.stringContaining("Stop that first") };

it("no gateway starts while a log is restored that is not there yet", async () => {
  const layout = await pack();
  const release = await holdGatewayAndLog(layout);
  const gateway = openGateway({ layout, logger: silentLogger } as never);
  await expect(gateway).rejects.toMatchObject(refused);
  await release();
  await (await holdGateway(layout))();
});

it("no log is restored while its gateway runs, or while somebody writes to it", async () => {
  const layout = await pack();
  const running = await holdGateway(layout);
  await expect(holdGatewayAndLog(layout)).rejects.toMatchObject(refused);
  await running();
  await mkdir(layout.gateway.log);
  const writing = await lockDirectory(layout.gateway.log);
  await expect(holdGatewayAndLog(layout)).rejects.toMatchObject(refused);
  await writing();
  await (await holdGatewayAndLog(layout))();
});
