/**
 * One day of a pack's energy as an OCMF record (Open Charge Metering Format, SAFE e.V., revision 1.2; section names
 * and tables below are its own). Format version 1.0: nothing later is used. Fiscal context: readings outside of
 * transactions. What OCMF has no field for stands under names that it leaves to manufacturers (U to Z).
 */
import {
  DecodeError,
  fromHex,
  type LctId,
  messageOf,
  RangeViolation,
  toHex,
  utf8,
  verifyP256,
} from "@wattseal/base";
import { derOfSignature, signatureOfDer } from "./der.js";
import type { LctDocument } from "./document.js";
import { LctKeysError } from "./errors.js";

/** Both registers at one moment. */
export interface OcmfReading {
  /** UTC ms. */
  readonly time: number;
  readonly synchronised: boolean;
  /** mWh since the log began: into the battery, and out of it. */
  readonly inMwh: number;
  readonly outMwh: number;
}

/** A day summary, as the signer is asked for it. It depends on the log alone. */
export interface OcmfDay {
  /** Pagination in the fiscal context: 1 for the log's first day, without a gap. */
  readonly page: number;
  /** UTC ms of the day's midnight. */
  readonly start: number;
  readonly begin: OcmfReading;
  readonly end: OcmfReading;
  /** mWh that day in no register, and counter resets. */
  readonly leftOut: { readonly inMwh: number; readonly outMwh: number; readonly resets: number };
  readonly softwareVersion: string;
  /** The log's entries that say it, and the RFC 6962 root of its first `last` + 1 entries. */
  readonly first: number;
  readonly last: number;
  readonly root: Uint8Array;
}

/** OBIS (IEC 62056-6-1): active energy in and out, total, as in the specification's example. */
const IMPORT = "1-b:1.8.0";
const EXPORT = "1-b:2.8.0";
/** Table 22. */
const ALGORITHM = "ECDSA-secp256r1-SHA256";
const HEADER = "OCMF";
/** ISO 8601 in JavaScript has four-digit years until here. */
const LAST_TIME = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** Whole milliwatt-hours in kWh, exactly. */
function kilowattHours(mwh: number): string {
  const digits = String(mwh).padStart(7, "0");
  return `${digits.slice(0, -6)}.${digits.slice(-6)}`;
}

/** Table 7, TM: ISO 8601 with comma and numeric zone, then the time status of table 19. */
function timeOf({ time, synchronised }: OcmfReading): string {
  const iso = new Date(time).toISOString().replace(".", ",").replace("Z", "+0000");
  return `${iso} ${synchronised ? "S" : "U"}`;
}

/** The pipe parts a record's sections and may not stand inside one; JSON has another way to write it. */
const json = (value: unknown): string => JSON.stringify(value).replaceAll("|", "\\u007c");

/** Table 7; RV is written here and not by JSON, which would cut its decimals. */
function reading(at: OcmfReading, register: "inMwh" | "outMwh", errors: string): string {
  const identification = register === "inMwh" ? IMPORT : EXPORT;
  return `{"TM":${json(timeOf(at))},"RV":${kilowattHours(at[register])},"RI":"${identification}","RU":"kWh","RT":"DC","EF":"${errors}","ST":"G"}`;
}

/** EF: `E` where the day's energy is not all in the registers, `t` where the clock was not synchronised. */
function errorsOf({ begin, end, leftOut }: OcmfDay): string {
  const energy = leftOut.inMwh > 0 || leftOut.outMwh > 0 || leftOut.resets > 0;
  return `${energy ? "E" : ""}${begin.synchronised && end.synchronised ? "" : "t"}`;
}

