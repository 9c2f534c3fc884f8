import { mkdtemp, readdir, readFile, rm, truncate, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lctId, millis } from "@wattseal/base";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { issueLctDocument } from "../authority.js";
import { Ed25519SecretKey } from "../keys/ed25519.js";
import {
  codeOfThrown,
  genesisOf,
  MemoryStateFiles,
  manualClock,
  noteOf,
  only,
  START,
  seededEntropy,
  type TestTree,
  tree,
} from "../lct-keys.fixture.js";
import { EpochChain } from "../verify/chain.js";
import { type LctDocument, verifyLctDocument } from "../verify/document.js";
import { EPOCH_MAX_AGE_MS } from "../verify/epoch.js";
import type { Binding } from "../verify/genesis.js";
import { beginSoftwareEpoch } from "./open-software.js";
import { createSoftwareAnchor } from "./software-anchor.js";
import { decodeState, encodeState } from "./state.js";

const entropy = seededEntropy("signer");
const authority = Ed25519SecretKey.generate(entropy);
const log = tree("log", 40);
let directory: string;
let document: LctDocument;
let clock: ReturnType<typeof manualClock>;

function issue(anchor: Uint8Array, binding: Binding = "software"): LctDocument {
  const bytes = issueLctDocument(authority, genesisOf(anchor, { binding }));
  return verifyLctDocument(bytes, [authority.publicKey]);
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "wattseal-signer-"));
  document = issue(await createSoftwareAnchor(directory, entropy));
  clock = manualClock();
});
afterEach(() => rm(directory, { recursive: true }));

function optionsFor(at: ReturnType<TestTree["log"]>) {
  const version = { softwareVersion: "0.1.0", synchronised: true };
  return { directory, clock, entropy, document, ...version, log: at };
}

function open(at: ReturnType<TestTree["log"]>, change: { document?: LctDocument } = {}) {
  return beginSoftwareEpoch({ ...optionsFor(at), ...change });
}

const refusal = (attempt: Promise<unknown>) => attempt.then(() => "nothing", codeOfThrown);
const messageOf = (attempt: Promise<unknown>) =>
  attempt.then(
    () => "nothing",
    (thrown: Error) => thrown.message,
  );
/** Opens on 1 entry, signs `size`, closes: a run in the past. */
async function ranUntil(size: number): Promise<string> {
  const signer = await open(log.log(1));
  const note = await only(signer.sign(log.request(1, size)));
  await signer.close();
  return note;
}
const position = (treeSize: number) => ({
  treeSize,
  treeRoot: log.root(treeSize),
  time: clock.now(),
});

describe("a signer's run", () => {
  it("opens an epoch whose evidence and checkpoints verify inside the log", async () => {
    const signer = await open(log.log(1));
    const chain = new EpochChain(document);
    chain.begin(signer.epochEvidence, position(1));
    expect(chain.current).toMatchObject({
      lct: document.lct,
      epoch: 1,
      softwareVersion: "0.1.0",
      treeSize: 1,
      time: START,
      synchronised: true,
      state: "software",
    });
    expect(signer.identity()).toEqual({
      lct: document.lct,
      origin: document.origin,
      binding: "software",
      epoch: 1,
      publicKey: chain.current?.publicKey,
      state: "software",
    });
    for (const [from, to] of [
      [1, 2],
      [2, 7],
      [7, 40],
    ] as const) {
      expect(signer.lastSigned.size).toBe(from);
      const note = await only(signer.sign(log.request(from, to)));
      expect(chain.verifyCheckpoint(note)).toMatchObject({ size: to, root: log.root(to) });
    }
  });

  it("draws another key under a higher counter at each start", async () => {
    const chain = new EpochChain(document);
    const first = await open(log.log(1));
    chain.begin(first.epochEvidence, position(1));
    await first.sign(log.request(1, 9));
    await first.close();
    const second = await open(log.log(12, { lastCounter: 1 }));
    chain.begin(second.epochEvidence, position(12));
    expect(second.identity().epoch).toBe(2);
    expect(second.identity().publicKey).not.toEqual(first.identity().publicKey);
    const note = await only(second.sign(log.request(12, 14)));
    expect(chain.verifyCheckpoint(note).size).toBe(14);
  });

  it("never uses a counter twice, even when a start came to nothing", async () => {
    await ranUntil(5);
    expect(await refusal(open(log.log(3, { lastCounter: 1 })))).toBe("log-rolled-back");
    expect((await open(log.log(5, { lastCounter: 1 }))).identity().epoch).toBe(3);
  });

  it("keeps one small state file beside its anchor, whatever a kill left behind", async () => {
    await ranUntil(5);
    await writeFile(join(directory, "epoch-1.draft"), "half a st");
    await ranUntil(5).catch(() => undefined);
    await open(log.log(5, { lastCounter: 1 }));
    expect((await readdir(directory)).sort()).toEqual(["anchor.pem", "epoch-3"]);
  });
});

