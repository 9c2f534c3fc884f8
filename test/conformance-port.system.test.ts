import { writeFile } from "node:fs/promises";
import { connectBus, SlcanAdapter } from "@wattseal/sim-hardware";
import { describe, expect, it } from "vitest";
import { demoState, Role, temporaryFolder, wattseal } from "./support/program.js";
import { hasSocat, serialLine } from "./support/serial-line.js";

const socat = hasSocat();
const missing = socat ? "" : " (skipped: socat is not installed; apt-get install socat)";
/** What takes seconds, alone and in real time. */
const FEW = ["hello.form", "handshake.authentic", "handshake.proof", "bus.kind", "pdu.sealed"];
const MORE = [
  ...["hello.form", "handshake.answer", "handshake.authentic", "handshake.proof"],
  ...["handshake.length", "keys.switch", "receive.tag", "command.capability"],
  ...["bus.kind", "pdu.sealed", "pdu.counters", "telemetry.layout"],
];

/** An answer is late on a machine that has other things to do; what a module does wrong it does each time. */
const TRIES = 3;

/** A pack of one module at the pace of real time, and a serial adapter on its bus. */
async function benchWithAdapter(fd: boolean, mute: boolean) {
  const state = `${await temporaryFolder()}/state`;
  await demoState(state, "--modules", "1");
  const flags = fd ? ["--fd"] : [];
  const simulator = new Role(["sim", "--state", state, "--speed", "1", ...flags]);
  await simulator.line((line) => line.msg === "sim.running");
  const connection = await connectBus(`${state}/sim/bus.sock`);
  const line = await serialLine();
  new SlcanAdapter({ bus: connection.bus, port: line.far, mute });
  const tryModule = (...more: string[]) =>
    wattseal([
      ...["sim", "conformance", "--port", line.device, "--slot", "1", "--json", ...flags],
      ...["--pairing", `${state}/gateway/pairings.cbor`, ...more],
    ]);
  const stop = async () => {
    connection.close();
    await simulator.stop();
  };
  return { line, tryModule, stop };
}

describe("wattseal sim conformance --port", () => {
  it.skipIf(!socat).each([
    ["classic CAN, an adapter that acknowledges", false, false, MORE],
    ["classic CAN, one that does not", false, true, FEW],
    ["CAN FD", true, false, FEW],
  ])(`tries a module behind a serial adapter: %s${missing}`, async (_, fd, mute, points) => {
    const { tryModule, stop } = await benchWithAdapter(fd, mute);
    let { status, stdout, stderr } = await tryModule("--only", points.join(","));
    for (let tried = 1; status === 1 && tried < TRIES; tried += 1) {
      ({ status, stdout, stderr } = await tryModule("--only", points.join(",")));
    }
    await stop();
    const report = JSON.parse(stdout);
    expect(
      report.points.map(({ id, verdict, seen }: Record<string, string>) => [id, verdict, seen]),
    ).toEqual(points.map((id) => [id, "passed", expect.any(String)]));
    expect(status).toBe(0);
    expect(report.fd).toBe(fd);
    expect(stderr.includes("acknowledges nothing")).toBe(mute);
  });

  it.skipIf(!socat)(
    `ends with status 3 when the adapter is pulled out, or refuses${missing}`,
    async () => {
      const { line, tryModule, stop } = await benchWithAdapter(false, false);
      const refused = await tryModule("--bitrate", "250000");
      expect(refused.status).toBe(3);
      expect(refused.stderr).toContain("the adapter refuses S5");
      const transmits = line.heard(/^T/m);
      const running = tryModule();
      await Promise.race([transmits, running]);
      line.pull();
      const pulled = await running;
      expect(pulled.status).toBe(3);
      expect(pulled.stderr).toContain("the bus is gone");
      await stop();
    },
  );

  it("says what is wrong with the command line", async () => {
    const folder = await temporaryFolder();
    await writeFile(`${folder}/file`, "");
    const pairing = ["--slot", "5", "--pairing", "docs/firmware/vectors/pairing.json"];
    const wrong = [
      [["--port", `${folder}/file`], 2, "is no serial device"],
      [["--port", `${folder}/none`], 3, "Is the adapter plugged in"],
      [["--port", "/dev/ttyACM0", "--bus", "unix:/x"], 2, "cannot be used with"],
      [["--bitrate", "500000", "--bus", "unix:/x"], 2, "--bitrate goes with --port"],
      [["--port", "/dev/ttyACM0", "--bitrate", "800000"], 2, "Use one of 10000"],
      [
        ["--port", "/dev/ttyACM0", "--only", "hello.form,hello.world"],
        2,
        '"hello.world" is no point',
      ],
      [[], 2, "--bus unix:PATH or --port DEVICE"],
    ] as const;
    for (const [flags, status, problem] of wrong) {
      const run = await wattseal(["sim", "conformance", ...pairing, ...flags]);
      expect([run.status, run.stderr]).toEqual([status, expect.stringContaining(problem)]);
    }
  });
});
