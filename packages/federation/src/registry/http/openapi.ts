import { openApiOf } from "../../http/openapi.js";
import { ROUTES } from "./routes.js";

/** docs/registry.openapi.json is what this gives, formatted. */
export function registryOpenApi(): object {
  const info = {
    title: "Wattseal registry",
    version: "1",
    description:
      "Enrolment and standing of LCTs. Operations of tag operator are served over the operator's unix socket alone.",
  };
  return openApiOf(info, ROUTES);
}
