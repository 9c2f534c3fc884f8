/** A small file system in memory: what a full disk is to a program. Needs the right to mount. */
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

function tryMount(folder: string, size: string): boolean {
  try {
    const args = ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", folder];
    execFileSync("mount", args, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Whether this user may mount one. */
export const canMount = (() => {
  const folder = mkdtempSync(join(tmpdir(), "wattseal-mount-"));
  const mounted = tryMount(folder, "16k");
  if (mounted) execFileSync("umount", [folder]);
  rmSync(folder, { recursive: true });
  return mounted;
})();

/** For the name of a test that needs one. */
export const unlessMounted = canMount
  ? ""
  : " (skipped: needs the right to mount a file system; run as root)";

/** Puts `folder` on a file system of this size (as tmpfs takes it), with what is in it, until the test ends. */
export function shrink(folder: string, size: string): void {
  const kept = `${folder}.kept`;
  cpSync(folder, kept, { recursive: true });
  if (!tryMount(folder, size)) throw new Error(`${folder} could not be mounted`);
  onTestFinished(() => void execFileSync("umount", ["-l", folder]));
  cpSync(kept, folder, { recursive: true });
}

export function enlarge(folder: string, size: string): void {
  execFileSync("mount", ["-o", `remount,size=${size}`, folder]);
}

/** Bytes left, and of all. */
export function spaceOf(folder: string): { readonly free: number; readonly total: number } {
  const { bavail, blocks, bsize } = statfsSync(folder);
  return { free: bavail * bsize, total: blocks * bsize };
}
