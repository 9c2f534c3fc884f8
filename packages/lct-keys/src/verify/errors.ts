import { type ErrorKind, WattsealError } from "@wattseal/base";

const KIND = {
  // what somebody else wrote does not hold
  "document-signature": "input",
  "document-untrusted": "input",
  "document-kind": "input",
  "authority-signature": "input",
  "authority-untrusted": "input",
  "epoch-lct": "input",
  "epoch-signature": "input",
  "epoch-attestation": "input",
  "epoch-counter": "input",
  "epoch-cloned": "input",
  "epoch-tree": "input",
  "epoch-time": "input",
  "epoch-expired": "input",
  "epoch-missing": "input",
  "checkpoint-signature": "input",
  "checkpoint-size": "input",
  "boot-approval": "input",
  attestation: "input",
  "ocmf-signature": "input",
  // an enrolment
  "enrol-grant": "input",
  "enrol-key": "input",
  "enrol-index": "input",
  "enrol-certificate": "input",
  "enrol-update-key": "input",
  "enrol-challenge": "input",
  "enrol-expired": "input",
  "enrol-proof": "input",
  "enrol-credential": "input",
  "enrol-statement": "input",
  // key files
  "key-exists": "usage",
  "key-missing": "usage",
  "key-permissions": "usage",
  "key-malformed": "input",
  "key-disposed": "usage",
  // the signer's own state against the log
  "anchor-mismatch": "usage",
  "state-corrupt": "hardware",
  "state-rolled-back": "hardware",
  "log-rolled-back": "hardware",
  "log-forked": "hardware",
  "counter-rolled-back": "hardware",
  // an identity in a TPM
  "tpm-other-policy": "usage",
  "tpm-full": "hardware",
  "tpm-hierarchy-auth": "usage",
  "tpm-cleared": "hardware",
  "tpm-replaced": "hardware",
  // device halves
  "half-unknown": "usage",
  "half-refused": "hardware",
  // one request to the signer
  "sign-smaller": "usage",
  "sign-forked": "usage",
  "sign-inconsistent": "usage",
  "ocmf-signed": "usage",
  "signer-superseded": "usage",
  "signer-faulted": "hardware",
  "signer-closed": "usage",
  // later the same request may be granted: retryAfterMs
  "epoch-rationed": "usage",
  "rate-limited": "usage",
  // a signer in a process of its own
  "signer-busy": "usage",
  "signer-unreachable": "hardware",
  "signer-token": "usage",
  "signer-request": "usage",
} as const satisfies Record<string, ErrorKind>;

export type LctKeysCode = keyof typeof KIND;

export function isLctKeysCode(text: string): text is LctKeysCode {
  return Object.hasOwn(KIND, text);
}

/** What this package throws, beside base's DecodeError for bytes that do not follow their format. */
export class LctKeysError extends WattsealError<LctKeysCode> {
  /** With `epoch-rationed` and `rate-limited`: when the same request may be granted, ms from now. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: LctKeysCode,
    message: string,
    options?: ErrorOptions & { readonly retryAfterMs?: number },
  ) {
    super(code, KIND[code], message, options);
    this.retryAfterMs = options?.retryAfterMs;
  }
}
