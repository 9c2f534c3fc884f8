import { openApiOf } from "../http/openapi.js";
import { ROUTES } from "./routes.js";

/** docs/federation-api.openapi.json is what this gives, formatted. */
export function queryOpenApi(): object {
  const info = {
    title: "Wattseal federation",
    version: "1",
    description:
      "What a federation's store holds of its packs' logs, verified before it was stored; nothing here changes anything.",
  };
  return openApiOf(info, ROUTES);
}
