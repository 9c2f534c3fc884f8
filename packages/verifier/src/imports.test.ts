import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";

const SOURCE = new URL("./", import.meta.url);
const files = readdirSync(SOURCE, { recursive: true, encoding: "utf8" }).filter(
  (name) => name.endsWith(".ts") && !/\.(test|fixture)\.ts$/.test(name),
);

it("runs in a browser: nothing of Node is imported or used", () => {
  expect(files.length).toBeGreaterThan(5);
  for (const name of files) {
    const text = readFileSync(new URL(name, SOURCE), "utf8");
    const imported = [...text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map(
      ([, path]) => path!,
    );
    const allowed = /^(\.{1,2}\/|@wattseal\/(base|tlog|energy-ledger|lct-keys\/verify)$)/;
    expect(imported.filter((path) => !allowed.test(path))).toEqual([]);
    expect(text).not.toMatch(/\b(Buffer|process|globalThis|require)\b/);
  }
});
