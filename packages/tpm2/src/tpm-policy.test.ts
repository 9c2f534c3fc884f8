import { toHex, utf8 } from "@wattseal/base";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeCredential } from "./commands/credential.js";
import { activateCredential, sign, unseal, verifySignature } from "./commands/keys.js";
import { nvDefineSpace, nvIncrement, nvReadCounter, nvReadPublic } from "./commands/nv.js";
import { create, createPrimary, flush, load, loadExternal } from "./commands/objects.js";
import { pcrExtend } from "./commands/pcr.js";
import {
  policyAuthorize,
  policyAuthValue,
  policyCommandCode,
  policyGetDigest,
  policyNv,
  policyPcr,
  policyRestart,
  policySecret,
} from "./commands/policy.js";
import { policyDigest, underPolicy } from "./commands/under-policy.js";
import { digestOf } from "./crypto/digest.js";
import type { Session } from "./session/session.js";
import { startPolicy } from "./session/start.js";
import {
  ATTESTATION_KEY,
  ENDORSEMENT_ECC,
  ENDORSEMENT_RSA,
  SIGNING_KEY,
  sealedUnder,
} from "./structures/templates.js";
import {
  ENDORSEMENT,
  entropy,
  hasSwtpm,
  NOTHING,
  OWNER,
  randomAuth,
  Swtpm,
} from "./testing/swtpm.js";
import type { SaltKey, Tpm, Use } from "./tpm.js";
import { ALG, CC, NV } from "./wire/constants.js";

const NAME = hasSwtpm() ? "policies of a TPM" : "policies (skipped: swtpm is not installed)";
const DEBUG_PCR = { hash: ALG.sha256, pcrs: [16] };
const SECRET = utf8("a device's half");

