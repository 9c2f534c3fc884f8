import { toHex, utf8 } from "@wattseal/base";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sign, unseal, verifySignature } from "../commands/keys.js";
import { nvDefineSpace, nvIncrement, nvReadPublic } from "../commands/nv.js";
import { create, flush, load, loadExternal } from "../commands/objects.js";
import { pcrRead } from "../commands/pcr.js";
import {
  policyAuthorize,
  policyAuthValue,
  policyCommandCode,
  policyNv,
  policyPcr,
  policySecret,
} from "../commands/policy.js";
import { policyDigest, underPolicy } from "../commands/under-policy.js";
import { digestOf } from "../crypto/digest.js";
import { AuthValue } from "../session/auth-value.js";
import type { Session } from "../session/session.js";
import { ENDORSEMENT_ECC, SIGNING_KEY, sealedUnder } from "../structures/templates.js";
import { ENDORSEMENT, hasSwtpm, NOTHING, OWNER, Swtpm } from "../testing/swtpm.js";
import type { SaltKey, Tpm } from "../tpm.js";
import { ALG, CC, NV, RH } from "../wire/constants.js";
import { pcrDigest } from "./attestation.js";
import { approvalOf, type PolicyCondition, policyOf } from "./policy.js";

const PCRS = { hash: ALG.sha256, pcrs: [0, 7] };

it("PolicySecret(endorsement) has the digest that TCG publishes", () => {
  const endorsement = Uint8Array.of(0x40, 0, 0, RH.endorsement & 0xff);
  const digest = policyOf([{ type: "secret", authority: endorsement }]);
  expect(toHex(digest)).toBe(toHex(ENDORSEMENT_ECC.authPolicy));
});

const NAME = hasSwtpm() ? "a policy" : "a policy (skipped: swtpm is not installed)";
describe.skipIf(!hasSwtpm())(NAME, () => {
  let swtpm: Swtpm;
  let root: SaltKey;
  beforeAll(async () => {
    swtpm = await Swtpm.start();
    root = await swtpm.storageRoot();
  }, 60_000);
  afterAll(() => swtpm.remove());
  const use = <T>(work: (tpm: Tpm) => Promise<T>) => swtpm.use(work, root);

  it("has the same digest here and in a TPM, after each of its conditions", async () => {
    await use(async (tpm) => {
      const area = {
        index: 0x01800001,
        nameAlgorithm: ALG.sha256,
        attributes: NV.counter | NV.ownerRead | NV.authWrite | NV.noDa,
        authPolicy: NOTHING,
        size: 8,
      } as const;
      await nvDefineSpace(tpm, OWNER, area, AuthValue.empty);
      const fresh = await nvReadPublic(tpm, area.index);
      const index = await nvIncrement(tpm, fresh, fresh);
      const values = await pcrRead(tpm, PCRS);
      const value = new Uint8Array(8).fill(0xff);
      const steps: readonly (readonly [PolicyCondition, (session: Session) => Promise<void>])[] = [
        [
          { type: "pcr", selection: PCRS, pcrDigest: pcrDigest(values.values()) },
          (session) => policyPcr(tpm, session, [PCRS]),
        ],
        [{ type: "auth-value" }, (session) => policyAuthValue(tpm, session)],
        [
          { type: "command-code", code: CC.unseal },
          (session) => policyCommandCode(tpm, session, CC.unseal),
        ],
        [
          { type: "secret", authority: ENDORSEMENT.name },
          (session) => policySecret(tpm, session, ENDORSEMENT),
        ],
        [
          { type: "nv", index: index.name, operation: "unsignedLess", value },
          (session) => policyNv(tpm, session, OWNER, index, { operation: "unsignedLess", value }),
        ],
      ];
      for (let count = 1; count <= steps.length; count += 1) {
        const some = steps.slice(0, count);
        const theirs = await policyDigest(tpm, async (session) => {
          for (const [, meet] of some) await meet(session);
        });
        expect(toHex(policyOf(some.map(([condition]) => condition)))).toBe(toHex(theirs));
      }
    });
  });

  it("that was approved without a TPM opens what is sealed to its approver", async () => {
    const reference = utf8("wattseal-boot 7");
    const secret = utf8("half a key");
    await use(async (tpm) => {
      const approver = await load(tpm, root, await create(tpm, root, { publicArea: SIGNING_KEY }));
      const sealedTo = policyOf([{ type: "authorize", keyName: approver.name, reference }]);
      const template = { publicArea: sealedUnder(sealedTo), sealed: secret };
      const blob = await create(tpm, root, template);

      const values = pcrDigest((await pcrRead(tpm, PCRS)).values());
      const policy = policyOf([{ type: "pcr", selection: PCRS, pcrDigest: values }]);
      const approved = digestOf(ALG.sha256, approvalOf(policy, reference));
      const signature = await sign(tpm, approver, approved);
      await flush(tpm, approver.handle);

      const key = await loadExternal(tpm, approver.publicArea);
      const verified = await verifySignature(tpm, key, approved, signature);
      await flush(tpm, key.handle);
      const object = await load(tpm, root, blob);
      const opened = await underPolicy(
        tpm,
        async (session) => {
          await policyPcr(tpm, session, [PCRS]);
          await policyAuthorize(tpm, session, { policy, reference, keyName: key.name, verified });
        },
        (session) => unseal(tpm, { ...object, policy: session }),
      );
      expect(opened).toEqual(secret);
    });
  });
});
