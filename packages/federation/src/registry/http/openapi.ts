import { z } from "zod";
import { PROBLEM_TYPE } from "./problem.js";
import { CBOR, JSON_TYPE, ROUTES, type Route } from "./routes.js";

/** The OpenAPI 3.1 description of the registry, made of what serves it: docs/registry.openapi.json. */
export function registryOpenApi(): object {
  const paths = new Map<string, Record<string, object>>();
  for (const route of ROUTES) {
    const methods = paths.get(route.path) ?? {};
    methods[route.method.toLowerCase()] = described(route);
    paths.set(route.path, methods);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Wattseal registry",
      version: "1",
      description:
        "Enrolment and standing of LCTs. Operations of tag operator are served over the operator's unix socket alone.",
    },
    tags: [{ name: "anyone" }, { name: "operator" }],
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

function described(route: Route): object {
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

function parametersOf({ path, query = {} }: Route): object[] {
  const schema = { type: "string" };
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema,
  }));
  const inQuery = Object.entries(query).map(([name, description]) => ({
    name,
    in: "query",
    required: false,
    description,
    schema,
  }));
  return [...inPath, ...inQuery];
}

function contentOf(body: "cbor" | z.ZodType, io: "input" | "output"): object {
  if (body === "cbor") return { [CBOR]: {} };
  const { $schema: _, ...schema } = z.toJSONSchema(body, { target: "draft-2020-12", io });
  return { [JSON_TYPE]: { schema } };
}
