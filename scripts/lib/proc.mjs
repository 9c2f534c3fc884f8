// What Linux says of running processes: proc(5).
import { readdirSync, readFileSync } from "node:fs";

/** USER_HZ of every Linux that Node.js runs on. */
const TICKS_PER_SECOND = 100;

/** proc(5): the fields of stat after the name in parentheses; state is the third. @param {number | string} pid */
export function statOf(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return [];
  }
}

/** @param {number} parent */
export function childrenOf(parent) {
  return readdirSync("/proc").filter((name) => Number(statOf(name)[1]) === parent);
}

/**
 * User and system time of a process and all its threads.
 *
 * @param {number | string} pid
 * @param {boolean} [withEnded] children that it has waited for, too
 */
export function cpuSecondsOf(pid, withEnded = false) {
  const [user = 0, system = 0, endedUser = 0, endedSystem = 0] = statOf(pid)
    .slice(11, 15)
    .map(Number);
  return (user + system + (withEnded ? endedUser + endedSystem : 0)) / TICKS_PER_SECOND;
}
