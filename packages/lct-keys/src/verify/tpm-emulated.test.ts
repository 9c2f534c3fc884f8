// One signature serves both: an emulated TPM opens what is sealed under a boot approval, and a verifier attests that boot.
import { sha256, utf8 } from "@wattseal/base";
import {
  ALG,
  ATTESTATION_KEY,
  AuthValue,
  create,
  createPrimary,
  flush,
  isRefusal,
  type LoadedObject,
  load,
  loadExternal,
  NV,
  type NvIndex,
  nvCertify,
  nvDefineSpace,
  nvIncrement,
  nvReadCounter,
  nvReadPublic,
  pcrExtend,
  pcrRead,
  policyAuthorize,
  policyNv,
  policyPcr,
  quote,
  type SaltKey,
  sealedUnder,
  type Tpm,
  underPolicy,
  unseal,
  verifySignature,
} from "@wattseal/tpm2";
import { ENDORSEMENT, hasSwtpm, NOTHING, OWNER, Swtpm } from "@wattseal/tpm2/testing";
import {
  encodeNvPublic,
  encodeSignature,
  objectName,
  p256Point,
  pcrDigest,
} from "@wattseal/tpm2/verify";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { signBootApproval } from "../boot-approval.js";
import { Ed25519SecretKey } from "../keys/ed25519.js";
import { P256SecretKey } from "../keys/p256.js";
import {
  epochBody,
  evidenceOf,
  START,
  seededEntropy,
  testPack,
  tree,
} from "../lct-keys.fixture.js";
import {
  type BootApproval,
  decodeBootApproval,
  sealingPolicyOf,
  updateKeyPublic,
  verifyBootApproval,
} from "./boot-approval.js";
import type { LctDocument } from "./document.js";
import { verifyEpoch } from "./epoch.js";
import { encodeEpochBody, epochSignedBytes } from "./evidence.js";

const PCRS = [0, 4, 7];
const SELECTION = { hash: ALG.sha256, pcrs: PCRS } as const;
const SECRET = utf8("half of a key");
const entropy = seededEntropy("emulated");
const updateKey = P256SecretKey.generate(entropy);
const epochKey = Ed25519SecretKey.generate(entropy);

/** Incremented once: as it is from then on. */
async function counter(tpm: Tpm, index: number): Promise<NvIndex> {
  const attributes = NV.counter | NV.ownerRead | NV.authWrite | NV.noDa;
  const area = { index, nameAlgorithm: ALG.sha256, attributes, authPolicy: NOTHING, size: 8 };
  await nvDefineSpace(tpm, OWNER, area, AuthValue.empty);
  const fresh = await nvReadPublic(tpm, index);
  return nvIncrement(tpm, fresh, fresh);
}

/** What the TPM opens under this approval, in the boot that it is in. */
async function opened(
  tpm: Tpm,
  object: LoadedObject,
  { document, version }: { readonly document: LctDocument; readonly version: NvIndex },
  approval: BootApproval,
): Promise<Uint8Array> {
  const policy = verifyBootApproval(document, approval);
  const { limit: value, approved, reference, signedBytes, selection } = policy;
  const area = updateKeyPublic(policy.updateKey);
  const key = await loadExternal(tpm, area);
  const [r, s] = [approval.signature.slice(0, 32), approval.signature.slice(32)];
  const signature = { scheme: "ecdsa", hash: ALG.sha256, r, s } as const;
  const verified = await verifySignature(tpm, key, sha256(signedBytes), signature);
  await flush(tpm, key.handle);
  const operation = "unsignedLessOrEqual";
  const keyName = objectName(area);
  return underPolicy(
    tpm,
    async (session) => {
      await policyPcr(tpm, session, [selection], approval.pcrDigest);
      await policyNv(tpm, session, OWNER, version, { operation, value });
      await policyAuthorize(tpm, session, { policy: approved, reference, keyName, verified });
    },
    (session) => unseal(tpm, { ...object, policy: session }),
  );
}

