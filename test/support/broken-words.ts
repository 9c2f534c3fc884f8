/** Entries that break one rule of docs/ledger-format.md each: of Encoding, Signed statements and Epochs. */
import { type CborValue, encodeCbor } from "@wattseal/base";
import type { BrokenRule } from "./broken-rules.js";
import { historyOf } from "./histories.js";
import {
  bytesOf,
  documentOf,
  evidence,
  fieldsOf,
  type KeyedLog,
  LCT,
  payloadOf,
  statement,
  strangers,
} from "./keyed-log.js";

const base = historyOf(10, 30);
const hash = new Uint8Array(32);

/** After a good log, these entries, the last of which is bad. */
function after(rule: string, what: string, ...more: readonly Uint8Array[]): BrokenRule {
  const entries = [...base.entries, ...more];
  return { rule, what, broken: () => ({ entries, at: entries.length - 1 }) };
}

const entry = (type: string, body: readonly CborValue[]) => encodeCbor([1, type, base.now, body]);
const config = (phrase: string) => entry("ops.config", [phrase, hash]);
const ALARM: readonly CborValue[] = [[], [], "injection", 1, ""];
const alarm = (place: number, value: CborValue) => entry("link.alarm", ALARM.with(place, value));
const hex = Buffer.from(config("x")).toString("hex");
const raw = (text: string) => new Uint8Array(Buffer.from(text, "hex"));
const mint = (...payload: readonly CborValue[]) =>
  entry("society.mint", [statement(["wattseal-mint-1", LCT, ...payload])]);
const signed = statement(["wattseal-mint-1", LCT, 1, 900]);
const status = (state: string) =>
  entry("lct.status", [statement(["wattseal-status-1", LCT, state, base.now, ""])]);
const policy = (lotDays: number) =>
  entry("society.policy", [
    statement(["wattseal-policy-1", LCT, 900, 3, 2, 1, "low", lotDays, 7, 0, 0]),
  ]);

const genesis = payloadOf(documentOf("pack"));
const document = (place: number, value: CborValue) =>
  entry("lct.document", [statement(genesis.with(place, value))]);

const body = (log: KeyedLog): CborValue[] => {
  const tree = [log.entries.length, log.replay.root()];
  return [LCT, 60, hash, "test", ...tree, log.now, 1];
};
const begin = (proof: Uint8Array) => entry("epoch.begin", [proof]);
const proof = fieldsOf(evidence(body(base)));
const quote = [new Uint8Array(5), new Uint8Array(6)];

export const BROKEN_WORDS: readonly BrokenRule[] = [
  after("E-1", "an array with a longer head", raw(`9804${hex.slice(2)}`)),
  after("E-1", "an array without an end", raw(`9f${hex.slice(2)}ff`)),
  after("E-1", "an integer with a longer head", raw(`841801${hex.slice(4)}`)),
  after("E-1", "a float", raw(`84f93c00${hex.slice(4)}`)),
  after("E-1", "a simple value", raw(`84f5${hex.slice(4)}`)),
  after("E-1", "a tag", raw(`d818${hex}`)),
  after("E-1", "a map", raw("a10101")),
  after("E-1", "half a surrogate pair", raw(hex.replace("6178", "63eda080"))),
  after("E-1", "an overlong character", raw(hex.replace("6178", "62c1b8"))),
  after("E-1", "an integer of 2^53", raw(hex.replace("01", "1b0020000000000000"))),
  after("E-1", "cut short", raw(hex.slice(0, -2))),
  after("E-2", "a byte more", raw(`${hex}00`)),
  after("E-3", "version 2", encodeCbor([2, "ops.config", base.now, ["x", hash]])),
  after("E-3", "a type nobody knows", entry("constructor", [])),
  after("E-3", "a field more", entry("ops.config", ["x", hash, 0])),
  after("E-3", "a field less", entry("ops.config", ["x"])),
  after("E-3", "null for an absent field", alarm(0, 0)),
  after("E-3", "slot 32", alarm(1, 32)),
  after("E-3", "2^32 as a u32", alarm(3, 2 ** 32)),
  after("E-3", "two dashes in a label", alarm(2, "a--b")),
  after("E-3", "a label and a line end", alarm(2, "a\n")),
  after("E-3", "201 characters in a phrase", config("😀".repeat(201))),
  after("E-3", "U+0085 in a phrase", config("a\u0085")),
  after(
    "E-3",
    "a clock that steps further",
    entry("ops.clock", ["synchronised", "x", 2 ** 52 + 1]),
  ),
  after("E-3", "a hash of 31 bytes", entry("ops.config", ["x", hash.slice(1)])),
  after(
    "A-1",
    "by a key nobody accepts",
    entry("society.mint", [strangers(["wattseal-mint-1", LCT, 1, 900])]),
  ),
  after("A-1", "without its tag", entry("society.mint", [signed.slice(1)])),
  after("A-1", "a byte more", entry("society.mint", [Buffer.concat([signed, Buffer.of(0)])])),
  after("A-1", "a flipped bit", entry("society.mint", [signed.with(-1, (signed.at(-1) ?? 0) ^ 1)])),
  after("A-2", "of another purpose", entry("society.policy", [signed])),
  after("A-2", "no mWh", mint(0, 900)),
  after("A-2", "a field more", mint(1, 900, 0)),
  after("A-2", "lots of 367 days", policy(367)),
  after("A-2", "stronger than software is", document(5, 4_001)),
  after("A-2", "a compressed point", document(3, ["p256", new Uint8Array(65).fill(3)])),
  after(
    "A-2",
    "33 words of context",
    document(
      6,
      Array.from({ length: 33 }, () => "x"),
    ),
  ),
  after("A-3", "another issuer than signed", document(7, [hash.with(0, 9), []])),
  after(
    "P-1",
    "another anchor's word",
    begin(encodeCbor(proof.with(1, bytesOf(proof[1]).with(9, 0)))),
  ),
  after("P-3", "an epoch below the last", begin(evidence(body(base).with(1, 1)))),
  after("P-7", "a quote of a software anchor", begin(encodeCbor(proof.with(2, quote)))),
  after("E-3", "a quote of one part", begin(encodeCbor(proof.with(2, quote.slice(1))))),
  after("S-1", "a mint for the closed", status("slashed"), mint(1, 900)),
  after("S-1", "a policy for the closed", status("retired"), policy(7)),
  after("S-2", "a status of the closed", status("void"), status("active")),
];
