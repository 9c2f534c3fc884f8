/** What a client asks of the signer: `[id, call, arguments]` in deterministic CBOR (docs/signer.md has the table). */
import {
  type Bounds,
  type CborValue,
  decodeCbor,
  encodeCbor,
  Fields,
  type Millis,
} from "@wattseal/base";
import type { OcmfDay, OcmfReading } from "../../verify/ocmf.js";
import type { SignRequest, TreeHead } from "../port.js";

const GREETING = "wattseal-signer-1";
const TOKEN_LENGTH = 32;
/** Of the first frame: an array of two, the tag, the token. */
export const MOST_GREETING = 64;

/** The log's view that an epoch continues; a consistency proof is asked for where one is needed. */
export interface IdentityRequest extends TreeHead {
  readonly lastCounter: number;
  readonly bootVersion: number;
  readonly head: string | undefined;
  readonly receipt: string | undefined;
  /** The log's UTC, ms. */
  readonly time: Millis;
  readonly synchronised: boolean;
}

/** One of the signer's calls. */
export type Ask =
  | { readonly call: "identity"; readonly log: IdentityRequest }
  | { readonly call: "sign"; readonly heads: readonly SignRequest[] }
  | { readonly call: "attest"; readonly nonce: Uint8Array }
  | { readonly call: "dh"; readonly own: Uint8Array; readonly peer: Uint8Array }
  | { readonly call: "ocmf"; readonly day: OcmfDay }
  | { readonly call: "half" }
  | { readonly call: "starts" };

export type Request =
  | Ask
  /** Answers the signer's question within the identity request of this id. */
  | { readonly call: "proof"; readonly proof: readonly Uint8Array[] };

const CALLS = ["identity", "sign", "attest", "dh", "ocmf", "half", "starts", "proof"] as const;

const ANY_INTEGER: Bounds = { least: Number.MIN_SAFE_INTEGER, most: Number.MAX_SAFE_INTEGER };
export const NATURAL: Bounds = { least: 0, most: Number.MAX_SAFE_INTEGER };
const POSITIVE: Bounds = { least: 1, most: Number.MAX_SAFE_INTEGER };
const FLAG: Bounds = { least: 0, most: 1 };
const NOTE: Bounds = { least: 1, most: 16_384 };
/** What is no hash is refused by the proof that it spoils, and named so. */
const HASH: Bounds = { least: 0, most: 64 };
/** A tree of 2^53 leaves needs fewer. */
const PROOF: Bounds = { least: 0, most: 128 };
const HEADS: Bounds = { least: 1, most: 128 };

export function encodeGreeting(token: Uint8Array): Uint8Array {
  return encodeCbor([GREETING, token]);
}

/** The token that a first frame shows. Throws DecodeError. */
export function decodeGreeting(frame: Uint8Array): Uint8Array {
  const what = "signer greeting";
  const fields = new Fields(decodeCbor(frame, { what }), what, 2);
  fields.oneOf(0, "tag", [GREETING]);
  return fields.bytes(1, "token", TOKEN_LENGTH);
}

export function encodeRequest(id: number, request: Request): Uint8Array {
  return encodeCbor([id, request.call, argumentsOf(request)]);
}

function argumentsOf(request: Request): readonly CborValue[] {
  switch (request.call) {
    case "identity":
      return identityItems(request.log);
    case "sign":
      return request.heads.map(({ size, root, consistency }) => [size, root, consistency]);
    case "attest":
      return [request.nonce];
    case "dh":
      return [request.own, request.peer];
    case "ocmf":
      return dayItems(request.day);
    case "half":
    case "starts":
      return [];
    case "proof":
      return request.proof;
  }
}

function identityItems(log: IdentityRequest): readonly CborValue[] {
  const { size, root, lastCounter, bootVersion, head, receipt, time, synchronised } = log;
  const before = [lastCounter, bootVersion, head ?? [], receipt ?? []];
  return [size, root, ...before, time, synchronised ? 1 : 0];
}

const readingItems = ({ time, synchronised, inMwh, outMwh }: OcmfReading): CborValue => [
  time,
  synchronised ? 1 : 0,
  inMwh,
  outMwh,
];

