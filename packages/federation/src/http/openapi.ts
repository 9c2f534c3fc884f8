import { z } from "zod";
import { PROBLEM_TYPE } from "./problem.js";
import { CBOR, JSON_TYPE, type Route } from "./route.js";

type Described = Omit<Route<never>, "handle">;

/** The OpenAPI 3.1 description of a server, made of what it serves. */
export function openApiOf(
  info: { readonly title: string; readonly version: string; readonly description: string },
  routes: readonly Described[],
): object {
  const paths = new Map<string, Record<string, object>>();
  for (const route of routes) {
    const path = route.path.replace("+}", "}");
    const methods = paths.get(path) ?? {};
    methods[route.method.toLowerCase()] = described(route);
    paths.set(path, methods);
  }
  const audiences = [...new Set(routes.map(({ audience }) => audience))];
  return {
    openapi: "3.1.0",
    info,
    tags: audiences.map((name) => ({ name })),
    paths: Object.fromEntries(paths),
    components: {
      securitySchemes: { token: { type: "http", scheme: "bearer" } },
      schemas: { Problem: PROBLEM },
    },
  };
}

const PROBLEM = {
  description: "Problem details (RFC 9457).",
  type: "object",
  properties: {
    title: { type: "string" },
    status: { type: "integer", minimum: 400, maximum: 599 },
    detail: { type: "string", description: "What is wrong, and what to do." },
    code: { type: "string", description: "Stable; for programs." },
  },
  required: ["title", "status", "detail", "code"],
};

function described(route: Described): object {
  const { id, summary, audience, needsToken, request, response, status } = route;
  const parameters = parametersOf(route);
  return {
    operationId: id,
    summary,
    tags: [audience],
    ...(needsToken === true ? { security: [{ token: [] }] } : {}),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(request === undefined
      ? {}
      : { requestBody: { required: true, content: contentOf(request, "input") } }),
    responses: {
      [status]: { description: "Done.", content: contentOf(response, "output") },
      default: {
        description: "Not done; `detail` says what to do.",
        content: { [PROBLEM_TYPE]: { schema: { $ref: "#/components/schemas/Problem" } } },
      },
    },
  };
}

function parametersOf({ path, query = {} }: Described): object[] {
  const schema = { type: "string" };
  const inPath = [...path.matchAll(/\{(\w+)\+?\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema,
  }));
  const inQuery = Object.entries(query).map(([name, text]) => {
    const { description, ...rest } = schemaOf(text, "input");
    return { name, in: "query", required: false, description, schema: rest };
  });
  return [...inPath, ...inQuery];
}

function contentOf(
  body: NonNullable<Described["request"]> | Described["response"],
  io: Io,
): object {
  if (body === "cbor") return { [CBOR]: {} };
  if ("media" in body) return Object.fromEntries(body.media.map((type) => [type, {}]));
  return { [JSON_TYPE]: { schema: schemaOf(body, io) } };
}

type Io = "input" | "output";

function schemaOf(body: z.ZodType, io: Io): Record<string, unknown> {
  const { $schema: _, ...schema } = z.toJSONSchema(body, { target: "draft-2020-12", io });
  return schema;
}
