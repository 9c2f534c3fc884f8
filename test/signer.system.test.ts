/** The signer in a process of its own: killed under its gateway, killed in mid-signature, and asked by two at once. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fromHex, millis, utf8 } from "@wattseal/base";
import { LctKeysError, RemoteSigner } from "@wattseal/lct-keys";
import { type LctDocument, verifyLctDocument } from "@wattseal/lct-keys/verify";
import { consistencyProof, type HashReader, leafHash, nodeHash, rootAt } from "@wattseal/tlog";
import { LogStore } from "@wattseal/tlog/store";
import { describe, expect, it, onTestFinished } from "vitest";
import { Role, temporaryFolder, wattseal } from "./support/program.js";

async function initialised(...tpm: readonly string[]): Promise<string> {
  const state = join(await temporaryFolder(), "s");
  const args = ["init", "--demo", "--state", state, "--modules", "2", "--tpm", ...tpm];
  expect((await wattseal(args)).status).toBe(0);
  return state;
}

async function signerOf(state: string): Promise<Role> {
  const signer = new Role(["signer", "--state", state]);
  await signer.line((line) => line.msg === "signer.running");
  return signer;
}

const isDurable = (line: { readonly msg: string }) => line.msg === "ledger.durable";

describe("a signer killed under its gateway", () => {
  // swtpm where it is installed: the emulator dies with the signer
  it.each(["none", "auto"])(
    "stops the signing and not the ledger, and the next one goes on where it was (--tpm %s)",
    { timeout: 300_000 },
    async (tpm) => {
      const state = await initialised(tpm);
      const federation = new Role(["federation", "--state", state, "--port", "0"]);
      const running = await federation.line((line) => line.msg === "federation.running");
      const simulator = new Role(["sim", "--state", state, "--speed", "120"]);
      await simulator.line((line) => line.msg === "sim.running");
      let signer = await signerOf(state);
      const socket = join(state, "run", "signer.sock");
      const gateway = new Role([
        "gateway",
        ...["--state", state, "--signer", socket, "--broker", String(running["broker"])],
        ...["--log-level", "debug"],
      ]);
      await gateway.line(isDurable);
      for (let kill = 0; kill < 4; kill += 1) {
        const before = gateway.lines.length;
        await signer.kill();
        await gateway.line((line) => line.msg === "signer.away", before);
        // entries go on without it
        await gateway.line(isDurable, gateway.lines.length);
        const away = gateway.lines.length;
        signer = await signerOf(state);
        await gateway.line((line) => line.msg === "signer.back", away);
      }
      expect(await gateway.stop()).toBe(0);
      expect(await signer.stop()).toBe(0);
      await simulator.stop();
      await federation.stop();
      const log = await LogStore.openReadOnly({ directory: join(state, "gateway", "log") });
      const trust = join(state, "gateway", "trust.json");
      const path = join(state, "gateway", "log");
      const audit = await wattseal(["ledger", "audit", path, "--trust", trust, "--json"]);
      expect(audit.status, audit.stderr).toBe(0);
      expect(JSON.parse(audit.stdout)).toMatchObject({
        verified: true,
        entries: log.durableSize,
        witnessed: log.durableSize,
      });
    },
  );
});

describe("a gateway that starts before its signer", () => {
  it("waits for it, and begins its first epoch then", { timeout: 300_000 }, async () => {
    const state = await initialised("none");
    await signerOf(state).then((signer) => signer.stop()); // makes the token
    const simulator = new Role(["sim", "--state", state, "--speed", "30"]);
    await simulator.line((line) => line.msg === "sim.running");
    const socket = join(state, "run", "signer.sock");
    const nobody = "mqtt://127.0.0.1:1";
    const args = ["gateway", "--state", state, "--signer", socket, "--broker", nobody];
    const gateway = new Role(args);
    await gateway.line((line) => line.msg === "gateway.running");
    expect(gateway.lines.map(({ msg }) => msg)).toContain("signer.away");
    const signer = await signerOf(state);
    const back = await gateway.line((line) => line.msg === "signer.back");
    expect(back["epoch"]).toBe(1);
    await gateway.line((line) => line.msg === "link.session");
    await gateway.stop();
    expect(await signer.stop()).toBe(0);
    const path = join(state, "gateway", "log");
    const audit = await wattseal(["ledger", "audit", path, "--json"]);
    expect(JSON.parse(audit.stdout)).toMatchObject({ epochs: 1 });
  });
});

/** A log of numbered leaves. */
const read: HashReader = (level, index) =>
  level === 0
    ? leafHash(utf8(`entry ${index}`))
    : nodeHash(read(level - 1, 2 * index), read(level - 1, 2 * index + 1));
