import { resolve } from "node:path";
import { messageOf, RangeViolation, WattsealError } from "@wattseal/base";
import { type Ed25519SecretKey, openEd25519KeyFile } from "@wattseal/lct-keys";
import { CliError } from "../errors.js";
import { exists, writeWhole } from "../state/files.js";

export interface Signing {
  /** The authority's key file. */
  readonly authority: string;
  /** Never overwritten. */
  readonly out: string;
}

/** Writes what the authority signs into a file of its own; returns that file's path. */
export async function signWith(
  { authority, out }: Signing,
  sign: (key: Ed25519SecretKey) => Uint8Array,
): Promise<string> {
  const file = resolve(out);
  if (await exists(file)) {
    throw new CliError("state-exists", `${file} is there already: choose another --out`);
  }
  const key = await openEd25519KeyFile(resolve(authority));
  try {
    await writeWhole(file, sign(key), 0o644);
    return file;
  } catch (cause) {
    // A field out of its bounds is the command line's here, not some file's.
    const isGiven = cause instanceof WattsealError && cause.kind === "input";
    if (!isGiven && !(cause instanceof RangeViolation)) throw cause;
    throw new CliError("usage", messageOf(cause), { cause });
  } finally {
    key.dispose();
  }
}
