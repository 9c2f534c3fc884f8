import { stat } from "node:fs/promises";
import { encodeCbor } from "@wattseal/base";
import { DeviceHalf } from "@wattseal/device-keys";
import { describe, expect, it, onTestFinished } from "vitest";
import { Ed25519SecretKey } from "../../keys/ed25519.js";
import {
  codeOfThrown,
  dayOf,
  manualClock,
  noteOf,
  only,
  START,
  seededEntropy,
  testPack,
  tree,
} from "../../lct-keys.fixture.js";
import { verifyAttestation } from "../../verify/attestation.js";
import { EpochChain } from "../../verify/chain.js";
import { EPOCH_MAX_AGE_MS } from "../../verify/epoch.js";
import { LctKeysError } from "../../verify/errors.js";
import { decodeEpochEvidence } from "../../verify/evidence.js";
import { decodeState } from "../state.js";
import { stateFilesIn } from "../state-files.js";
import { frameOf, MOST_BYTES } from "./frames.js";
import type { RemoteSigner } from "./remote-signer.js";
import { encodeGreeting, encodeRequest } from "./requests.js";
import { log, type SteppedClock, TOKEN, testSigner } from "./socket.fixture.js";

const pack = testPack("socket");
const refusal = (attempt: Promise<unknown>) => attempt.then(() => "nothing", codeOfThrown);
const setUp = (files?: Parameters<typeof testSigner>[1]) => testSigner(onTestFinished, files);
const entropy = seededEntropy("socket test");

