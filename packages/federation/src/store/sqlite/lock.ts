import { TlogError } from "@wattseal/tlog";
import { lockDirectory } from "@wattseal/tlog/store";
import { FederationError } from "../../errors.js";

/**
 * One process per store; returns the release. Throws FederationError `store-locked`; `platform` where the lock could
 * be stale: opening the store removes what its adapter left, which is only right with a lock that is not.
 */
export async function lockStore(
  directory: string,
  platform: string = process.platform,
): Promise<() => Promise<void>> {
  if (platform !== "linux") {
    throw new FederationError(
      "platform",
      `the embedded store needs Linux (its lock is an abstract unix socket), not ${platform}`,
    );
  }
  try {
    return await lockDirectory(directory);
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    const message = `another process has the store in ${directory}: stop it first`;
    throw new FederationError("store-locked", message, { cause });
  }
}
