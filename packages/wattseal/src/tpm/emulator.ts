/**
 * An emulated TPM as a child of this process: swtpm, given one socket. It ends with that socket, however we end.
 *
 * Trust: whoever can read its folder has all the keys in it; whoever copies the folder has the same TPM. It is no
 * hardware, and nothing that it holds is taken for that.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { messageOf } from "@wattseal/base";
import { getRandom, heldTransport, shutdown, Tpm, type Transport } from "@wattseal/tpm2";
import { CliError } from "../errors.js";
import { systemEntropy } from "../ports/system.js";
import { makeFolder } from "../state/files.js";

const PROGRAM = "swtpm";
export const INSTALL = "Install it (Debian: apt install swtpm), or choose --tpm none.";
const LONGEST_COMPLAINT = 2_000;
const STOP_MS = 5_000;
const TRANSACTION = { entropy: systemEntropy, pause };
/** How long the one before may take to notice that its owner is gone. */
const LOCKED = { tries: 100, pauseMs: 100 } as const;

export interface Emulator {
  readonly transport: Transport;
  /** An orderly end; resolves once the process is gone. */
  stop(): Promise<void>;
}

/** Whether swtpm can be run here. */
export async function hasEmulator(): Promise<boolean> {
  const child = spawn(PROGRAM, ["--version"], { stdio: "ignore" });
  return new Promise((resolve) => {
    child.once("error", () => resolve(false));
    child.once("exit", (status) => resolve(status === 0));
  });
}

/**
 * Runs the emulator whose state is in `directory`; made when it is not there. Throws CliError `unreachable` where it is
 * not installed, does not start, or another process runs the same one.
 */
export async function startEmulator(directory: string): Promise<Emulator> {
  await makeFolder(directory);
  for (let tried = 1; ; tried += 1) {
    const started = await tryToStart(directory);
    if ("emulator" in started) return started.emulator;
    const { complaint } = started;
    if (complaint.includes("lock") && tried < LOCKED.tries) {
      await pause(LOCKED.pauseMs);
      continue;
    }
    const why = complaint.includes("lock")
      ? `another process runs the emulated TPM of ${directory}. Stop that one first.`
      : `the emulated TPM of ${directory} does not start: ${complaint}`;
    throw new CliError("unreachable", why);
  }
}

async function tryToStart(
  directory: string,
): Promise<{ readonly emulator: Emulator } | { readonly complaint: string }> {
  const state = ["--tpmstate", `dir=${directory},mode=0600`];
  const flags = ["--flags", "not-need-init,startup-clear"];
  const child = spawn(PROGRAM, ["socket", "--tpm2", ...state, "--fd", "3", ...flags], {
    stdio: ["ignore", "ignore", "pipe", "pipe"],
    // A terminal's Ctrl-C is for us; the TPM is needed until the log is closed.
    detached: true,
  });
  const complaint = complaintOf(child);
  complaint.catch(() => {});
  const socket = child.stdio[3];
  if (!(socket instanceof Socket)) return { complaint: await complaint };
  const emulator = emulatorOf(child, heldTransport(socket), socket);
  try {
    await Tpm.transact(emulator.transport, TRANSACTION, (tpm) => getRandom(tpm, 1));
  } catch (error) {
    socket.destroy();
    return { complaint: (await complaint) || messageOf(error) };
  }
  // From here on nothing of it keeps this process from ending.
  child.unref();
  socket.unref();
  if (child.stderr instanceof Socket) child.stderr.unref();
  return { emulator };
}

/** What it said before it ended. Throws where it is not installed. */
async function complaintOf(child: ChildProcess): Promise<string> {
  let said = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    said = `${said}${text}`.slice(0, LONGEST_COMPLAINT);
  });
  return new Promise((resolve, reject) => {
    child.once("error", (cause) => {
      reject(
        new CliError("unreachable", `${PROGRAM} cannot be run: ${cause.message}. ${INSTALL}`, {
          cause,
        }),
      );
    });
    child.once("close", () => resolve(said.trim().replaceAll("\n", "; ")));
  });
}

function emulatorOf(child: ChildProcess, transport: Transport, socket: Socket): Emulator {
  return {
    transport,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, "exit");
      await Tpm.transact(transport, TRANSACTION, shutdown).catch(() => {});
      socket.destroy();
      const late = setTimeout(() => void child.kill("SIGKILL"), STOP_MS);
      await ended;
      clearTimeout(late);
    },
  };
}
