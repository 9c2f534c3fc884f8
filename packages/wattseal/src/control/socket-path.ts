import { lstat, mkdir, stat, unlink } from "node:fs/promises";
import { connect } from "node:net";
import { dirname } from "node:path";
import { messageOf } from "@wattseal/base";
import { ControlError } from "./errors.js";

/** sun_path of unix(7), without its closing zero. */
const LONGEST_PATH = 107;
const OTHERS_WRITE = 0o002;

/**
 * Makes a path ready to listen at: its folder is there and nobody outside its group can put another socket in its
 * place, and what a gateway that died has left is gone. Throws ControlError `control-socket`.
 */
export async function prepareSocketPath(path: string): Promise<void> {
  if (Buffer.byteLength(path) > LONGEST_PATH) {
    throw socketError(
      path,
      `a socket's path has at most ${LONGEST_PATH} bytes. Set control.socket in gateway.toml, or WATTSEAL_CONTROL_SOCKET, to a shorter one`,
    );
  }
  const directory = dirname(path);
  await mkdir(directory, { recursive: true, mode: 0o750 }).catch((cause: unknown) => {
    throw socketError(path, messageOf(cause), cause);
  });
  const { mode } = await stat(directory);
  if ((mode & OTHERS_WRITE) !== 0) {
    throw socketError(path, `anybody can write to ${directory}. Cure: chmod o-w ${directory}`);
  }
  const present = await lstat(path).catch(() => undefined);
  if (present === undefined) return;
  if (!present.isSocket()) throw socketError(path, "something else has this name. Remove it");
  if (await answers(path))
    throw socketError(path, "another gateway serves it. Stop that one first");
  await unlink(path);
}

export function socketError(path: string, problem: string, cause?: unknown): ControlError {
  const message = `control socket ${path}: ${problem}.`;
  return new ControlError("control-socket", "hardware", message, { cause });
}

/** Whether somebody listens there. */
function answers(path: string): Promise<boolean> {
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
