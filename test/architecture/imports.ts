import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseSync, Visitor } from "oxc-parser";

export interface ModuleImport {
  readonly file: string;
  readonly specifier: string;
  /** False for `import type` and `export type … from`, which leave nothing behind when compiled. */
  readonly atRuntime: boolean;
}

/** Every module that `file` names: import, export … from, import(), and types written as import("…"). */
export function importsOf(file: string): readonly ModuleImport[] {
  return importsIn(file, readFileSync(file, "utf8"));
}

/** As importsOf, for source text in hand. Throws where the text does not parse or a specifier is computed. */
export function importsIn(file: string, source: string): readonly ModuleImport[] {
  const { program, errors } = parseSync(file, source);
  if (errors.length > 0) throw new Error(`${file}: ${errors[0]?.message}`);
  const found: ModuleImport[] = [];
  const add = (specifier: unknown, atRuntime: boolean) => {
    if (typeof specifier !== "string") throw new Error(`${file}: a module name that is computed`);
    found.push({ file, specifier, atRuntime });
  };
  new Visitor({
    ImportDeclaration: (node) => add(node.source.value, node.importKind !== "type"),
    ExportAllDeclaration: (node) => add(node.source.value, node.exportKind !== "type"),
    ExportNamedDeclaration: (node) => {
      if (node.source !== null) add(node.source.value, node.exportKind !== "type");
    },
    ImportExpression: (node) => add(literalOf(node.source), true),
    TSImportType: (node) => add(literalOf(node.source), false),
  }).visit(program);
  return found;
}

function literalOf(node: { readonly type: string }): unknown {
  return "value" in node ? node.value : undefined;
}

/** TypeScript files under `directory` that are built into a package: neither tests nor their fixtures. */
export function builtSources(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !/\.(test|fixture)\.ts$/.test(name))
    .map((name) => join(directory, name))
    .sort();
}
