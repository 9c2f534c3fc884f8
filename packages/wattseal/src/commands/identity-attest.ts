import { fromHex } from "@wattseal/base";
import { InvalidArgumentError } from "commander";

/** 16 to 64 bytes in hexadecimal. */
export function parseNonce(text: string): Uint8Array {
  if (/^(?:[0-9a-f]{2}){16,64}$/.test(text)) return fromHex(text);
  throw new InvalidArgumentError(
    "Use 32 to 128 lower-case hexadecimal digits that nobody can foresee, as openssl rand -hex 32 prints.",
  );
}
