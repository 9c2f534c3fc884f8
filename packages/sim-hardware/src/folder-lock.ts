import { stat } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { SimError } from "./errors.js";

/**
 * Makes sure that no other simulator keeps its state in this existing folder; returns the release. Throws SimError `state-folder`.
 *
 * The lock is a socket in Linux' abstract namespace, named after the folder's device and inode: gone with its
 * process, however that ends. Elsewhere there is none.
 */
export async function lockFolder(directory: string): Promise<() => Promise<void>> {
  if (process.platform !== "linux") return async () => {};
  const { dev, ino } = await stat(directory, { bigint: true });
  const server = createServer((socket) => {
    socket.destroy();
  });
  await taken(server, `\0wattseal-sim-${dev}-${ino}`, directory);
  server.unref();
  return () =>
    new Promise((resolve) => {
      server.close(() => resolve());
    });
}

function taken(server: Server, name: string, directory: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) => {
      const message = `another simulator runs on ${directory}: stop it, or take another state folder`;
      reject(new SimError("state-folder", "usage", message, { cause }));
    });
    server.listen(name, () => resolve());
  });
}