describe("a client of the signer's socket", () => {
  it("has an epoch begun and checkpoints signed that verify inside the log", async () => {
    const { begin, client } = await setUp();
    const signer = await begin(await client(), 3, 0);
    const chain = new EpochChain(pack.document);
    chain.begin(signer.epochEvidence, { treeSize: 3, treeRoot: log.root(3), time: START });
    const { lct, origin } = pack.document;
    const publicKey = chain.current?.publicKey;
    const identity = { lct, origin, binding: "software", epoch: 1, publicKey, state: "software" };
    expect(signer.identity()).toEqual(identity);
    expect(signer.lastSigned).toEqual({ size: 3, root: log.root(3) });
    const notes = await signer.sign(log.request(3, 8), log.request(8, 20));
    expect(notes.map((note) => chain.verifyCheckpoint(note).size)).toEqual([8, 20]);
    expect(signer.lastSigned).toEqual({ size: 20, root: log.root(20) });
    expect(await signer.sign(log.request(20, 20))).toEqual([notes[1]]);
  });

  it("is refused what the signer refuses within one process, by the same names", async () => {
    const { begin, client } = await setUp();
    const signer = await begin(await client(), 1, 0);
    await signer.sign(log.request(1, 8));
    const fork = tree("fork", 20, 6);
    const good = log.request(8, 20);
    const proof = good.consistency;
    const crooked = { ...log.request(20, 21), root: log.root(20) };
    const refusals = [
      ["sign-smaller", [log.request(7, 7)]],
      ["sign-smaller", [{ ...good, size: 0 }]],
      ["sign-smaller", [{ ...good, size: -1 }]],
      ["sign-forked", [{ size: 8, root: fork.root(8), consistency: [] }]],
      ["sign-inconsistent", [{ size: 8, root: log.root(8), consistency: proof }]],
      ["sign-inconsistent", [fork.request(8, 20)]],
      ["sign-inconsistent", [{ ...good, root: fork.root(20) }]],
      ["sign-inconsistent", [{ ...good, root: good.root.subarray(1) }]],
      ["sign-inconsistent", [{ ...good, size: 33 }]],
      ["sign-inconsistent", [{ ...good, size: 20.5 }]],
      ["sign-inconsistent", [{ ...good, size: Number.NaN }]],
      ["sign-inconsistent", [{ ...good, size: 2 ** 60 }]],
      ["sign-inconsistent", [{ ...good, consistency: [] }]],
      ["sign-inconsistent", [{ ...good, consistency: proof.slice(1) }]],
      ["sign-inconsistent", [{ ...good, consistency: [...proof, proof[0]!] }]],
      ["sign-inconsistent", [{ ...good, consistency: proof.toReversed() }]],
      ["sign-inconsistent", [{ ...good, consistency: proof.map((hash) => hash.subarray(1)) }]],
      ["sign-inconsistent", [good, crooked]],
    ] as const;
    for (const [code, requests] of refusals) {
      expect(await refusal(signer.sign(...requests))).toBe(code);
    }
    expect(signer.lastSigned.size).toBe(8);
    expect(await only(signer.sign(good))).toContain("\n20\n");
  });

  it("is asked for the proof that its log extends what was signed, and believed no other", async () => {
    const { begin, client } = await setUp();
    const gateway = await client();
    await (await begin(gateway, 1, 0)).sign(log.request(1, 8));
    const asked: (readonly [number, number])[] = [];
    const start = (proof: (from: number, to: number) => readonly Uint8Array[]) => ({
      log: {
        ...log.log(30, { lastCounter: 1 }),
        consistencyProof: (from: number, to: number) => {
          asked.push([from, to]);
          return proof(from, to);
        },
      },
      clock: manualClock(),
      synchronised: true,
    });
    expect(await refusal(gateway.begin(start(() => [])))).toBe("log-forked");
    expect(await refusal(gateway.begin(start(() => [new Uint8Array(3)])))).toBe("log-forked");
    const signer = await gateway.begin(start((from, to) => log.proof(from, to)));
    expect(signer.lastSigned.size).toBe(30);
    expect(asked).toEqual([
      [8, 30],
      [8, 30],
      [8, 30],
    ]);
  });

  it("whose log cannot give the proof gets that error, and no epoch", async () => {
    const { begin, client } = await setUp();
    const gateway = await client();
    await (await begin(gateway, 1, 0)).sign(log.request(1, 8));
    const consistencyProof = () => {
      throw new Error("pruned");
    };
    const start = { clock: manualClock(), synchronised: true };
    const broken = { ...log.log(30, { lastCounter: 1 }), consistencyProof };
    expect(await refusal(gateway.begin({ ...start, log: broken }))).toBe("Error: pruned");
    expect((await begin(gateway, 30, 1)).lastSigned.size).toBe(30);
  });

  it("shows a rollback of the signer's own state by its head and its receipt", async () => {
    const { begin, client } = await setUp();
    const gateway = await client();
    await (await begin(gateway, 1, 0)).sign(log.request(1, 8));
    const stranger = Ed25519SecretKey.generate(entropy);
    const ahead = noteOf(pack, stranger, { size: 30, root: log.root(30) });
    for (const which of ["head", "receipt"]) {
      const view = log.log(40, { lastCounter: 1, [which]: ahead });
      const attempt = gateway.begin({ log: view, clock: manualClock(), synchronised: true });
      expect(await refusal(attempt)).toBe("state-rolled-back");
    }
    expect(await refusal(begin(gateway, 7, 1))).toBe("log-rolled-back");
  });

  it("signs no more when the log's clock has passed the epoch's end", async () => {
    const { client } = await setUp();
    const clock = manualClock();
    const signer = await (await client()).begin({ log: log.log(1), clock, synchronised: true });
    clock.set(START + EPOCH_MAX_AGE_MS + 1);
    expect(await refusal(signer.sign(log.request(1, 8)))).toBe("epoch-expired");
  });

  it("that forgets the time gets no signature after the epoch's end either", async () => {
    const { begin, client, clock } = await setUp();
    const signer = await begin(await client(), 1, 0);
    clock.advance(EPOCH_MAX_AGE_MS + 1);
    expect(await refusal(signer.sign(log.request(1, 8)))).toBe("epoch-expired");
  });

  it("gets evidence of the time that it gave, however long the signer takes: the log's may run slower", async () => {
    const { anchor, begin, client, clock } = await setUp();
    anchor.before = (step) => {
      if (step !== "counter") clock.advance(5_000);
    };
    const { body } = decodeEpochEvidence((await begin(await client(), 1, 0)).epochEvidence);
    expect(body.time).toBe(START);
  });

  it("has the device halves and the anchor's word without any epoch", async () => {
    const { anchor, client, service } = await setUp();
    const { publicKey } = await service.createHalf();
    const half = publicKey ?? new Uint8Array(0);
    const gateway = await client();
    expect(gateway.halves).toEqual([{ state: "open", reference: "half", publicKey: half }]);
    const peer = DeviceHalf.generate(entropy);
    expect(await gateway.dh(half, peer.publicKey)).toEqual(peer.dh(half));
    expect(await refusal(gateway.dh(peer.publicKey, half))).toBe("half-unknown");
    expect(await refusal(gateway.dh(half, new Uint8Array(32)))).toBe("weak-peer-half");
    const nonce = entropy.bytes(32);
    const statement = await gateway.attest(nonce);
    expect(verifyAttestation(statement, pack.document, nonce).state).toBe("software");
    expect(await refusal(gateway.attest(new Uint8Array(3)))).toBe("range");
    expect(await gateway.ocmf(dayOf())).toBe(await service.ocmf(dayOf()));
    expect(await refusal(gateway.ocmf(dayOf({ first: 8 })))).toBe("ocmf-signed");
    anchor.before = () => {
      throw new Error("the TPM is gone");
    };
    expect(await refusal(gateway.attest(nonce))).toBe("signer-faulted");
  });

  it("is told which half would not open, and why", async () => {
    const { anchor, client, service } = await setUp();
    const { publicKey } = DeviceHalf.generate(entropy);
    const reason = "PCR 7 is another one";
    anchor.createHalf = () => Promise.reject(new LctKeysError("half-refused", reason));
    const gateway = await client();
    const attempt = gateway.createHalf();
    expect(await refusal(attempt)).toBe("half-refused");
    expect(await attempt.catch(String)).toContain(reason);
    expect(await refusal(gateway.dh(publicKey, publicKey))).toBe("half-unknown");
    expect(service.halves).toEqual([]);
  });
});

