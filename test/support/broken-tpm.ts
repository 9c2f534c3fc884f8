/** Entries that break one rule of docs/ledger-format.md each: of LCT document version 2, Boot approval, and P-6 to P-9. */
import { type CborValue, decodeCbor, encodeCbor, utf8 } from "@wattseal/base";
import { verifyLctDocument } from "@wattseal/lct-keys/verify";
import { ALG, encodeNvPublic } from "@wattseal/tpm2/verify";
import {
  COUNTER,
  OTHER_BOOT,
  PCRS,
  VERSION_INDEX,
} from "../../packages/lct-keys/src/tpm-pack.fixture.js";
import type { BrokenRule } from "./broken-rules.js";
import { documentOf, evidence, KeyedLog, listOf, payloadOf, statement } from "./keyed-log.js";
import { approved, type Boot, boundTo, TPM_KEYS } from "./tpm.js";

const DOCUMENT = documentOf("pack", "attested", boundTo("tpm"));
const document = verifyLctDocument(DOCUMENT, "self-consistent");
const GOOD = approved(document);
const log = new KeyedLog(DOCUMENT, () => GOOD);
const plain = new KeyedLog();

const entry = (type: string, body: readonly CborValue[]) => encodeCbor([1, type, log.now, body]);
const bodyAfter = ({ lct, entries, replay, now }: KeyedLog): CborValue[] => {
  const key = new Uint8Array(32).fill(9);
  return [lct, 2, key, "test", entries.length, replay.root(), now, 1];
};

function after(rule: string, what: string, last: Uint8Array, before = log): BrokenRule {
  const entries = [...before.entries, last];
  return { rule, what, broken: () => ({ entries, at: entries.length - 1 }) };
}

/** A second epoch in which the TPM says something else. */
const said = (rule: string, what: string, change: Boot) =>
  after(rule, what, entry("epoch.begin", [evidence(bodyAfter(log), { ...GOOD, ...change })]));

const items = listOf(decodeCbor(evidence(bodyAfter(log), GOOD)));
/** A second epoch whose evidence has another item at this place. */
const shown = (rule: string, what: string, made: readonly CborValue[]) =>
  after(rule, what, entry("epoch.begin", [encodeCbor(made)]));
const part = (place: number, of: 0 | 1, value: CborValue) =>
  items.with(place, listOf(items[place]).with(of, value));
const approval = (place: number, value: CborValue) =>
  items.with(4, listOf(items[4]).with(place, value));

const genesis = payloadOf(DOCUMENT);
const attestation = listOf(genesis[11]);
const boot = listOf(attestation[4]);
const issued = (rule: string, what: string, made: readonly CborValue[]) =>
  after(rule, what, entry("lct.document", [statement(made)]));
const committed = (what: string, place: number, value: CborValue) =>
  issued("A-2", what, genesis.with(11, attestation.with(place, value)));
const bound = (what: string, binding: string, measured: boolean) =>
  issued("A-2", what, genesis.with(4, binding).with(11, attestation.with(4, measured ? boot : [])));

const counter = (change: Partial<typeof COUNTER>) => encodeNvPublic({ ...COUNTER, ...change });
const stranger = TPM_KEYS.updateKey;
const hash = new Uint8Array(32);

