import { InvariantViolation } from "@wattseal/base";
import type { PackCommit } from "./port.js";

/**
 * A commit says what lies between two positions, all of it and nothing else: what a store takes has no holes, and no index
 * twice. Throws InvariantViolation.
 */
export function requireWhole(group: readonly PackCommit[]): void {
  for (const commit of group) {
    const problem = problemOf(commit);
    if (problem !== undefined) throw new InvariantViolation(`commit of ${commit.pack}: ${problem}`);
  }
}

function problemOf({ previous, next, leaves, heads, receipt }: PackCommit): string | undefined {
  let size = previous.size;
  for (const part of leaves) {
    if (part.first !== size) return `leaves from ${part.first} after ${size}`;
    if (part.leaves.length === 0) return `no leaves from ${part.first}`;
    size += part.leaves.length;
  }
  if (size === previous.size || size !== next.size) {
    return `leaves from ${previous.size} to ${size}, a position of ${next.size}`;
  }
  let last = previous.size;
  for (const head of heads) {
    if (head.size <= last || head.size > next.size) return `a head of ${head.size} after ${last}`;
    last = head.size;
  }
  if (receipt !== undefined && receipt.size > next.size) {
    return `a receipt of ${receipt.size} for a log of ${next.size}`;
  }
  return undefined;
}
