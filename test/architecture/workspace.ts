import { existsSync, readdirSync, readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { dirname, join } from "node:path";
import { builtSources, importsOf, type ModuleImport } from "./imports.js";
import { root } from "./table.js";

const SOURCE = "@wattseal/source";

type Conditions = string | { readonly [condition: string]: Conditions };
interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly exports?: Readonly<Record<string, Conditions>>;
  readonly imports?: Readonly<Record<string, Conditions>>;
}

export interface WorkspacePackage {
  readonly folder: string;
  readonly manifest: Manifest;
  /** Folder names of the packages that its tsconfig.json refers to. */
  readonly references: readonly string[];
  readonly imports: readonly ModuleImport[];
}

export function readWorkspace(): ReadonlyMap<string, WorkspacePackage> {
  const folders = readdirSync(join(root, "packages")).sort();
  return new Map(folders.map((folder) => [folder, readPackage(folder)]));
}

function readPackage(folder: string): WorkspacePackage {
  const directory = join(root, "packages", folder);
  const manifest: Manifest = JSON.parse(readFileSync(join(directory, "package.json"), "utf8"));
  const project = JSON.parse(readFileSync(join(directory, "tsconfig.json"), "utf8"));
  return {
    folder,
    manifest,
    references: project.references.map(({ path }: { path: string }) => path.replace("../", "")),
    imports: builtSources(join(directory, "src")).flatMap(importsOf),
  };
}

/** `@wattseal/lct-keys/verify` as `{ folder: "lct-keys", exported: "./verify" }`; undefined for what is not ours. */
export function workspaceTarget(specifier: string) {
  const match = /^@wattseal\/([^/]+)(?:\/(.+))?$/.exec(specifier);
  if (match?.[1] === undefined) return undefined;
  return { folder: match[1], exported: match[2] === undefined ? "." : `./${match[2]}` };
}

/** The npm package of a bare specifier; undefined for relative and internal ones and for Node's own modules. */
export function npmPackageOf(specifier: string): string | undefined {
  if (/^[.#]/.test(specifier) || isBuiltin(specifier)) return undefined;
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

/** Every file that loads when a browser imports `exported` of `folder`, and the modules from outside that it needs. */
export function browserClosure(
  workspace: ReadonlyMap<string, WorkspacePackage>,
  folder: string,
  exported: string,
) {
  const files = new Set<string>();
  const outside: ModuleImport[] = [];
  const pending = [entryOf(workspace, folder, exported)];
  for (let file = pending.pop(); file !== undefined; file = pending.pop()) {
    if (files.has(file)) continue;
    files.add(file);
    for (const found of importsOf(file)) {
      if (!found.atRuntime) continue;
      const target = resolveInside(workspace, found);
      if (target === undefined) outside.push(found);
      else pending.push(target);
    }
  }
  return { files, outside };
}

function resolveInside(
  workspace: ReadonlyMap<string, WorkspacePackage>,
  { file, specifier }: ModuleImport,
): string | undefined {
  if (specifier.startsWith(".")) return join(dirname(file), specifier.replace(/\.js$/, ".ts"));
  if (specifier.startsWith("#")) {
    const folder = file.slice(join(root, "packages").length + 1).split("/")[0] ?? "";
    return pick(workspace, folder, workspace.get(folder)?.manifest.imports?.[specifier]);
  }
  const target = workspaceTarget(specifier);
  return target && entryOf(workspace, target.folder, target.exported);
}

function entryOf(
  workspace: ReadonlyMap<string, WorkspacePackage>,
  folder: string,
  exported: string,
): string {
  const file = pick(workspace, folder, workspace.get(folder)?.manifest.exports?.[exported]);
  if (file === undefined) throw new Error(`packages/${folder} has no export "${exported}"`);
  return file;
}

/** The source file that a bundler for browsers takes. */
function pick(
  workspace: ReadonlyMap<string, WorkspacePackage>,
  folder: string,
  conditions: Conditions | undefined,
): string | undefined {
  if (conditions === undefined) return undefined;
  if (typeof conditions !== "string") {
    return pick(
      workspace,
      folder,
      conditions["browser"] ?? conditions[SOURCE] ?? conditions["default"],
    );
  }
  const file = join(root, "packages", folder, conditions);
  if (!existsSync(file)) throw new Error(`packages/${folder} exports ${conditions}: no such file`);
  return file;
}