describe("one client at a time", () => {
  it("a second one is told that the signer is busy, until the first has left; its epoch is over then", async () => {
    const { begin, client, said } = await setUp();
    const first = await client();
    const epoch = await begin(first, 1, 0);
    expect(await refusal(client())).toBe("signer-busy");
    expect(await only(epoch.sign(log.request(1, 8)))).toContain("\n8\n");
    await first.close();
    expect(await refusal(epoch.sign(log.request(8, 9)))).toBe("signer-closed");
    const second = await untilAdmitted(client);
    expect((await begin(second, 9, 1)).identity().epoch).toBe(2);
    expect(said).toContain("signer.second-client");
  });

  it("is told when the next start is paid for, and nothing where starts are not rationed", async () => {
    const free = await setUp();
    const unrationed = await free.client();
    expect(await unrationed.nextStartMs()).toBeUndefined();
    expect(await (await free.begin(unrationed, 1, 0)).nextStartMs()).toBeUndefined();

    const { begin, client, clock } = await testSigner(onTestFinished, undefined, true);
    const gateway = await client();
    expect(await gateway.nextStartMs()).toBe(0);
    for (let epoch = 0; epoch < 19; epoch += 1) await begin(gateway, 1, epoch);
    const last = await begin(gateway, 1, 19);
    expect(await last.nextStartMs()).toBe(600_000);
    clock.advance(599_999);
    expect(await last.nextStartMs()).toBe(1);
    clock.advance(1);
    expect(await last.nextStartMs()).toBe(0);
    await last.close();
    expect(await refusal(last.nextStartMs())).toBe("signer-closed");
    expect(await gateway.nextStartMs()).toBe(0);
  });

  it("an epoch ends with its connection: nothing is signed under it by who comes next", async () => {
    const { begin, client, raw } = await setUp();
    const first = await client();
    await begin(first, 1, 0);
    await first.close();
    const next = await raw();
    next.greet();
    await next.untilTold(1);
    next.frame(encodeRequest(1, { call: "sign", heads: [log.request(1, 8)] }));
    await next.untilTold(2);
    expect(next.replies()[1]).toMatchObject({
      id: 1,
      reply: { kind: "refused", error: { code: "signer-closed" } },
    });
  });

  it("finds the signer again after a disconnection, under another epoch", async () => {
    const made = await setUp();
    const gateway = await made.client();
    const epoch = await made.begin(gateway, 1, 0);
    await made.server.close();
    expect(await refusal(epoch.sign(log.request(1, 8)))).toBe("signer-unreachable");
    expect(await refusal(gateway.attest(entropy.bytes(16)))).toBe("signer-unreachable");
  });
});

/** A connection that ended is noticed by the other end in its own time. */
async function untilAdmitted(client: () => Promise<RemoteSigner>): Promise<RemoteSigner> {
  for (;;) {
    try {
      return await client();
    } catch (error) {
      if (codeOfThrown(error) !== "signer-busy") throw error;
    }
  }
}