const root = (size: number) => rootAt(size, read);
const proof = (from: number, to: number) => consistencyProof(from, to, read);
const clock = { now: () => millis(Date.now()), at: () => () => {} };

async function clientOf(state: string, token?: Uint8Array): Promise<RemoteSigner> {
  const hex = await readFile(join(state, "gateway", "signer.token"), "utf8");
  const { lct } = await documentOf(state);
  const path = join(state, "run", "signer.sock");
  const client = new RemoteSigner({ path, token: token ?? fromHex(hex.trim()), clock, lct });
  onTestFinished(() => client.close());
  await client.connect();
  return client;
}

async function documentOf(state: string): Promise<LctDocument> {
  const bytes = await readFile(join(state, "gateway", "lct.cose"));
  return verifyLctDocument(new Uint8Array(bytes), "self-consistent");
}

const begin = (client: RemoteSigner, size: number, lastCounter: number) =>
  client.begin({
    log: {
      size,
      root: root(size),
      lastCounter,
      bootVersion: 0,
      head: undefined,
      receipt: undefined,
      consistencyProof: proof,
    },
    clock,
    synchronised: true,
  });

const codeOf = (attempt: Promise<unknown>) =>
  attempt.then(
    () => "nothing",
    (thrown: unknown) => (thrown instanceof LctKeysError ? thrown.code : String(thrown)),
  );

describe("a signer killed in mid-signature", () => {
  it("had made durable whatever it let out: no log below that is continued", {
    timeout: 300_000,
  }, async () => {
    const state = await initialised("none");
    let size = 2;
    for (let life = 0; life < 5; life += 1) {
      const signer = await signerOf(state);
      const client = await clientOf(state);
      if (size > 2) expect(await codeOf(begin(client, size - 1, 0))).toBe("log-rolled-back");
      const epoch = await begin(client, size, 0);
      // a kill somewhere in a row of requests: what was answered counts
      const asked = Array.from({ length: 40 }, (_, i) => {
        const head = { size: size + i + 1, root: root(size + i + 1) };
        return epoch.sign({ ...head, consistency: proof(size + i, size + i + 1) });
      });
      await asked[life * 2];
      await signer.kill();
      const answers = await Promise.allSettled(asked);
      const answered = answers.filter(({ status }) => status === "fulfilled").length;
      expect(answered).toBeGreaterThan(life * 2);
      const last = answers.at(-1);
      if (last?.status === "rejected") {
        expect(await codeOf(Promise.reject(last.reason))).toBe("signer-unreachable");
      }
      size += answered;
      // it may have signed one more than we were told of
      const next = await signerOf(state);
      const again = await clientOf(state);
      expect(await codeOf(begin(again, size - 1, 0))).toBe("log-rolled-back");
      size += 1;
      await begin(again, size, 0);
      await again.close();
      await next.kill();
    }
  });
});

describe("a signer with a client", () => {
  it("is busy for a second one, and tells a stranger nothing", async () => {
    const state = await initialised("none");
    const signer = await signerOf(state);
    const first = await clientOf(state);
    expect(await codeOf(clientOf(state))).toBe("signer-busy");
    expect(await codeOf(clientOf(state, new Uint8Array(32)))).toBe("signer-token");
    expect((await begin(first, 2, 0)).identity()).toMatchObject({ epoch: 1, state: "software" });
    expect(await signer.stop()).toBe(0);
    expect(await codeOf(first.attest(new Uint8Array(32)))).toBe("signer-unreachable");
  });

  it("refuses a socket that another one serves, and both or neither of its two ways to be told where it is", async () => {
    const state = await initialised("none");
    await signerOf(state);
    const second = await wattseal(["signer", "--state", state]);
    expect(second.status).toBe(2);
    expect(second.stderr).toContain("another signer serves it");
    for (const args of [[], ["--state", state, "--config", "signer.toml"]]) {
      expect((await wattseal(["signer", ...args])).status).toBe(2);
    }
  });
});
