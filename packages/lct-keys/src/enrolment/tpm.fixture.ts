/** A TPM with everything that an enrolment shows, every part of which a test may make wrong. */
import { execFile, execFileSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { sha256 } from "@wattseal/base";
import {
  ATTESTATION_KEY,
  type AuthValue,
  activateCredential,
  certify,
  create,
  createPrimary,
  ENDORSEMENT_ECC,
  ENDORSEMENT_RSA,
  evictControl,
  flush,
  type LoadedObject,
  load,
  type NvIndex,
  nvCertify,
  nvDefineSpace,
  nvIncrement,
  nvRead,
  nvReadCounter,
  nvReadPublic,
  type Public,
  policySecret,
  quote,
  SIGNING_KEY,
  STORAGE_ROOT,
  type Tpm,
  type Use,
  underPolicy,
} from "@wattseal/tpm2";
import { ENDORSEMENT, hasSwtpm, NOTHING, OWNER, randomAuth, Swtpm } from "@wattseal/tpm2/testing";
import {
  ALG,
  encodeNvPublic,
  encodePublic,
  encodeSignature,
  NV,
  p256Point,
} from "@wattseal/tpm2/verify";
import type { Applicant } from "./applicant.js";
import type { TpmClaim, TpmProof } from "./claim.js";
import { type EnrolmentChallenge, enrolmentSignedBytes } from "./messages.js";

const ROOT = 0x81000001;
const ATTESTATION = 0x81000002;
const ANCHOR = 0x81000003;
const COUNTER = 0x01800001;
const VERSION = 0x01800002;
const RSA_CERTIFICATE = 0x01c00002;
const COUNTS = NV.counter | NV.authWrite | NV.authRead | NV.noDa;
const PCRS = [0, 1, 2, 3, 7];

const statementOf = (made: {
  bytes: Uint8Array;
  signature: Parameters<typeof encodeSignature>[0];
}) => ({
  attest: made.bytes,
  signature: encodeSignature(made.signature),
});

interface Key {
  readonly handle: number;
  readonly name: Uint8Array;
  readonly publicArea: Public;
}

export class TestTpm implements Applicant {
  readonly swtpm: Swtpm;
  readonly auth: AuthValue = randomAuth();
  claim!: TpmClaim;
  root!: Key;
  attestationKey!: Key;
  anchor!: Key;
  counter!: NvIndex;
  version!: NvIndex;

  private constructor(swtpm: Swtpm) {
    this.swtpm = swtpm;
  }

  /** `manufacturer`: who certifies its endorsement key. */
  static async make(
    manufacturer?: Manufacturer,
    templates: { anchor?: Public; attestationKey?: Public } = {},
  ): Promise<TestTpm> {
    const made = new TestTpm(await Swtpm.start());
    await manufacturer?.certify(made.swtpm);
    await made.#provision(manufacturer !== undefined, templates);
    return made;
  }

  get endorsement(): Public {
    return this.claim.certificates.length > 0 ? ENDORSEMENT_RSA : ENDORSEMENT_ECC;
  }

  get anchorPoint(): Uint8Array {
    return p256Point(this.anchor.publicArea);
  }

  async #provision(certified: boolean, templates: { anchor?: Public; attestationKey?: Public }) {
    const { auth, swtpm } = this;
    await swtpm.use(async (tpm) => {
      const endorsement = await createPrimary(tpm, ENDORSEMENT, {
        publicArea: certified ? ENDORSEMENT_RSA : ENDORSEMENT_ECC,
      });
      await flush(tpm, endorsement.handle);
      const kept = async (key: LoadedObject, handle: number) => {
        await evictControl(tpm, OWNER, key, handle);
        await flush(tpm, key.handle);
        return { handle, name: key.name, publicArea: key.publicArea };
      };
      const attesting = { publicArea: templates.attestationKey ?? ATTESTATION_KEY, auth };
      this.attestationKey = await kept(
        await createPrimary(tpm, ENDORSEMENT, attesting),
        ATTESTATION,
      );
      this.root = await kept(await createPrimary(tpm, OWNER, { publicArea: STORAGE_ROOT }), ROOT);
      const blob = await create(tpm, this.root, {
        publicArea: templates.anchor ?? SIGNING_KEY,
        auth,
      });
      this.anchor = await kept(await load(tpm, this.root, blob), ANCHOR);
      this.counter = await this.count(tpm, COUNTER, COUNTS);
      this.version = await this.count(tpm, VERSION, COUNTS);
      const certificate = certified ? await certificateOf(tpm) : undefined;
      this.claim = {
        type: "tpm",
        endorsementKey: encodePublic(endorsement.publicArea),
        certificates: certificate === undefined ? [] : [certificate],
        storageRoot: encodePublic(this.root.publicArea),
        attestationKey: encodePublic(this.attestationKey.publicArea),
        anchor: encodePublic(this.anchor.publicArea),
        counter: encodeNvPublic(this.counter.publicArea),
        pcrs: PCRS,
        boot: undefined,
      };
    });
  }

  /** A counter that has counted once. */
  async count(tpm: Tpm, index: number, attributes: number): Promise<NvIndex> {
    const { auth } = this;
    const area = { index, nameAlgorithm: ALG.sha256, attributes, authPolicy: NOTHING, size: 8 };
    await nvDefineSpace(tpm, OWNER, area, auth);
    const fresh = await nvReadPublic(tpm, index);
    return nvIncrement(tpm, { ...fresh, auth }, fresh);
  }

  /** The claim with a boot policy under this key. */
  async withBoot(updateKey: Uint8Array): Promise<TpmClaim> {
    const { version, auth } = this;
    const base = await this.swtpm.use((tpm) => nvReadCounter(tpm, { ...version, auth }, version));
    const versionIndex = encodeNvPublic(version.publicArea);
    return { ...this.claim, boot: { updateKey, versionIndex, base: Number(base) } };
  }

  async prove(challenge: EnrolmentChallenge): Promise<TpmProof> {
    const secret = await this.open(challenge);
    return { type: "tpm", secret, ...(await this.statements(challenge)) };
  }

  open({ credential }: EnrolmentChallenge): Promise<Uint8Array> {
    if (credential === undefined) throw new Error("no credential");
    const { auth, attestationKey } = this;
    return this.swtpm.use(async (tpm) => {
      const decryptor = await createPrimary(tpm, ENDORSEMENT, { publicArea: this.endorsement });
      return underPolicy(
        tpm,
        (session) => policySecret(tpm, session, ENDORSEMENT),
        (policy) =>
          activateCredential(
            tpm,
            { ...attestationKey, auth },
            { ...decryptor, policy },
            credential,
          ),
      );
    });
  }

  /** Everything but the secret; `boot`: with the version counter. */
  statements(
    challenge: EnrolmentChallenge,
    boot = false,
  ): Promise<Omit<TpmProof, "type" | "secret">> {
    const { auth } = this;
    const key: Use = { ...this.attestationKey, auth };
    const qualifyingData = sha256(enrolmentSignedBytes(challenge));
    return this.swtpm.use(async (tpm) => {
      const counted = async (index: NvIndex) =>
        statementOf(
          await nvCertify(tpm, key, { ...index, auth }, index, { qualifyingData, size: 8 }),
        );
      return {
        anchor: statementOf(await certify(tpm, { ...this.anchor, auth }, key, qualifyingData)),
        storageRoot: statementOf(await certify(tpm, this.root, key, qualifyingData)),
        counter: await counted(this.counter),
        version: boot ? await counted(this.version) : undefined,
        quote: statementOf(
          await quote(tpm, key, [{ hash: ALG.sha256, pcrs: PCRS }], qualifyingData),
        ),
      };
    });
  }

  remove(): Promise<void> {
    return this.swtpm.remove();
  }
}

