// Epochs of an anchor in a TPM: docs/ledger-format.md, P-6 to P-8.
import { millis, sha256, utf8 } from "@wattseal/base";
import { ALG } from "@wattseal/tpm2/verify";
import { describe, expect, it } from "vitest";
import { Ed25519SecretKey } from "../keys/ed25519.js";
import { P256SecretKey } from "../keys/p256.js";
import {
  codeOf,
  epochBody,
  evidenceOf,
  flips,
  START,
  seededEntropy,
  testPack,
  tree,
} from "../lct-keys.fixture.js";
import {
  approvalOf,
  BOOT,
  COUNTER,
  OTHER_BOOT,
  PCRS,
  type Said,
  statementsOf,
  tpmPack,
  VERSION_INDEX,
} from "../tpm-pack.fixture.js";
import type { BootApproval } from "./boot-approval.js";
import { EpochChain } from "./chain.js";
import { verifyEpoch } from "./epoch.js";
import { decodeEpochEvidence, encodeEpochBody, epochSignedBytes } from "./evidence.js";

const key = Ed25519SecretKey.generate(seededEntropy("epoch"));
const stranger = P256SecretKey.generate(seededEntropy("stranger"));
const log = tree("log", 8);
const at = { treeSize: 1, treeRoot: log.root(1), time: START };
const EPOCH = 7;

const pack = tpmPack("tpm");
const approval = approvalOf(pack.keys, pack.document);

/** Evidence of epoch 7, with what its TPM says changed. */
function evidence(
  change: Partial<Said> = {},
  under: BootApproval | undefined = approval,
  of = pack,
): Uint8Array {
  const body = epochBody(of, key, { epoch: EPOCH });
  const signedBytes = epochSignedBytes(encodeEpochBody(body));
  const statements = statementsOf(of.keys, { counter: EPOCH, signedBytes, ...change });
  return evidenceOf(of, body, { ...statements, approval: under });
}

function verified(bytes: Uint8Array, of = pack, previousBootVersion = 0) {
  const { document } = of;
  return verifyEpoch(bytes, { document, previousCounter: 0, previousBootVersion, ...at });
}

