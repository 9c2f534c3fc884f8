/** What becomes of a frame, decided when it begins (ISO 11898-1 §10.4.4, §10.9, §12.1.4). */
import type { BusErrorKind, CanFrame } from "@wattseal/can-protocol";
import { acknowledgementSlot, endOfFrame, placeOf, type WireBits, wireBits } from "./bits.js";
import type { BusNode } from "./node.js";

/** An error flag alone; and with the flags that others answer it with, having seen six equal bits. */
const FLAG_BITS = 6;
const ANSWERED_FLAG_BITS = 12;

/** A bit that arrives wrong, and that controllers notice. */
export interface Disturbance {
  /** From the start of frame, stuff bits included, taken modulo the length of the frame. */
  readonly bit: number;
  /** The node that samples it wrong; without one, the level on the wire itself is wrong for all. */
  readonly at?: string;
}

export interface Sender {
  readonly node: BusNode;
  readonly frame: CanFrame;
}

export type Fate = {
  /** Still sending when it is decided; more than one when their frames are equal in every bit. */
  readonly senders: readonly Sender[];
  /** Error passive nodes whose frame gave way to one of the same identifier, unnoticed by the others. */
  readonly dropped: readonly Sender[];
} & (
  | { readonly kind: "whole"; readonly misses: BusNode | undefined }
  /** Nobody is there, and repeating it changes no counter. */
  | { readonly kind: "unheard" }
  /** Taken by the receivers, but not seen to end by the sender, which repeats it. */
  | { readonly kind: "repeated"; readonly bits: WireBits; readonly at: number }
  /** An error frame follows bit `at`. */
  | {
      readonly kind: "broken";
      readonly bits: WireBits;
      readonly at: number;
      readonly error: BusErrorKind;
      readonly flagBits: number;
      /** The receiver that signals it first. */
      readonly detectedBy: BusNode | undefined;
    }
);

/** `contenders` won arbitration, all under one identifier; `nodes` are all on the wire. */
export function fateOf(
  contenders: readonly Sender[],
  nodes: readonly BusNode[],
  disturbanceOf: (sender: Sender) => Disturbance | undefined,
): Fate {
  const fate = contenders.length === 1 ? alone(contenders) : collide(contenders);
  if (fate.kind !== "whole") return fate;
  const { senders, dropped } = fate;
  const sender = senders[0];
  if (sender === undefined) return fate;
  if (!isAcknowledged(senders, nodes)) {
    if (senders.every(({ node }) => node.errors.passive)) {
      return { kind: "unheard", senders, dropped };
    }
    const bits = wireBits(sender.frame);
    return broken(fate, bits, acknowledgementSlot(bits), "ack", FLAG_BITS);
  }
  const disturbance = disturbanceOf(sender);
  return disturbance === undefined ? fate : disturbed(fate, sender, nodes, disturbance);
}

export function isAmong(senders: readonly Sender[], node: BusNode): boolean {
  for (const sender of senders) if (sender.node === node) return true;
  return false;
}

function isAcknowledged(senders: readonly Sender[], nodes: readonly BusNode[]): boolean {
  for (const node of nodes) if (!node.errors.off && !isAmong(senders, node)) return true;
  return false;
}

type Whole = Extract<Fate, { kind: "whole" }>;

const NOBODY: readonly Sender[] = [];

const alone = (senders: readonly Sender[]): Whole => ({
  kind: "whole",
  senders,
  dropped: NOBODY,
  misses: undefined,
});

/**
 * Where the bits first differ, those that sent recessive see an error. If one of them is error active its flag
 * destroys every frame; flags of error passive nodes are recessive, and the others go on.
 */
function collide(contenders: readonly Sender[]): Fate {
  let racing = contenders.map((sender) => ({ sender, bits: wireBits(sender.frame) }));
  const dropped: Sender[] = [];
  for (;;) {
    const at = firstDifference(racing.map(({ bits }) => bits.bits));
    const senders = racing.map(({ sender }) => sender);
    const whole = { ...alone(senders), dropped };
    const first = racing[0];
    if (at === -1 || first === undefined) return whole;
    const recessive = racing.filter(({ bits }) => bits.bits[at] !== 0);
    if (recessive.some(({ sender }) => !sender.node.errors.passive)) {
      return broken(whole, first.bits, at, "bit", ANSWERED_FLAG_BITS);
    }
    dropped.push(...recessive.map(({ sender }) => sender));
    racing = racing.filter(({ bits }) => bits.bits[at] === 0);
  }
}

function disturbed(
  whole: Whole,
  sender: Sender,
  nodes: readonly BusNode[],
  { bit, at }: Disturbance,
): Fate {
  const bits = wireBits(sender.frame);
  const samples = at === undefined ? undefined : nodes.find(({ name }) => name === at);
  if (at !== undefined && samples === undefined) return whole;
  if (samples !== undefined && !isAmong(whole.senders, samples)) {
    return missed(whole, bits, samples);
  }
  const index = bit % bits.bits.length;
  switch (placeOf(bits, index)) {
    case "last":
      return { ...whole, kind: "repeated", bits, at: index };
    case "acknowledgement":
      return broken(whole, bits, index, "ack", ANSWERED_FLAG_BITS);
    case "fixed":
      return broken(whole, bits, index, "form", ANSWERED_FLAG_BITS);
    case "body":
      return broken(whole, bits, index, "bit", ANSWERED_FLAG_BITS);
  }
}

/** The checksum does not match at one receiver: its flag destroys the end of frame for all, unless it is error passive. */
function missed(whole: Whole, bits: WireBits, receiver: BusNode): Fate {
  if (receiver.errors.off) return whole;
  if (receiver.errors.passive) return { ...whole, misses: receiver };
  const flagBits = FLAG_BITS + 1; // the others answer a bit later
  return { ...broken(whole, bits, endOfFrame(bits), "form", flagBits), detectedBy: receiver };
}

function broken(
  { senders, dropped }: Whole,
  bits: WireBits,
  at: number,
  error: BusErrorKind,
  flagBits: number,
): Extract<Fate, { kind: "broken" }> {
  return { kind: "broken", senders, dropped, bits, at, error, flagBits, detectedBy: undefined };
}

/** −1 when all are equal. */
function firstDifference(streams: readonly (readonly number[])[]): number {
  const [first, ...others] = streams;
  if (first === undefined) return -1;
  return first.findIndex((bit, i) => others.some((other) => other[i] !== bit));
}