describe("whoever comes to the socket", () => {
  it("may open it as its owner or group alone", async () => {
    const { path } = await setUp();
    expect((await stat(path)).mode & 0o777).toBe(0o660);
  });

  it("with another token is disconnected without a word", async () => {
    const { client, raw, said } = await setUp();
    expect(await refusal(client(entropy.bytes(32)))).toBe("signer-token");
    const stranger = await raw();
    stranger.greet(entropy.bytes(32));
    stranger.frame(encodeRequest(1, { call: "attest", nonce: entropy.bytes(32) }));
    await stranger.closed;
    expect(stranger.told).toEqual([]);
    expect(said.length).toBe(2);
  });

  it.each([
    ["a request before the token", encodeRequest(1, { call: "half" })],
    ["the token under another tag", encodeCbor(["wattseal-signer-2", TOKEN])],
    ["half a token", encodeCbor(["wattseal-signer-1", TOKEN.subarray(1)])],
    ["two tokens", encodeCbor(["wattseal-signer-1", TOKEN, TOKEN])],
    ["a long first frame", new Uint8Array(65)],
  ])("with %s too", async (_, frame) => {
    const { raw } = await setUp();
    const stranger = await raw();
    stranger.frame(frame);
    await stranger.closed;
    expect(stranger.told).toEqual([]);
  });

  it("is refused a first frame by its length, before any of it is kept", async () => {
    const { raw } = await setUp();
    const stranger = await raw();
    stranger.socket.write(Uint8Array.of(0, 0, 0, 65));
    await stranger.closed;
    expect(stranger.told).toEqual([]);
  });

  it("and says nothing, or half a frame, has to leave", async () => {
    const { clock, raw, client } = await setUp();
    const silent = await raw();
    await untilAccepted(clock, 1);
    const slow = await raw();
    await untilAccepted(clock, 2);
    slow.socket.write(frameOf(encodeGreeting(TOKEN)).subarray(0, 9));
    clock.advance(2_001);
    await Promise.all([silent.closed, slow.closed]);
    expect([silent.told, slow.told]).toEqual([[], []]);
    await client();
  });

  it("and stops in the middle of a later frame has to leave as well", async () => {
    const { clock, raw } = await setUp();
    const slow = await raw();
    slow.greet();
    await slow.untilTold(1);
    slow.frame(encodeRequest(1, { call: "half" }));
    slow.socket.write(Uint8Array.of(0, 0, 0, 9, 1));
    await slow.untilTold(2);
    await untilAccepted(clock, 1);
    clock.advance(5_001);
    await slow.closed;
    expect(slow.told.length).toBe(2);
  });

  it("cannot make it hold more than a frame: a longer one is refused by its length", async () => {
    const { raw } = await setUp();
    const long = await raw();
    long.greet();
    await long.untilTold(1);
    const header = new Uint8Array(4);
    new DataView(header.buffer).setUint32(0, MOST_BYTES + 1);
    long.socket.write(header);
    await long.closed;
    expect(long.told.length).toBe(1);
  });

  it("that asks under an id in use, or answers what was not asked, is disconnected", async () => {
    const { raw } = await setUp();
    for (const frames of [
      [encodeRequest(1, { call: "proof", proof: [] })],
      [1, 1].map((id) => encodeRequest(id, { call: "attest", nonce: entropy.bytes(16) })),
    ]) {
      const odd = await raw();
      odd.greet();
      await odd.untilTold(1);
      for (const frame of frames) odd.frame(frame);
      await odd.closed;
    }
  });
});

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** The server has armed the time limit of so many connections. */
async function untilAccepted(clock: SteppedClock, count: number): Promise<void> {
  while (clock.waiting < count) await nextTurn();
}

describe("a head", () => {
  it("is durable before its signature leaves: a kill in between loses no more than the answer", async () => {
    let release: () => void = () => {};
    const written = new Promise<void>((resolve) => {
      release = resolve;
    });
    let hold = false;
    let reached: () => void = () => {};
    const durable = new Promise<void>((resolve) => {
      reached = resolve;
    });
    const { begin, client, directory, raw } = await setUp((folder) => {
      const files = stateFilesIn(folder);
      return {
        ...files,
        async write(epoch, content) {
          await files.write(epoch, content);
          if (!hold) return;
          reached();
          await written;
        },
      };
    });
    const first = await client();
    await begin(first, 1, 0);
    await first.close();
    const gateway = await raw();
    gateway.greet();
    await gateway.untilTold(1);
    const { root } = log.log(9);
    const identity = {
      size: 9,
      root,
      lastCounter: 1,
      bootVersion: 3,
      head: undefined,
      receipt: undefined,
    };
    const asked = { ...identity, time: manualClock().now(), synchronised: true };
    gateway.frame(encodeRequest(1, { call: "identity", log: asked }));
    await gateway.untilTold(2);
    gateway.frame(encodeRequest(1, { call: "proof", proof: log.proof(1, 9) }));
    await gateway.untilTold(3);
    hold = true;
    gateway.frame(encodeRequest(2, { call: "sign", heads: [log.request(9, 20)] }));
    await durable;
    expect(gateway.told.length).toBe(3);
    const kept = await stateFilesIn(directory).read(2);
    expect(decodeState(kept)).toMatchObject({ epoch: 2, size: 20, root: log.root(20) });
    release();
    await gateway.untilTold(4);
    expect(gateway.replies()[3]).toMatchObject({ id: 2, reply: { kind: "ok" } });
  });
});

