/** What the signer answers: `[id, "ok", result]`, `[id, "refused", [code, message, retry]]`, `[id, "proof", [from, to]]`. */
import {
  type Bounds,
  type CborValue,
  DecodeError,
  decodeCbor,
  encodeCbor,
  Fields,
  type LctId,
  messageOf,
  RangeViolation,
} from "@wattseal/base";
import { DeviceKeysError } from "@wattseal/device-keys";
import type { AttestationStatement } from "../../verify/attestation.js";
import { bootApprovalItem, decodeBootApprovalItem } from "../../verify/boot-approval.js";
import { isLctKeysCode, LctKeysError } from "../../verify/errors.js";
import { decodeStatementItem, statementItem } from "../../verify/tpm-statement.js";
import type { HalfStatus, SignerIdentity } from "../port.js";
import { NATURAL } from "./requests.js";

/** Id of what answers no request: the greeting, or a frame that could not be read. */
export const NO_REQUEST = 0;

export type Reply =
  | { readonly kind: "ok"; readonly result: CborValue | undefined }
  | { readonly kind: "refused"; readonly error: Error }
  /** The signer needs this proof of its client's log before it answers. */
  | { readonly kind: "proof"; readonly from: number; readonly to: number };

const KINDS = ["ok", "refused", "proof"] as const;
const POSITIVE: Bounds = { least: 1, most: Number.MAX_SAFE_INTEGER };
const LONGEST_MESSAGE = 2_048;
const MESSAGE: Bounds = { least: 0, most: 4 * LONGEST_MESSAGE };
const NAME: Bounds = { least: 1, most: 128 };
const NOTE: Bounds = { least: 1, most: 16_384 };
const BINDINGS = ["tpm", "tpm-unmeasured", "secure-element", "mcu", "software", "unknown"] as const;
const STATES = ["attested", "unmeasured", "unattested", "software"] as const;

export const okReply = (id: number, result: CborValue) => encodeCbor([id, "ok", result]);

export const proofQuestion = (id: number, from: number, to: number) =>
  encodeCbor([id, "proof", [from, to]]);

export function refusalReply(id: number, thrown: unknown): Uint8Array {
  const retry = thrown instanceof LctKeysError ? thrown.retryAfterMs : undefined;
  const message = messageOf(thrown).slice(0, LONGEST_MESSAGE).toWellFormed();
  const whole = retry === undefined ? [] : Math.max(0, Math.ceil(retry));
  return encodeCbor([id, "refused", [codeFor(thrown), message, whole]]);
}

/** What else went wrong in there (a TPM's refusal, a disk's) is a fault of the signer's to its client. */
function codeFor(thrown: unknown): string {
  if (thrown instanceof LctKeysError || thrown instanceof RangeViolation) return thrown.code;
  if (thrown instanceof DeviceKeysError && thrown.code === "weak-peer-half") return thrown.code;
  return "signer-faulted";
}

/** The same error as within the signer. */
function errorOf(code: string, message: string, retryAfterMs: number | undefined): Error {
  if (isLctKeysCode(code)) {
    return new LctKeysError(code, message, retryAfterMs === undefined ? {} : { retryAfterMs });
  }
  if (code === "range") return new RangeViolation(message);
  if (code === "weak-peer-half") return new DeviceKeysError(code, "peer", message);
  return new LctKeysError("signer-faulted", `${code}: ${message}`);
}

/** Throws DecodeError. */
export function decodeReply(frame: Uint8Array): { readonly id: number; readonly reply: Reply } {
  const what = "signer reply";
  const fields = new Fields(decodeCbor(frame, { what }), what, 3);
  const id = fields.integer(0, "id", NATURAL);
  const kind = fields.oneOf(1, "kind", KINDS);
  if (kind === "ok") return { id, reply: { kind, result: fields.value(2) } };
  if (kind === "proof") {
    const range = new Fields(fields.value(2), "range", 2);
    const from = range.integer(0, "from", POSITIVE);
    return { id, reply: { kind, from, to: range.integer(1, "to", POSITIVE) } };
  }
  const refusal = new Fields(fields.value(2), "refusal", 3);
  const retry = refusal.absent(2) ? undefined : refusal.integer(2, "retry", NATURAL);
  const error = errorOf(refusal.text(0, "code", NAME), refusal.text(1, "message", MESSAGE), retry);
  return { id, reply: { kind, error } };
}