function dayItems(day: OcmfDay): readonly CborValue[] {
  const { page, start, begin, end, leftOut, softwareVersion, first, last, root } = day;
  const { inMwh, outMwh, resets } = leftOut;
  return [
    page,
    start,
    readingItems(begin),
    readingItems(end),
    [inMwh, outMwh, resets],
    softwareVersion,
    first,
    last,
    root,
  ];
}

/** Throws DecodeError. */
export function decodeRequest(frame: Uint8Array): {
  readonly id: number;
  readonly request: Request;
} {
  const what = "signer request";
  const fields = new Fields(decodeCbor(frame, { what }), what, 3);
  const id = fields.integer(0, "id", POSITIVE);
  return { id, request: requestOf(fields.oneOf(1, "call", CALLS), fields.value(2)) };
}

function requestOf(call: Request["call"], value: CborValue | undefined): Request {
  switch (call) {
    case "identity":
      return { call, log: identityOf(new Fields(value, "identity request", 8)) };
    case "sign":
      return { call, heads: headsOf(new Fields(value, "sign request", HEADS)) };
    case "attest":
      return { call, nonce: new Fields(value, call, 1).bytes(0, "nonce", { least: 0, most: 128 }) };
    case "dh": {
      const fields = new Fields(value, "dh request", 2);
      return { call, own: fields.bytes(0, "own half", 32), peer: fields.bytes(1, "peer half", 32) };
    }
    case "ocmf":
      return { call, day: dayOf(new Fields(value, "day", 9)) };
    case "half":
    case "starts":
      new Fields(value, `${call} request`, 0);
      return { call };
    case "proof":
      return { call, proof: hashesOf(new Fields(value, "proof", PROOF)) };
  }
}

const noteOf = (fields: Fields, index: number, name: string) =>
  fields.absent(index) ? undefined : fields.text(index, name, NOTE);

function identityOf(fields: Fields): IdentityRequest {
  return {
    size: fields.integer(0, "size", POSITIVE),
    root: fields.bytes(1, "root", 32),
    lastCounter: fields.integer(2, "last counter", NATURAL),
    bootVersion: fields.integer(3, "boot version", NATURAL),
    head: noteOf(fields, 4, "head"),
    receipt: noteOf(fields, 5, "receipt"),
    time: fields.millis(6, "time"),
    synchronised: fields.integer(7, "synchronisation state", FLAG) === 1,
  };
}

const hashesOf = (fields: Fields) => fields.each((index) => fields.bytes(index, "hash", HASH));

function headsOf(heads: Fields): readonly SignRequest[] {
  return heads.each((index) => {
    const fields = new Fields(heads.value(index), "head", 3);
    return {
      size: fields.integer(0, "size", ANY_INTEGER),
      root: fields.bytes(1, "root", HASH),
      consistency: hashesOf(new Fields(fields.value(2), "consistency proof", PROOF)),
    };
  });
}

function readingOf(fields: Fields): OcmfReading {
  return {
    time: fields.integer(0, "time", ANY_INTEGER),
    synchronised: fields.integer(1, "synchronisation state", FLAG) === 1,
    inMwh: fields.integer(2, "register in", ANY_INTEGER),
    outMwh: fields.integer(3, "register out", ANY_INTEGER),
  };
}

function dayOf(fields: Fields): OcmfDay {
  const leftOut = new Fields(fields.value(4), "left out", 3);
  return {
    page: fields.integer(0, "page", ANY_INTEGER),
    start: fields.integer(1, "start", ANY_INTEGER),
    begin: readingOf(new Fields(fields.value(2), "reading", 4)),
    end: readingOf(new Fields(fields.value(3), "reading", 4)),
    leftOut: {
      inMwh: leftOut.integer(0, "in", ANY_INTEGER),
      outMwh: leftOut.integer(1, "out", ANY_INTEGER),
      resets: leftOut.integer(2, "resets", ANY_INTEGER),
    },
    softwareVersion: fields.text(5, "software version", { least: 0, most: 256 }),
    first: fields.integer(6, "first", ANY_INTEGER),
    last: fields.integer(7, "last", ANY_INTEGER),
    root: fields.bytes(8, "root", HASH),
  };
}
