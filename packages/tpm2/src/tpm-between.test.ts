/** Somebody between the client and the TPM, who reads along and answers in its place. */
import { createECDH } from "node:crypto";
import { concatBytes } from "@wattseal/base";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { quote } from "./commands/attestation.js";
import { getRandom } from "./commands/basic.js";
import { makeCredential } from "./commands/credential.js";
import { hierarchyChangeAuth } from "./commands/hierarchy.js";
import { activateCredential, sign, unseal } from "./commands/keys.js";
import {
  nvDefineSpace,
  nvIncrement,
  nvRead,
  nvReadCounter,
  nvReadPublic,
  nvUndefineSpace,
  nvWrite,
} from "./commands/nv.js";
import {
  create,
  createPrimary,
  evictControl,
  flush,
  load,
  pinned,
  readPublic,
} from "./commands/objects.js";
import { policyAuthValue, policySecret } from "./commands/policy.js";
import { policyDigest, underPolicy } from "./commands/under-policy.js";
import { digestOf } from "./crypto/digest.js";
import { AuthValue } from "./session/auth-value.js";
import { startPolicy } from "./session/start.js";
import { nameOf } from "./structures/name.js";
import { sizedPublic } from "./structures/public.js";
import {
  ATTESTATION_KEY,
  ENDORSEMENT_ECC,
  SIGNING_KEY,
  STORAGE_ROOT,
  sealedUnder,
} from "./structures/templates.js";
import { ENDORSEMENT, entropy, hasSwtpm, NOTHING, OWNER, Swtpm } from "./testing/swtpm.js";
import { bare, codeOf, tapped } from "./testing/wiretap.js";
import type { SaltKey, Tpm } from "./tpm.js";
import { ALG, CC, NV } from "./wire/constants.js";
import { Writer } from "./wire/writer.js";
import { type Made, make, WORKS } from "./works.fixture.js";

