import { closeSync, fdatasyncSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { arch, availableParallelism, cpus, platform, release } from "node:os";
import { join } from "node:path";
import { median } from "./measure.mjs";

/**
 * What figures depend on, as a Markdown list.
 *
 * @param {string} directory where the benchmarks write
 */
export function machineFacts(directory) {
  const [cpu] = cpus();
  return [
    `- CPU: ${cpu?.model.trim() ?? "unknown"}, ${availableParallelism()} available; all figures are for one CPU-second`,
    `- Node.js ${process.versions.node}, OpenSSL ${process.versions.openssl}, ${platform()} ${release()} ${arch()}`,
    `- disk: a 4 KiB append and fdatasync takes ${syncMicroseconds(directory)} µs (median)`,
    "",
  ].join("\n");
}

/** @param {string} directory */
function syncMicroseconds(directory) {
  mkdirSync(directory, { recursive: true });
  const path = join(directory, "sync-probe");
  const file = openSync(path, "w");
  const block = new Uint8Array(4096);
  const times = [];
  for (let i = 0; i < 50; i += 1) {
    const before = process.hrtime.bigint();
    writeSync(file, block);
    fdatasyncSync(file);
    times.push(Number(process.hrtime.bigint() - before) / 1000);
  }
  closeSync(file);
  rmSync(path);
  return Math.round(median(times));
}
