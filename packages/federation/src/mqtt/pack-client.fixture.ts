import mqtt, { type MqttClient } from "mqtt";

/**
 * A pack's connection as a gateway makes it, once it stands: its name is client id and user name, its session persists.
 */
export async function connectPackClient(
  url: string,
  name: string,
  tls: { readonly ca?: string; readonly cert?: string; readonly key?: string } = {},
): Promise<MqttClient> {
  const client = mqtt.connect(url, {
    ...tls,
    clientId: name,
    username: name,
    protocolVersion: 4,
    clean: false,
    resubscribe: false,
    reconnectPeriod: 0,
  });
  client.on("error", () => {});
  await new Promise<void>((resolve) => {
    client.once("connect", () => resolve());
  });
  return client;
}
