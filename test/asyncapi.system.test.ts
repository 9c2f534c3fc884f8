import { rm } from "node:fs/promises";
import { fromUtf8 } from "@wattseal/base";
import { CHANNELS, encodeResponse, parseTopic } from "@wattseal/uplink";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import {
  asyncApi,
  openBroker,
  problemWith,
} from "../packages/federation/src/mqtt/open-broker.fixture.js";
import { demoState, type LogLine, Role, temporaryFolder, wattseal } from "./support/program.js";

const named = (name: string) => (line: LogLine) => line.msg === name;

describe("docs/federation-mqtt.asyncapi.json", () => {
  it("has the channels that there are, each with its direction, quality and retention", () => {
    const told = Object.entries(asyncApi.channels).map(([name, { address }]) => {
      const { action, bindings } = asyncApi.operations[name]!;
      expect(address).toBe(`wattseal/1/{fleet}/{pack}/${name}`);
      expect(bindings.mqtt.qos).toBe(1);
      return [
        name,
        { from: action === "send" ? "pack" : "federation", retain: bindings.mqtt.retain },
      ];
    });
    expect(Object.fromEntries(told)).toEqual(CHANNELS);
  });

  it("holds of every message that a gateway and a federation publish", async () => {
    const broker = await openBroker();
    onTestFinished(() => broker.close());
    const folder = await temporaryFolder();
    const state = `${folder}/state`;
    const pack = await demoState(state, "--modules", "2");
    const worker = () => new Role(["federation", "--state", state, "--broker", broker.url]);
    const first = worker();
    await first.line(named("federation.running"));
    const sim = new Role(["sim", "--state", state, "--speed", "60"]);
    await sim.line(named("sim.running"));
    const gateway = new Role(["gateway", "--state", state, "--broker", broker.url]);
    await gateway.line(named("uplink.up"));
    await first.line(named("federation.pack-contact"));
    for (let witnessed = 0; witnessed === 0; ) {
      const { stdout } = await wattseal(["status", "--state", state, "--json"]);
      witnessed = stdout === "" ? 0 : JSON.parse(stdout).log.witnessed;
    }
    const key = `${folder}/operator.pem`;
    await wattseal(["order", "key", "--out", key]);
    const to = ["--pack", pack, "--key", key, "--state", state, "--wait", "1ms"];
    await wattseal(["order", "isolate", ...to]);
    // One that has lost its store asks for the log.
    await first.stop();
    await rm(`${state}/federation/store`, { recursive: true });
    const second = worker();
    await second.line(named("federation.pack-contact"));
    const isAsked = () => broker.published.some(({ topic }) => topic.endsWith("/request"));
    await vi.waitUntil(isAsked, { timeout: 300_000 });
    const voided = await wattseal(["identity", "void", pack, "--reason", "gone", "--state", state]);
    expect(voided.status, voided.stderr).toBe(0);
    await gateway.line(named("pack.ended"));
    await gateway.stop();
    await second.stop();
    await sim.stop();

    const seen = new Set<string>();
    for (const { topic, payload, qos, retain } of broker.published) {
      const { channel } = parseTopic(topic);
      const said = { channel, qos, retain, problem: problemWith(channel, payload) };
      expect(said).toEqual({ channel, ...bindingOf(channel), problem: undefined });
      seen.add(channel);
    }
    // Leaves that no checkpoint cuts: it takes thousands before there is one.
    const head = broker.published.find(({ topic }) => topic.endsWith("/head"));
    const checkpoint = fromUtf8(head!.payload, "head");
    const leaves = [Uint8Array.of(1)];
    const response = { id: 7, prevSize: 0, leaves, proof: [new Uint8Array(32)], checkpoint };
    expect(problemWith("response", encodeResponse(response))).toBeUndefined();
    const others = ["alarm", "response"];
    expect([...new Set([...seen, ...others])].toSorted()).toEqual(Object.keys(CHANNELS).toSorted());
  });

  it("tells a message that is none", () => {
    const wrong = new TextEncoder().encode("x");
    for (const channel of ["head", "state", "receipt"]) {
      expect(problemWith(channel, wrong)).toBeDefined();
    }
    expect(problemWith("request", Uint8Array.of(0xa1, 0x61, 0x76, 1))).toContain("from");
    expect(problemWith("nothing", wrong)).toBeDefined();
  });
});

function bindingOf(channel: string) {
  const { qos, retain } = asyncApi.operations[channel]!.bindings.mqtt;
  return { qos, retain };
}
