import { readFileSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { TlogError } from "../errors.js";

function lockedError(directory: string, who: string, cause: unknown): TlogError {
  return new TlogError(
    "locked",
    `${directory}: ${who} has it open for writing; open it read-only, or stop the other one`,
    { cause },
  );
}

/**
 * A socket in Linux' abstract namespace, named after the directory's device and inode: gone with its process,
 * however it ends, and nothing to clean up. It excludes writers of one network namespace, so a directory must not
 * be shared by containers. Any local user may take the name first, which only keeps the directory from opening.
 */
function lockBySocket(directory: string): Promise<() => Promise<void>> {
  const { dev, ino } = statSync(directory, { bigint: true });
  const server = createServer((socket) => {
    socket.destroy();
  });
  return new Promise((resolve, reject) => {
    server.once("error", (error) => reject(lockedError(directory, "another process", error)));
    server.listen(`\0wattseal-log-${dev}-${ino}`, () => {
      server.unref();
      resolve(
        () =>
          new Promise((closed) => {
            server.close(() => {
              closed();
            });
          }),
      );
    });
  });
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/** Where there are no abstract sockets: a file with the holder's process id. A reused id refuses, never admits. */
async function lockByFile(directory: string): Promise<() => Promise<void>> {
  const path = join(directory, "lock");
  for (let attempt = 0; ; attempt += 1) {
    try {
      writeFileSync(path, String(process.pid), { flag: "wx" });
      return async () => unlinkSync(path);
    } catch (error) {
      const pid = Number(readFileSync(path, "utf8"));
      if (attempt > 0 || isAlive(pid)) throw lockedError(directory, `process ${pid}`, error);
      unlinkSync(path);
    }
  }
}

/** Takes the writer's lock of an existing directory; returns its release. Throws TlogError "locked". */
export function lockDirectory(directory: string): Promise<() => Promise<void>> {
  return process.platform === "linux" ? lockBySocket(directory) : lockByFile(directory);
}
