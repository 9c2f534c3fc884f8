import { chmod, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Logger, silentLogger, verifyP256 } from "@wattseal/base";
import { DeviceHalf } from "@wattseal/device-keys";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { issueLctDocument } from "../authority.js";
import { Ed25519SecretKey } from "../keys/ed25519.js";
import {
  CountingAnchor,
  codeOfThrown,
  dayOf,
  genesisOf,
  MemoryStateFiles,
  manualClock,
  only,
  seededEntropy,
  testPack,
  tree,
} from "../lct-keys.fixture.js";
import { attestSignedBytes } from "../verify/attestation.js";
import { type LctDocument, verifyLctDocument } from "../verify/document.js";
import { LocalSigner } from "./local-signer.js";
import { openSoftwareSigner } from "./open-software.js";
import type { SignerService } from "./port.js";
import { createSoftwareAnchor, createSoftwareHalf } from "./software-anchor.js";

const entropy = seededEntropy("local signer");
const log = tree("log", 20);
const peer = DeviceHalf.generate(entropy);
const refusal = (attempt: Promise<unknown>) => attempt.then(() => "nothing", codeOfThrown);
let directory: string;
let document: LctDocument;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "wattseal-local-"));
  const anchor = await createSoftwareAnchor(directory, entropy);
  const bytes = issueLctDocument(Ed25519SecretKey.generate(entropy), genesisOf(anchor));
  document = verifyLctDocument(bytes, "self-consistent");
});
afterEach(() => rm(directory, { recursive: true }));

const open = (logger: Logger = silentLogger) =>
  openSoftwareSigner({
    directory,
    document,
    entropy,
    softwareVersion: "0.1.0",
    clock: manualClock(),
    logger,
  });

const begin = (signer: SignerService, size: number, lastCounter: number) =>
  signer.begin({ log: log.log(size, { lastCounter }), clock: manualClock(), synchronised: true });

describe("epochs, one at a time", () => {
  it("end when the next begins, and with the signer", async () => {
    const signer = await open();
    const first = await begin(signer, 1, 0);
    await first.sign(log.request(1, 5));
    const second = await begin(signer, 6, 1);
    expect(await refusal(first.sign(log.request(5, 8)))).toBe("signer-closed");
    expect(await only(second.sign(log.request(6, 8)))).toContain("\n8\n");
    await signer.close();
    expect(await refusal(second.sign(log.request(8, 9)))).toBe("signer-closed");
  });

  it("do not begin on an anchor that is not the document's", async () => {
    const stranger = new CountingAnchor(testPack("stranger").anchor);
    const options = { directory, document, entropy, softwareVersion: "0", clock: manualClock() };
    const attempt = LocalSigner.open({ ...options, anchor: stranger, logger: silentLogger });
    expect(await refusal(attempt)).toBe("anchor-mismatch");
  });
});

describe("the boot", () => {
  async function counting() {
    const pack = testPack("boot");
    const anchor = new CountingAnchor(pack.anchor);
    const events: string[] = [];
    const signer = await LocalSigner.open({
      directory,
      files: new MemoryStateFiles(),
      anchor,
      document: pack.document,
      entropy,
      softwareVersion: "0",
      clock: manualClock(),
      logger: { ...silentLogger, error: (event) => void events.push(event) },
    });
    return { anchor, events, signer };
  }

  it("is confirmed behind the epoch's first checkpoint, once, and not by its evidence", async () => {
    const { anchor, signer } = await counting();
    const epoch = await begin(signer, 1, 0);
    expect(anchor.confirmed).toBe(0);
    await epoch.sign(log.request(1, 5));
    await epoch.sign(log.request(5, 8));
    await signer.close();
    expect(anchor.confirmed).toBe(1);
  });

  it("that cannot be confirmed is said, and keeps nothing from being signed", async () => {
    const { anchor, events, signer } = await counting();
    const epoch = await begin(signer, 1, 0);
    anchor.before = (step) => {
      if (step === "confirm boot") throw new Error("the TPM is gone");
    };
    expect(await only(epoch.sign(log.request(1, 5)))).toContain("\n5\n");
    expect(await only(epoch.sign(log.request(5, 8)))).toContain("\n8\n");
    await signer.close();
    expect(events).toEqual(["signer.boot-unconfirmed"]);
  });
});

