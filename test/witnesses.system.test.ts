// Two federations that witness one pack, under a quorum: one dies, comes back, and changes its key.
import { readFile, writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { decodeTrust, encodeTrust, type Trust } from "@wattseal/verifier";
import { expect, it, onTestFinished } from "vitest";
import { call } from "../packages/wattseal/src/control/client.js";
import { OPERATIONS } from "../packages/wattseal/src/control/operations.js";
import type { StatusReply } from "../packages/wattseal/src/control/status-reply.js";
import { Role, temporaryFolder, wattseal } from "./support/program.js";

/** One address of a broker whose port changes with each start. */
async function address() {
  const sockets = new Set<Socket>();
  let target = 0;
  const server = createServer((client) => {
    const broker = connect(target, "127.0.0.1");
    for (const [socket, other] of [
      [client, broker],
      [broker, client],
    ] as const) {
      sockets.add(socket);
      socket
        .on("error", () => {})
        .on("close", () => {
          sockets.delete(socket);
          other.destroy();
        });
      socket.pipe(other);
    }
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `mqtt://127.0.0.1:${port}`,
    leadsTo: (url: unknown) => {
      target = Number(new URL(String(url)).port);
    },
  };
}

const named = (msg: string) => (line: { readonly msg: string }) => line.msg === msg;

async function ran(...args: readonly string[]) {
  const { status, stdout, stderr } = await wattseal(args);
  expect(status, stderr + stdout).toBe(0);
  return stdout;
}

it("a quorum of two witnesses is what counts, through the death, the return and the new key of one", async () => {
  const root = await temporaryFolder();
  const [pack, other] = [`${root}/pack`, `${root}/other`];
  await ran("init", "--demo", "--tpm", "none", "--state", pack, "--modules", "1");
  const authority = `${pack}/authority/authority.pem`;
  const second = ["--federation", "second.example", "--fleet", "demo", "--authority", authority];
  await ran("init", ...second, "--state", other, "--yes");

  const trustOf = async (file: string): Promise<Trust> => decodeTrust(await readFile(file));
  const trustFile = `${pack}/gateway/trust.json`;
  /** What the pack pins: the first federation's witness, and of the second the keys that its own file names. */
  const pin = async (keys: readonly number[]) => {
    const { authorities, witnesses } = await trustOf(`${pack}/federation/trust.json`);
    const [theirs] = (await trustOf(`${other}/federation/trust.json`)).witnesses;
    const publicKeys = keys.flatMap((key) => theirs!.publicKeys[key] ?? []);
    const trust = { authorities, witnesses: [...witnesses, { ...theirs!, publicKeys }], quorum: 2 };
    await writeFile(trustFile, encodeTrust(trust));
    return trust;
  };
  const both = await pin([0]);
  const [first, theirs] = both.witnesses.map(({ name }) => name) as [string, string];

  const [here, there] = [await address(), await address()];
  const federation = async (state: string, at: typeof here) => {
    const role = new Role(["federation", "--state", state, "--port", "0"]);
    at.leadsTo((await role.line(named("federation.running")))["broker"]);
    return role;
  };
  await federation(pack, here);
  let away = await federation(other, there);
  const config = await readFile(`${pack}/gateway/gateway.toml`, "utf8");
  const tables = [
    [here.url, first],
    [there.url, theirs],
  ].map(([broker, witness]) => `[[uplink]]\nbroker = "${broker}"\nwitness = "${witness}"\n`);
  const [before, after] = config.split("[uplink]\n") as [string, string];
  const rest = after.slice(after.indexOf("\n["));
  await writeFile(`${pack}/gateway/gateway.toml`, before + tables.join("\n") + rest);
  const simulator = new Role(["sim", "--state", pack, "--speed", "120"]);
  await simulator.line(named("sim.running"));
  const start = () => new Role(["gateway", "--state", pack, "--log-level", "debug"]);
  let gateway = start();
  await gateway.line(named("gateway.running"));

  const status = () => call(`${pack}/run/control.sock`, OPERATIONS.status);
  /** Looks again whenever the gateway has said something: it says each entry. */
  const until = async (holds: (status: StatusReply) => boolean): Promise<StatusReply> => {
    for (;;) {
      const said = gateway.lines.length;
      const now = await status();
      if (holds(now)) return now;
      await gateway.line(() => true, said);
    }
  };
  const sizeAt = (witness: string, { uplink }: StatusReply) =>
    uplink.destinations.find((destination) => destination.witness === witness)!.witnessed;
  /** Everything that is there now, by a quorum. */
  const witnessed = async () => {
    const { log } = await status();
    return until((now) => now.log.witnessed >= log.entries);
  };
  await witnessed();

  // One dies: what the other receipts is not witnessed by two.
  await away.kill();
  const { log } = await status();
  const alone = await until((now) => sizeAt(first, now) > log.entries);
  expect(alone.uplink.quorum).toBe(2);
  expect(alone.log.witnessed).toBe(sizeAt(theirs, alone));
  const entry = sizeAt(first, alone) - 1;
  const proof = `${root}/entry.proof`;
  const prove = () => ran("prove", String(entry), "--log", `${pack}/gateway/log`, "--out", proof);
  const trusted = (trust: string) => wattseal(["verify", proof, "--trust", trust, "--json"]);
  await prove();
  expect(JSON.parse((await trusted(`${pack}/federation/trust.json`)).stdout)).toMatchObject({
    verdict: "verified",
    witnesses: [{ witness: first }],
  });
  const refused = await trusted(trustFile);
  expect(refused.status).toBe(1);
  expect(refused.stdout).toMatch(/quorum is 2/);

  // It comes back, and gets what it missed.
  away = await federation(other, there);
  await until((now) => now.log.witnessed > entry);
  await prove();
  const proven = JSON.parse((await trusted(trustFile)).stdout);
  expect(proven).toMatchObject({ verdict: "verified" });
  const names = proven.witnesses.map(({ witness }: { witness: string }) => witness);
  expect(names.sort()).toEqual([first, theirs].sort());

  // It cosigns with both keys; the gateway that pins the old one alone goes on.
  const rotated = JSON.parse(await ran("federation", "rotate", "--state", other, "--json"));
  expect(rotated.vkeys).toHaveLength(2);
  await away.kill();
  away = await federation(other, there);
  await witnessed();

  // The gateway pins both, then the federation has the new key alone; then the gateway as well.
  await pin([0, 1]);
  await gateway.stop();
  gateway = start();
  await gateway.line(named("gateway.running"));
  await witnessed();
  await away.kill();
  await ran("federation", "rotate", "--finish", "--yes", "--state", other);
  away = await federation(other, there);
  await witnessed();
  const last = await pin([0]);
  expect(last.witnesses[1]!.publicKeys).not.toEqual(both.witnesses[1]!.publicKeys);
  await gateway.stop();
  gateway = start();
  await gateway.line(named("gateway.running"));
  await witnessed();
  expect(gateway.lines.filter(named("uplink.receipt-refused"))).toEqual([]);

  // A gateway that was away during a whole overlap pins a key under which it has no receipt.
  await gateway.stop();
  await away.kill();
  await ran("federation", "rotate", "--state", other);
  await ran("federation", "rotate", "--finish", "--yes", "--state", other);
  away = await federation(other, there);
  await pin([0]);
  gateway = start();
  await gateway.line(named("gateway.running"));
  const { log: seen } = await witnessed();
  await gateway.stop();
  await simulator.stop();

  const audit = await wattseal([
    ...["ledger", "audit", `${pack}/gateway/log`],
    ...["--trust", trustFile, "--json"],
  ]);
  const { verdict, quorum, witnessed: size } = JSON.parse(audit.stdout);
  // whether the last entries were witnessed before the stop is a matter of load
  expect(["verified", "verified in part"]).toContain(verdict);
  expect(quorum).toBe(2);
  expect(size).toBeGreaterThanOrEqual(seen.witnessed);
}, 300_000);
