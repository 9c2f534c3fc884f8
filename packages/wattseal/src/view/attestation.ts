import { printable, toHex } from "@wattseal/base";
import type { CheckedAttestation } from "../audit/attestation.js";

const freshness = ({ nonce, fresh }: CheckedAttestation) =>
  fresh
    ? `${toHex(nonce)}, as asked`
    : `${toHex(nonce)}: an answer to you only if you drew it; check with --nonce`;

export function attestedText(of: CheckedAttestation): string {
  const { document, state, bootVersion, claims, verdict } = of;
  const boot = bootVersion === 0 ? "" : `, boot version ${bootVersion}`;
  return [
    `lct        ${document.lct}`,
    `binding    ${document.binding}`,
    `state      ${state}${boot}`,
    ...(claims === undefined
      ? []
      : [`PCR digest ${toHex(claims.pcrDigest)}`, `counter    epoch ${claims.counter}`]),
    `nonce      ${freshness(of)}`,
    `verdict    ${verdict}`,
    "",
  ].join("\n");
}

export function attestedJson(of: CheckedAttestation): string {
  const { document, state, bootVersion, claims, verdict, nonce, fresh } = of;
  const { lct, binding } = document;
  const tpm = claims && {
    pcrDigest: claims.pcrDigest,
    counter: Number(claims.counter),
    resetCount: claims.clock.resetCount,
    restartCount: claims.clock.restartCount,
  };
  const verified = verdict === "verified";
  const said = { verified, lct, binding, state, bootVersion, tpm, nonce, fresh, verdict };
  return `${JSON.stringify(printable(said))}\n`;
}