describe("more requests than may be under way", () => {
  it("are all answered, and hold up nothing but each other", async () => {
    const { gate, open } = gateOf();
    let hold = false;
    const { begin, client } = await setUp((folder) => {
      const files = stateFilesIn(folder);
      return {
        ...files,
        async write(epoch, content) {
          if (hold) await gate;
          await files.write(epoch, content);
        },
      };
    });
    const gateway = await client();
    const signer = await begin(gateway, 2, 0);
    hold = true;
    const half = new Uint8Array(32);
    const signed = signer.sign(log.request(2, 8));
    const others = Array.from({ length: 200 }, () => refusal(gateway.dh(half, half)));
    await Promise.all(others);
    open();
    expect(await only(signed)).toContain("\n8\n");
    for (const other of others) expect(await other).toBe("half-unknown");
  });

  it("do not reach the signer before others are answered", async () => {
    const { gate, open } = gateOf();
    let hold = false;
    const { client, begin, raw } = await setUp((folder) => {
      const files = stateFilesIn(folder);
      return {
        ...files,
        async write(epoch, content) {
          if (hold) await gate;
          await files.write(epoch, content);
        },
      };
    });
    const first = await client();
    await begin(first, 1, 0);
    await first.close();
    const it = await raw();
    it.greet();
    await it.untilTold(1);
    const { root } = log.log(1);
    const view = { size: 1, root, lastCounter: 1, bootVersion: 0, head: undefined };
    const asked = { ...view, receipt: undefined, time: manualClock().now(), synchronised: true };
    it.frame(encodeRequest(1, { call: "identity", log: asked }));
    await it.untilTold(2);
    hold = true;
    const same = log.request(8, 8);
    it.frame(encodeRequest(1, { call: "sign", heads: [log.request(1, 8)] }));
    for (let id = 2; id <= 64; id += 1)
      it.frame(encodeRequest(id, { call: "sign", heads: [same] }));
    // refused at once, if it were taken
    it.frame(encodeRequest(65, { call: "dh", own: root, peer: root }));
    for (let turn = 0; turn < 50; turn += 1) await nextTurn();
    expect(it.told.length).toBe(2);
    open();
    await it.untilTold(2 + 65);
    const ids = it
      .replies()
      .slice(2)
      .map(({ id }) => id);
    expect(ids[0]).toBe(1);
    expect(new Set(ids).size).toBe(65);
  });
});

describe("the server's end", () => {
  it("answers what is under way, and takes nothing more", async () => {
    const { anchor, client, server } = await setUp();
    const gateway = await client();
    const { gate, open } = gateOf();
    anchor.before = () => gate;
    const asked = gateway.attest(entropy.bytes(16));
    await untilCalled(anchor);
    const closed = server.close();
    open();
    expect((await asked).signature.length).toBe(64);
    await closed;
    expect(await refusal(client())).toBe("signer-unreachable");
  });

  it("waits no longer than 5 s for it", async () => {
    const { anchor, client, clock, server } = await setUp();
    const gateway = await client();
    const { gate, open } = gateOf();
    anchor.before = () => gate;
    const asked = refusal(gateway.attest(entropy.bytes(16)));
    await untilCalled(anchor);
    const closed = server.close();
    clock.advance(5_000);
    expect(await asked).toBe("signer-unreachable");
    await closed;
    open();
  });
});

function gateOf() {
  let open: () => void = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { gate, open };
}

async function untilCalled(anchor: { readonly calls: number }): Promise<void> {
  while (anchor.calls === 0) await nextTurn();
}
