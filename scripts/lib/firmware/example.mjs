/** docs/firmware/example.md: the worked session in words and bytes. */
import { toHex } from "@wattseal/base";
import { BOOT, BUS_ID, PACK_HASH, publicOf, SECRET, SLOT, UID } from "./given.mjs";
import { handshake, prologue } from "./handshake.mjs";

/** @typedef {import("./session.mjs").Session} Session */
/** @typedef {import("./session.mjs").SessionStep} SessionStep */

/** Frames of a PDU shown; more are in the JSON. */
const SHOWN = 10;

/** @param {Session} classic @param {Session} fd */
export function example(classic, fd) {
  return `${[...given(), ...noise(), ...steps(classic, fd)].join("\n")}\n`;
}

/** @param {string} hex */
const spaced = (hex) => hex.match(/.{1,64}/g)?.join("\n") ?? "";
/** @param {string} hex */
const block = (hex) => ["```", spaced(hex), "```"];

function given() {
  /** @type {[string, Uint8Array][]} */
  const keys = [
    ["pack half, secret", SECRET.pack],
    ["pack half, public", publicOf(SECRET.pack)],
    ["module half, secret", SECRET.module],
    ["module half, public", publicOf(SECRET.module)],
    ["pack ephemeral, secret", SECRET.packEphemeral],
    ["pack ephemeral, public", publicOf(SECRET.packEphemeral)],
    ["module ephemeral, secret", SECRET.moduleEphemeral],
    ["module ephemeral, public", publicOf(SECRET.moduleEphemeral)],
    ["federation half, secret", SECRET.federation],
    ["federation half, public", publicOf(SECRET.federation)],
    ["next pack half (key-roll), public", publicOf(SECRET.nextPack)],
    ["pack hash", PACK_HASH],
  ];
  return [
    "# One session, every byte",
    "",
    "Written by `npm run vectors` (scripts/firmware-vectors.mjs) from the link machines of both ends; a test holds this",
    "page and [vectors/](vectors/) to what the script produces, and another to an implementation of its own, written from",
    "[link.md](link.md) and [messages.md](messages.md). Do not edit it by hand.",
    "",
    "The keys are published here, so they are worth nothing: benches only.",
    "",
    "## Given",
    "",
    "| value | bytes |",
    "|---|---|",
    ...keys.map(([name, bytes]) => `| ${name} | \`${toHex(bytes)}\` |`),
    `| uid | \`${UID}\` |`,
    `| slot, bus id | ${SLOT}, ${BUS_ID} |`,
    `| boot counter | ${BOOT} |`,
    "",
  ];
}

function noise() {
  const { steps: list, message1, message2, handshakeHash, toModule, toPack } = handshake();
  const lines = ["## Handshake", "", "Prologue:", "", ...block(toHex(prologue())), ""];
  for (const { step, input, ck, k, h, output } of list) {
    lines.push(`**${step}**`, "", "```");
    for (const [name, value] of Object.entries(input ?? {})) lines.push(line(name, value));
    if (output !== undefined && step !== "Split") lines.push(line("output", output));
    if (ck !== undefined) lines.push(line("ck", ck));
    if (k !== undefined) lines.push(line("k", k));
    if (h !== undefined) lines.push(line("h", h));
    if (step === "Split") {
      lines.push(line("P→M key", toHex(toModule)), line("M→P key", toHex(toPack)));
    }
    lines.push("```", "");
  }
  lines.push("Message 1 (48 bytes):", "", ...block(toHex(message1)), "");
  lines.push("Message 2 (64 bytes):", "", ...block(toHex(message2)), "");
  lines.push("Handshake hash:", "", ...block(toHex(handshakeHash)), "");
  return lines;
}

/** @param {string} name @param {string} value */
const line = (name, value) => `${name.padEnd(10)} ${value === "" ? "(empty)" : value}`;

/** @param {Session} classic @param {Session} fd */
function steps(classic, fd) {
  const lines = [
    "## On the wire",
    "",
    "Identifiers are the 29 bits in hexadecimal. `tick` is the module's at that moment. A sealed PDU's plaintext is the same",
    "on both buses but for its padding, so its length, associated data and ciphertext differ.",
    "",
  ];
  for (const [i, step] of classic.steps.entries()) {
    const other = fd.steps[i];
    if (other === undefined) throw new Error("the FD session is shorter");
    lines.push(`### ${i + 1}. ${step.name}, ${step.from === "pack" ? "P→M" : "M→P"}`, "");
    lines.push(...said(step), "", "Classic:", "", ...sent(step), "", "FD:", "", ...sent(other), "");
  }
  return lines;
}

/** @param {SessionStep} step */
function said({ pdu, tick }) {
  if (pdu === undefined) return [`tick ${tick}.`];
  const { type, counter, body, fields } = pdu;
  const head = `Type ${type}, class ${pdu.class}, counter ${counter}, tick ${tick}.`;
  return [head, "", "```", `body       ${short(body)}`, ...named(fields, ""), "```"];
}

/** @param {string} hex */
const short = (hex) => (hex.length > 256 ? `${hex.slice(0, 64)}… (${hex.length / 2} bytes)` : hex);

/** @param {object} fields @param {string} prefix @returns {string[]} */
function named(fields, prefix) {
  return Object.entries(fields).flatMap(([name, value]) => {
    if (name === "kind") return [];
    if (typeof value === "object" && value !== null) return named(value, `${prefix}${name}.`);
    return [`  ${prefix}${name} = ${typeof value === "string" ? short(value) : value}`];
  });
}

/** @param {SessionStep} step */
function sent({ pdu, frames }) {
  const lines = ["```"];
  if (pdu !== undefined) {
    lines.push(
      line("nonce", pdu.nonce),
      line("ad", pdu.ad),
      line("plaintext", short(pdu.plaintext)),
      line("sealed", short(pdu.sealed)),
    );
  }
  const shown = frames.length > SHOWN ? [...frames.slice(0, 4), ...frames.slice(-2)] : frames;
  for (const [i, frame] of shown.entries()) {
    if (shown !== frames && i === 4) lines.push(`… ${frames.length - shown.length} frames more …`);
    lines.push(frame);
  }
  return [...lines, "```"];
}
