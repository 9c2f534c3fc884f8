import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { say } from "./run.mjs";

const POLL_MS = 100;
// Between creating the directory and naming its owner a holder may be looked at; longer than this it has died there.
const UNNAMED_MS = 5_000;

/**
 * Runs `task` while no other process on this machine holds the lock directory `path`; waits for as long as its
 * owner lives. Anyone who can write beside `path` can hold the lock: it orders our own processes, nothing more.
 *
 * @template T
 * @param {string} path
 * @param {() => Promise<T>} task
 * @returns {Promise<T>}
 */
export async function withLock(path, task) {
  mkdirSync(dirname(path), { recursive: true });
  for (let waited = false; !take(path); waited = true) {
    if (!waited) say(`waiting for another process that holds ${path}`);
    if (isAbandoned(path)) rmSync(path, { recursive: true, force: true });
    else await pause(POLL_MS);
  }
  try {
    return await task();
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
}

/** @param {string} path */
function take(path) {
  try {
    mkdirSync(path);
  } catch (error) {
    if (hasCode(error, "EEXIST")) return false;
    throw error;
  }
  writeFileSync(join(path, "owner"), String(process.pid));
  return true;
}

/** @param {string} path */
function isAbandoned(path) {
  const owner = ownerOf(path);
  if (owner !== undefined) return !isAlive(owner);
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats !== undefined && Date.now() - stats.mtimeMs > UNNAMED_MS;
}

/** @param {string} path */
function ownerOf(path) {
  try {
    return Number(readFileSync(join(path, "owner"), "utf8")) || undefined;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return hasCode(error, "EPERM");
  }
}

/**
 * @param {unknown} error
 * @param {string} code
 */
export function hasCode(error, code) {
  return error instanceof Error && "code" in error && error.code === code;
}
