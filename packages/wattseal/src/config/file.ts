import { readFile } from "node:fs/promises";
import { messageOf } from "@wattseal/base";
import { parse, stringify } from "smol-toml";
import { z } from "zod";
import { CliError } from "../errors.js";

type Values = { readonly [key: string]: unknown };
const isTable = (value: unknown): value is Values =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Defaults < file < environment < flags. Unknown keys and values out of range are errors that name their key. */
export async function loadConfig<Schema extends z.ZodType>(options: {
  readonly schema: Schema;
  readonly path: string;
  /** `WATTSEAL_BUS_ADDRESS` sets `bus.address`. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** By dotted key; undefined ones are not given. */
  readonly flags: Readonly<Record<string, string | number | undefined>>;
}): Promise<z.infer<Schema>> {
  const { schema, path, environment, flags } = options;
  let values = await readToml(path);
  for (const key of keysOf(schema)) {
    const name = `WATTSEAL_${key.replaceAll(".", "_").toUpperCase()}`;
    const given = flags[key] ?? environment[name];
    if (given === undefined) continue;
    const [table = ""] = key.split(".");
    if (Array.isArray(values[table])) {
      const which = `[[${table}]] is a list: say it there, not by ${name} or an option`;
      throw new CliError("config", `${path}: ${which}`);
    }
    values = withValue(values, key.split("."), given);
  }
  const parsed = schema.safeParse(values);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => {
    const [table, ...rest] = issue.path;
    const isSole = table !== undefined && !Array.isArray(values[String(table)]);
    const steps = isSole && rest[0] === 0 ? [table, ...rest.slice(1)] : issue.path;
    return `${steps.join(".") || "file"}: ${issue.message}`;
  });
  throw new CliError("config", `${path}: ${problems.join("; ")}`);
}

/** A value for a file; a table is a list of things by name. */
type ConfigValue = string | number | Readonly<Record<string, object>>;

/** A file with every key, its meaning and its value or default. `values` by dotted key. */
export function renderConfig(
  schema: z.ZodType,
  title: string,
  values: Readonly<Record<string, ConfigValue>>,
): string {
  const top: string[] = [
    `# ${title}`,
    "# Every key but lists can also be set in the environment: log.level is WATTSEAL_LOG_LEVEL.",
  ];
  const tables: string[] = [];
  const lists: string[] = [];
  for (const [name, field] of shapeOf(schema)) {
    const inner = shapeOf(field);
    if (isList(field)) {
      lists.push("", ...keyLines(name, name, field, values));
      continue;
    }
    if (inner.length === 0) {
      top.push("", ...keyLines(name, name, field, values));
      continue;
    }
    tables.push("", ...comment(field), `[${name}]`);
    for (const [key, innerField] of inner) {
      tables.push(...keyLines(key, `${name}.${key}`, innerField, values));
    }
  }
  return `${[...top, ...tables, ...lists].join("\n")}\n`;
}

async function readToml(path: string): Promise<Values> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    throw new CliError(
      "state-missing",
      `${path} cannot be read. Is --state the right folder? wattseal init makes one`,
      {
        cause,
      },
    );
  }
  try {
    return parse(text);
  } catch (cause) {
    throw new CliError("config", `${path}: ${messageOf(cause)}`, { cause });
  }
}

/** The object's fields, looking through defaults and lists of it; none for a plain value. */
function shapeOf(schema: z.ZodType): [string, z.ZodType][] {
  let inner: unknown = schema;
  for (;;) {
    if (inner instanceof z.ZodDefault || inner instanceof z.ZodPrefault) inner = inner.unwrap();
    else if (inner instanceof z.ZodPipe) inner = inner.out;
    else if (inner instanceof z.ZodArray) inner = inner.element;
    else break;
  }
  if (!(inner instanceof z.ZodObject)) return [];
  const fields: [string, z.ZodType][] = [];
  for (const [name, field] of Object.entries(inner.shape)) {
    if (field instanceof z.ZodType) fields.push([name, field]);
  }
  return fields;
}

/** Things by name: tables of their own, at the end of a file, and not to be set in the environment. */
function isList(field: z.ZodType): boolean {
  let inner: unknown = field;
  while (inner instanceof z.ZodDefault || inner instanceof z.ZodPrefault) inner = inner.unwrap();
  return inner instanceof z.ZodRecord;
}

function keysOf(schema: z.ZodType): string[] {
  return shapeOf(schema).flatMap(([name, field]) => {
    if (isList(field)) return [];
    const inner = shapeOf(field);
    return inner.length === 0 ? [name] : inner.map(([key]) => `${name}.${key}`);
  });
}

function keyLines(
  key: string,
  path: string,
  field: z.ZodType,
  values: Readonly<Record<string, ConfigValue>>,
): string[] {
  const value = values[path] ?? field.safeParse(undefined).data;
  return [...comment(field), stringify({ [key]: value }).trimEnd()];
}

const comment = (field: z.ZodType) =>
  field.description === undefined ? [] : [`# ${field.description}`];

function withValue(values: Values, path: readonly string[], value: string | number): Values {
  const [key, ...rest] = path;
  if (key === undefined) return values;
  const inner = values[key];
  if (rest.length === 0) return { ...values, [key]: value };
  return { ...values, [key]: withValue(isTable(inner) ? inner : {}, rest, value) };
}
