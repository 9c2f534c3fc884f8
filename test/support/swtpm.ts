import { spawnSync } from "node:child_process";

const PROGRAM: string = "swtpm";

export const hasSwtpm = spawnSync(PROGRAM, ["--version"], { stdio: "ignore" }).status === 0;

/** For a test's name: why it is skipped, and the cure. */
export const NEEDS_SWTPM = hasSwtpm
  ? ""
  : " (skipped: swtpm is not installed; Debian: apt install swtpm)";
