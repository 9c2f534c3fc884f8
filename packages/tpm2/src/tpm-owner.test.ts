import { concatBytes, toHex, utf8 } from "@wattseal/base";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { property } from "./commands/basic.js";
import { resetLockout, setDictionaryAttackParameters } from "./commands/dictionary-attack.js";
import { hashSequence } from "./commands/hash.js";
import { hierarchyChangeAuth } from "./commands/hierarchy.js";
import { sign, unseal } from "./commands/keys.js";
import { nvDefineSpace, nvRead, nvReadPublic, nvUndefineSpace, nvWrite } from "./commands/nv.js";
import { create, createPrimary, load } from "./commands/objects.js";
import { digestOf } from "./crypto/digest.js";
import { AuthValue } from "./session/auth-value.js";
import { ATTESTATION_KEY, SEALED, STORAGE_ROOT } from "./structures/templates.js";
import { entropy, hasSwtpm, LOCKOUT, NOTHING, OWNER, randomAuth, Swtpm } from "./testing/swtpm.js";
import type { SaltKey, Tpm } from "./tpm.js";
import { encodeSignature, verifySignedBy } from "./verify/attestation.js";
import { ALG, NV, OBJECT, PT } from "./wire/constants.js";

const NAME = hasSwtpm() ? "a TPM's owner" : "a TPM's owner (skipped: swtpm is not installed)";

describe.skipIf(!hasSwtpm())(NAME, () => {
  let swtpm: Swtpm;
  let root: SaltKey;
  beforeAll(async () => {
    swtpm = await Swtpm.start();
    root = await swtpm.storageRoot();
  }, 60_000);
  afterAll(() => swtpm.remove());
  const WAYS = [
    ["in the clear", undefined],
    ["protected", () => root],
  ] as const;

  describe.each(WAYS)("%s", (_, saltKey) => {
    const use = <T>(work: (tpm: Tpm) => Promise<T>) => swtpm.use(work, saltKey?.());

    it("lets an attestation key sign what the TPM hashed itself, however long it is", async () => {
      const auth = randomAuth();
      await use(async (tpm) => {
        const blob = await create(tpm, root, { publicArea: ATTESTATION_KEY, auth });
        const key = { ...(await load(tpm, root, blob)), auth };
        // Shorter ones get no ticket: the TPM cannot tell yet that they are not its own.
        for (const length of [4, 1024, 1025, 5000]) {
          const message = entropy.bytes(length);
          const { digest, ticket } = await hashSequence(tpm, message);
          expect(toHex(digest)).toBe(toHex(digestOf(ALG.sha256, message)));
          const signature = await sign(tpm, key, digest, ticket);
          verifySignedBy(key.publicArea, message, encodeSignature(signature));
        }
        const forged = concatBytes(Uint8Array.of(0xff, 0x54, 0x43, 0x47), utf8("a quote"));
        const { digest, ticket } = await hashSequence(tpm, forged);
        expect(ticket.digest).toHaveLength(0);
        await expect(sign(tpm, key, digest, ticket)).rejects.toMatchObject({
          response: { name: "ticket" },
        });
      });
    });

    it("keeps in an NV index more than one command holds, and reads it back", async () => {
      const auth = randomAuth();
      const content = entropy.bytes(2048);
      const attributes = NV.ordinary | NV.authRead | NV.authWrite | NV.noDa;
      const area = {
        index: 0x01800030,
        nameAlgorithm: ALG.sha256,
        attributes,
        authPolicy: NOTHING,
      };
      await use(async (tpm) => {
        await nvDefineSpace(tpm, OWNER, { ...area, size: content.length }, auth);
        const empty = await nvReadPublic(tpm, area.index);
        await expect(nvRead(tpm, { ...empty, auth }, empty, 8)).rejects.toMatchObject({
          response: { name: "nv-uninitialized" },
        });
        const written = await nvWrite(tpm, { ...empty, auth }, empty, content);
        expect(toHex(written.name)).toBe(toHex((await nvReadPublic(tpm, area.index)).name));
        expect(await nvRead(tpm, { ...written, auth }, written, content.length)).toEqual(content);
        const again = await nvWrite(tpm, { ...written, auth }, written, entropy.bytes(2048));
        expect(again.name).toEqual(written.name);
        await expect(nvRead(tpm, { ...again, auth }, again, 2049)).rejects.toMatchObject({
          response: { name: "nv-range" },
        });
        await nvUndefineSpace(tpm, OWNER, again);
      });
    });

    it("changes the authorisation values of its hierarchies", async () => {
      const [first, second] = [randomAuth(), randomAuth()];
      await use(async (tpm) => {
        await hierarchyChangeAuth(tpm, OWNER, first);
        const template = { publicArea: STORAGE_ROOT };
        await expect(createPrimary(tpm, OWNER, template)).rejects.toMatchObject({
          response: { name: "bad-auth" },
        });
        await createPrimary(tpm, { ...OWNER, auth: first }, template);
        await hierarchyChangeAuth(tpm, { ...OWNER, auth: first }, second);
        await hierarchyChangeAuth(tpm, { ...OWNER, auth: second }, AuthValue.empty);
      });
    });

    it("locks after as many wrong guesses as were set, and is unlocked by the lockout's holder", async () => {
      const auth = randomAuth();
      const lockoutAuth = randomAuth();
      const lockout = { ...LOCKOUT, auth: lockoutAuth };
      await use(async (tpm) => {
        await hierarchyChangeAuth(tpm, LOCKOUT, lockoutAuth);
        await setDictionaryAttackParameters(tpm, lockout, {
          maxTries: 3,
          recoveryTime: 1000,
          lockoutRecovery: 1000,
        });
        expect(await property(tpm, PT.maxAuthFail)).toBe(3);
        const guarded = { ...SEALED, attributes: SEALED.attributes & ~OBJECT.noDa };
        const blob = await create(tpm, root, { publicArea: guarded, auth, sealed: utf8("x") });
        const object = await load(tpm, root, blob);
        for (let i = 0; i < 3; i += 1) {
          await expect(unseal(tpm, { ...object, auth: randomAuth() })).rejects.toMatchObject({
            response: { name: "auth-fail" },
          });
        }
        expect(await property(tpm, PT.lockoutCounter)).toBe(3);
        await expect(unseal(tpm, { ...object, auth })).rejects.toMatchObject({
          code: "tpm-refused",
          response: { name: "lockout", retry: false },
        });
        await resetLockout(tpm, lockout);
        expect(await unseal(tpm, { ...object, auth })).toEqual(utf8("x"));
        await hierarchyChangeAuth(tpm, lockout, AuthValue.empty);
      });
    });
  });
});
