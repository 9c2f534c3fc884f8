/** From a request to its route's reply. */
import type { IncomingMessage } from "node:http";
import { HttpRefusal } from "./problem.js";
import { bodyOf, parametersOf, targetOf, tokenOf, unauthorised } from "./request.js";
import { JSON_TYPE, type Reply, type Route } from "./route.js";

export interface Service<Serves> {
  readonly serves: Serves;
  readonly routes: readonly Route<Serves>[];
  /** What GET /openapi.json gives. */
  readonly description: () => object;
  /** For what tokens are, for people: "an enrolment needs a token". */
  readonly tokenFor: string;
  /** Whether a token of the right form is the one; without it a route judges for itself. */
  readonly admits?: (token: string) => boolean;
}

const DESCRIPTION_PATH = "/openapi.json";

/** Throws HttpRefusal, and what the route throws. */
export async function replyTo<Serves>(
  service: Service<Serves>,
  request: IncomingMessage,
): Promise<Reply> {
  const { pathname, searchParams } = targetOf(request);
  if (pathname === DESCRIPTION_PATH && request.method === "GET") {
    return { status: 200, type: JSON_TYPE, body: service.description() };
  }
  const there = service.routes.flatMap((route) => {
    const parameters = parametersOf(route.path, pathname);
    return parameters === undefined ? [] : [{ route, parameters }];
  });
  const [first] = there;
  if (first === undefined) {
    throw new HttpRefusal(404, "not-found", `there is no ${pathname.slice(0, 100)} here`);
  }
  const method = request.method === "HEAD" ? "GET" : request.method;
  const found = there.find(({ route }) => route.method === method);
  if (found === undefined) {
    const allow = there.map(({ route }) => route.method).join(", ");
    throw new HttpRefusal(405, "method-not-allowed", `this takes ${allow}`, { allow });
  }
  const { route, parameters } = found;
  const token = tokenOf(request);
  const isAdmitted = token !== "" && (service.admits?.(token) ?? true);
  if (route.needsToken === true && !isAdmitted) throw unauthorised(service.tokenFor);
  const body = await bodyOf(request, route.request);
  return route.handle(service.serves, { parameters, query: searchParams, token, body });
}