describe("one request", () => {
  it("for the last head again gets the same note", async () => {
    const signer = await open(log.log(1));
    const note = await only(signer.sign(log.request(1, 8)));
    expect(await signer.sign(log.request(8, 8))).toEqual([note]);
  });

  it("is refused when it does not extend the last head, and the next good one is not", async () => {
    const signer = await open(log.log(1));
    await signer.sign(log.request(1, 8));
    const fork = tree("fork", 20, 6);
    const good = log.request(8, 20);
    const proof = good.consistency;
    const refusals = [
      ["sign-smaller", log.request(7, 7)],
      ["sign-smaller", { ...good, size: 0 }],
      ["sign-smaller", { ...good, size: -1 }],
      ["sign-forked", { size: 8, root: fork.root(8), consistency: [] }],
      ["sign-inconsistent", { size: 8, root: log.root(8), consistency: proof }],
      ["sign-inconsistent", fork.request(8, 20)],
      ["sign-inconsistent", { ...good, root: fork.root(20) }],
      ["sign-inconsistent", { ...good, root: good.root.subarray(1) }],
      ["sign-inconsistent", { ...good, size: 33 }],
      ["sign-inconsistent", { ...good, size: 20.5 }],
      ["sign-inconsistent", { ...good, size: Number.NaN }],
      ["sign-inconsistent", { ...good, size: 2 ** 60 }],
      ["sign-inconsistent", { ...good, consistency: [] }],
      ["sign-inconsistent", { ...good, consistency: proof.slice(1) }],
      ["sign-inconsistent", { ...good, consistency: [...proof, proof[0]!] }],
      ["sign-inconsistent", { ...good, consistency: proof.toReversed() }],
      ["sign-inconsistent", { ...good, consistency: proof.map((hash) => hash.subarray(1)) }],
    ] as const;
    for (const [code, request] of refusals) expect(await refusal(signer.sign(request))).toBe(code);
    expect(signer.lastSigned.size).toBe(8);
    expect(await only(signer.sign(good))).toContain("\n20\n");
  });

  it("is refused for the continued tree itself: its epoch.begin is not in it yet", async () => {
    const signer = await open(log.log(5));
    expect(await refusal(signer.sign(log.request(5, 5)))).toBe("sign-smaller");
  });

  it("is signed as it was checked, whatever the caller does with its buffers meanwhile", async () => {
    const signer = await open(log.log(1));
    const request = log.request(1, 8);
    const { root } = request;
    const signed = signer.sign(request);
    root.fill(0);
    const chain = new EpochChain(document);
    chain.begin(signer.epochEvidence, position(1));
    expect(chain.verifyCheckpoint(await only(signed)).root).toEqual(log.root(8));
  });

  it("comes with others for the price of one durable write, all or none", async () => {
    const files = new MemoryStateFiles();
    const signer = await beginSoftwareEpoch({ ...optionsFor(log.log(1)), files });
    const chain = new EpochChain(document);
    chain.begin(signer.epochEvidence, position(1));
    const crooked = { ...log.request(8, 9), root: log.root(8) };
    let writes = 0;
    files.before = (step) => {
      if (step.startsWith("write")) writes += 1;
    };
    expect(await refusal(signer.sign(log.request(1, 8), crooked))).toBe("sign-inconsistent");
    expect([writes, signer.lastSigned.size]).toEqual([0, 1]);
    const notes = await signer.sign(log.request(1, 8), log.request(8, 9), log.request(9, 20));
    expect([writes, signer.lastSigned.size]).toEqual([1, 20]);
    expect(notes.map((note) => chain.verifyCheckpoint(note).size)).toEqual([8, 9, 20]);
  });

  it("waits for the one before it", async () => {
    const signer = await open(log.log(1));
    const notes = await Promise.all([
      signer.sign(log.request(1, 8)),
      signer.sign(log.request(8, 9)),
      signer.sign(log.request(9, 9)),
    ]);
    expect(notes[1]).toEqual(notes[2]);
    expect(signer.lastSigned.size).toBe(9);
  });

  it("is refused after 31 days, and after close", async () => {
    const signer = await open(log.log(1));
    clock.set(START + EPOCH_MAX_AGE_MS);
    await signer.sign(log.request(1, 8));
    clock.set(START + EPOCH_MAX_AGE_MS + 1);
    expect(await refusal(signer.sign(log.request(8, 9)))).toBe("epoch-expired");
    clock.set(millis(START));
    await signer.close();
    await signer.close();
    expect(await refusal(signer.sign(log.request(8, 9)))).toBe("signer-closed");
  });
});