const NAME = hasSwtpm() ? "whoever sits between" : "in between (skipped: swtpm is not installed)";
describe.skipIf(!hasSwtpm())(NAME, () => {
  let swtpm: Swtpm;
  let root: SaltKey;
  beforeAll(async () => {
    swtpm = await Swtpm.start();
    root = await swtpm.storageRoot();
  }, 60_000);
  afterAll(() => swtpm.remove());

  interface Secrets {
    readonly owner: Uint8Array;
    readonly auth: Uint8Array;
    readonly sealed: Uint8Array;
    readonly stored: Uint8Array;
    readonly credential: Uint8Array;
    readonly random: Uint8Array[];
  }

  /** What a board's provisioning does: hierarchy, keys, sealed data, counter, credential. */
  async function provision(tpm: Tpm, secrets: Secrets): Promise<void> {
    const ownerAuth = new AuthValue(secrets.owner);
    const auth = new AuthValue(secrets.auth);
    await hierarchyChangeAuth(tpm, OWNER, ownerAuth);
    const owner = { ...OWNER, auth: ownerAuth };
    const policy = await policyDigest(tpm, (session) => policyAuthValue(tpm, session));
    const template = { publicArea: sealedUnder(policy), auth, sealed: secrets.sealed };
    const guarded = await load(tpm, root, await create(tpm, root, template));
    const opened = await underPolicy(
      tpm,
      (session) => policyAuthValue(tpm, session),
      (session) => unseal(tpm, { ...guarded, auth, policy: session }),
    );
    expect(opened).toEqual(secrets.sealed);
    await flush(tpm, guarded.handle);
    const signer = await load(
      tpm,
      root,
      await create(tpm, root, { publicArea: SIGNING_KEY, auth }),
    );
    await sign(tpm, { ...signer, auth }, digestOf(ALG.sha256, NOTHING));
    await evictControl(tpm, owner, signer, 0x81000077);
    await evictControl(tpm, owner, { ...signer, handle: 0x81000077 }, 0x81000077);
    await flush(tpm, signer.handle);

    const attributes = NV.ordinary | NV.authRead | NV.authWrite | NV.noDa;
    const area = { nameAlgorithm: ALG.sha256, attributes, authPolicy: NOTHING, size: 32 } as const;
    await nvDefineSpace(tpm, owner, { index: 0x01800077, ...area }, auth);
    const fresh = await nvReadPublic(tpm, 0x01800077);
    const index = await nvWrite(tpm, { ...fresh, auth }, fresh, secrets.stored);
    expect(await nvRead(tpm, { ...index, auth }, index, 32)).toEqual(secrets.stored);
    await nvUndefineSpace(tpm, owner, index);

    const endorsement = await createPrimary(tpm, ENDORSEMENT, { publicArea: ENDORSEMENT_ECC });
    const attestor = await createPrimary(tpm, ENDORSEMENT, { publicArea: ATTESTATION_KEY, auth });
    await quote(tpm, { ...attestor, auth }, [{ hash: ALG.sha256, pcrs: [0] }], NOTHING);
    const given = makeCredential(
      endorsement.publicArea,
      attestor.name,
      secrets.credential,
      entropy,
    );
    const activated = await underPolicy(
      tpm,
      (session) => policySecret(tpm, session, ENDORSEMENT),
      (session) =>
        activateCredential(tpm, { ...attestor, auth }, { ...endorsement, policy: session }, given),
    );
    expect(activated).toEqual(secrets.credential);
    secrets.random.push(await getRandom(tpm, 32));
    await hierarchyChangeAuth(tpm, owner, AuthValue.empty);
  }

  /** All that crossed the bus while provisioning, and which of its secrets were among it. */
  async function overheard(saltKey: SaltKey | undefined): Promise<readonly string[]> {
    const bus: Uint8Array[] = [];
    const transport = tapped(swtpm.transport, {
      command: (bytes) => {
        bus.push(bytes);
        return undefined;
      },
      response: (bytes) => {
        bus.push(bytes);
        return bytes;
      },
    });
    // No byte is zero: trailing zeros of an authorisation value do not travel.
    const draw = () => entropy.bytes(32).map((byte) => byte | 1);
    const secrets: Secrets = {
      owner: draw(),
      auth: draw(),
      sealed: draw(),
      stored: draw(),
      credential: draw(),
      random: [],
    };
    await swtpm.through(transport, (tpm) => provision(tpm, secrets), saltKey);
    const all = Buffer.from(concatBytes(...bus));
    const { random, ...named } = secrets;
    const known = [...Object.entries(named), ...random.map((bytes) => ["random", bytes] as const)];
    return known.filter(([, bytes]) => all.includes(Buffer.from(bytes))).map(([name]) => name);
  }

  it("overhears no authorisation value, sealed secret, stored or random byte of a protected provisioning", async () => {
    expect(await overheard(root)).toEqual([]);
  });

  it("overhears every one of them where nothing is protected", async () => {
    const all = ["owner", "auth", "sealed", "stored", "credential", "random"];
    expect(await overheard(undefined)).toEqual(all);
  });

  describe("with a key of its own in the storage root's place", () => {
    const own = createECDH("prime256v1");
    const point = new Uint8Array(own.generateKeys());
    const forged = {
      ...STORAGE_ROOT,
      point: { x: point.slice(1, 33), y: point.slice(33) },
    };
    const sent: number[] = [];
    const swapping = () => {
      sent.length = 0;
      return tapped(swtpm.transport, {
        command: (bytes) => {
          sent.push(codeOf(bytes));
          return undefined;
        },
        response: (bytes, command) => {
          if (codeOf(command) !== CC.readPublic) return bytes;
          const name = nameOf(forged);
          const writer = new Writer();
          sizedPublic.write(writer, forged);
          for (const each of [name, name]) {
            writer.u16(each.length);
            writer.bytes(each);
          }
          const body = writer.done();
          const header = new Writer();
          header.u16(0x8001);
          header.u32(10 + body.length);
          header.u32(0);
          return concatBytes(header.done(), body);
        },
      });
    };

    it("is believed by who only reads a public area, since its Name fits", async () => {
      const shown = await swtpm.through(swapping(), (tpm) => readPublic(tpm, root.handle));
      expect(shown.publicArea).toEqual(forged);
    });

    it("is refused where the Name was pinned, before anything is encrypted for it", async () => {
      const opened = swtpm.through(swapping(), (tpm) => pinned(tpm, root.handle, root.name));
      await expect(opened).rejects.toMatchObject({ code: "tpm-evidence" });
      expect(sent).toEqual([CC.readPublic]);
    });

    it("is refused by the TPM when a known key's authorisation is asked for under the false Name", async () => {
      const work = async (tpm: Tpm) => {
        const shown = await readPublic(tpm, root.handle);
        await create(tpm, shown, { publicArea: SIGNING_KEY });
      };
      await expect(swtpm.through(swapping(), work, root)).rejects.toMatchObject({
        code: "tpm-refused",
        response: { name: "bad-auth" },
      });
    });
  });

  let made: Made;
  beforeAll(async () => {
    made = await swtpm.use((tpm) => make(tpm, root), root);
  });

  it.each([CC.policyGetDigest, CC.policyPcr, CC.pcrRead, CC.verifySignature, CC.readClock])(
    "cannot answer command %i in the TPM's place",
    async (code) => {
      const works = WORKS.filter(([it]) => it === code);
      expect(works.length).toBeGreaterThan(0);
      for (const [, work] of works) {
        const silent = tapped(swtpm.transport, {
          command: (bytes) => (codeOf(bytes) === code ? bare(0) : undefined),
        });
        await expect(swtpm.through(silent, (tpm) => work(tpm, made), root)).rejects.toMatchObject({
          code: "tpm-response",
        });
        let first: Uint8Array | undefined;
        const replaying = tapped(swtpm.transport, {
          response: (bytes, command) => {
            if (codeOf(command) !== code) return bytes;
            first ??= bytes;
            return first;
          },
        });
        const twice = async (tpm: Tpm) => {
          await work(tpm, made);
          await work(tpm, made);
        };
        await expect(swtpm.through(replaying, twice, root)).rejects.toMatchObject({
          code: "tpm-response",
        });
      }
    },
  );

  it("cannot have a command carried out twice by saying that the TPM asked for it again", async () => {
    const { counter, auth } = made;
    const use = { ...counter, auth };
    const count = () => swtpm.use((tpm) => nvReadCounter(tpm, use, counter), root);
    const before = await count();
    const again = tapped(swtpm.transport, {
      response: (bytes, command) => (codeOf(command) === CC.nvIncrement ? bare(0x922) : bytes),
    });
    const increment = (tpm: Tpm) => nvIncrement(tpm, use, counter);
    await expect(swtpm.through(again, increment, root)).rejects.toMatchObject({
      code: "tpm-refused",
    });
    expect(await count()).toBe(before + 1n);
  });

  it("gains nothing by keeping a condition of a policy from the TPM", async () => {
    const dropping = tapped(swtpm.transport, {
      command: (bytes) => (codeOf(bytes) === CC.policyAuthValue ? bare(0) : undefined),
    });
    const work = async (tpm: Tpm) => policyAuthValue(tpm, await startPolicy(tpm));
    await expect(swtpm.through(dropping, work, root)).rejects.toMatchObject({
      code: "tpm-response",
    });
  });
});
