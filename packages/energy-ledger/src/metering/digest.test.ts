import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import { ReadingDigest } from "./digest.js";

const sha = (...parts: readonly Uint8Array[]) =>
  parts.reduce((hash, part) => hash.update(part), createHash("sha256")).digest();
const zeros = new Uint8Array(32);
const sessionA = new Uint8Array(32).fill(0xaa);
const sessionB = new Uint8Array(32).fill(0xbb);

it("chains sessions, counters, types and bodies from 32 zero bytes on", () => {
  const digest = new ReadingDigest();
  digest.add(sessionA, 5, 1, Uint8Array.of(1, 2, 3));
  digest.add(sessionA, 2 ** 40 + 6, 1, new Uint8Array(200).fill(4));
  digest.add(sessionB, 0, 2, new Uint8Array(0));
  let expected = sha(zeros, sessionA);
  expected = sha(expected, Uint8Array.of(5, 0, 0, 0, 0, 0, 0, 0), Uint8Array.of(1, 1, 2, 3));
  const counter = Uint8Array.of(6, 0, 0, 0, 0, 1, 0, 0);
  expected = sha(expected, counter, Uint8Array.of(1), new Uint8Array(200).fill(4));
  expected = sha(sha(expected, sessionB), new Uint8Array(8), Uint8Array.of(2));
  expect(digest.take()).toEqual(new Uint8Array(expected));
});

it("starts each interval afresh, with the session again", () => {
  const digest = new ReadingDigest();
  digest.add(sessionA, 1, 1, zeros);
  digest.take();
  digest.add(sessionA, 2, 1, Uint8Array.of(9));
  const opened = sha(zeros, sessionA);
  const expected = sha(opened, Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0), Uint8Array.of(1, 9));
  expect(digest.take()).toEqual(new Uint8Array(expected));
});
