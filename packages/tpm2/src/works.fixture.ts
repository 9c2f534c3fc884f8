/** Every command once, in works whose results are checked. */
import { bytesEqual, utf8 } from "@wattseal/base";
import { certify, quote } from "./commands/attestation.js";
import { getRandom, pcrBanks, property, readClock } from "./commands/basic.js";
import { makeCredential } from "./commands/credential.js";
import { resetLockout } from "./commands/dictionary-attack.js";
import { hashSequence } from "./commands/hash.js";
import { hierarchyChangeAuth } from "./commands/hierarchy.js";
import { activateCredential, sign, unseal, verifySignature } from "./commands/keys.js";
import {
  type NvIndex,
  nvCertify,
  nvDefineSpace,
  nvIncrement,
  nvRead,
  nvReadPublic,
  nvWrite,
} from "./commands/nv.js";
import {
  create,
  createPrimary,
  evictControl,
  flush,
  type LoadedObject,
  load,
  loadExternal,
  readPublic,
  type Template,
} from "./commands/objects.js";
import { pcrExtend, pcrRead } from "./commands/pcr.js";
import { policyAuthValue, policyPcr, policySecret } from "./commands/policy.js";
import { policyDigest, underPolicy } from "./commands/under-policy.js";
import { digestOf } from "./crypto/digest.js";
import { AuthValue } from "./session/auth-value.js";
import {
  ATTESTATION_KEY,
  ENDORSEMENT_ECC,
  SEALED,
  SIGNING_KEY,
  STORAGE_ROOT,
  sealedUnder,
} from "./structures/templates.js";
import { ENDORSEMENT, entropy, LOCKOUT, NOTHING, OWNER, randomAuth } from "./testing/swtpm.js";
import type { SaltKey, Tpm } from "./tpm.js";
import {
  encodeSignature,
  verifyCertify,
  verifyNvCertify,
  verifyQuote,
  verifySignedBy,
} from "./verify/attestation.js";
import { ALG, CC, NV, PT } from "./wire/constants.js";

const PCRS = { hash: ALG.sha256, pcrs: [0, 16] };
const SECRET = utf8("what nobody else may learn");
const MESSAGE = utf8("a message");
const QUALIFYING = utf8("for this alone");

export interface Made {
  readonly root: SaltKey;
  readonly auth: AuthValue;
  readonly signer: LoadedObject;
  readonly attestor: LoadedObject;
  readonly endorsement: LoadedObject;
  readonly sealed: LoadedObject;
  readonly guarded: LoadedObject;
  readonly counter: NvIndex;
  readonly memory: NvIndex;
}

function requireThat(right: boolean): void {
  if (!right) throw new Error("a wrong value was believed");
}

/** Everything persistent, so that each work is little more than the one command. */
export async function make(tpm: Tpm, root: SaltKey): Promise<Made> {
  const auth = randomAuth();
  let next = 0x81000010;
  const keep = async (object: LoadedObject) => {
    const handle = next;
    next += 1;
    await evictControl(tpm, OWNER, object, handle);
    await flush(tpm, object.handle);
    return { ...object, handle };
  };
  const made = async (template: Template) =>
    keep(await load(tpm, root, await create(tpm, root, template)));
  const policy = await policyDigest(tpm, async (session) => {
    await policyPcr(tpm, session, [PCRS]);
    await policyAuthValue(tpm, session);
  });
  const define = async (index: number, type: number, size: number) => {
    const attributes = type | NV.authRead | NV.authWrite | NV.noDa;
    const area = {
      index,
      nameAlgorithm: ALG.sha256,
      attributes,
      authPolicy: NOTHING,
      size,
    } as const;
    await nvDefineSpace(tpm, OWNER, area, auth);
    return nvReadPublic(tpm, index);
  };
  const counter = await define(0x01800001, NV.counter, 8);
  const memory = await define(0x01800002, NV.ordinary, SECRET.length);
  return {
    root,
    auth,
    signer: await made({ publicArea: SIGNING_KEY, auth }),
    attestor: await made({ publicArea: ATTESTATION_KEY, auth }),
    sealed: await made({ publicArea: SEALED, auth, sealed: SECRET }),
    guarded: await made({ publicArea: sealedUnder(policy), auth, sealed: SECRET }),
    endorsement: await keep(await createPrimary(tpm, ENDORSEMENT, { publicArea: ENDORSEMENT_ECC })),
    counter: await nvIncrement(tpm, { ...counter, auth }, counter),
    memory: await nvWrite(tpm, { ...memory, auth }, memory, SECRET),
  };
}