describe.skipIf(!hasSwtpm())(NAME, () => {
  let swtpm: Swtpm;
  let root: SaltKey;
  beforeAll(async () => {
    swtpm = await Swtpm.start();
    root = await swtpm.storageRoot();
  }, 60_000);
  afterAll(() => swtpm.remove());
  const use = <T>(work: (tpm: Tpm) => Promise<T>) => swtpm.use(work, root);

  type Satisfy = (tpm: Tpm, session: Session) => Promise<void>;

  const digestFor = (tpm: Tpm, satisfy: Satisfy) => policyDigest(tpm, (s) => satisfy(tpm, s));

  const extend = (tpm: Tpm) =>
    pcrExtend(tpm, 16, [{ hash: ALG.sha256, digest: entropy.bytes(32) }]);

  async function sealUnder(tpm: Tpm, satisfy: Satisfy, auth = randomAuth()) {
    const publicArea = sealedUnder(await digestFor(tpm, satisfy));
    const object = await load(
      tpm,
      root,
      await create(tpm, root, { publicArea, auth, sealed: SECRET }),
    );
    const open = (meet: Satisfy = satisfy, value = auth) =>
      underPolicy(
        tpm,
        (session) => meet(tpm, session),
        (policy) => unseal(tpm, { ...object, auth: value, policy }),
      );
    return { object, open };
  }

  it("open what is sealed to PCRs while the PCRs are these", async () => {
    await use(async (tpm) => {
      const { object, open } = await sealUnder(tpm, (t, s) => policyPcr(t, s, [DEBUG_PCR]));
      expect(await open()).toEqual(SECRET);
      await expect(unseal(tpm, object)).rejects.toMatchObject({ code: "tpm-refused" });
      await extend(tpm);
      await expect(open()).rejects.toMatchObject({ response: { name: "policy-fail" } });
    });
  });

  it("are met again where a PCR changes between the condition and its use, any PCR, but not for ever", async () => {
    const disturb = (tpm: Tpm) =>
      pcrExtend(tpm, 10, [{ hash: ALG.sha256, digest: entropy.bytes(32) }]);
    await use(async (tpm) => {
      const { open } = await sealUnder(tpm, (t, s) => policyPcr(t, s, [DEBUG_PCR]));
      let times = 0;
      const disturbed =
        (until: number): Satisfy =>
        async (t, s) => {
          await policyPcr(t, s, [DEBUG_PCR]);
          times += 1;
          if (times < until) await disturb(t);
        };
      expect(await open(disturbed(3))).toEqual(SECRET);
      expect(times).toBe(3);
      const restless = open(disturbed(Number.POSITIVE_INFINITY));
      await expect(restless).rejects.toMatchObject({ response: { name: "pcr-changed" } });
    });
  });

  it("ask for the authorisation value too, where they say so", async () => {
    await use(async (tpm) => {
      const { open } = await sealUnder(tpm, policyAuthValue);
      expect(await open()).toEqual(SECRET);
      await expect(open(policyAuthValue, randomAuth())).rejects.toMatchObject({
        response: { name: "bad-auth" },
      });
      await expect(open(() => Promise.resolve())).rejects.toMatchObject({
        response: { name: "policy-fail" },
      });
    });
  });

  it("allow one command alone, where they say so", async () => {
    await use(async (tpm) => {
      const { object, open } = await sealUnder(tpm, (t, s) => policyCommandCode(t, s, CC.unseal));
      expect(await open()).toEqual(SECRET);
      const session = await startPolicy(tpm);
      await policyCommandCode(tpm, session, CC.sign);
      await expect(unseal(tpm, { ...object, policy: session })).rejects.toMatchObject({
        code: "tpm-refused",
      });
    });
  });

  it("begin again after a restart", async () => {
    await use(async (tpm) => {
      const session = await startPolicy(tpm);
      await policyAuthValue(tpm, session);
      await policyRestart(tpm, session);
      expect(toHex(await policyGetDigest(tpm, session))).toBe("00".repeat(32));
      await policyCommandCode(tpm, session, CC.unseal);
      const { object } = await sealUnder(tpm, (t, s) => policyCommandCode(t, s, CC.unseal));
      expect(await unseal(tpm, { ...object, policy: session })).toEqual(SECRET);
    });
  });

  it("give the digest of TCG's endorsement policy for PolicySecret(endorsement)", async () => {
    const found = await use((tpm) => digestFor(tpm, (t, s) => policySecret(t, s, ENDORSEMENT)));
    expect(toHex(found)).toBe(toHex(ENDORSEMENT_ECC.authPolicy));
  });

  it("hold to a counter: what was sealed for an older version is refused once the counter went on", async () => {
    const auth = randomAuth();
    await use(async (tpm) => {
      const attributes = NV.counter | NV.authRead | NV.authWrite | NV.noDa;
      const area = { nameAlgorithm: ALG.sha256, attributes, authPolicy: NOTHING, size: 8 };
      await nvDefineSpace(tpm, OWNER, { index: 0x01800040, ...area }, auth);
      const fresh = await nvReadPublic(tpm, 0x01800040);
      const index = await nvIncrement(tpm, { ...fresh, auth }, fresh);
      expect(toHex(index.name)).toBe(toHex((await nvReadPublic(tpm, index.handle)).name));
      const value = new Uint8Array(8);
      const version = await nvReadCounter(tpm, { ...index, auth }, index);
      new DataView(value.buffer).setBigUint64(0, version);
      const notAbove: Satisfy = (t, s) =>
        policyNv(t, s, { ...index, auth }, index, { operation: "unsignedLessOrEqual", value });
      const { open } = await sealUnder(tpm, notAbove);
      expect(await open()).toEqual(SECRET);
      await nvIncrement(tpm, { ...index, auth }, index);
      await expect(open()).rejects.toMatchObject({ response: { name: "policy" } });
    });
  });

  it("can be signed for later: what the authorising key approves opens, nothing else, and not for another reference", async () => {
    const reference = utf8("wattseal-boot");
    const auth = randomAuth();
    await use(async (tpm) => {
      // A TPM holds three objects at a time, and making one takes a place.
      const blob = await create(tpm, root, { publicArea: SIGNING_KEY, auth });
      const approver = { ...(await load(tpm, root, blob)), auth };
      const approve = async (policy: Uint8Array, key = approver) => {
        const approved = digestOf(ALG.sha256, policy, reference);
        const outside = await loadExternal(tpm, key.publicArea);
        const signature = await sign(tpm, key, approved);
        const verified = await verifySignature(tpm, outside, approved, signature);
        await flush(tpm, outside.handle);
        return { policy, reference, keyName: outside.name, verified };
      };
      const now = (t: Tpm, s: Session) => policyPcr(t, s, [DEBUG_PCR]);
      const first = await approve(await digestFor(tpm, now));
      const meet =
        (approval: typeof first): Satisfy =>
        async (t, s) => {
          await now(t, s);
          await policyAuthorize(t, s, approval);
        };
      const { open } = await sealUnder(tpm, meet(first));
      expect(await open()).toEqual(SECRET);

      await extend(tpm);
      await expect(open()).rejects.toMatchObject({ response: { name: "value" } });
      const second = await approve(await digestFor(tpm, now));
      expect(await open(meet(second))).toEqual(SECRET);

      const otherReference = { ...second, reference: utf8("wattseal-other") };
      await expect(open(meet(otherReference))).rejects.toMatchObject({ code: "tpm-refused" });
      await flush(tpm, approver.handle);
      const stranger = await create(tpm, root, { publicArea: SIGNING_KEY, auth });
      const foreign = await approve(second.policy, { ...(await load(tpm, root, stranger)), auth });
      await expect(open(meet(foreign))).rejects.toMatchObject({
        response: { name: "policy-fail" },
      });
      await expect(open(meet({ ...foreign, keyName: first.keyName }))).rejects.toMatchObject({
        code: "tpm-refused",
      });
    });
  });

  it.each([
    ["RSA (template L-1)", ENDORSEMENT_RSA],
    ["P-256 (template L-2)", ENDORSEMENT_ECC],
  ])(
    "open a credential for an %s endorsement key and the attestation key that it names",
    async (_, template) => {
      const auth = randomAuth();
      const secret = entropy.bytes(32);
      await use(async (tpm) => {
        const otherBlob = await create(tpm, root, { publicArea: ATTESTATION_KEY, auth });
        const endorsement = await createPrimary(tpm, ENDORSEMENT, { publicArea: template });
        const key = {
          ...(await createPrimary(tpm, ENDORSEMENT, { publicArea: ATTESTATION_KEY, auth })),
          auth,
        };
        const credential = makeCredential(endorsement.publicArea, key.name, secret, entropy);
        const activate = (held: Use, given = credential) =>
          underPolicy(
            tpm,
            (session) => policySecret(tpm, session, ENDORSEMENT),
            (policy) => activateCredential(tpm, held, { ...endorsement, policy }, given),
          );
        expect(await activate(key)).toEqual(secret);
        const altered = credential.blob.with(40, (credential.blob[40] ?? 0) ^ 1);
        await expect(activate(key, { ...credential, blob: altered })).rejects.toMatchObject({
          response: { name: "integrity" },
        });
        await flush(tpm, key.handle);
        const other = { ...(await load(tpm, root, otherBlob)), auth };
        await expect(activate(other)).rejects.toMatchObject({ response: { name: "integrity" } });
      });
    },
    60_000,
  );

  it("refuse to make a credential for what is no endorsement key", () => {
    expect(() => makeCredential(SIGNING_KEY, root.name, SECRET, entropy)).toThrow("storage key");
    expect(() => makeCredential(root.publicArea, root.name, new Uint8Array(33), entropy)).toThrow(
      "at most 32 bytes",
    );
    const nowhere = { ...ENDORSEMENT_ECC, point: { x: new Uint8Array(32), y: new Uint8Array(32) } };
    expect(() => makeCredential(nowhere, root.name, SECRET, entropy)).toThrow("no point on P-256");
  });
});