export const BROKEN_TPM: readonly BrokenRule[] = [
  said("P-6", "a quote and a certification of another epoch", { signedBytes: utf8("replayed") }),
  said("P-6", "a certification of another epoch", { certifiedFor: utf8("replayed") }),
  said("P-6", "a PCR less", { pcrs: PCRS.slice(1) }),
  said("P-6", "a PCR more", { pcrs: [...PCRS, 23] }),
  said("P-6", "another bank", { bank: ALG.sha1 }),
  said("P-6", "a PCR digest of 20 bytes", { pcrDigest: new Uint8Array(20) }),
  said("P-6", "another index", { index: VERSION_INDEX }),
  said("P-6", "the index from its second byte on", { offset: 1 }),
  said("P-6", "a counter below the epoch", { counter: 1 }),
  said("P-6", "a counter above the epoch", { counter: 3 }),
  said("P-6", "a counter that is the epoch in its last 32 bits", { counter: 2n ** 32n + 2n }),
  said("P-6", "another attestation key", { by: stranger }),
  said("P-6", "a certification by another key", { by: stranger, quoteBy: TPM_KEYS.attestationKey }),
  shown("P-6", "no quote", items.with(2, [])),
  shown("P-6", "no certification", items.with(3, [])),
  shown("P-6", "no statement at all", [...items.slice(0, 2), [], []]),
  shown("P-6", "a certification for a quote", items.with(2, items[3]!)),
  shown("P-6", "a quote for a certification", items.with(3, items[2]!)),
  shown("P-6", "a quote of no structure", part(2, 0, utf8("quote"))),
  shown("P-6", "a signature of no structure", part(3, 1, utf8("signature"))),
  shown("E-3", "an empty signature", part(3, 1, hash.slice(32))),
  shown("E-3", "a quote of 2,049 bytes", part(2, 0, new Uint8Array(2_049))),
  shown("E-3", "an absent approval in its place", items.with(4, [])),
  shown("E-3", "a sixth item", [...items, []]),
  shown("E-3", "an approval of another tag", approval(0, "wattseal-boot-2")),
  shown("E-3", "an approval of nobody", approval(1, "lct:pack:x")),
  shown("E-3", "version 0 of a boot", approval(2, 0)),
  shown("E-3", "version 2^31 of a boot", approval(2, 2 ** 31)),
  shown("E-3", "a PCR digest of 31 bytes", approval(3, hash.slice(1))),
  shown("E-3", "a signature of 65 bytes", approval(4, new Uint8Array(65))),
  after(
    "P-7",
    "an approval under a software anchor",
    encodeCbor([
      1,
      "epoch.begin",
      plain.now,
      [encodeCbor([...listOf(decodeCbor(evidence(bodyAfter(plain)))), items[4]!])],
    ]),
    plain,
  ),
  issued("A-2", "version 2 without an attestation", genesis.slice(0, 11)),
  issued("A-2", "version 1 with one", genesis.with(0, "wattseal-lct-1")),
  issued("A-2", "version 3", genesis.with(0, "wattseal-lct-3")),
  issued(
    "A-2",
    "a module with an attestation",
    genesis.with(1, "module").with(3, ["x25519", hash]),
  ),
  bound("a TPM whose boot nobody approves", "tpm", false),
  bound("an unmeasured TPM with a boot", "tpm-unmeasured", true),
  bound("a microcontroller with a TPM", "mcu", true),
  committed("a compressed attestation key", 0, new Uint8Array(65).fill(3)),
  committed("a counter that is none", 1, counter({ attributes: COUNTER.attributes & ~0xf0 })),
  committed("a counter that never counted", 1, counter({ attributes: 0x0206_0014 })),
  committed("a counter of 16 bytes", 1, counter({ size: 16 })),
  committed("a counter at a key's handle", 1, counter({ index: 0x8100_0001 })),
  committed("a counter with a policy of 20 bytes", 1, counter({ authPolicy: new Uint8Array(20) })),
  committed("a counter named by SHA-384", 1, counter({ nameAlgorithm: 12 })),
  committed("a storage root named by SHA-384", 2, new Uint8Array(34).with(1, 12)),
  committed("no PCR", 3, []),
  committed("PCR 24", 3, [24]),
  committed("PCRs that fall", 3, [4, 2]),
  committed("one index for both", 4, boot.with(1, counter({}))),
  committed("a base beyond 2^52", 4, boot.with(2, 2 ** 52 + 1)),
  committed("an update key of another form", 4, boot.with(0, new Uint8Array(65).fill(6))),
];

/** Approvals that do not hold: each leaves the epoch unattested, and refuses nothing. */
export function unattestedLogs(): readonly (readonly [string, KeyedLog])[] {
  const other = verifyLctDocument(documentOf("pack", "other", boundTo("tpm")), "self-consistent");
  const wrong = listOf(GOOD.approval);
  const boots: readonly (readonly [string, Boot])[] = [
    ["no approval", { pcrDigest: GOOD.pcrDigest }],
    ["of another pack", approved(other)],
    [
      "of another boot",
      { ...approved(document, { pcrDigest: OTHER_BOOT }), pcrDigest: GOOD.pcrDigest },
    ],
    ["of a version that was not signed", { ...GOOD, approval: wrong.with(2, 2) }],
    ["that was never signed", { ...GOOD, approval: wrong.with(4, new Uint8Array(64)) }],
  ];
  return boots.map(([what, each]) => [what, new KeyedLog(DOCUMENT, () => each)]);
}

/** Three epochs: under version 2, under version 1 of an older approval, under version 2 again. */
export function rolledBackLog(): KeyedLog {
  const second = approved(document, { version: 2, pcrDigest: OTHER_BOOT });
  const boots = [second, GOOD, second];
  const made = new KeyedLog(DOCUMENT, () => boots.shift());
  for (let restarts = 0; restarts < 2; restarts += 1) {
    made.end();
    made.now += 5_000;
    made.begin();
  }
  return made;
}
