import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { issueLctDocument } from "../authority.js";
import { Ed25519SecretKey } from "../keys/ed25519.js";
import { P256SecretKey } from "../keys/p256.js";
import {
  codeOfThrown,
  dayOf,
  genesisOf,
  manualClock,
  seededEntropy,
  tree,
} from "../lct-keys.fixture.js";
import { type LctDocument, verifyLctDocument } from "../verify/document.js";
import type { Binding } from "../verify/genesis.js";
import { verifyOcmf } from "../verify/ocmf.js";
import { beginSoftwareEpoch, softwareOcmfSigner } from "./open-software.js";
import { createSoftwareAnchor } from "./software-anchor.js";

const entropy = seededEntropy("ocmf signer");
const authority = Ed25519SecretKey.generate(entropy);
let directory: string;
let anchor: Uint8Array;
let document: LctDocument;

function issue(key: Uint8Array, binding: Binding = "software"): LctDocument {
  const bytes = issueLctDocument(authority, genesisOf(key, { binding }));
  return verifyLctDocument(bytes, [authority.publicKey]);
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "wattseal-ocmf-"));
  anchor = await createSoftwareAnchor(directory, entropy);
  document = issue(anchor);
});
afterEach(() => rm(directory, { recursive: true }));

const refusal = (attempt: Promise<unknown>) => attempt.then(() => "nothing", codeOfThrown);

describe("the anchor's word for a day", () => {
  it("is signed by the anchor, and the same whenever it is asked for", async () => {
    const record = await softwareOcmfSigner({ directory, entropy, document }).ocmf(dayOf());
    expect(JSON.parse(verifyOcmf(record, anchor))).toMatchObject({ PG: "F12" });
    expect(await softwareOcmfSigner({ directory, entropy, document }).ocmf(dayOf())).toBe(record);
    expect((await stat(join(directory, "ocmf-12"))).mode & 0o777).toBe(0o600);
    expect((await readdir(directory)).sort()).toEqual(["anchor.pem", "ocmf-12"]);
  });

  it("is given once for a page: another payload is refused, another page is not", async () => {
    const signer = softwareOcmfSigner({ directory, entropy, document });
    const record = await signer.ocmf(dayOf());
    const changed = dayOf({ leftOut: { inMwh: 6, outMwh: 0, resets: 0 } });
    expect(await refusal(signer.ocmf(changed))).toBe("ocmf-signed");
    expect(await signer.ocmf(dayOf())).toBe(record);
    expect(await signer.ocmf(dayOf({ page: 13 }))).not.toBe(record);
  });

  it("is one record also for many who ask at once", async () => {
    const ask = () => softwareOcmfSigner({ directory, entropy, document }).ocmf(dayOf());
    const records = await Promise.all(Array.from({ length: 8 }, ask));
    expect(new Set(records).size).toBe(1);
  });

  it("comes from a running signer through its port, until that is closed", async () => {
    const signer = await beginSoftwareEpoch({
      directory,
      clock: manualClock(),
      entropy,
      document,
      softwareVersion: "0.1.0",
      synchronised: true,
      log: tree("log", 3).log(3),
    });
    const record = await signer.ocmf(dayOf());
    expect(await softwareOcmfSigner({ directory, entropy, document }).ocmf(dayOf())).toBe(record);
    await signer.close();
    expect(await refusal(signer.ocmf(dayOf()))).toBe("signer-closed");
  });

  it("is not given by another anchor than the document's, nor by a file for a TPM", async () => {
    const other = issue(P256SecretKey.generate(entropy).publicKey);
    expect(
      await refusal(softwareOcmfSigner({ directory, entropy, document: other }).ocmf(dayOf())),
    ).toBe("anchor-mismatch");
    const tpm = issue(anchor, "tpm");
    expect(
      await refusal(softwareOcmfSigner({ directory, entropy, document: tpm }).ocmf(dayOf())),
    ).toBe("anchor-mismatch");
    expect(await readdir(directory)).toEqual(["anchor.pem"]);
  });

  it("is refused where the record that was given was tampered with", async () => {
    const signer = softwareOcmfSigner({ directory, entropy, document });
    const record = await signer.ocmf(dayOf());
    await writeFile(join(directory, "ocmf-12"), record.replace("12.345678", "12.345679"));
    expect(await refusal(signer.ocmf(dayOf()))).toBe("ocmf-signature");
  });
});
