import { bytesEqual, DecodeError, messageOf, utf8, viewOf } from "@wattseal/base";
import {
  BLOCK_HEAD,
  checkOf,
  decodeContent,
  type KeptReading,
  MAX_CONTENT,
  type ReleasedKey,
} from "./block.js";

/** First bytes of every file. */
export const FILE_HEAD = utf8("wsevid1\n");

/** A sequence from 9 · 10^9 on is none of ours: what follows it would not fit its digits. */
const NAME = /^([0-8]\d{9})-(\d{13})\.evidence$/;

export interface FileName {
  /** Files are read, and removed, in this order. */
  readonly sequence: number;
  /** No reading in it is earlier, ms. */
  readonly begun: number;
}

export function fileName({ sequence, begun }: FileName): string {
  return `${String(sequence).padStart(10, "0")}-${String(begun).padStart(13, "0")}.evidence`;
}

/** Undefined for a file that is none of ours. */
export function parseFileName(name: string): FileName | undefined {
  const [, sequence, begun] = NAME.exec(name) ?? [];
  return sequence === undefined ? undefined : { sequence: Number(sequence), begun: Number(begun) };
}

export interface FileContent {
  readonly readings: readonly KeptReading[];
  readonly keys: readonly ReleasedKey[];
  /** What is wrong with the file, and from which byte on it was not read. */
  readonly damage: string | undefined;
}

/**
 * Reads as far as the file holds. A block that was not finished is what a power cut leaves, and no damage; a
 * block whose check or content is wrong ends the reading: its length cannot be believed either.
 */
export function readFile(bytes: Uint8Array): FileContent {
  const readings: KeptReading[] = [];
  const keys: ReleasedKey[] = [];
  const told = (damage?: string) => ({ readings, keys, damage });
  if (!bytesEqual(bytes.subarray(0, FILE_HEAD.length), FILE_HEAD.subarray(0, bytes.length))) {
    return told("does not begin as a file of evidence");
  }
  for (let at = FILE_HEAD.length; at + BLOCK_HEAD <= bytes.length; ) {
    const length = viewOf(bytes).getUint32(at, true);
    if (length === 0 || length > MAX_CONTENT) return told(`no block at byte ${at}`);
    const start = at + BLOCK_HEAD;
    if (start + length > bytes.length) return told();
    const content = bytes.subarray(start, start + length);
    if (!bytesEqual(checkOf(content), bytes.subarray(at + 4, start))) {
      return told(`the block at byte ${at} is not as it was written`);
    }
    try {
      const block = decodeContent(content);
      readings.push(...block.readings);
      keys.push(...block.keys);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      return told(`the block at byte ${at}: ${messageOf(error)}`);
    }
    at = start + length;
  }
  return told();
}
