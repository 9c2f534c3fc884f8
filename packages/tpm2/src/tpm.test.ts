import { toHex, utf8 } from "@wattseal/base";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { certify, quote } from "./commands/attestation.js";
import {
  algorithms,
  commandCodes,
  curves,
  getRandom,
  handlesFrom,
  pcrBanks,
  property,
  readClock,
} from "./commands/basic.js";
import { sign, unseal, verifySignature } from "./commands/keys.js";
import {
  nvCertify,
  nvDefineSpace,
  nvIncrement,
  nvReadCounter,
  nvReadPublic,
  nvUndefineSpace,
} from "./commands/nv.js";
import {
  create,
  createPrimary,
  evictControl,
  flush,
  load,
  loadExternal,
  readPublic,
} from "./commands/objects.js";
import { pcrExtend, pcrRead } from "./commands/pcr.js";
import { digestOf } from "./crypto/digest.js";
import { AuthValue } from "./session/auth-value.js";
import {
  ATTESTATION_KEY,
  ENDORSEMENT_ECC,
  ENDORSEMENT_RSA,
  SEALED,
  SIGNING_KEY,
  STORAGE_ROOT,
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
import type { SaltKey, Tpm } from "./tpm.js";
import {
  encodeSignature,
  pcrDigest,
  verifyCertify,
  verifyNvCertify,
  verifyQuote,
  verifySignedBy,
} from "./verify/attestation.js";
import { ALG, CC, CURVE, HANDLE_TYPE, NV, PT } from "./wire/constants.js";

const NAME = hasSwtpm() ? "a TPM" : "a TPM (skipped: swtpm is not installed)";

describe.skipIf(!hasSwtpm())(NAME, () => {
  let swtpm: Swtpm;
  let root: SaltKey;
  beforeAll(async () => {
    swtpm = await Swtpm.start();
    root = await swtpm.storageRoot();
  }, 60_000);
  afterAll(() => swtpm.remove());

  const plain = <T>(work: (tpm: Tpm) => Promise<T>) => swtpm.use(work);
  const sealedSession = <T>(work: (tpm: Tpm) => Promise<T>) => swtpm.use(work, root);

  describe("tells of itself", () => {
    it("what it can do", async () => {
      await plain(async (tpm) => {
        expect(await algorithms(tpm)).toEqual(expect.arrayContaining([ALG.sha256, ALG.ecdsa]));
        expect(await commandCodes(tpm)).toEqual(expect.arrayContaining([CC.quote, CC.nvCertify]));
        expect(await curves(tpm)).toContain(CURVE.p256);
        expect(await property(tpm, PT.family)).toBe(0x322e3000); // "2.0\0"
        expect(await property(tpm, 0x1ff)).toBeUndefined();
        expect((await pcrBanks(tpm)).map(({ hash }) => hash)).toContain(ALG.sha256);
      });
    });

    it("which handles are taken", async () => {
      const first = HANDLE_TYPE.persistent * 2 ** 24;
      expect(await plain((tpm) => handlesFrom(tpm, first))).toContain(root.handle);
    });

    it("a clock that goes on", async () => {
      const [before, after] = await plain(async (tpm) => [
        await readClock(tpm),
        await readClock(tpm),
      ]);
      expect(after!.clock).toBeGreaterThanOrEqual(before!.clock);
      expect(after!.resetCount).toBe(before!.resetCount);
    });
  });

  it.each([
    ["in the clear", plain],
    ["encrypted", sealedSession],
  ])("gives as many random bytes as were asked for, %s", async (_, use) => {
    await use(async (tpm) => {
      const some = await Promise.all([getRandom(tpm, 0)]);
      expect(some[0]).toHaveLength(0);
      const [one, other] = [await getRandom(tpm, 200), await getRandom(tpm, 200)];
      expect([one.length, other.length]).toEqual([200, 200]);
      expect(toHex(one)).not.toBe(toHex(other));
    });
  });

  describe("objects", () => {
    it("are the same primary key from the same template", async () => {
      const names = await plain(async (tpm) => {
        const first = await createPrimary(tpm, OWNER, { publicArea: STORAGE_ROOT });
        const second = await createPrimary(tpm, OWNER, { publicArea: STORAGE_ROOT });
        return [first, second].map(({ name }) => toHex(name));
      });
      expect(names).toEqual([toHex(root.name), toHex(root.name)]);
    });

    it("are gone after the transaction, unless they are made persistent", async () => {
      const handle = 0x81000002;
      const transient = await sealedSession(async (tpm) => {
        const key = await createPrimary(tpm, OWNER, { publicArea: STORAGE_ROOT });
        await evictControl(tpm, OWNER, key, handle);
        return key.handle;
      });
      const missing = { response: { name: "handle", subject: { part: "handle", number: 1 } } };
      await expect(plain((tpm) => readPublic(tpm, transient))).rejects.toMatchObject({
        response: { name: "reference" },
      });
      await sealedSession(async (tpm) => {
        const kept = await readPublic(tpm, handle);
        await evictControl(tpm, OWNER, kept, handle);
      });
      await expect(plain((tpm) => readPublic(tpm, handle))).rejects.toMatchObject(missing);
    });

    it("can be flushed before", async () => {
      await plain(async (tpm) => {
        for (let i = 0; i < 10; i += 1) {
          const key = await createPrimary(tpm, OWNER, { publicArea: STORAGE_ROOT });
          await flush(tpm, key.handle);
        }
      });
    });

    it("load under their parent alone", async () => {
      const blob = await sealedSession((tpm) => create(tpm, root, { publicArea: SIGNING_KEY }));
      const altered = blob.privateArea.with(40, (blob.privateArea[40] ?? 0) ^ 1);
      await sealedSession(async (tpm) => {
        await expect(load(tpm, root, { ...blob, privateArea: altered })).rejects.toMatchObject({
          response: { name: "integrity" },
        });
        expect((await load(tpm, root, blob)).publicArea).toEqual(blob.publicArea);
      });
    });
  });

  it.each([
    ["with a password", plain],
    ["by HMAC, encrypted", sealedSession],
  ])("unseals what it sealed %s, for whoever knows its authorisation value", async (_, use) => {
    const secret = entropy.bytes(64);
    const auth = randomAuth();
    await use(async (tpm) => {
      const blob = await create(tpm, root, { publicArea: SEALED, auth, sealed: secret });
      const object = await load(tpm, root, blob);
      expect(await unseal(tpm, { ...object, auth })).toEqual(secret);
      const wrong = unseal(tpm, { ...object, auth: randomAuth() });
      await expect(wrong).rejects.toMatchObject({
        code: "tpm-refused",
        response: { name: "bad-auth", subject: { part: "session", number: 1 } },
      });
      expect(await unseal(tpm, { ...object, auth })).toEqual(secret);
    });
  });

  it.each([
    ["RSA", ENDORSEMENT_RSA],
    ["P-256", ENDORSEMENT_ECC],
  ])(
    "protects transactions with its %s endorsement key too, before there is a storage root",
    async (_, publicArea) => {
      const handle = 0x81000003;
      const endorsement = await plain(async (tpm) => {
        const key = await createPrimary(tpm, ENDORSEMENT, { publicArea });
        await evictControl(tpm, OWNER, key, handle);
        return { ...key, handle };
      });
      const made = await swtpm.use(async (tpm) => {
        const key = await createPrimary(tpm, OWNER, { publicArea: STORAGE_ROOT });
        await evictControl(tpm, OWNER, endorsement, handle);
        return key.name;
      }, endorsement);
      expect(toHex(made)).toBe(toHex(root.name));
    },
    60_000,
  );

  it("takes no notice of zeros at an authorisation value's end", async () => {
    const auth = new AuthValue(Uint8Array.of(1, 2, 0, 0));
    await sealedSession(async (tpm) => {
      const blob = await create(tpm, root, { publicArea: SEALED, auth, sealed: Uint8Array.of(7) });
      const object = await load(tpm, root, blob);
      const trimmed = new AuthValue(Uint8Array.of(1, 2));
      expect(await unseal(tpm, { ...object, auth: trimmed })).toEqual(Uint8Array.of(7));
    });
  });

  it("signs, and verifies what it signed", async () => {
    const auth = randomAuth();
    const message = utf8("a statement");
    const hashed = digestOf(ALG.sha256, message);
    await sealedSession(async (tpm) => {
      const key = await load(tpm, root, await create(tpm, root, { publicArea: SIGNING_KEY, auth }));
      const signature = await sign(tpm, { ...key, auth }, hashed);
      verifySignedBy(key.publicArea, message, encodeSignature(signature));
      const outside = await loadExternal(tpm, key.publicArea);
      const { digest } = await verifySignature(tpm, outside, hashed, signature);
      expect(digest).not.toHaveLength(0);
      await expect(
        verifySignature(tpm, outside, digestOf(ALG.sha256, NOTHING), signature),
      ).rejects.toMatchObject({ response: { name: "signature" } });
    });
  });

  it("does not let an attestation key sign what the TPM did not say", async () => {
    const auth = randomAuth();
    await sealedSession(async (tpm) => {
      const blob = await create(tpm, root, { publicArea: ATTESTATION_KEY, auth });
      const key = await load(tpm, root, blob);
      const forged = digestOf(ALG.sha256, utf8("forged"));
      await expect(sign(tpm, { ...key, auth }, forged)).rejects.toMatchObject({
        response: { name: "ticket" },
      });
    });
  });

  describe("attests", () => {
    it("its PCRs, what it holds, and a counter, to whoever knows its attestation key", async () => {
      const auth = randomAuth();
      const qualifyingData = entropy.bytes(32);
      const selection = { hash: ALG.sha256, pcrs: [0, 7, 16] };
      await sealedSession(async (tpm) => {
        await pcrExtend(tpm, 16, [{ hash: ALG.sha256, digest: entropy.bytes(32) }]);
        const blob = await create(tpm, root, { publicArea: ATTESTATION_KEY, auth });
        const key = { ...(await load(tpm, root, blob)), auth };
        const context = { key: key.publicArea, qualifyingData };

        const quoted = await quote(tpm, key, [selection], qualifyingData);
        const signedQuote = { bytes: quoted.bytes, signature: encodeSignature(quoted.signature) };
        const values = await pcrRead(tpm, selection);
        const said = verifyQuote(signedQuote, { ...context, selection });
        expect(toHex(said.pcrDigest)).toBe(toHex(pcrDigest(values.values())));

        const other = {
          ...(await load(tpm, root, await create(tpm, root, { publicArea: SIGNING_KEY, auth }))),
          auth,
        };
        const held = await certify(tpm, other, key, qualifyingData);
        const signedHeld = { bytes: held.bytes, signature: encodeSignature(held.signature) };
        verifyCertify(signedHeld, { ...context, name: other.name });
        expect(() => verifyCertify(signedHeld, { ...context, name: root.name })).toThrow("another");

        const defined = await counterAt(tpm, 0x01800010, auth);
        await nvIncrement(tpm, { ...defined, auth }, defined);
        const index = await nvReadPublic(tpm, defined.handle);
        const counted = await nvCertify(tpm, key, { ...index, auth }, index, {
          qualifyingData,
          size: 8,
        });
        const signedCount = { bytes: counted.bytes, signature: encodeSignature(counted.signature) };
        const { contents } = verifyNvCertify(signedCount, {
          ...context,
          indexName: index.name,
          size: 8,
        });
        const value = await nvReadCounter(tpm, { ...index, auth }, index);
        expect(BigInt(`0x${toHex(contents)}`)).toBe(value);
        await nvUndefineSpace(tpm, OWNER, index);
      });
    });
  });

  function counterAt(tpm: Tpm, index: number, auth: AuthValue) {
    const attributes = NV.counter | NV.authRead | NV.authWrite | NV.noDa;
    const area = { index, nameAlgorithm: ALG.sha256, attributes, authPolicy: NOTHING, size: 8 };
    return nvDefineSpace(tpm, OWNER, area, auth).then(() => nvReadPublic(tpm, index));
  }

  describe("NV indices", () => {
    it("count upwards only, over power cuts too, and never below another counter that was", async () => {
      const auth = randomAuth();
      const index = 0x01800020;
      const count = () =>
        sealedSession(async (tpm) => {
          const found = await nvReadPublic(tpm, index);
          await nvIncrement(tpm, { ...found, auth }, found);
          const now = await nvReadPublic(tpm, index);
          return nvReadCounter(tpm, { ...now, auth }, now);
        });
      await sealedSession((tpm) => counterAt(tpm, index, auth));
      const first = await count();
      expect(await count()).toBe(first + 1n);
      await swtpm.powerCut();
      await swtpm.powerOn();
      const third = await count();
      expect(third).toBeGreaterThan(first + 1n);
      await sealedSession(async (tpm) => {
        await nvUndefineSpace(tpm, OWNER, await nvReadPublic(tpm, index));
        await counterAt(tpm, index, auth);
      });
      expect(await count()).toBeGreaterThan(third);
      await sealedSession(async (tpm) =>
        nvUndefineSpace(tpm, OWNER, await nvReadPublic(tpm, index)),
      );
    });
  });
});
