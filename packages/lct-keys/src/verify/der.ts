/** ECDSA signatures as OCMF wants them: DER of ECDSA-Sig-Value (RFC 3279 §2.2.3), for curves of 256 bits. */
import { concatBytes, DecodeError } from "@wattseal/base";

const SEQUENCE = 0x30;
const INTEGER = 0x02;
const COORDINATE = 32;

function encodeInteger(value: Uint8Array): Uint8Array {
  let start = 0;
  while (start < value.length - 1 && value[start] === 0) start += 1;
  const digits = value.subarray(start);
  const sign = (digits[0] ?? 0) >= 0x80 ? Uint8Array.of(0) : new Uint8Array(0);
  return concatBytes(Uint8Array.of(INTEGER, sign.length + digits.length), sign, digits);
}

/** From r ‖ s, 64 bytes. */
export function derOfSignature(signature: Uint8Array): Uint8Array {
  const r = encodeInteger(signature.subarray(0, COORDINATE));
  const s = encodeInteger(signature.subarray(COORDINATE));
  return concatBytes(Uint8Array.of(SEQUENCE, r.length + s.length), r, s);
}

/** To r ‖ s. Throws DecodeError for anything but the one DER form. */
export function signatureOfDer(der: Uint8Array): Uint8Array {
  const signature = new Uint8Array(2 * COORDINATE);
  const lengthR = der[3] ?? 0;
  const lengthS = der[5 + lengthR] ?? 0;
  place(der.subarray(4, 4 + lengthR), signature.subarray(0, COORDINATE));
  place(der.subarray(6 + lengthR, 6 + lengthR + lengthS), signature.subarray(COORDINATE));
  const again = derOfSignature(signature);
  const same = again.length === der.length && again.every((byte, i) => byte === der[i]);
  if (!same) throw new DecodeError("ECDSA signature", 0, "is not DER of two 256-bit integers");
  return signature;
}

function place(digits: Uint8Array, into: Uint8Array): void {
  const kept = digits.subarray(Math.max(0, digits.length - into.length));
  into.set(kept, into.length - kept.length);
}