export interface BegunIdentity extends SignerIdentity {
  readonly evidence: Uint8Array;
}

export function identityResult({ evidence, ...identity }: BegunIdentity): CborValue {
  const { lct, origin, epoch, publicKey, binding, state } = identity;
  return [lct, origin, epoch, publicKey, binding, state, evidence];
}

/** Throws DecodeError, also for another LCT than the asker's. */
export function decodeIdentity(result: CborValue | undefined, lct: LctId): BegunIdentity {
  const what = "signer identity";
  const fields = new Fields(result, what, 7);
  if (fields.lct(0, "lct") !== lct) fields.fail(`is of another LCT than ${lct}`);
  return {
    lct,
    origin: fields.text(1, "origin", NAME),
    epoch: fields.integer(2, "epoch", POSITIVE),
    publicKey: fields.bytes(3, "epoch key", 32),
    binding: fields.oneOf(4, "binding", BINDINGS),
    state: fields.oneOf(5, "state", STATES),
    evidence: fields.bytes(6, "evidence", { least: 1, most: 65_536 }),
  };
}

/** Throws DecodeError for another number of notes than heads. */
export function decodeNotes(result: CborValue | undefined, heads: number): readonly string[] {
  const fields = new Fields(result, "signed notes", heads);
  return fields.each((index) => fields.text(index, "note", NOTE));
}

export function attestationResult(statement: AttestationStatement): CborValue {
  const { signature, quote, nvCertify, approval } = statement;
  const boot = approval === undefined ? [] : bootApprovalItem(approval);
  return [signature, statementItem(quote), statementItem(nvCertify), boot];
}

export function decodeAttestation(result: CborValue | undefined): AttestationStatement {
  const fields = new Fields(result, "attestation", 4);
  return {
    signature: fields.bytes(0, "anchor's signature", 64),
    quote: decodeStatementItem(fields, 1, "TPM quote"),
    nvCertify: decodeStatementItem(fields, 2, "TPM counter certification"),
    approval: fields.absent(3) ? undefined : decodeBootApprovalItem(fields.value(3)),
  };
}

export function decodeSecret(result: CborValue | undefined): Uint8Array {
  return new Fields(result, "shared secret", 1).bytes(0, "secret", 32);
}

export function decodeRecord(result: CborValue | undefined): string {
  return new Fields(result, "OCMF record", 1).text(0, "record", { least: 1, most: 65_536 });
}

export const nextStartResult = (ms: number | undefined): CborValue =>
  ms === undefined ? [] : [Math.ceil(ms)];

export function decodeNextStart(result: CborValue | undefined): number | undefined {
  const fields = new Fields(result, "next start", { least: 0, most: 1 });
  return fields.each((index) => fields.integer(index, "ms", NATURAL))[0];
}

export function halfItem(half: HalfStatus): CborValue {
  const { reference, publicKey = [] } = half;
  return [reference, publicKey, half.state === "open" ? [] : half.reason.slice(0, LONGEST_MESSAGE)];
}

export function decodeHalf(result: CborValue | undefined): HalfStatus {
  const what = "device half";
  const fields = new Fields(result, what, 3);
  const reference = fields.text(0, "reference", NAME);
  const publicKey = fields.absent(1) ? undefined : fields.bytes(1, "public half", 32);
  if (!fields.absent(2)) {
    return { state: "refused", reference, publicKey, reason: fields.text(2, "reason", MESSAGE) };
  }
  if (publicKey === undefined) throw new DecodeError(what, 0, "is open, and of no public half");
  return { state: "open", reference, publicKey };
}

export function decodeHalves(result: CborValue | undefined): readonly HalfStatus[] {
  const fields = new Fields(result, "device halves", { least: 0, most: 64 });
  return fields.each((index) => decodeHalf(fields.value(index)));
}
