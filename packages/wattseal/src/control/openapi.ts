import { z } from "zod";
import { VERSION } from "../version.js";
import type { Operation } from "./operations.js";
import { PROBLEM_TYPE, problemSchema } from "./problem.js";

const JSON_TYPE = "application/json";

/** The OpenAPI 3.1 description of these operations, made of what serves them. */
export function openApiOf(operations: readonly Operation[]): object {
  return {
    openapi: "3.1.0",
    info: {
      title: "Wattseal gateway control",
      version: VERSION,
      description:
        "Served over a unix socket: who can open it can order everything here. Energy is in whole mWh.",
    },
    servers: [{ url: "http://localhost" }],
    paths: Object.fromEntries(
      operations.map((operation) => [
        operation.path,
        { [operation.method.toLowerCase()]: described(operation) },
      ]),
    ),
    components: { schemas: { Problem: jsonSchema(problemSchema, "output") } },
  };
}

function described({ id, summary, request, response }: Operation): object {
  const problem = { $ref: "#/components/schemas/Problem" };
  const body =
    request === undefined
      ? {}
      : {
          requestBody: {
            required: !request.safeParse({}).success,
            content: { [JSON_TYPE]: { schema: jsonSchema(request, "input") } },
          },
        };
  return {
    operationId: id,
    summary,
    ...body,
    responses: {
      200: {
        description: "Done.",
        content: { [JSON_TYPE]: { schema: jsonSchema(response, "output") } },
      },
      default: {
        description: "Not done; `detail` says what to do.",
        content: { [PROBLEM_TYPE]: { schema: problem } },
      },
    },
  };
}

/** OpenAPI 3.1 takes JSON Schema 2020-12 as it is. */
function jsonSchema(schema: z.ZodType, io: "input" | "output"): object {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { target: "draft-2020-12", io });
  return rest;
}
