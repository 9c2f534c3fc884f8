import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sha256, toHex, utf8 } from "@wattseal/base";
import { openEd25519KeyFile } from "@wattseal/lct-keys";
import { cosign } from "@wattseal/tlog";
import { LogStore } from "@wattseal/tlog/store";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { auditFolder, readTrust } from "../audit/folder.js";
import { EXIT } from "../errors.js";
import { beginPack } from "../export/pack.fixture.js";
import { WITNESS_NAME } from "../state/layout.js";
import { listCommand, showCommand } from "./ledger.js";
import { auditCommand } from "./ledger-audit.js";
import { exportCommand } from "./ledger-export.js";
import { pruneCommand } from "./ledger-prune.js";
import { prove } from "./prove.js";
import { verify } from "./verify.js";

const root = mkdtempSync(join(tmpdir(), "wattseal-prune-"));
afterAll(() => rmSync(root, { recursive: true }));
const state = join(root, "state");

async function said(stream: "stdout" | "stderr", run: () => Promise<number>) {
  const { write } = process[stream];
  const texts: string[] = [];
  process[stream].write = (text: string | Uint8Array) => texts.push(String(text)) > 0;
  try {
    return { status: await run(), text: texts.join("") };
  } finally {
    process[stream].write = write;
  }
}

/** A log whose third day has begun, with a snapshot in its first; the gateway is stopped. */
let log: string;
/** Of its complete days, while all of it is there. */
let records: string[];
let trust: string;
let snapshot: number;
let size: number;
beforeAll(async () => {
  const { pack, layout } = await beginPack(state);
  log = layout.gateway.log;
  trust = layout.gateway.trust;
  await pack.minute(2_000);
  while (pack.replay.size < 1_024) {
    await pack.add("ops.config", { software: "filler", digest: new Uint8Array(32) });
  }
  snapshot = pack.replay.size;
  await pack.add("ops.snapshot", { digest: sha256(pack.replay.snapshot()) });
  for (const steps of [-300, -200]) await pack.minute(steps);
  for (let day = 0; day < 2; day += 1) {
    pack.now += 24 * 3_600_000;
    pack.unseen(0);
    await pack.minute(-50);
  }
  await pack.sign();
  size = pack.log.durableSize;
  const key = await openEd25519KeyFile(layout.federation.witnessKey);
  const receipt = cosign(pack.log.head!.note, {
    name: WITNESS_NAME,
    publicKey: key.publicKey,
    sign: (bytes) => key.sign(bytes),
    time: 1_800_000_000,
  });
  const id = sha256(Buffer.concat([key.publicKey, utf8(WITNESS_NAME)]));
  await pack.log.writeDocument(`receipt.${toHex(id.subarray(0, 8))}`, receipt);
  await pack.log.close();
}, 60_000);

const prune = (before: string, json = false) =>
  said("stdout", () => pruneCommand({ state, before, json }));

