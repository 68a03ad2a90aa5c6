// How programs in TypeScript use the client; the type checker reads this, nothing runs it.
import { ConnectionEndedError, Jeffbot, RemoteError, type Events } from "../../jeffbot/ws/web/jeffbot.mjs";

export async function press(token: string): Promise<string> {
  const client = await Jeffbot.connect("ws://localhost:8765", { token: async () => token, jitter: () => 0 });
  const playing = await client.play("airhorn", { mode: "overlap", volume: 50 });
  const names: string[] = (await client.sounds()).map((sound) => sound.name);
  const events: Events = client.events("playback", "queue");
  for await (const event of events) {
    if (event.name === "resync") continue;
    // @ts-expect-error: there is no such mode
    await client.random({ mode: "loud" });
  }
  const end: Error = await client.ended;
  if (end instanceof ConnectionEndedError) return `${end.code} ${names.length}`;
  if (end instanceof RemoteError) return end.code;
  return playing.title;
}
