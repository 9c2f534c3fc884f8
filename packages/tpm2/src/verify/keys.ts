/** Public areas of keys of which only the point is on record: their Names and roles follow from it. */
import { RangeViolation } from "@wattseal/base";
import type { EccPublic } from "../structures/public.js";
import { ATTESTATION_KEY } from "../structures/templates.js";
import { OBJECT } from "../wire/constants.js";

const POINT_BYTES = 65;
const UNCOMPRESSED = 4;

/** `point`: P-256, 65 bytes, uncompressed. */
function withPoint(area: EccPublic, point: Uint8Array): EccPublic {
  if (point.length !== POINT_BYTES || point[0] !== UNCOMPRESSED) {
    throw new RangeViolation("a P-256 point is 65 bytes, the first of them 4");
  }
  return { ...area, point: { x: point.slice(1, 33), y: point.slice(33) } };
}

/** What `ATTESTATION_KEY` became in the TPM whose key has this point. */
export function attestationKeyOf(point: Uint8Array): EccPublic {
  return withPoint(ATTESTATION_KEY, point);
}

/** A key that no TPM holds, as TPM2_LoadExternal takes it to verify ECDSA with SHA-256. */
export function externalKeyOf(point: Uint8Array): EccPublic {
  const attributes = OBJECT.userWithAuth | OBJECT.sign;
  return withPoint({ ...ATTESTATION_KEY, attributes }, point);
}
