import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { files } from "../scripts/lib/firmware/files.mjs";
import { root } from "./architecture/table.js";

it("docs/firmware's vectors and example are what npm run vectors writes", () => {
  const written = files();
  for (const [path, text] of written) {
    expect(readFileSync(join(root, path), "utf8"), `${path} is not up to date`).toBe(text);
  }
  const present = readdirSync(join(root, "docs/firmware/vectors")).sort();
  const expected = [...written.keys()].flatMap((path) => path.split("/vectors/")[1] ?? []);
  expect(present).toEqual(expected.sort());
});