async function certificateOf(tpm: Tpm): Promise<Uint8Array> {
  const index = await nvReadPublic(tpm, RSA_CERTIFICATE);
  return nvRead(tpm, OWNER, index, index.publicArea.size);
}

const SETUP: string = "swtpm_setup";

function run(options: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile(SETUP, options, (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}

/** False where emulated TPMs cannot be made and certified here. */
export function hasMaker(): boolean {
  try {
    execFileSync(SETUP, ["--version"], { stdio: "ignore" });
    return hasSwtpm();
  } catch (error) {
    return !(error instanceof Error && "code" in error && error.code === "ENOENT");
  }
}

/** A maker of emulated TPMs (swtpm_setup, swtpm_localca), whose root somebody may take for hardware's. */
export class Manufacturer {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Makes the TPM anew, with endorsement keys and their certificates in it. */
  async certify(swtpm: Swtpm): Promise<void> {
    await swtpm.powerCut();
    const at = (name: string) => join(this.#folder, name);
    await writeFile(
      at("localca.conf"),
      `statedir = ${this.#folder}\nsigningkey = ${at("sign.pem")}\nissuercert = ${at("issuer.pem")}\ncertserial = ${at("serial")}\n`,
    );
    await writeFile(at("options.conf"), "");
    await writeFile(
      at("setup.conf"),
      `create_certs_tool = swtpm_localca\ncreate_certs_tool_config = ${at("localca.conf")}\ncreate_certs_tool_options = ${at("options.conf")}\nactive_pcr_banks = sha256\n`,
    );
    const options = ["--tpm2", "--overwrite", "--create-ek-cert", "--config", at("setup.conf")];
    await run([...options, "--tpmstate", swtpm.folder]);
    await swtpm.powerOn();
  }

  /** PEM. */
  root(): Promise<string> {
    return readFile(join(this.#folder, "swtpm-localca-rootca-cert.pem"), "utf8");
  }

  /** DER of the authority that signs endorsement certificates. */
  async issuer(): Promise<Uint8Array> {
    const pem = await readFile(join(this.#folder, "issuer.pem"), "utf8");
    return new Uint8Array(Buffer.from(pem.replaceAll(/-----[A-Z ]+-----|\s/g, ""), "base64"));
  }
}
