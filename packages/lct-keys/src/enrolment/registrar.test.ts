import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DecodeError, millis } from "@wattseal/base";
import { ATTESTATION_KEY, SIGNING_KEY } from "@wattseal/tpm2";
import { entropy } from "@wattseal/tpm2/testing";
import {
  decodeNvPublic,
  decodePublic,
  encodeNvPublic,
  encodePublic,
  NV,
  OBJECT,
} from "@wattseal/tpm2/verify";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Ed25519SecretKey } from "../keys/ed25519.js";
import { P256SecretKey } from "../keys/p256.js";
import { codeOf, flips, seededEntropy } from "../lct-keys.fixture.js";
import { Board } from "../tpm/tpm.fixture.js";
import { verifyLctDocument } from "../verify/document.js";
import { LctKeysError } from "../verify/errors.js";
import { enrol, type Registry, softwareApplicant } from "./applicant.js";
import { hardwareRoot } from "./certificates.js";
import type { EnrolmentClaim, TpmClaim, TpmProof } from "./claim.js";
import {
  decodeEnrolmentChallenge,
  encodeEnrolmentActivation,
  encodeEnrolmentRequest,
  encodeEnrolmentResult,
  enrolmentSignedBytes,
} from "./messages.js";
import { type EnrolmentGrant, type PendingEnrolment, Registrar } from "./registrar.js";
import { hasMaker, Manufacturer, TestTpm } from "./tpm.fixture.js";
import { tpmApplicant } from "./tpm-applicant.js";

const authority = Ed25519SecretKey.generate(seededEntropy("authority"));
const updateKey = P256SecretKey.generate(seededEntropy("update")).publicKey;
/** Later than the certificates that are made here; they last. */
const NOW = millis(Date.UTC(2400, 0, 1));
const GRANT: EnrolmentGrant = { kind: "pack", context: ["fleet test"], succeeds: undefined };
const installed = hasMaker();

const requestOf = (claim: EnrolmentClaim) =>
  encodeEnrolmentRequest({ kind: "pack", context: ["bay 3"], claim, succeeds: undefined });

/** As a registry over HTTP, without keeping anything. */
function registryOf(
  registrar: Registrar,
  grant = GRANT,
): Registry & { pending?: PendingEnrolment } {
  return {
    async request(bytes) {
      this.pending = registrar.challenge(bytes, grant, NOW);
      return this.pending.challenge;
    },
    async activate(_id, bytes) {
      if (this.pending === undefined) throw new Error("no challenge");
      const { document } = registrar.activate(this.pending, bytes, NOW);
      return encodeEnrolmentResult({ document, status: new Uint8Array(1) });
    },
  };
}

const software = new Registrar({ authority, entropy, roots: [], updateKeys: "any" });
const authorities = [authority.publicKey];
const wish = { kind: "pack", context: ["bay 3"], authorities } as const;

