/** Every case of cases.mjs with what the module link makes of it. */
import { concatBytes, millis, toHex, viewOf } from "@wattseal/base";
import { decodeModuleMessage, OUTCOME } from "@wattseal/can-protocol";
import { createAead } from "@wattseal/device-keys";
import { cases } from "./cases.mjs";
import { START_MS, TICK_AT_START } from "./given.mjs";
import { handshake } from "./handshake.mjs";
import { associatedData, frameText, nonceOf } from "./pdu.mjs";
import { moduleLink, packLink } from "./session.mjs";

/** @typedef {import("./cases.mjs").Case} Case */

const keys = handshake();
const NORMAL_TO_PACK = 0x633;

/** What docs/firmware calls the reason, and what the link's alarm is called then. */
export const ALARM = {
  handshake: "bad-handshake",
  "handshake-length": "bad-handshake",
  duplicate: undefined,
  "no-session": undefined,
  tag: "tag-failure",
  "own-identifier": "own-identifier",
  padding: "refused-message",
  "body-overruns": "refused-message",
  "body-length": "refused-message",
  value: "refused-message",
  type: "refused-message",
  "type-class": "refused-message",
  stale: "stale-command",
  order: "broken-pdu",
  interrupted: "broken-pdu",
  "segment-length": "broken-pdu",
  "pdu-length": "broken-pdu",
};

/** @typedef {import("@wattseal/can-protocol").CanFrame} CanFrame */
/** @typedef {import("@wattseal/can-protocol").PackLinkEffect | import("@wattseal/can-protocol").ModuleLinkEffect} Effect */

/** @param {readonly Effect[]} effects */
const framesIn = (effects) =>
  effects.flatMap((effect) => (effect.kind === "transmit" ? effect.frames : []));

/** A module link, linked or not, just before the frames of a case. @param {Case} one */
function moduleFor(one) {
  const now = millis(START_MS);
  const module = moduleLink(false);
  module.handle({ kind: "open" }, now);
  if (one.start === "no session") return module;
  const pack = packLink(false);
  /** @type {readonly CanFrame[]} */
  let frames = framesIn(pack.handle({ kind: "open" }, now));
  for (const end of [module, pack, module]) {
    frames = frames.flatMap((frame) => framesIn(end.handle({ kind: "frame", frame }, now)));
  }
  return module;
}

/** @typedef {{ verdict: "accepted" | "ignored" | "refused", accepted: string[], answer: string | null }} Verdict */

/** What the module link makes of it. Throws when the link gives another reason. @param {Case} one @returns {Verdict} */
function judge(one) {
  const module = moduleFor(one);
  const now = millis(START_MS - TICK_AT_START + one.tick);
  module.handle({ kind: "timer" }, now); // a hello that is due has nothing to do with the case
  const effects = one.frames.flatMap((frame) => module.handle({ kind: "frame", frame }, now));
  const accepted = effects.flatMap((effect) =>
    effect.kind === "message" ? [toHex(effect.body)] : [],
  );
  const alarm = effects.find((effect) => effect.kind === "alarm")?.alarm.kind;
  if (alarm !== (one.reason === null ? undefined : ALARM[one.reason])) {
    throw new Error(`${one.id}: the link says ${alarm}, and not ${one.reason}`);
  }
  const sent = effects.find((effect) => effect.kind === "transmit");
  const answer = sent === undefined ? null : answerText(sent.frames);
  if (accepted.length > 0) return { verdict: "accepted", accepted, answer };
  const verdict = module.status.counts.rejected > 0 ? "refused" : "ignored";
  return { verdict, accepted, answer };
}

/** @param {readonly CanFrame[]} frames */
function answerText(frames) {
  const sealedBytes = concatBytes(...frames.map(({ data }) => data));
  const ad = associatedData(NORMAL_TO_PACK, sealedBytes.length);
  const text = createAead(keys.toPack).open(nonceOf(1, 1), ad, sealedBytes);
  if (text === undefined) return "handshake message 2";
  const length = viewOf(text).getUint16(1, true);
  const message = decodeModuleMessage("normal", text[0] ?? 0, text.slice(3, 3 + length));
  const code = message.kind === "outcome" ? message.code : undefined;
  const name = Object.entries(OUTCOME).find(([, value]) => value === code)?.[0];
  return name === undefined ? message.kind : `outcome ${name}`;
}

/** Every case with its verdict. */
export function rejected() {
  return cases().map((one) => {
    const { id, what, reason, start, tick, frames } = one;
    return { id, what, start, tick, ...judge(one), reason, frames: frames.map(frameText) };
  });
}