const thrownBy = (act: () => unknown): string => {
  try {
    act();
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
  return "nothing";
};

describe("an epoch under a TPM", () => {
  it("is attested where the document's TPM says so and its boot is approved", () => {
    expect(verified(evidence())).toMatchObject({ epoch: EPOCH, state: "attested", bootVersion: 1 });
  });

  it("has five items with an approval, four without", () => {
    expect(decodeEpochEvidence(evidence()).approval).toEqual(approval);
    const statements = statementsOf(pack.keys, { counter: EPOCH, signedBytes: utf8("x") });
    const without = evidenceOf(pack, epochBody(pack, key), statements);
    expect([evidence()[0], without[0]]).toEqual([0x85, 0x84]);
  });

  it.each<[string, Partial<Said>, RegExp]>([
    ["another nonce in the quote", { signedBytes: utf8("replayed") }, /quote .*something else/],
    ["another nonce in the certification", { certifiedFor: utf8("x") }, /counter .*something else/],
    ["a PCR less", { pcrs: PCRS.slice(1) }, /other PCRs/],
    ["a PCR more", { pcrs: [...PCRS, 23] }, /other PCRs/],
    ["another bank", { bank: ALG.sha1 }, /other PCRs/],
    ["a PCR digest by SHA-1", { pcrDigest: new Uint8Array(20) }, /not by SHA-256/],
    ["another index", { index: VERSION_INDEX }, /another NV index/],
    [
      "an index of other attributes",
      { index: { ...COUNTER, attributes: 0x20040014 } },
      /another NV/,
    ],
    ["the counter from its second byte on", { offset: 1 }, /8 bytes from 1/],
    ["a counter below", { counter: EPOCH - 1 }, /certifies its counter at 6/],
    ["a counter above", { counter: EPOCH + 1 }, /certifies its counter at 8/],
    ["a counter beyond 2^53", { counter: 2n ** 63n + 7n }, /counter at 9223372036854775815/],
    ["another attestation key", { by: stranger }, /quote .*signature does not verify/],
    [
      "a quote by the anchor",
      { by: stranger, quoteBy: pack.keys.attestationKey },
      /counter .*verify/,
    ],
  ])("is refused for %s, and says so", (_, change, why) => {
    const bytes = evidence(change);
    expect(codeOf(() => verified(bytes))).toBe("epoch-attestation");
    expect(thrownBy(() => verified(bytes))).toMatch(why);
  });

  it("is refused without its statements, with one of them twice, and with one cut short", () => {
    const whole = decodeEpochEvidence(evidence());
    const { quote, nvCertify } = whole;
    const cut = { attest: quote!.attest.slice(0, -1), signature: quote!.signature };
    const signed = { attest: cut.attest, signature: nvCertify!.signature };
    for (const change of [
      { quote: undefined, nvCertify: undefined },
      { quote: undefined },
      { nvCertify: undefined },
      { quote: nvCertify },
      { nvCertify: quote },
      { quote: cut },
      { quote: signed },
    ]) {
      const bytes = evidenceOf(pack, whole.body, { ...whole, ...change });
      expect(codeOf(() => verified(bytes))).toBe("epoch-attestation");
    }
  });

  const other = tpmPack("tpm", { seed: "another pack" });
  it.each<[string, BootApproval]>([
    ["another boot", approvalOf(pack.keys, pack.document, { pcrDigest: OTHER_BOOT })],
    [
      "this boot, but signed for another",
      { ...approvalOf(pack.keys, pack.document, { pcrDigest: OTHER_BOOT }), pcrDigest: BOOT },
    ],
    ["another version than was signed", { ...approval, version: 2 }],
    ["another pack", approvalOf(other.keys, other.document)],
    [
      "another pack, renamed",
      { ...approvalOf(other.keys, other.document), lct: pack.document.lct },
    ],
    ["this pack, named as another", { ...approval, lct: other.document.lct }],
    ["this boot by another key", approvalOf({ ...pack.keys, updateKey: stranger }, pack.document)],
  ])("is unattested under an approval of %s", (_, under) => {
    expect(verified(evidence({}, under))).toMatchObject({ state: "unattested", bootVersion: 0 });
  });

  it("is unattested in a boot that nobody approved", () => {
    const body = epochBody(pack, key, { epoch: EPOCH });
    const signedBytes = epochSignedBytes(encodeEpochBody(body));
    const bytes = evidenceOf(pack, body, statementsOf(pack.keys, { counter: EPOCH, signedBytes }));
    expect(verified(bytes).state).toBe("unattested");
    expect(verified(evidence({ pcrDigest: OTHER_BOOT })).state).toBe("unattested");
  });

  it("is unattested under an approval that was superseded, attested under the same again", () => {
    expect(verified(evidence(), pack, 1)).toMatchObject({ state: "attested" });
    expect(verified(evidence(), pack, 2)).toMatchObject({ state: "unattested", bootVersion: 1 });
  });

  it.each([
    ["tpm-unmeasured", "unmeasured"],
    ["software", "software"],
  ] as const)("of binding %s is %s, and the same checks hold it", (binding, state) => {
    const bound = tpmPack(binding);
    const body = epochBody(bound, key, { epoch: EPOCH });
    const signedBytes = epochSignedBytes(encodeEpochBody(body));
    const statements = statementsOf(bound.keys, { counter: EPOCH, signedBytes });
    const { document } = bound;
    const context = { document, previousCounter: 0, previousBootVersion: 0, ...at };
    const good = evidenceOf(bound, body, statements);
    expect(verifyEpoch(good, context)).toMatchObject({ state, bootVersion: 0 });
    const wrong = statementsOf(bound.keys, { counter: EPOCH + 1, signedBytes });
    for (const bad of [{}, wrong]) {
      const bytes = evidenceOf(bound, body, bad);
      expect(codeOf(() => verifyEpoch(bytes, context))).toBe("epoch-attestation");
    }
  });

  it("of an emulator stays software, whatever is approved", () => {
    const emulated = tpmPack("software", { boot: true });
    const under = approvalOf(emulated.keys, emulated.document, { version: 3 });
    const epoch = verified(evidence({}, under, emulated), emulated);
    expect(epoch).toMatchObject({ state: "software", bootVersion: 3 });
  });

  it("shows nothing of a TPM that its document does not commit to", () => {
    const bytes = (of: typeof pack) => evidence({}, approval, of);
    const software = { ...testPack("plain"), keys: pack.keys };
    expect(codeOf(() => verified(bytes(software), software))).toBe("epoch-attestation");
    const early = { ...testPack("early", { binding: "tpm" }), keys: pack.keys };
    expect(verified(bytes(early), early).state).toBe("unattested");
  });

  it("is never attested, and never accepted as its TPM's, with one bit flipped", () => {
    const whole = evidence();
    const { quote, nvCertify } = decodeEpochEvidence(whole);
    const inside = (part: Uint8Array) => {
      const from = Buffer.from(whole).indexOf(part);
      expect(from).toBeGreaterThan(0);
      return [from, from + part.length] as const;
    };
    const statements = [quote!, nvCertify!].flatMap(({ attest, signature }) => [attest, signature]);
    const ranges = statements.map(inside);
    for (const { bit, flipped } of flips(whole)) {
      let state = "refused";
      const code = codeOf(() => {
        state = verified(flipped).state;
      });
      expect(["refused", "unattested"], `bit ${bit}`).toContain(state);
      expect(["nothing", "decode", "epoch-lct", "epoch-signature", "epoch-attestation"]).toContain(
        code,
      );
      const inStatement = ranges.some(([from, to]) => bit >> 3 >= from && bit >> 3 < to);
      if (inStatement) expect(code, `bit ${bit}`).toBe("epoch-attestation");
    }
  });
});

describe("boot versions along a log", () => {
  const body = (epoch: number, treeSize: number) =>
    epochBody(pack, key, { epoch, treeSize, treeRoot: log.root(treeSize) });

  function begin(chain: EpochChain, epoch: number, treeSize: number, under?: BootApproval) {
    const claimed = body(epoch, treeSize);
    const signedBytes = epochSignedBytes(encodeEpochBody(claimed));
    const pcrDigest = under?.pcrDigest ?? BOOT;
    const statements = statementsOf(pack.keys, { counter: epoch, signedBytes, pcrDigest });
    const bytes = evidenceOf(pack, claimed, { ...statements, approval: under });
    chain.begin(bytes, { treeSize, treeRoot: log.root(treeSize), time: millis(START) });
    return chain.current?.state;
  }

  it("do not go back: an older approval attests nothing, also after a restore", () => {
    const second = approvalOf(pack.keys, pack.document, { version: 2, pcrDigest: OTHER_BOOT });
    const chain = new EpochChain(pack.document);
    expect(begin(chain, 1, 1, approval)).toBe("attested");
    expect(begin(chain, 2, 2, second)).toBe("attested");
    expect(begin(chain, 3, 3)).toBe("unattested");
    expect(chain.bootVersion).toBe(2);
    const saved = chain.save();
    expect(begin(chain, 4, 4, approval)).toBe("unattested");
    expect(begin(chain, 5, 5, second)).toBe("attested");
    expect(chain.bootVersion).toBe(2);
    const restored = EpochChain.restore(pack.document, saved);
    expect(restored.bootVersion).toBe(2);
    expect(begin(restored, 4, 4, approval)).toBe("unattested");
  });

  it("count from what the update key signed for the boot at hand alone", () => {
    const claimed = { ...approval, version: 9 };
    const elsewhere = approvalOf(pack.keys, pack.document, { version: 9, pcrDigest: sha256(BOOT) });
    const chain = new EpochChain(pack.document);
    expect(begin(chain, 1, 1, claimed)).toBe("unattested");
    const signedBytes = epochSignedBytes(encodeEpochBody(body(2, 2)));
    const statements = statementsOf(pack.keys, { counter: 2, signedBytes });
    const bytes = evidenceOf(pack, body(2, 2), { ...statements, approval: elsewhere });
    chain.begin(bytes, { treeSize: 2, treeRoot: log.root(2), time: millis(START) });
    expect(chain.current?.state).toBe("unattested");
    expect(begin(chain, 3, 3, approval)).toBe("attested");
  });
});