/** The payload section. Throws RangeViolation for a day that contradicts itself. */
export function ocmfPayload(
  day: OcmfDay,
  { lct, label, origin, binding }: Pick<LctDocument, "lct" | "label" | "origin" | "binding">,
): string {
  requireSound(day);
  const { page, begin, end, leftOut, first, last } = day;
  const errors = errorsOf(day);
  const readings = [
    reading(begin, "inMwh", ""),
    reading(begin, "outMwh", ""),
    reading(end, "inMwh", errors),
    reading(end, "outMwh", errors),
  ];
  const size = last + 1;
  const tree = { origin, first, last, size, root: toHex(day.root) };
  const fields = [
    ["FV", json("1.0")],
    ["GI", json("Wattseal")],
    ["GS", json(label)],
    ["GV", json(day.softwareVersion)],
    ["PG", json(`F${page}`)],
    ["MV", json("Wattseal")],
    ["MS", json(meterSerial(lct))],
    ["RD", `[${readings.join(",")}]`],
    ["WB", json(binding)],
    ["WD", json(new Date(day.start).toISOString().slice(0, 10))],
    ["WL", json(leftOut)],
    ["WP", json(tree)],
  ];
  return `{${fields.map(([name, value]) => `"${name}":${value}`).join(",")}}`;
}

const meterSerial = (lct: LctId): string => lct;

function requireSound({ page, start, begin, end, leftOut, first, last, root }: OcmfDay): void {
  const counts = [page - 1, start, begin.time, leftOut.inMwh, leftOut.outMwh, leftOut.resets];
  const energies = [begin.inMwh, begin.outMwh, end.inMwh - begin.inMwh, end.outMwh - begin.outMwh];
  const order = [
    end.time - begin.time,
    LAST_TIME - end.time,
    last - first,
    first,
    end.inMwh,
    end.outMwh,
  ];
  const sound = [...counts, ...energies, ...order].every((n) => Number.isSafeInteger(n) && n >= 0);
  if (sound && root.length === 32) return;
  throw new RangeViolation(`the summary of page ${page} contradicts itself`);
}

/** The whole record: header, payload, and r ‖ s over the payload's bytes (table 8: hexadecimal DER). */
export function encodeOcmf(payload: string, signature: Uint8Array): string {
  const signed = {
    SA: ALGORITHM,
    SE: "hex",
    SM: "application/x-der",
    SD: toHex(derOfSignature(signature)),
  };
  return `${HEADER}|${payload}|${json(signed)}`;
}

/**
 * The payload of a record that this P-256 key (65 bytes, uncompressed) signed. Throws LctKeysError `ocmf-signature`;
 * DecodeError for text that is no record, or one under another algorithm or encoding than ours.
 */
export function verifyOcmf(record: string, publicKey: Uint8Array): string {
  const [header, payload, signed, ...more] = record.split("|");
  if (header !== HEADER || payload === undefined || signed === undefined || more.length > 0) {
    throw new DecodeError("OCMF record", 0, "does not have its three sections");
  }
  const signature = signatureOfDer(signatureData(signed));
  if (verifyP256(publicKey, utf8(payload), signature)) return payload;
  throw new LctKeysError("ocmf-signature", "the OCMF record is not signed by this anchor");
}

function signatureData(section: string): Uint8Array {
  const refuse = (problem: string): never => {
    throw new DecodeError("OCMF signature section", 0, problem);
  };
  let parsed: unknown;
  try {
    parsed = JSON.parse(section);
  } catch (cause) {
    return refuse(`is no JSON: ${messageOf(cause)}`);
  }
  const fields = new Map(
    typeof parsed === "object" && parsed !== null ? Object.entries(parsed) : [],
  );
  const is = (name: string, known: string) => (fields.get(name) ?? known) === known;
  const ours = is("SA", ALGORITHM) && is("SE", "hex") && is("SM", "application/x-der");
  if (!ours) return refuse("has another algorithm or encoding");
  const data: unknown = fields.get("SD");
  if (typeof data !== "string" || !/^([0-9a-fA-F]{2})+$/.test(data)) return refuse("has no SD");
  return fromHex(data.toLowerCase());
}