describe("an enrolment of a software anchor", () => {
  const anchor = P256SecretKey.generate(seededEntropy("anchor"));

  it("gives a document of binding software, in the token's context and the pack's", async () => {
    const { document } = await enrol(softwareApplicant(anchor), registryOf(software), wish);
    expect(document).toMatchObject({
      kind: "pack",
      binding: "software",
      strengthBps: 4_000,
      anchor: { type: "p256", publicKey: anchor.publicKey },
      context: ["fleet test", "bay 3"],
      attestation: undefined,
      mrh: [],
    });
    expect(verifyLctDocument(document.bytes, authorities).lct).toBe(document.lct);
  });

  it("links to the LCT that was granted as its predecessor, and to no other", async () => {
    const { document: old } = await enrol(softwareApplicant(anchor), registryOf(software), wish);
    const grant = { ...GRANT, succeeds: old.lct };
    const next = softwareApplicant(P256SecretKey.generate(seededEntropy("next")));
    const { document } = await enrol(next, registryOf(software, grant), {
      ...wish,
      succeeds: old.lct,
    });
    expect(document.mrh).toEqual([{ relation: "succeeds", lct: old.lct }]);
    await expect(enrol(next, registryOf(software, grant), wish)).rejects.toMatchObject({
      code: "enrol-grant",
    });
    await expect(
      enrol(next, registryOf(software), { ...wish, succeeds: old.lct }),
    ).rejects.toMatchObject({ code: "enrol-grant" });
    await expect(
      enrol(next, registryOf(software), { ...wish, kind: "society" }),
    ).rejects.toMatchObject({ code: "enrol-grant" });
  });

  it("is refused to whoever does not hold the anchor, late, or for another challenge", () => {
    const pending = software.challenge(
      requestOf({ type: "software", publicKey: anchor.publicKey }),
      GRANT,
      NOW,
    );
    const other = P256SecretKey.generate(seededEntropy("other"));
    const signed = (key: P256SecretKey, message: Uint8Array, id = pending.id) =>
      encodeEnrolmentActivation({ id, proof: { type: "software", signature: key.sign(message) } });
    const challenge = decodeEnrolmentChallenge(pending.challenge);
    const activate = (bytes: Uint8Array, now = NOW) =>
      codeOf(() => software.activate(pending, bytes, millis(now)));
    const good = signed(anchor, enrolmentSignedBytes(challenge));
    expect(activate(good)).toBe("nothing");
    expect(activate(good, millis(NOW + 600_001))).toBe("enrol-expired");
    expect(activate(signed(other, enrolmentSignedBytes(challenge)))).toBe("enrol-proof");
    const salt = challenge.salt.map(() => 7);
    expect(activate(signed(anchor, enrolmentSignedBytes({ ...challenge, salt })))).toBe(
      "enrol-proof",
    );
    expect(activate(signed(anchor, enrolmentSignedBytes(challenge), new Uint8Array(16)))).toBe(
      "enrol-challenge",
    );
  });

  it("is no success where the registry names another predecessor, or hands out another document", async () => {
    const { document: old } = await enrol(softwareApplicant(anchor), registryOf(software), wish);
    const claim = { type: "software", publicKey: anchor.publicKey } as const;
    const succeeding = encodeEnrolmentRequest({
      kind: "pack",
      context: ["bay 3"],
      claim,
      succeeds: old.lct,
    });
    const unasked: Registry = {
      request: async () =>
        software.challenge(succeeding, { ...GRANT, succeeds: old.lct }, NOW).challenge,
      activate: () => Promise.reject(new Error("it proved something")),
    };
    await expect(enrol(softwareApplicant(anchor), unasked, wish)).rejects.toMatchObject({
      code: "enrol-challenge",
      message: expect.stringContaining("predecessor"),
    });
    const swapped: Registry = {
      request: async (bytes) => software.challenge(bytes, { ...GRANT, context: [] }, NOW).challenge,
      activate: async () =>
        encodeEnrolmentResult({ document: old.bytes, status: new Uint8Array(1) }),
    };
    await expect(enrol(softwareApplicant(anchor), swapped, wish)).rejects.toMatchObject({
      code: "enrol-challenge",
      message: expect.stringContaining("not the one that it showed"),
    });
  });

  it("proves nothing to a registry that would sign something else", async () => {
    const applicant = {
      ...softwareApplicant(anchor),
      prove: () => Promise.reject(new Error("it proved something")),
    };
    const stranger = new Registrar({
      authority: Ed25519SecretKey.generate(seededEntropy("stranger")),
      entropy,
      roots: [],
      updateKeys: "any",
    });
    const answering = (claim: EnrolmentClaim): Registry => ({
      request: async () => software.challenge(requestOf(claim), GRANT, NOW).challenge,
      activate: async () => new Uint8Array(0),
    });
    const publicKey = P256SecretKey.generate(seededEntropy("swapped")).publicKey;
    for (const registry of [registryOf(stranger), answering({ type: "software", publicKey })]) {
      await expect(enrol(applicant, registry, wish)).rejects.toMatchObject({
        code: "enrol-challenge",
      });
    }
  });
});

