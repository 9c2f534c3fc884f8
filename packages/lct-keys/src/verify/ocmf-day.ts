/** The day that one of our own OCMF records tells: the way back from `ocmfPayload`. */
import { DecodeError, fromHex, messageOf, RangeViolation } from "@wattseal/base";
import type { LctDocument } from "./document.js";
import { type OcmfDay, type OcmfReading, ocmfPayload } from "./ocmf.js";

/** A payload of ours is about 1 KiB; what a log's name and a version can add is bounded by their own schemas. */
const LONGEST = 16_384;

/**
 * Throws DecodeError for a payload that `ocmfPayload` does not write for this document: bytes that another program
 * made, however valid as OCMF, say nothing of a day of this log.
 */
export function ocmfDayOf(
  payload: string,
  document: Pick<LctDocument, "lct" | "label" | "origin" | "binding">,
): OcmfDay {
  if (payload.length > LONGEST) refuse(`is ${payload.length} characters long`);
  const day = dayIn(parsed(payload));
  try {
    if (ocmfPayload(day, document) === payload) return day;
  } catch (cause) {
    // RangeError: a time or a root that cannot be written at all
    if (!(cause instanceof RangeViolation || cause instanceof RangeError)) throw cause;
    refuse(cause.message);
  }
  return refuse("is not a day's record of this log");
}

function dayIn(payload: unknown): OcmfDay {
  return {
    page: Number(textIn(payload, "PG").slice(1)),
    start: Date.parse(textIn(payload, "WD")),
    begin: readingIn(payload, 0),
    end: readingIn(payload, 2),
    leftOut: {
      inMwh: numberIn(payload, "WL", "inMwh"),
      outMwh: numberIn(payload, "WL", "outMwh"),
      resets: numberIn(payload, "WL", "resets"),
    },
    softwareVersion: textIn(payload, "GV"),
    first: numberIn(payload, "WP", "first"),
    last: numberIn(payload, "WP", "last"),
    root: rootIn(payload),
  };
}

/** Both registers from the reading at `at` on. */
function readingIn(payload: unknown, at: number): OcmfReading {
  const [time = "", status] = textIn(payload, "RD", at, "TM").split(" ");
  const mwh = (place: number) => Math.round(1e6 * numberIn(payload, "RD", place, "RV"));
  return {
    time: Date.parse(time.replace(",", ".").replace("+0000", "Z")),
    synchronised: status === "S",
    inMwh: mwh(at),
    outMwh: mwh(at + 1),
  };
}

function rootIn(payload: unknown): Uint8Array {
  const text = textIn(payload, "WP", "root");
  return /^([0-9a-f]{2}){32}$/.test(text) ? fromHex(text) : refuse("has no root");
}

function parsed(payload: string): unknown {
  try {
    return JSON.parse(payload);
  } catch (cause) {
    return refuse(`is no JSON: ${messageOf(cause)}`);
  }
}

type Path = readonly (string | number)[];

function valueIn(value: unknown, path: Path): unknown {
  let at = value;
  for (const name of path) {
    const fields = typeof at === "object" && at !== null ? Object.entries(at) : [];
    at = fields.find(([field]) => field === String(name))?.[1];
  }
  return at;
}

function textIn(payload: unknown, ...path: Path): string {
  const value = valueIn(payload, path);
  return typeof value === "string" ? value : refuse(`has no ${path.join(".")}`);
}

function numberIn(payload: unknown, ...path: Path): number {
  const value = valueIn(payload, path);
  return typeof value === "number" ? value : refuse(`has no ${path.join(".")}`);
}

function refuse(problem: string): never {
  throw new DecodeError("OCMF payload", 0, problem);
}