/** The command whose response is altered, and work around it that throws for a value that is not the TPM's. */
export type Work = readonly [code: number, work: (tpm: Tpm, made: Made) => Promise<unknown>];

export const WORKS: readonly Work[] = [
  [CC.startAuthSession, (tpm) => getRandom(tpm, 8)],
  [CC.getRandom, (tpm) => getRandom(tpm, 32)],
  [CC.getCapability, async (tpm) => requireThat((await property(tpm, PT.family)) === 0x322e3000)],
  [CC.getCapability, (tpm) => pcrBanks(tpm)],
  [CC.readClock, (tpm) => readClock(tpm)],
  [CC.pcrRead, (tpm) => pcrRead(tpm, PCRS)],
  [CC.pcrExtend, (tpm) => pcrExtend(tpm, 23, [{ hash: ALG.sha256, digest: entropy.bytes(32) }])],
  [
    CC.createPrimary,
    async (tpm, { root }) => {
      const again = await createPrimary(tpm, OWNER, { publicArea: STORAGE_ROOT });
      requireThat(bytesEqual(again.name, root.name));
      await create(tpm, again, { publicArea: SIGNING_KEY });
    },
  ],
  [CC.create, (tpm, { root }) => create(tpm, root, { publicArea: SIGNING_KEY })],
  [
    CC.load,
    async (tpm, { root }) => {
      const blob = await create(tpm, root, { publicArea: SIGNING_KEY });
      const key = await load(tpm, root, blob);
      await sign(tpm, key, digestOf(ALG.sha256, MESSAGE));
    },
  ],
  [
    CC.loadExternal,
    async (tpm, { signer, auth }) => {
      const hashed = digestOf(ALG.sha256, MESSAGE);
      const signature = await sign(tpm, { ...signer, auth }, hashed);
      const outside = await loadExternal(tpm, signer.publicArea);
      await verifySignature(tpm, outside, hashed, signature);
    },
  ],
  [
    CC.verifySignature,
    async (tpm, { signer, auth }) => {
      const hashed = digestOf(ALG.sha256, MESSAGE);
      await verifySignature(tpm, signer, hashed, await sign(tpm, { ...signer, auth }, hashed));
    },
  ],
  [
    CC.sign,
    async (tpm, { signer, auth }) => {
      const signature = await sign(tpm, { ...signer, auth }, digestOf(ALG.sha256, MESSAGE));
      verifySignedBy(signer.publicArea, MESSAGE, encodeSignature(signature));
    },
  ],
  [
    CC.quote,
    async (tpm, { attestor, auth }) => {
      const { bytes, signature } = await quote(tpm, { ...attestor, auth }, [PCRS], QUALIFYING);
      const signed = { bytes, signature: encodeSignature(signature) };
      const context = { key: attestor.publicArea, qualifyingData: QUALIFYING, selection: PCRS };
      verifyQuote(signed, context);
    },
  ],
  [
    CC.certify,
    async (tpm, { attestor, signer, auth }) => {
      const key = { ...attestor, auth };
      const { bytes, signature } = await certify(tpm, { ...signer, auth }, key, QUALIFYING);
      const signed = { bytes, signature: encodeSignature(signature) };
      const context = { key: attestor.publicArea, qualifyingData: QUALIFYING, name: signer.name };
      verifyCertify(signed, context);
    },
  ],
  [
    CC.nvCertify,
    async (tpm, { attestor, counter, auth }) => {
      const [key, use] = [
        { ...attestor, auth },
        { ...counter, auth },
      ];
      const asked = { qualifyingData: QUALIFYING, size: 8 };
      const { bytes, signature } = await nvCertify(tpm, key, use, counter, asked);
      const signed = { bytes, signature: encodeSignature(signature) };
      const context = { key: attestor.publicArea, indexName: counter.name, ...asked };
      verifyNvCertify(signed, context);
    },
  ],
  [
    CC.nvRead,
    async (tpm, { memory, auth }) => {
      const found = await nvRead(tpm, { ...memory, auth }, memory, SECRET.length);
      requireThat(bytesEqual(found, SECRET));
    },
  ],
  [CC.nvWrite, (tpm, { memory, auth }) => nvWrite(tpm, { ...memory, auth }, memory, SECRET)],
  [CC.nvIncrement, (tpm, { counter, auth }) => nvIncrement(tpm, { ...counter, auth }, counter)],
  [
    CC.unseal,
    async (tpm, { sealed, auth }) =>
      requireThat(bytesEqual(await unseal(tpm, { ...sealed, auth }), SECRET)),
  ],
  ...[CC.policyPcr, CC.policyAuthValue, CC.unseal].map(
    (code): Work => [code, (tpm, made) => openGuarded(tpm, made)],
  ),
  [
    CC.policyGetDigest,
    async (tpm, { guarded }) => {
      const digest = await policyDigest(tpm, async (session) => {
        await policyPcr(tpm, session, [PCRS]);
        await policyAuthValue(tpm, session);
      });
      requireThat(bytesEqual(digest, guarded.publicArea.authPolicy));
    },
  ],
  ...[CC.activateCredential, CC.policySecret].map(
    (code): Work => [
      code,
      async (tpm, { attestor, endorsement, auth }) => {
        const given = makeCredential(endorsement.publicArea, attestor.name, SECRET, entropy);
        const activated = await underPolicy(
          tpm,
          (session) => policySecret(tpm, session, ENDORSEMENT),
          (policy) =>
            activateCredential(tpm, { ...attestor, auth }, { ...endorsement, policy }, given),
        );
        requireThat(bytesEqual(activated, SECRET));
      },
    ],
  ),
  ...[CC.hashSequenceStart, CC.sequenceUpdate, CC.sequenceComplete].map(
    (code): Work => [
      code,
      async (tpm) => {
        const message = entropy.bytes(1100);
        const { digest } = await hashSequence(tpm, message);
        requireThat(bytesEqual(digest, digestOf(ALG.sha256, message)));
      },
    ],
  ),
  [CC.dictionaryAttackLockReset, (tpm) => resetLockout(tpm, LOCKOUT)],
  [CC.hierarchyChangeAuth, (tpm) => hierarchyChangeAuth(tpm, OWNER, AuthValue.empty)],
  [
    CC.readPublic,
    async (tpm, { signer }) => {
      const found = await readPublic(tpm, signer.handle);
      requireThat(bytesEqual(found.name, signer.name));
    },
  ],
  [
    CC.nvReadPublic,
    async (tpm, { counter }) => {
      const found = await nvReadPublic(tpm, counter.handle);
      requireThat(bytesEqual(found.name, counter.name));
    },
  ],
];

export async function openGuarded(tpm: Tpm, { guarded, auth }: Made): Promise<void> {
  const opened = await underPolicy(
    tpm,
    async (session) => {
      await policyPcr(tpm, session, [PCRS]);
      await policyAuthValue(tpm, session);
    },
    (policy) => unseal(tpm, { ...guarded, auth, policy }),
  );
  requireThat(bytesEqual(opened, SECRET));
}