describe("wattseal ledger prune", () => {
  it("is refused as long as a day waits for its record", async () => {
    await expect(prune(`${size}`)).rejects.toThrow(/coming daily record needs it/);
    const { text } = await said("stdout", () => exportCommand(log, { format: "ocmf", state }));
    records = text.trimEnd().split("\n");
    expect(records).toHaveLength(2);
    const store = await LogStore.open({ directory: log });
    await store.writeDocument("ocmf-1", records[0]!);
    await store.writeDocument("ocmf", records[0]!);
    await store.close();
  });

  it("is refused for what it cannot read, and below every snapshot", async () => {
    await expect(prune("yesterday")).rejects.toThrow(/no time/);
    await expect(prune("1000")).rejects.toThrow(/no ops.snapshot stands at entry 1000 or below/);
  });

  it("is told by an audit what no accepted witness has seen", async () => {
    const copy = join(root, "unseen");
    cpSync(log, copy, { recursive: true });
    for (const name of readdirSync(copy).filter((one) => one.startsWith("receipt."))) {
      rmSync(join(copy, name));
    }
    const { text } = await said("stdout", () => auditCommand(copy, { trust, json: false }));
    expect(text).toContain(
      `\nopen       the last ${size.toLocaleString("en-US")} not witnessed by anyone accepted\n`,
    );
    expect(text).toMatch(/verdict {4}verified in part$/m);
  });

  it("audits the whole log before, its snapshots too", async () => {
    const run = () => auditCommand(log, { trust, json: false });
    const { status, text } = await said("stdout", run);
    expect(status).toBe(EXIT.ok);
    expect(text).toMatch(/verdict {4}verified$/m);
    expect(text).not.toMatch(/^open/m);
    expect(text).toMatch(/^epochs {5}1: 1 software$/m);
    expect(text).toMatch(/^energy .* intervals of whatever verdict; gaps not in it$/m);
    writeFileSync(join(log, `snapshot.${snapshot.toString(16).padStart(16, "0")}`), "forged");
    const spoilt = await said("stdout", run);
    expect(spoilt.status).toBe(EXIT.failed);
    expect(spoilt.text).toMatch(new RegExp(`DIFFERENCE entry ${snapshot}: snapshot.*SHA-256`));
    expect(spoilt.text).toMatch(/verdict {4}refused/);
  });

  it("leaves a log that is audited from its snapshot, and says so", async () => {
    const { status, text } = await prune("2026-11-20");
    expect(status).toBe(EXIT.ok);
    const first = Math.floor(snapshot / 256) * 256;
    expect(text).toBe(
      `entries 0 to ${first - 1} are removed: the log holds entries ${first} to ${size - 1}, and entry ${snapshot} vouches for what was before it\n`,
    );
    expect(readdirSync(join(log, "tile", "entries"))).toEqual([]);

    const run = () => auditCommand(log, { trust, json: false });
    const audit = await said("stdout", run);
    expect(audit.status).toBe(EXIT.ok);
    expect(audit.text).toMatch(/verdict {4}verified from a snapshot/);
    expect(audit.text).toMatch(/replayed {3}from entry 1,0\d\d on; .*signed and witnessed/);
    const json = await said("stdout", () => auditCommand(log, { trust, json: true }));
    expect(JSON.parse(json.text)).toMatchObject({
      verified: false,
      verdict: "verified from a snapshot",
      from: snapshot,
      entries: size,
      epochs: 1,
      epochStates: { software: 1 },
    });
    const alone = await auditFolder(log, undefined);
    expect(alone.verdict).toBe("self-consistent only");
    expect(JSON.parse((await prune("2026-11-20", true)).text)).toMatchObject({ from: first });
  });

  it("leaves a log whose rest is listed, shown and exported, and proven still", async () => {
    const first = Math.floor(snapshot / 256) * 256;
    const list = await said("stdout", () => listCommand(log, { json: true }));
    const indices = list.text.trimEnd().split("\n");
    expect(indices).toHaveLength(size - first);
    await expect(showCommand(log, "3", { json: false })).rejects.toThrow(
      new RegExp(`entries from ${first} on remain, the federation's copy has the rest`),
    );
    const out = join(root, "rows.jsonl");
    const rows = () => exportCommand(log, { format: "jsonl", out, trust });
    const exported = await said("stderr", rows);
    expect(exported.status).toBe(EXIT.ok);
    expect(exported.text).toMatch(new RegExp(`rows begin at ${snapshot}`));
    for (const format of ["storage", "passport"] as const) {
      await expect(exportCommand(log, { format, out })).rejects.toThrow(/was pruned below/);
    }
    const proof = join(root, "x.proof");
    for (const entry of [first, snapshot, size - 1]) {
      await said("stdout", () => prove(`${entry}`, { log, out: proof, json: false }));
      const checked = await said("stdout", () => verify(proof, { trust, json: true }));
      expect(checked.status).toBe(EXIT.ok);
      expect(JSON.parse(checked.text)).toMatchObject({ verified: true, index: entry });
    }
    const gone = prove(`${first - 1}`, { log, out: proof, json: false });
    await expect(gone).rejects.toThrow(/federation's copy has the rest/);
  });

  it("leaves the daily records of what is gone, which stand by the anchor's signature", async () => {
    const out = join(root, "records");
    const days = (options: { state?: string } = {}) =>
      said("stderr", () => exportCommand(log, { format: "ocmf", out, trust, ...options }));
    const { status, text } = await days();
    expect(status, text).toBe(EXIT.ok);
    expect(text).toMatch(/page F1 is of entries that were pruned: signed by the anchor/);
    expect(text).toMatch(/page F2, .* is not signed/);
    const [record = ""] = records;
    expect(readFileSync(out, "utf8")).toBe(`${record}\n`);
    // What follows is measured from the rest, and says what it said when all was there.
    expect((await days({ state })).status).toBe(EXIT.ok);
    expect(readFileSync(out, "utf8")).toBe(`${records.join("\n")}\n`);
    const put = async (content: string) => {
      const store = await LogStore.open({ directory: log });
      await store.writeDocument("ocmf-1", content);
      await store.close();
    };
    for (const [spoilt, why] of [
      [record.replace('"resets":0', '"resets":1'), /not signed by this anchor/],
      ["OCMF|{}|{}", /no SD/],
    ] as const) {
      await put(spoilt);
      const refused = await days();
      expect(refused.status).toBe(EXIT.failed);
      expect(refused.text).toMatch(why);
    }
    await put(record);
  });

  it("leaves a log that is refused once its snapshot is gone or forged", async () => {
    const [name] = readdirSync(log).filter((file) => file.startsWith("snapshot."));
    writeFileSync(join(log, name!), "forged");
    const forged = await auditFolder(log, await readTrust(trust));
    expect(forged).toMatchObject({ verdict: "refused", problem: expect.stringMatching(/SHA-256/) });
    unlinkSync(join(log, name!));
    const gone = await auditFolder(log, await readTrust(trust));
    expect(gone.problem).toMatch(/no snapshot says what was before/);
  });
});
