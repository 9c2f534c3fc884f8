import { get } from "node:http";
import { fromHex, lctId, millis, toHex } from "@wattseal/base";
import {
  decodeEntry,
  decodeOrder,
  type Entry,
  encodeOrder,
  type OrderedAction,
} from "@wattseal/energy-ledger";
import { OrdersClient } from "@wattseal/federation";
import { openEd25519KeyFile } from "@wattseal/lct-keys";
import { LogStore } from "@wattseal/tlog/store";
import { describe, expect, it } from "vitest";
import { demoState, type LogLine, Role, temporaryFolder, wattseal } from "./support/program.js";

const named = (name: string) => (line: LogLine) => line.msg === name;
const MINUTE = 60_000;

/** A pack of two modules, on simulated time that runs a little faster than ours, whose federation has a broker of its own. */
async function system() {
  const folder = await temporaryFolder();
  const state = `${folder}/state`;
  const key = `${folder}/operator.pem`;
  const pack = await demoState(state, "--modules", "2");
  const drawn = await wattseal(["order", "key", "--out", key, "--json"]);
  const { publicKey } = JSON.parse(drawn.stdout);
  const federation = new Role(["federation", "--state", state, "--port", "0"]);
  const { broker } = await federation.line(named("federation.running"));
  const sim = new Role(["sim", "--state", state, "--speed", "4"]);
  await sim.line(named("sim.running"));
  const start = async (keys: string) => {
    const args = ["gateway", "--state", state, "--broker", String(broker)];
    const gateway = new Role(args, { WATTSEAL_ORDERS_KEYS: keys });
    await gateway.line(named("control.listening"));
    await gateway.line(named("uplink.up"));
    return gateway;
  };
  const status = () => statusAt(`${state}/run/control.sock`);
  /** The pack, once it is as `wanted` says. */
  const until = async (wanted: (status: Status) => boolean): Promise<Status> => {
    for (;;) {
      const shown = await status();
      if (wanted(shown)) return shown;
    }
  };
  const order = async (action: readonly string[], options: readonly string[] = []) => {
    const { time } = await status();
    const life = ["--life", "5m", "--at", String(time), "--wait", "5m", "--json", ...options];
    const given = ["--pack", pack, "--key", key, "--state", state];
    const ran = await wattseal(["order", ...action, ...given, ...life]);
    return { ...ran, said: JSON.parse(ran.stdout) };
  };
  const entries = async (): Promise<readonly Entry[]> => {
    const log = await LogStore.openReadOnly({ directory: `${state}/gateway/log` });
    return [...log.entries()].map((bytes) => decodeEntry(bytes));
  };
  return { state, key, pack, publicKey, federation, sim, start, until, order, entries };
}

/** What `wattseal status --json` prints, without a process for each look. */
function statusAt(socketPath: string): Promise<Status> {
  return new Promise((resolve, reject) => {
    const asked = get({ socketPath, path: "/status", agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      response.once("end", () => resolve(JSON.parse(text)));
    });
    asked.once("error", reject);
  });
}

interface Status {
  readonly time: number;
  readonly isolated: boolean;
  readonly orders: {
    readonly accepted: number;
    readonly refused: Readonly<Record<string, number>>;
  };
  readonly modules: readonly { readonly reading?: { readonly state: string } }[];
}
const isOn = ({ modules }: Status) => modules.every(({ reading }) => reading?.state === "on");
const isOff = ({ modules }: Status) => modules.every(({ reading }) => reading?.state === "off");

