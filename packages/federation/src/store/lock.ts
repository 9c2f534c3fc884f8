/**
 * One process per store. The lock is an abstract unix socket named after the directory's inode: the kernel frees it
 * with the process, so none is ever stale. Any local process can take the name first and keep the federation from
 * starting; it gains no access by that. Processes in different network namespaces do not see each other's.
 */
import { statSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { FederationError } from "../errors.js";

export interface StoreLock {
  release(): Promise<void>;
}

/** Throws FederationError `platform`, `store-locked`. `directory` has to exist. */
export async function lockStore(
  directory: string,
  platform: string = process.platform,
): Promise<StoreLock> {
  if (platform !== "linux") {
    throw new FederationError(
      "platform",
      `the embedded store needs Linux (its lock is an abstract unix socket), not ${platform}`,
    );
  }
  const { dev, ino } = statSync(directory, { bigint: true });
  const server = createServer((socket) => {
    socket.destroy();
  });
  await listen(server, `\0wattseal-federation-${dev}-${ino}`, directory);
  server.unref();
  return {
    release: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
      }),
  };
}

function listen(server: Server, name: string, directory: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) => {
      const message = `another process has the store in ${directory}`;
      reject(new FederationError("store-locked", message, { cause }));
    });
    server.listen(name, resolve);
  });
}