describe("the start, when state and log disagree", () => {
  it("accepts a log that ran ahead, a head and a receipt that lag", async () => {
    const early = await ranUntil(5);
    const signer = await open(log.log(30, { lastCounter: 1, head: early, receipt: early }));
    expect(signer.lastSigned).toEqual({ size: 30, root: log.root(30) });
  });

  it("refuses a log that was cut below the last signed size, and names both", async () => {
    await ranUntil(20);
    const attempt = () => open(log.log(12, { lastCounter: 1 }));
    expect(await refusal(attempt())).toBe("log-rolled-back");
    const message = await messageOf(attempt());
    expect(message).toContain("12");
    expect(message).toContain("20");
  });

  it("refuses a log that is another one, at the same size and beyond", async () => {
    await ranUntil(20);
    const fork = tree("fork", 40, 15);
    for (const size of [20, 21, 40]) {
      expect(await refusal(open(fork.log(size, { lastCounter: 1 })))).toBe("log-forked");
    }
    const lying = { ...log.log(30, { lastCounter: 1 }), consistencyProof: () => [] };
    expect(await refusal(open(lying))).toBe("log-forked");
  });

  it.each(["head", "receipt"] as const)(
    "refuses its own state when the log's %s is ahead of it, and names both",
    async (which) => {
      await ranUntil(5);
      const state = await readFile(join(directory, "epoch-1"));
      const second = await open(log.log(5, { lastCounter: 1 }));
      const ahead = await only(second.sign(log.request(5, 30)));
      await second.close();
      await unlink(join(directory, "epoch-2"));
      await writeFile(join(directory, "epoch-1"), state);
      const attempt = () => open(log.log(30, { lastCounter: 1, [which]: ahead }));
      expect(await refusal(attempt())).toBe("state-rolled-back");
      const message = await messageOf(attempt());
      expect(message).toContain("30");
      expect(message).toContain("5");
      expect(message).toContain(which);
    },
  );

  it("refuses its own state when the log knows a later epoch", async () => {
    await ranUntil(5);
    expect(await refusal(open(log.log(6, { lastCounter: 2 })))).toBe("state-rolled-back");
  });

  it("refuses a lost state: a log with an epoch, or a head, was not signed by nobody", async () => {
    const head = await ranUntil(5);
    await unlink(join(directory, "epoch-1"));
    expect(await refusal(open(log.log(5, { lastCounter: 1 })))).toBe("state-rolled-back");
    expect(await refusal(open(log.log(5, { head })))).toBe("state-rolled-back");
  });

  it("refuses a state that was emptied", async () => {
    await ranUntil(5);
    await truncate(join(directory, "epoch-1"));
    expect(await refusal(open(log.log(5, { lastCounter: 1 })))).toBe("state-rolled-back");
  });

  it("refuses a head of another log, with another root, or of no format", async () => {
    await ranUntil(5);
    const stranger = Ed25519SecretKey.generate(entropy);
    const root = log.root(5);
    const foreign = noteOf({ document: { origin: "wattseal/other" } }, stranger, { size: 5, root });
    const forkedRoot = tree("fork", 5, 3).root();
    const forked = noteOf({ document }, stranger, { size: 5, root: forkedRoot });
    for (const head of [foreign, forked, "not a note"]) {
      expect(await refusal(open(log.log(5, { lastCounter: 1, head })))).toBe("log-forked");
    }
  });

  it("refuses a state file with a flipped bit, one of another epoch, and one of another LCT", async () => {
    await ranUntil(5);
    const path = join(directory, "epoch-1");
    const good = await readFile(path);
    const attempt = () => open(log.log(5, { lastCounter: 1 }));
    for (const at of [0, 9, 40, good.length - 1]) {
      const bad = Uint8Array.from(good);
      bad[at]! ^= 0x10;
      await writeFile(path, bad);
      expect(await refusal(attempt())).toBe("state-corrupt");
    }
    const state = decodeState(good);
    await writeFile(path, encodeState({ ...state, epoch: 9 }));
    expect(await refusal(attempt())).toBe("state-corrupt");
    const lct = lctId(`lct:pack:${"a".repeat(32)}`);
    await writeFile(path, encodeState({ ...state, lct }));
    expect(await refusal(attempt())).toBe("anchor-mismatch");
    await writeFile(path, good);
    expect(await refusal(attempt())).toBe("nothing");
  });

  it("refuses a document that is not this anchor's, or that says hardware", async () => {
    const other = await mkdtemp(join(tmpdir(), "wattseal-signer-"));
    const foreign = issue(await createSoftwareAnchor(other, entropy));
    await rm(other, { recursive: true });
    const own = document.anchor.type === "p256" ? document.anchor.publicKey : new Uint8Array(0);
    for (const wrong of [foreign, issue(own, "tpm")]) {
      expect(await refusal(open(log.log(1), { document: wrong }))).toBe("anchor-mismatch");
    }
    expect(await readdir(directory)).toEqual(["anchor.pem"]);
  });
});

describe("two signers on one directory", () => {
  it("the later one ends the earlier", async () => {
    const first = await open(log.log(1));
    await first.sign(log.request(1, 5));
    const second = await open(log.log(6, { lastCounter: 1 }));
    expect(await refusal(first.sign(log.request(5, 8)))).toBe("signer-superseded");
    expect(await refusal(first.sign(log.request(5, 8)))).toBe("signer-superseded");
    expect(await only(second.sign(log.request(6, 8)))).toContain("\n8\n");
  });
});