describe("orders from afar", () => {
  it("move the relays for whom the pack's configuration names, are entered before and answered after, and verify", async () => {
    const { state, pack, publicKey, start, until, order, entries } = await system();
    const gateway = await start(publicKey);
    await until(isOn);
    const isolated = await order(["isolate"]);
    expect(isolated).toMatchObject({
      status: 0,
      said: { outcome: "done", detail: "2 of 2 modules obeyed" },
    });
    expect(await until(isOff)).toMatchObject({
      isolated: true,
      orders: { accepted: 1, refused: {} },
    });

    expect(await order(["allow"])).toMatchObject({ status: 0, said: { outcome: "done" } });
    await until((shown) => isOn(shown) && !shown.isolated);

    const refused = await order(["rollback", "1"]);
    expect(refused).toMatchObject({ status: 1, said: { outcome: "refused" } });
    expect(refused.said.detail).toContain("The ledger refuses this");
    expect(await gateway.stop()).toBe(0);

    const all = await entries();
    const told = all.flatMap((entry, index): readonly (string | number)[] => {
      if (entry.type === "ops.outcome") return [entry.body.command, entry.body.outcome];
      if (entry.type !== "ops.command") return [];
      const signed = decodeOrder(entry.body.order);
      expect([signed.pack, toHex(entry.body.key)]).toEqual([pack, publicKey]);
      return [`${index} ${signed.what.action}`];
    });
    const { command: first } = isolated.said;
    expect(told.slice(0, 3)).toEqual([`${first} isolate`, first, "done"]);
    expect(told.slice(-3)).toEqual([
      `${refused.said.command} rollback`,
      refused.said.command,
      "refused",
    ]);
    const log = `${state}/gateway/log`;
    const trust = ["--trust", `${state}/gateway/trust.json`];
    const audit = await wattseal(["ledger", "audit", log, ...trust]);
    expect(audit).toMatchObject({ status: 0, stderr: "" });
  });

  it("are obeyed once, over a kill too, and of nobody else; a pack that was isolated stays so", async () => {
    const { state, pack, key, publicKey, start, until, entries } = await system();
    const client = new OrdersClient(`${state}/run/orders.sock`);
    const operator = await openEd25519KeyFile(key);
    let number = 0;
    const signed = async (what: OrderedAction, changes: object = {}) => {
      const { time } = await until(() => true);
      number += 1;
      const id = new Uint8Array(16).fill(number);
      const given = { id, pack: lctId(pack), what, expires: millis(time + 4 * MINUTE), chain: [] };
      return encodeOrder({ ...given, ...changes }, operator.publicKey, (bytes) =>
        operator.sign(bytes),
      );
    };
    const isolate: OrderedAction = { action: "isolate", body: {} };
    const allow: OrderedAction = { action: "allow", body: {} };
    const refusal = (reason: string) => (line: LogLine) =>
      line.msg === "order.refused" && line["reason"] === reason;

    const first = await start(publicKey);
    await until(isOn);
    const obeyed = await signed(isolate);
    await client.send(obeyed);
    await first.line(named("order.accepted"));
    await client.send(obeyed);
    await first.line(refusal("repeated"));
    await client.send(await signed(allow, { chain: [new Uint8Array(9)] }));
    await first.line(refusal("chain"));
    await client.send(await signed(allow, { expires: millis(1) }));
    await first.line(refusal("expired"));
    const forged = await signed(allow);
    forged[forged.length - 9]! ^= 1;
    await client.send(forged);
    await first.line(refusal("signature"));
    expect((await until(isOff)).orders).toEqual({
      accepted: 1,
      refused: { repeated: 1, chain: 1, expired: 1, signature: 1 },
    });
    await first.kill();

    const second = await start(publicKey);
    await client.send(obeyed);
    await second.line(refusal("repeated"));
    expect(await until((shown) => shown.modules.length === 2 && isOff(shown))).toMatchObject({
      isolated: true,
    });
    await client.send(await signed(allow));
    await until((shown) => isOn(shown) && !shown.isolated);
    expect(await second.stop()).toBe(0);

    const third = await start(toHex(fromHex("00".repeat(32))));
    await client.send(await signed(isolate));
    await third.line(refusal("key"));
    await until(({ orders }) => orders.refused["key"] === 1);
    await third.stop();

    const all = await entries();
    expect(all.filter(({ type }) => type === "ops.command")).toHaveLength(2);
    const alarms = all.flatMap((entry) =>
      entry.type === "link.alarm" && entry.body.alarm === "order-refused"
        ? [entry.body.detail]
        : [],
    );
    // What follows the first within ten seconds is counted into one entry, which a kill takes.
    expect(alarms).toEqual(expect.arrayContaining(["chain", "key"]));
  });
});

it("an order that cannot be sent says why", async () => {
  const folder = await temporaryFolder();
  const key = `${folder}/operator.pem`;
  await wattseal(["order", "key", "--out", key]);
  const to = ["--pack", `lct:pack:${"a".repeat(32)}`, "--key", key];
  const nobody = await wattseal(["order", "isolate", ...to, "--socket", `${folder}/none.sock`]);
  expect([nobody.status, nobody.stderr]).toEqual([
    3,
    expect.stringContaining("wattseal federation"),
  ]);
  const unsaid = await wattseal(["order", "isolate", ...to]);
  expect([unsaid.status, unsaid.stderr]).toEqual([2, expect.stringContaining("--state DIR")]);
  const long = await wattseal(["order", "isolate", ...to, "--life", "6m"]);
  expect([long.status, long.stderr]).toEqual([2, expect.stringContaining("five minutes")]);
});
