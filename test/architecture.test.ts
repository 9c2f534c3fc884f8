import { isBuiltin } from "node:module";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { importsIn, type ModuleImport } from "./architecture/imports.js";
import { type PackageRow, readImportTable, root } from "./architecture/table.js";
import {
  browserClosure,
  npmPackageOf,
  readWorkspace,
  type WorkspacePackage,
  workspaceTarget,
} from "./architecture/workspace.js";

const table = readImportTable();
const workspace = readWorkspace();

function packageOf(row: PackageRow): WorkspacePackage {
  const found = workspace.get(row.name);
  if (found === undefined) throw new Error(`packages/${row.name} is in the table only`);
  return found;
}

function mayImport(row: PackageRow, specifier: string): boolean {
  const target = workspaceTarget(specifier);
  if (target === undefined) return true;
  return row.imports.has(target.folder) || row.imports.has(specifier.replace("@wattseal/", ""));
}

const where = ({ file, specifier }: ModuleImport) =>
  `${file.slice(root.length)} imports ${specifier}`;
const unique = (names: readonly (string | undefined)[]) =>
  [...new Set(names.filter((name) => name !== undefined))].sort();

describe("the import table in docs/architecture.md", () => {
  it("has one row for each package in the tree, and none for others", () => {
    expect(table.map(({ name }) => name).sort()).toEqual([...workspace.keys()]);
  });

  it("names only packages of rows above, so there is no cycle", () => {
    const above = new Set<string>();
    for (const { name, imports } of table) {
      const unknown = [...imports].filter((it) => !above.has(it.split("/")[0] ?? ""));
      expect(unknown, `row ${name}`).toEqual([]);
      above.add(name);
    }
  });
});

describe.each(table.map((row) => [row.name, row] as const))("packages/%s", (name, row) => {
  const { imports, manifest, references } = packageOf(row);

  it("imports other packages as the table allows", () => {
    expect(imports.filter(({ specifier }) => !mayImport(row, specifier)).map(where)).toEqual([]);
  });

  it("reaches into no other package's files", () => {
    const own = join(root, "packages", name, "src");
    const escapes = imports.filter(
      ({ file, specifier }) =>
        specifier.startsWith(".") && !join(file, "..", specifier).startsWith(own),
    );
    expect(escapes.map(where)).toEqual([]);
  });

  it("declares as dependencies what it imports, no more and no less", () => {
    const imported = unique(imports.map(({ specifier }) => npmPackageOf(specifier)));
    expect(Object.keys(manifest.dependencies ?? {}).sort()).toEqual(imported);
  });

  it("refers in tsconfig.json to the packages that it imports, no more and no less", () => {
    const imported = unique(imports.map(({ specifier }) => workspaceTarget(specifier)?.folder));
    expect([...references].sort()).toEqual(imported);
  });
});

const browserExports = table.flatMap(({ name, browserExports: exports }) =>
  exports.map((exported) => [name, exported] as const),
);

describe.each(browserExports)("in a browser, packages/%s export %s", (folder, exported) => {
  const { outside, files } = browserClosure(workspace, folder, exported);

  it("loads neither Node's modules nor packages other than @noble", () => {
    const foreign = outside.filter(
      ({ specifier }) => isBuiltin(specifier) || !npmPackageOf(specifier)?.startsWith("@noble/"),
    );
    expect(foreign.map(where)).toEqual([]);
    expect(files.size).toBeGreaterThan(0);
  });
});

describe("the import scanner", () => {
  it("sees every way in which a module can be named", () => {
    const source = `
      import "a"; import b from "b"; import type { C } from "c"; export { d } from "d"; export type { E } from "e";
      export * from "f"; const g = await import("g"); type H = import("h").H;
      // import "comment";
      const text = 'import "text"';
      export const template = \`import "template" \${await import("nested")}\`;`;
    const found = importsIn("sample.ts", source);
    expect(found.map(({ specifier }) => specifier).sort()).toEqual(
      ["a", "b", "c", "d", "e", "f", "g", "h", "nested"].sort(),
    );
    const typeOnly = found.filter(({ atRuntime }) => !atRuntime);
    expect(typeOnly.map(({ specifier }) => specifier).sort()).toEqual(["c", "e", "h"]);
  });

  it("refuses a computed module name, which would hide what is imported", () => {
    expect(() => importsIn("sample.ts", "await import(name)")).toThrow("computed");
  });
});