const title = installed ? "" : " (skipped: swtpm-tools is not installed)";
describe.skipIf(!installed)(`an enrolment of a TPM${title}`, { timeout: 400_000 }, () => {
  let folder: string;
  let maker: Manufacturer;
  let tpm: TestTpm;
  let emulated: TestTpm;
  let registrar: Registrar;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "wattseal-maker-"));
    maker = new Manufacturer(folder);
    tpm = await TestTpm.make(maker);
    tpm.claim = { ...tpm.claim, certificates: [...tpm.claim.certificates, await maker.issuer()] };
    emulated = await TestTpm.make();
    const roots = [hardwareRoot(await maker.root())];
    registrar = new Registrar({ authority, entropy, roots, updateKeys: [updateKey] });
  }, 180_000);

  afterAll(async () => {
    await Promise.all([tpm, emulated].map((it) => it?.remove()));
    await rm(folder, { recursive: true, force: true });
  });

  /** The code of the refusal of a claim, or of the proof that `spoil` makes of a good one. */
  async function refusal(
    by: TestTpm,
    change: Partial<TpmClaim>,
    spoil: (proof: TpmProof) => TpmProof | Promise<TpmProof> = (proof) => proof,
    boot = false,
  ): Promise<string> {
    let pending: PendingEnrolment;
    try {
      pending = registrar.challenge(requestOf({ ...by.claim, ...change }), GRANT, NOW);
    } catch (error) {
      return codeOf(() => {
        throw error;
      });
    }
    const challenge = decodeEnrolmentChallenge(pending.challenge);
    const secret = await by.open(challenge).catch(() => new Uint8Array(32));
    const proof = await spoil({ type: "tpm", secret, ...(await by.statements(challenge, boot)) });
    const bytes = encodeEnrolmentActivation({ id: pending.id, proof });
    return codeOf(() => registrar.activate(pending, bytes, NOW));
  }

  it("whose maker is accepted gives tpm-unmeasured, and tpm with a boot policy", async () => {
    const unmeasured = await enrol(tpm, registryOf(registrar), wish);
    expect(unmeasured.document).toMatchObject({ binding: "tpm-unmeasured", strengthBps: 8_500 });
    const claim = await tpm.withBoot(updateKey);
    const measured = await enrol(
      {
        claim,
        prove: async (challenge) => ({
          type: "tpm",
          secret: await tpm.open(challenge),
          ...(await tpm.statements(challenge, true)),
        }),
      },
      registryOf(registrar),
      wish,
    );
    expect(measured.document).toMatchObject({
      binding: "tpm",
      strengthBps: 10_000,
      anchor: { type: "p256", publicKey: tpm.anchorPoint },
      attestation: {
        counter: tpm.claim.counter,
        storage: tpm.root.name,
        pcrs: tpm.claim.pcrs,
        boot: claim.boot,
      },
    });
  });

  it("that nobody accepted has certified gives software, and says why", async () => {
    const registry = registryOf(registrar);
    const { document } = await enrol(emulated, registry, wish);
    expect(document).toMatchObject({ binding: "software", strengthBps: 4_000 });
    expect(document.attestation?.storage).toEqual(emulated.root.name);
    expect(registry.pending?.why).toBe("there is no endorsement certificate");
    const nobodys = registryOf(software);
    expect((await enrol(tpm, nobodys, wish)).document.binding).toBe("software");
    expect(nobodys.pending?.why).toMatch(/leads to no accepted root/);
  });

  it("is refused for another TPM's endorsement key, or its certificate", async () => {
    const { endorsementKey, certificates } = tpm.claim;
    expect(await refusal(emulated, { certificates })).toBe("enrol-certificate");
    // It cannot open what is made for the other's endorsement key.
    expect(await refusal(emulated, { endorsementKey, certificates })).toBe("enrol-credential");
  });

  it("is known as one TPM whatever its claim says of the endorsement key beside the key", async () => {
    const hardwareOf = (change: Partial<TpmClaim>) =>
      registrar.challenge(requestOf({ ...tpm.claim, ...change }), GRANT, NOW).hardware;
    const area = decodePublic(tpm.claim.endorsementKey);
    const authPolicy = area.authPolicy.map((byte) => byte ^ 1);
    const exponent = 65_537;
    for (const posing of [
      { ...area, authPolicy },
      { ...area, attributes: area.attributes | OBJECT.noDa },
      ...(area.type === "rsa" ? [{ ...area, exponent }] : []),
    ]) {
      const endorsementKey = encodePublic(posing);
      expect(await refusal(tpm, { endorsementKey })).toBe("nothing"); // the TPM opens the credential all the same
      expect(hardwareOf({ endorsementKey })).toEqual(hardwareOf({}));
    }
    const { hardware } = registrar.challenge(requestOf(emulated.claim), GRANT, NOW);
    expect(hardware).not.toEqual(hardwareOf({}));
  });

  it("is refused for keys that are not the TPM's own, or of another kind", async () => {
    const { claim } = emulated;
    const altered = (bytes: Uint8Array, clear: number, set = 0) => {
      const area = decodePublic(bytes);
      return encodePublic({ ...area, attributes: (area.attributes & ~clear) | set });
    };
    const keys = ["endorsementKey", "storageRoot", "attestationKey", "anchor"] as const;
    for (const key of keys) {
      for (const missing of [OBJECT.fixedTpm, OBJECT.fixedParent, OBJECT.sensitiveDataOrigin]) {
        expect(await refusal(emulated, { [key]: altered(claim[key], missing) })).toBe("enrol-key");
      }
    }
    for (const key of ["storageRoot", "attestationKey"] as const) {
      const loose = altered(claim[key], OBJECT.restricted);
      expect(await refusal(emulated, { [key]: loose })).toBe("enrol-key");
    }
    const guarded = altered(claim.anchor, OBJECT.noDa);
    expect(await refusal(emulated, { anchor: guarded })).toBe("enrol-key");
    const swapped = { anchor: claim.attestationKey, attestationKey: claim.anchor };
    expect(await refusal(emulated, swapped)).toBe("enrol-key");
  });

  it("is refused for an anchor or attestation key that only says it is the TPM's", async () => {
    const outside = P256SecretKey.generate(seededEntropy("outside")).publicKey;
    const posing = (bytes: Uint8Array) => {
      const area = decodePublic(bytes);
      if (area.type !== "ecc") throw new Error("not on a curve");
      return encodePublic({ ...area, point: { x: outside.slice(1, 33), y: outside.slice(33) } });
    };
    const { anchor, attestationKey, storageRoot } = emulated.claim;
    expect(await refusal(emulated, { anchor: posing(anchor) })).toBe("enrol-statement");
    expect(await refusal(emulated, { storageRoot: posing(storageRoot) })).toBe("enrol-statement");
    // The credential is for a Name that no key in the TPM has.
    expect(await refusal(emulated, { attestationKey: posing(attestationKey) })).toBe(
      "enrol-credential",
    );
    const other = decodePublic(tpm.claim.anchor);
    expect(await refusal(emulated, { anchor: encodePublic(other) })).toBe("enrol-statement");
  });

  it("is refused for anything but counters that were counted", async () => {
    const altered = (change: Partial<ReturnType<typeof decodeNvPublic>>) =>
      encodeNvPublic({ ...decodeNvPublic(emulated.claim.counter), ...change });
    const { attributes } = emulated.counter.publicArea;
    const ordinary = attributes & ~NV.typeMask;
    expect(await refusal(emulated, { counter: altered({ attributes: ordinary }) })).toBe(
      "enrol-index",
    );
    for (const bad of [NV.written, NV.noDa]) {
      const counter = altered({ attributes: attributes & ~bad });
      expect(await refusal(emulated, { counter })).toBe("enrol-index");
    }
    const orderly = altered({ attributes: attributes | (1 << 26) });
    expect(await refusal(emulated, { counter: orderly })).toBe("enrol-index");
    // A well-formed counter that this TPM does not have.
    expect(await refusal(emulated, { counter: altered({ index: 0x01800009 }) })).toBe(
      "enrol-statement",
    );
    const { boot } = await emulated.withBoot(updateKey);
    expect(boot).toBeDefined();
    const one = boot && { ...boot, versionIndex: emulated.claim.counter };
    expect(await refusal(emulated, { boot: one })).toBe("enrol-index");
    const ahead = boot && { ...boot, base: boot.base + 1 };
    expect(await refusal(emulated, { boot: ahead }, (proof) => proof, true)).toBe(
      "enrol-statement",
    );
    expect(await refusal(emulated, { boot }, (proof) => proof, true)).toBe("nothing");
  });

  it("is refused for a boot policy that the authority does not accept, or does not prove", async () => {
    const { boot } = await emulated.withBoot(
      P256SecretKey.generate(seededEntropy("nobody")).publicKey,
    );
    expect(await refusal(emulated, { boot })).toBe("enrol-update-key");
    const accepted = await emulated.withBoot(updateKey);
    expect(await refusal(emulated, { boot: accepted.boot })).toBe("enrol-statement");
    expect(await refusal(emulated, {}, (proof) => proof, true)).toBe("enrol-statement");
  });

  it("is refused for statements of another challenge, other PCRs, or another TPM", async () => {
    const pending = registrar.challenge(requestOf(emulated.claim), GRANT, NOW);
    const earlier = await emulated.statements(decodeEnrolmentChallenge(pending.challenge));
    for (const part of ["anchor", "storageRoot", "counter", "quote"] as const) {
      const replayed = (proof: TpmProof) => ({ ...proof, [part]: earlier[part] });
      expect(await refusal(emulated, {}, replayed)).toBe("enrol-statement");
    }
    expect(await refusal(emulated, { pcrs: [0, 1, 2, 3] })).toBe("enrol-statement");
    const swapped = (proof: TpmProof) => ({ ...proof, quote: proof.counter });
    expect(await refusal(emulated, {}, swapped)).toBe("enrol-statement");
    const unopened = (proof: TpmProof) => ({ ...proof, secret: proof.secret.map(() => 1) });
    expect(await refusal(emulated, {}, unopened)).toBe("enrol-credential");
    expect(await refusal(emulated, {})).toBe("nothing");
  });

  it("is refused to a software proof of a TPM's claim", async () => {
    const pending = registrar.challenge(requestOf(emulated.claim), GRANT, NOW);
    const proof = { type: "software", signature: new Uint8Array(64) } as const;
    const bytes = encodeEnrolmentActivation({ id: pending.id, proof });
    expect(codeOf(() => registrar.activate(pending, bytes, NOW))).toBe("enrol-proof");
  });

  it("is refused for keys that the TPM made, but that may leave it or sign anything", async () => {
    const movable = {
      anchor: {
        ...SIGNING_KEY,
        attributes: SIGNING_KEY.attributes & ~(OBJECT.fixedTpm | OBJECT.fixedParent),
      },
      attestationKey: {
        ...ATTESTATION_KEY,
        attributes: ATTESTATION_KEY.attributes & ~OBJECT.restricted,
      },
    };
    const careless = await TestTpm.make(undefined, movable);
    const { anchor, attestationKey } = careless.claim;
    expect(await refusal(emulated, { anchor })).toBe("enrol-key");
    expect(await refusal(emulated, { attestationKey })).toBe("enrol-key");
    await careless.remove();
  });

  it("that was provisioned as a gateway's is, needs no more than what provisioning keeps", async () => {
    const board = await Board.start();
    await maker.certify(board.swtpm);
    const identity = await board.provision({ pcrs: [7], updateKey });
    const intermediates = [await maker.issuer()];
    const applicant = tpmApplicant(board.access, identity, { intermediates });
    const { document } = await enrol(applicant, registryOf(registrar), wish);
    expect(document).toMatchObject({ binding: "tpm", attestation: { pcrs: [7] } });
    const bare = await enrol(tpmApplicant(board.access, identity), registryOf(registrar), wish);
    expect(bare.document.binding).toBe("software"); // nothing leads from its certificate to the root
    await board.remove();
  });

  it("altered in any bit is refused by name, or asks for another document: never proven by what was", async () => {
    const request = requestOf({ ...tpm.claim, ...(await tpm.withBoot(updateKey)) });
    const pending = registrar.challenge(request, GRANT, NOW);
    const challenge = decodeEnrolmentChallenge(pending.challenge);
    const secret = await tpm.open(challenge);
    const proof = { type: "tpm", secret, ...(await tpm.statements(challenge, true)) } as const;
    const activation = encodeEnrolmentActivation({ id: pending.id, proof });
    expect(codeOf(() => registrar.activate(pending, activation, NOW))).toBe("nothing");
    const outcomes = new Map<string, number>();
    const note = (act: () => unknown) => {
      let code = "taken";
      try {
        act();
      } catch (error) {
        const isTyped = error instanceof DecodeError || error instanceof LctKeysError;
        code = isTyped ? error.code : String(error);
      }
      outcomes.set(code, (outcomes.get(code) ?? 0) + 1);
      return code;
    };
    for (const { bit, flipped } of flips(request)) {
      if (bit % 7 !== 0) continue;
      note(() => registrar.challenge(flipped, GRANT, NOW));
    }
    for (const { bit, flipped } of flips(activation)) {
      if (bit % 11 !== 0) continue;
      const code = note(() => registrar.activate(pending, flipped, NOW));
      expect(code, `bit ${bit}`).not.toBe("taken");
    }
    expect([...outcomes.keys()].filter((code) => !/^(taken|decode|enrol-)/.test(code))).toEqual([]);
  });
});
