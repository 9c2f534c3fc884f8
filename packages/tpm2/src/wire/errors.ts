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
  256: "initialize",
  257: "failure",
  259: "sequence",
  267: "private",
  281: "hmac",
  288: "disabled",
  289: "exclusive",
  292: "auth-type",
  293: "auth-missing",
  294: "policy",
  295: "pcr",
  296: "pcr-changed",
  301: "upgrade",
  302: "too-many-contexts",
  303: "auth-unavailable",
  304: "reboot",
  305: "unbalanced",
  322: "command-size",
  323: "command-code",
  324: "auth-size",
  325: "auth-context",
  326: "nv-range",
  327: "nv-size",
  328: "nv-locked",
  329: "nv-authorization",
  330: "nv-uninitialized",
  331: "nv-space",
  332: "nv-defined",
  336: "bad-context",
  337: "cp-hash",
  338: "parent",
  339: "needs-test",
  340: "no-result",
  341: "sensitive",
};

/** Format-one codes (Part 2 §6.6.3): what is wrong with a handle, parameter or session. */
const FORMAT_ONE: Readonly<Record<number, string>> = {
  1: "asymmetric",
  2: "attributes",
  3: "hash",
  4: "value",
  5: "hierarchy",
  7: "key-size",
  8: "mgf",
  9: "mode",
  10: "type",
  11: "handle",
  12: "kdf",
  13: "range",
  14: "auth-fail",
  15: "nonce",
  16: "physical-presence",
  18: "scheme",
  21: "size",
  22: "symmetric",
  23: "tag",
  24: "selector",
  26: "insufficient",
  27: "signature",
  28: "key",
  29: "policy-fail",
  31: "integrity",
  32: "ticket",
  33: "reserved-bits",
  34: "bad-auth",
  35: "expired",
  36: "policy-command-code",
  37: "binding",
  38: "curve",
  39: "ecc-point",
};

/** Warnings (Part 2 §6.6.3): 0x900 to 0x97f. */
const WARNING: Readonly<Record<number, string>> = {
  2305: "context-gap",
  2306: "object-memory",
  2307: "session-memory",
  2308: "memory",
  2309: "session-handles",
  2310: "object-handles",
  2311: "locality",
  2312: "yielded",
  2313: "canceled",
  2314: "testing",
  2336: "nv-rate",
  2337: "lockout",
  2338: "retry",
  2339: "nv-unavailable",
};

/** 0x910 to 0x916 and 0x918 to 0x91e: what a handle or session refers to is not loaded. */
const REFERENCES = { handle: 0x910, session: 0x918 } as const;

const RETRY: readonly string[] = ["yielded", "testing", "nv-rate", "retry", "nv-unavailable"];

/** Linux' resource manager answers for the TPM in this layer (TSS2_RESMGR_TPM_RC_LAYER). */
const RESOURCE_MANAGER = 0x000b0000;

/** Part 1 §39: how a response code is built. */
export function responseCode(raw: number): ResponseCode {
  if (raw >= RESOURCE_MANAGER && raw < RESOURCE_MANAGER + 0x10000) {
    return { ...responseCode(raw - RESOURCE_MANAGER), raw };
  }
  if (raw <= 0xfff && (raw & 0x80) !== 0) return formatOne(raw);
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