describe("device halves", () => {
  it("agree with a module as the half itself would, without an epoch", async () => {
    const { publicKey, reference } = await createSoftwareHalf(directory, entropy);
    const signer = await open();
    expect(signer.halves).toEqual([{ state: "open", publicKey, reference }]);
    expect(await signer.dh(publicKey, peer.publicKey)).toEqual(peer.dh(publicKey));
    expect((await stat(join(directory, reference))).mode & 0o777).toBe(0o600);
  });

  it("come to more for a roll, durably", async () => {
    const signer = await open();
    const { publicKey, reference } = await signer.createHalf();
    expect(publicKey).toBeDefined();
    const half = publicKey ?? new Uint8Array(0);
    expect(await signer.dh(half, peer.publicKey)).toEqual(peer.dh(half));
    await signer.close();
    expect((await open()).halves).toEqual([{ state: "open", publicKey: half, reference }]);
    expect(await refusal(signer.dh(half, peer.publicKey))).toBe("half-unknown");
  });

  it("are no more than a few: a compromised gateway fills no disk", async () => {
    const signer = await open();
    for (let half = 0; half < 16; half += 1) await signer.createHalf();
    expect(await refusal(signer.createHalf())).toBe("half-refused");
    expect((await readdir(directory)).length).toBe(17);
  });

  it("that do not open leave a running signer that says why", async () => {
    const { publicKey, reference } = await createSoftwareHalf(directory, entropy);
    await chmod(join(directory, reference), 0o644);
    await writeFile(join(directory, "device-half.key"), "short", { mode: 0o600 });
    const said: unknown[] = [];
    const signer = await open({
      ...silentLogger,
      error: (_, fields) => void said.push(fields?.["half"]),
    });
    expect(said.sort()).toEqual([reference, "device-half.key"].sort());
    for (const half of signer.halves) expect(half).toMatchObject({ state: "refused" });
    const attempt = signer.dh(publicKey, peer.publicKey);
    expect(await refusal(attempt)).toBe("half-unknown");
    expect(await attempt.catch(String)).toContain("0644");
    expect((await begin(signer, 1, 0)).identity().epoch).toBe(1);
  });

  it("refused by the anchor are refused by name", async () => {
    const anchor = new CountingAnchor(testPack("sealed").anchor);
    const { publicKey } = DeviceHalf.generate(entropy);
    const reason = "PCR 7 is another one: sign a policy for this boot";
    anchor.halves = [{ state: "refused", publicKey, reference: "half", reason }];
    const options = { directory, document: testPack("sealed").document, anchor };
    const more = { entropy, softwareVersion: "0", clock: manualClock(), logger: silentLogger };
    const signer = await LocalSigner.open({ ...options, ...more });
    const attempt = signer.dh(publicKey, peer.publicKey);
    expect(await refusal(attempt)).toBe("half-refused");
    expect(await attempt.catch(String)).toContain(reason);
  });

  it("refuse a peer that yields no secret", async () => {
    const { publicKey } = await createSoftwareHalf(directory, entropy);
    const attempt = (await open()).dh(publicKey, new Uint8Array(32));
    expect(await refusal(attempt)).toBe("weak-peer-half");
  });
});

describe("the anchor's own word", () => {
  it("is over the asker's nonce, and over nothing else that the anchor signs", async () => {
    const signer = await open();
    const nonce = entropy.bytes(32);
    const { signature, quote, nvCertify } = await signer.attest(nonce);
    const anchor = document.anchor.type === "p256" ? document.anchor.publicKey : new Uint8Array(65);
    expect(verifyP256(anchor, attestSignedBytes(nonce), signature)).toBe(true);
    expect([quote, nvCertify]).toEqual([undefined, undefined]);
    for (const length of [0, 15, 65]) {
      expect(await refusal(signer.attest(new Uint8Array(length)))).toBe("range");
    }
  });

  it("for a day is the same through the signer and through its epoch", async () => {
    const signer = await open();
    const epoch = await begin(signer, 1, 0);
    expect(await epoch.ocmf(dayOf())).toBe(await signer.ocmf(dayOf()));
  });
});
