import { INNER_TYPE, SealedAgain } from "@wattseal/can-protocol";
import type { EvidenceReport } from "@wattseal/verifier";

/** What the released keys say of the PDUs that readings came in. */
export interface SealFinding {
  /** PDUs that key, counter and body give, tag and all. */
  readonly sealed: number;
  /** PDUs that they do not give. */
  readonly wrong: number;
  /** PDUs of sessions whose key was not released: running, or ended with a gateway that was killed. */
  readonly unreleased: number;
}

/** Seals each PDU again and compares its tag. */
export function checkSeals({ pdus, sessions, slot }: EvidenceReport): SealFinding {
  const ciphers = sessions.map(({ key }) =>
    key === undefined ? undefined : new SealedAgain(key, slot),
  );
  const found = { sealed: 0, wrong: 0, unreleased: 0 };
  for (const pdu of pdus) {
    const cipher = ciphers[pdu.session];
    const place = { class: "normal", type: INNER_TYPE.telemetry } as const;
    if (cipher === undefined) found.unreleased += 1;
    else if (cipher.pdu({ ...pdu, ...place }) === undefined) found.wrong += 1;
    else found.sealed += 1;
  }
  return found;
}
