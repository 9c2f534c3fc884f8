import { WattsealError } from "@wattseal/base";
import { CC } from "./constants.js";

export type TpmErrorCode =
  /** The TPM refused the command; `response` says why. */
  | "tpm-refused"
  /** A response that is not what the command asked for, or does not authenticate: somebody or something altered it. */
  | "tpm-response"
  /** The connection to the TPM is gone, or never came about. */
  | "tpm-unreachable"
  /** No answer in time; the connection was given up, since a late answer would be taken for the next one's. */
  | "tpm-timeout"
  /** The caller cancelled the command. */
  | "tpm-cancelled"
  /** The caller gave what no TPM takes. */
  | "tpm-usage"
  /** What the TPM signed does not verify, or says something else. */
  | "tpm-evidence";

/** Part of a command that a response code points at (Part 1 §39.4). */
export interface Subject {
  readonly part: "handle" | "parameter" | "session";
  /** From 1; 0 where the TPM does not say which. */
  readonly number: number;
}

/** A response code, taken apart. */
export interface ResponseCode {
  /** As it came. */
  readonly raw: number;
  /** Without what it points at: a key of `RESPONSE`, or `unknown`. */
  readonly name: string;
  readonly subject: Subject | undefined;
  /** The same command may succeed a little later, unchanged. */
  readonly retry: boolean;
}

export class TpmError extends WattsealError<TpmErrorCode> {
  /** Of a command that the TPM refused. */
  readonly response: ResponseCode | undefined;

  constructor(
    code: TpmErrorCode,
    message: string,
    { response, ...options }: ErrorOptions & { readonly response?: ResponseCode } = {},
  ) {
    super(code, KIND[code], message, options);
    this.response = response;
  }
}

const KIND = {
  "tpm-refused": "hardware",
  "tpm-response": "peer",
  "tpm-unreachable": "hardware",
  "tpm-timeout": "hardware",
  "tpm-cancelled": "usage",
  "tpm-usage": "usage",
  "tpm-evidence": "input",
} as const;

/** Format-zero codes (Part 2 §6.6.3), error bit included: 0x100 to 0x17f. */
const FORMAT_ZERO: Readonly<Record<number, string>> = {
  0x100: "initialize",
  0x101: "failure",
  0x103: "sequence",
  0x10b: "private",
  0x119: "hmac",
  0x120: "disabled",
  0x121: "exclusive",
  0x124: "auth-type",
  0x125: "auth-missing",
  0x126: "policy",
  0x127: "pcr",
  0x128: "pcr-changed",
  0x12d: "upgrade",
  0x12e: "too-many-contexts",
  0x12f: "auth-unavailable",
  0x130: "reboot",
  0x131: "unbalanced",
  0x142: "command-size",
  0x143: "command-code",
  0x144: "auth-size",
  0x145: "auth-context",
  0x146: "nv-range",
  0x147: "nv-size",
  0x148: "nv-locked",
  0x149: "nv-authorization",
  0x14a: "nv-uninitialized",
  0x14b: "nv-space",
  0x14c: "nv-defined",
  0x150: "bad-context",
  0x151: "cp-hash",
  0x152: "parent",
  0x153: "needs-test",
  0x154: "no-result",
  0x155: "sensitive",
};

/** Format-one codes (Part 2 §6.6.3): what is wrong with a handle, parameter or session. */
const FORMAT_ONE: Readonly<Record<number, string>> = {
  0x01: "asymmetric",
  0x02: "attributes",
  0x03: "hash",
  0x04: "value",
  0x05: "hierarchy",
  0x07: "key-size",
  0x08: "mgf",
  0x09: "mode",
  0x0a: "type",
  0x0b: "handle",
  0x0c: "kdf",
  0x0d: "range",
  0x0e: "auth-fail",
  0x0f: "nonce",
  0x10: "physical-presence",
  0x12: "scheme",
  0x15: "size",
  0x16: "symmetric",
  0x17: "tag",
  0x18: "selector",
  0x1a: "insufficient",
  0x1b: "signature",
  0x1c: "key",
  0x1d: "policy-fail",
  0x1f: "integrity",
  0x20: "ticket",
  0x21: "reserved-bits",
  0x22: "bad-auth",
  0x23: "expired",
  0x24: "policy-command-code",
  0x25: "binding",
  0x26: "curve",
  0x27: "ecc-point",
};

/** Warnings (Part 2 §6.6.3): 0x900 to 0x97f. */
const WARNING: Readonly<Record<number, string>> = {
  0x901: "context-gap",
  0x902: "object-memory",
  0x903: "session-memory",
  0x904: "memory",
  0x905: "session-handles",
  0x906: "object-handles",
  0x907: "locality",
  0x908: "yielded",
  0x909: "canceled",
  0x90a: "testing",
  0x920: "nv-rate",
  0x921: "lockout",
  0x922: "retry",
  0x923: "nv-unavailable",
};

/** 0x910 to 0x916 and 0x918 to 0x91e: what a handle or session refers to is not loaded. */
const REFERENCES = { handle: 0x910, session: 0x918 } as const;

const RETRY: readonly string[] = ["yielded", "testing", "nv-rate", "retry", "nv-unavailable"];

/** Part 1 §39: how a response code is built. */
export function responseCode(raw: number): ResponseCode {
  if ((raw & 0x80) !== 0) return formatOne(raw);
  for (const [part, base] of Object.entries(REFERENCES)) {
    const number = raw - base + 1;
    if (number < 1 || number > 7 || (part !== "handle" && part !== "session")) continue;
    return { raw, name: "reference", subject: { part, number }, retry: false };
  }
  const name = WARNING[raw] ?? FORMAT_ZERO[raw] ?? "unknown";
  return { raw, name, subject: undefined, retry: RETRY.includes(name) };
}

function formatOne(raw: number): ResponseCode {
  const number = (raw >> 8) & 0x0f;
  const name = FORMAT_ONE[raw & 0x3f] ?? "unknown";
  return { raw, name, subject: subjectOf(raw, number), retry: false };
}

function subjectOf(raw: number, number: number): Subject {
  if ((raw & 0x40) !== 0) return { part: "parameter", number };
  if (number >= 8) return { part: "session", number: number - 8 };
  return { part: "handle", number };
}

const COMMAND_NAMES = new Map<number, string>(
  Object.entries(CC).map(([name, code]) => [code, name]),
);

export function commandName(code: number): string {
  return COMMAND_NAMES.get(code) ?? `command 0x${code.toString(16)}`;
}

/** The error of a command that came back with this response code. */
export function refused(command: number, raw: number): TpmError {
  const response = responseCode(raw);
  const { name, subject } = response;
  const where = subject === undefined ? "" : ` (${subject.part} ${subject.number || "?"})`;
  const hex = raw.toString(16).padStart(3, "0");
  const message = `the TPM refused ${commandName(command)}: ${name}${where}, code 0x${hex}`;
  return new TpmError("tpm-refused", message, { response });
}

/** True when the TPM refused a command for this reason. */
export function isRefusal(thrown: unknown, ...names: readonly string[]): thrown is TpmError {
  return (
    thrown instanceof TpmError &&
    thrown.response !== undefined &&
    names.includes(thrown.response.name)
  );
}
