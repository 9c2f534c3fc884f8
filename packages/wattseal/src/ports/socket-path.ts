import { lstat, mkdir, stat, unlink } from "node:fs/promises";
import { connect } from "node:net";
import { dirname } from "node:path";
import { messageOf } from "@wattseal/base";

/** sun_path of unix(7), without its closing zero. */
const LONGEST_PATH = 107;
const OTHERS_WRITE = 0o002;

/** What a socket is for, as its errors have it. */
export interface SocketUse {
  /** Where its path is set. */
  readonly setting: string;
  /** Who may be serving it already. */
  readonly server: string;
  fail(problem: string, cause?: unknown): Error;
}

/**
 * Makes a path ready to listen at: its folder is there and nobody outside its group can put another socket in its
 * place, and what a server that died has left is gone. Throws what `use` makes of a problem.
 */
export async function prepareSocketPath(path: string, use: SocketUse): Promise<void> {
  if (Buffer.byteLength(path) > LONGEST_PATH) {
    throw use.fail(
      `a socket's path has at most ${LONGEST_PATH} bytes. Set ${use.setting} to a shorter one`,
    );
  }
  const directory = dirname(path);
  await mkdir(directory, { recursive: true, mode: 0o750 }).catch((cause: unknown) => {
    throw use.fail(messageOf(cause), cause);
  });
  const { mode } = await stat(directory);
  if ((mode & OTHERS_WRITE) !== 0) {
    throw use.fail(`anybody can write to ${directory}. Cure: chmod o-w ${directory}`);
  }
  const present = await lstat(path).catch(() => undefined);
  if (present === undefined) return;
  if (!present.isSocket()) throw use.fail("something else has this name. Remove it");
  if (await answers(path)) throw use.fail(`${use.server} serves it. Stop that one first`);
  await unlink(path);
}

/** Whether somebody listens there. */
export function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    const settle = (answer: boolean) => {
      probe.destroy();
      resolve(answer);
    };
    probe.once("connect", () => settle(true));
    probe.once("error", () => settle(false));
  });
}