const NAME = hasSwtpm() ? "a boot approval" : "a boot approval (skipped: swtpm is not installed)";
describe.skipIf(!hasSwtpm())(NAME, () => {
  let swtpm: Swtpm;
  let root: SaltKey;
  beforeAll(async () => {
    swtpm = await Swtpm.start();
    root = await swtpm.storageRoot();
  }, 60_000);
  afterAll(() => swtpm.remove());
  const use = <T>(work: (tpm: Tpm) => Promise<T>) => swtpm.use(work, root);

  it("opens the sealed half and attests the epoch, until a later one is in force", async () => {
    await use(async (tpm) => {
      const epochs = await counter(tpm, 0x01800001);
      const version = await counter(tpm, 0x01800002);
      const base = Number(await nvReadCounter(tpm, OWNER, version));
      const attestationKey = await createPrimary(tpm, ENDORSEMENT, { publicArea: ATTESTATION_KEY });
      const pack = testPack("emulated", {
        binding: "tpm",
        attestation: {
          attestationKey: p256Point(attestationKey.publicArea),
          counter: encodeNvPublic(epochs.publicArea),
          storage: root.name,
          pcrs: PCRS,
          boot: {
            updateKey: updateKey.publicKey,
            versionIndex: encodeNvPublic(version.publicArea),
            base,
          },
        },
      });
      const { document } = pack;
      const approve = (n: number, digest: Uint8Array) =>
        decodeBootApproval(
          signBootApproval(updateKey, document, { version: n, pcrDigest: digest }),
        );
      const boot = async () => pcrDigest((await pcrRead(tpm, SELECTION)).values());
      const first = approve(1, await boot());

      const sealing = sealingPolicyOf(pack.anchor.publicKey, updateKey.publicKey);
      const template = { publicArea: sealedUnder(sealing), sealed: SECRET };
      const object = await load(tpm, root, await create(tpm, root, template));
      const open = async (approval: BootApproval): Promise<string> => {
        try {
          const secret = await opened(tpm, object, { document, version }, approval);
          return Buffer.compare(secret, SECRET) === 0 ? "opened" : "another secret";
        } catch (error) {
          if (isRefusal(error, "policy", "policy-fail", "value")) return "refused";
          throw error;
        }
      };

      const epoch = Number(await nvReadCounter(tpm, OWNER, epochs));
      const treeRoot = tree("log", 1).root();
      const body = epochBody(pack, epochKey, { epoch, treeSize: 1, treeRoot });
      const state = async (approval: BootApproval | undefined, previousBootVersion = 0) => {
        const qualifyingData = sha256(epochSignedBytes(encodeEpochBody(body)));
        const quoted = await quote(tpm, attestationKey, [SELECTION], qualifyingData);
        const certified = await nvCertify(tpm, attestationKey, OWNER, epochs, {
          qualifyingData,
          size: 8,
        });
        const [quoteItem, nvItem] = [quoted, certified].map(({ bytes, signature }) => ({
          attest: bytes,
          signature: encodeSignature(signature),
        }));
        const evidence = { quote: quoteItem, nvCertify: nvItem, approval };
        const at = { treeSize: 1, treeRoot, time: START };
        const before = { previousCounter: 0, previousBootVersion };
        return verifyEpoch(evidenceOf(pack, body, evidence), { document, ...before, ...at }).state;
      };

      expect([await open(first), await state(first)]).toEqual(["opened", "attested"]);
      expect(await state(undefined)).toBe("unattested");

      await pcrExtend(tpm, 4, [{ hash: ALG.sha256, digest: sha256(utf8("an update")) }]);
      expect([await open(first), await state(first)]).toEqual(["refused", "unattested"]);
      const second = approve(2, await boot());
      const again = approve(1, await boot());
      expect([await open(second), await state(second)]).toEqual(["opened", "attested"]);
      expect([await open(again), await state(again)]).toEqual(["opened", "attested"]);

      // the update is in force: its version counter stands at base + 2
      while ((await nvReadCounter(tpm, OWNER, version)) < BigInt(base + 2)) {
        await nvIncrement(tpm, version, version);
      }
      expect([await open(second), await state(second, 2)]).toEqual(["opened", "attested"]);
      expect([await open(again), await state(again, 2)]).toEqual(["refused", "unattested"]);
    });
  }, 60_000);
});
